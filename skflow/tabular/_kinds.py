"""Kinds of columns: whatever dtype a user's column has, the codecs see a plain one.

==========  ==========================================  =====================================
kind        the user's column                           the plain column
==========  ==========================================  =====================================
`Missing`   no values                                   None
`Integer`   whole numbers                               int64, uint64; nullable if missing
`Float`     numbers                                     float64
`Decimals`  `decimal.Decimal`                           float64
`Instant`   dates with a time, with a zone or without   datetime64, in UTC if there is a zone
`Date`      `datetime.date`                             datetime64[s]
`Duration`  durations                                   timedelta64
`Period`    periods                                     ordinals, as `Integer`
`Category`  text, booleans, categories, mixtures        the target's own objects, None
==========  ==========================================  =====================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from skflow.tabular._frames import (
    dense,
    floats,
    from_numbers,
    import_pandas,
    infer,
    naive,
    series,
    storage,
    wholes,
)
from skflow.tabular._plain import PlainState
from skflow.tabular._values import Typed, digits_of, first_of, key_of, meaning_of, number_in

if TYPE_CHECKING:
    import pandas

__all__ = ["KINDS", "Instant", "Kind", "kind_of"]

MOST_LISTED = 3  # of the target's categories in an error


class Kind(PlainState, ABC):
    """What a column of the target holds: reads such values out of any column, and writes them."""

    name: str
    is_number: bool = True
    inferred: frozenset[str] = frozenset()  # pandas' names for such values

    def __init__(self, column: pandas.Series) -> None:
        self.dtype: Any = column.dtype
        blanks = column[column.isna()] if column.dtype == object else column[:0]
        self._blank = blanks.iloc[0] if len(blanks) else None
        self._learn(dense(column))

    @classmethod
    def accepts(cls, column: pandas.Series) -> bool:
        """Whether a column is of this kind."""
        return infer(dense(column)) in cls.inferred

    def read(self, column: pandas.Series, *, whole: bool = True) -> pandas.Series:
        """Return the plain values of the target's or a source's column, or raise TypeError.

        A ``whole`` column whose categories are of another type than the target's must share one
        with it by its meaning, as 1 and "1" do; a part of one may share none.
        """
        return self._read(dense(column), whole)

    @abstractmethod
    def write(self, plain: pandas.Series) -> pandas.Series:
        """Return plain values in the target's dtype and Python types."""

    @abstractmethod
    def _read(self, column: pandas.Series, whole: bool) -> pandas.Series: ...

    def _learn(self, column: pandas.Series) -> None:
        """Keep what is needed to write values back."""

    def _objects(self, plain: pandas.Series, convert: Callable = lambda v: v) -> pandas.Series:
        """Write Python objects, and the target's own missing value where there is none."""
        missing = plain.isna()
        values = [self._blank if m else convert(v) for v, m in zip(plain, missing, strict=True)]
        return series(values, plain, self.dtype)

    def _misfit(self, column: pandas.Series, bad: Any, why: str) -> TypeError:
        return TypeError(
            f"values of dtype {column.dtype} cannot become {self.dtype}: "
            f"{first_of(column, bad)} {why}"
        )


class Missing(Kind):
    """Rows without any value, which stay so."""

    name, is_number = "missing", False

    @classmethod
    def accepts(cls, column: pandas.Series) -> bool:
        """Whether a column has rows, but no value."""
        return len(column) > 0 and bool(column.isna().all())

    def _read(self, column: pandas.Series, whole: bool) -> pandas.Series:
        return series([None] * len(column), column, object)

    def write(self, plain: pandas.Series) -> pandas.Series:
        return self._objects(plain)


class Float(Kind):
    """Numbers; what is text in a source is parsed."""

    name, inferred = "float", frozenset({"floating", "mixed-integer-float"})

    def _read(self, column: pandas.Series, whole: bool) -> pandas.Series:
        if column.dtype.kind in "biu":
            is_big = column.dtype.kind == "u" and storage(column.dtype).itemsize == 8
            return wholes(column, "UInt64" if is_big else "Int64")
        if column.dtype.kind == "f":
            return floats(column)
        missing = column.isna().to_numpy()
        numbers = [None if m else number_in(v) for v, m in zip(column, missing, strict=True)]
        wrong = ~missing & np.array([v is None for v in numbers], dtype=bool)
        if wrong.any():
            raise self._misfit(column, wrong, "is no number")
        return from_numbers(numbers, column)

    def write(self, plain: pandas.Series) -> pandas.Series:
        stored = storage(self.dtype)
        if stored.kind == "O":
            return self._objects(plain, float)
        most = float(np.finfo(stored).max)
        return plain.where(np.isinf(plain), plain.clip(-most, most)).astype(self.dtype)


class Integer(Float):
    """Whole numbers, exact to 64 bits."""

    name, inferred = "integer", frozenset({"integer"})

    def write(self, plain: pandas.Series) -> pandas.Series:
        plain = plain.round() if plain.dtype.kind == "f" else plain
        stored = storage(self.dtype)
        if stored.kind == "O":
            return self._objects(plain, int)
        limits = np.iinfo(stored)
        if stored.itemsize < 8:  # whoever computes in 64 bits keeps within them
            plain = plain.clip(limits.min, limits.max)
        return plain.astype(self.dtype)


class Decimals(Float):
    """Amounts with a fixed number of decimals; 15 digits are exact."""

    name, inferred = "decimal", frozenset({"decimal"})

    def _learn(self, column: pandas.Series) -> None:
        exponents = [v.as_tuple().exponent for v in column.dropna()]
        self._decimals = max([0, *(-e for e in exponents if isinstance(e, int))])
        digits = getattr(getattr(self.dtype, "pyarrow_dtype", None), "precision", 300)
        most = 10.0**digits - 1 if digits < 16 else np.nextafter(10.0**digits, 0)
        self._most = most / 10.0**self._decimals

    def write(self, plain: pandas.Series) -> pandas.Series:
        rounded = plain.clip(-self._most, self._most).round(self._decimals) + 0.0  # no -0.0
        return self._objects(rounded, lambda v: Decimal(f"{v:.{self._decimals}f}"))


class Instant(Kind):
    """Points in time. Those with a zone are read in UTC, whatever zone the source has."""

    name, inferred = "instant", frozenset({"datetime64", "datetime"})
    unit, source, noun = "datetime64", frozenset({"datetime64", "datetime", "date"}), "date"

    def _learn(self, column: pandas.Series) -> None:
        is_object = column.dtype == object
        first = column.dropna().iloc[0] if is_object else column.dt
        self._plain = f"{self.unit}[{'us' if is_object else column.dt.unit}]"
        self._zone = getattr(first, "tzinfo" if is_object else "tz", None)
        self._is_python = type(first) in (datetime, timedelta)

    def _read(self, column: pandas.Series, whole: bool) -> pandas.Series:
        present = column.notna().to_numpy()
        if present.any() and infer(column) not in self.source:
            raise self._misfit(column, present, f"is no {self.noun}")
        times, aware = naive(column, self.unit)
        wrong = present & (np.asarray(aware, dtype=bool) != (self._zone is not None))
        if wrong.any():
            advice = "has no time zone: add it" if self._zone else "has a time zone: remove it"
            raise self._misfit(column, wrong, f"{advice} (.dt.tz_localize)")
        try:
            return times.astype(np.dtype(self._plain))
        except (ValueError, OverflowError):
            furthest = np.abs(times.to_numpy().astype(np.int64))
            raise self._misfit(column, furthest == furthest.max(), "is out of range") from None

    def write(self, plain: pandas.Series) -> pandas.Series:
        if self.dtype == object:  # Python knows the years 1 to 9999
            plain = plain.clip(*map(import_pandas().Timestamp, (datetime.min, datetime.max)))
        if self._zone is not None:
            plain = plain.dt.tz_localize("UTC").dt.tz_convert(self._zone)
        if self.dtype != object:
            return plain.astype(self.dtype)
        return self._objects(plain, lambda v: v.to_pydatetime() if self._is_python else v)


class Date(Instant):
    """Days."""

    name, inferred = "date", frozenset({"date"})

    def _learn(self, column: pandas.Series) -> None:
        self._plain, self._zone = "datetime64[s]", None
        mixed = [isinstance(v, datetime) for v in column]
        if any(mixed):
            raise self._misfit(column, mixed, "has a time of day: use pandas.to_datetime")

    def write(self, plain: pandas.Series) -> pandas.Series:
        plain = plain.clip(*map(import_pandas().Timestamp, (date.min, date.max)))
        return self._objects(plain.dt.round("D"), lambda v: v.date())


class Duration(Instant):
    """Durations."""

    name, inferred = "duration", frozenset({"timedelta64", "timedelta"})
    unit, source, noun = "timedelta64", inferred, "duration"

    def write(self, plain: pandas.Series) -> pandas.Series:
        if self.dtype != object:
            return plain.astype(self.dtype)
        return self._objects(plain, lambda v: v.to_pytimedelta() if self._is_python else v)


class Period(Kind):
    """Periods, by their ordinals: whole numbers of their frequency."""

    name, inferred = "period", frozenset({"period"})

    def _learn(self, column: pandas.Series) -> None:
        first = column.dropna().iloc[0] if column.dtype == object else column.dtype
        self._freq: Any = getattr(first, "freq", None)

    def _read(self, column: pandas.Series, whole: bool) -> pandas.Series:
        present = column.notna().to_numpy()
        others = [getattr(v, "freq", None) != self._freq for v in column]
        wrong = present & np.array(others, dtype=bool)
        if wrong.any():
            raise self._misfit(column, wrong, f"is no period of frequency {self._freq.freqstr}")
        ordinals = [v.ordinal if p else None for v, p in zip(column, present, strict=True)]
        return from_numbers(ordinals, column)

    def write(self, plain: pandas.Series) -> pandas.Series:
        period = import_pandas().Period
        return self._objects(plain, lambda v: period(ordinal=int(v), freq=self._freq))


class Category(Kind):
    """One of the target's values; those of a source are matched by what they mean."""

    name, is_number = "category", False
    inferred = frozenset(
        {"string", "boolean", "categorical", "mixed", "mixed-integer"}
        | {"bytes", "interval", "time", "empty"}
    )

    def _learn(self, column: pandas.Series) -> None:
        special = {
            "boolean": lambda: [False, True],
            "categorical": lambda: [*column.cat.categories],
        }
        values = special.get(infer(column), lambda: self._distinct(column)[1])()
        twins = Counter(values)
        self._known = {key_of(v): Typed(*key_of(v)) if twins[v] > 1 else v for v in values}
        texts = [v for v in values if isinstance(v, str)]
        meant = Counter(map(meaning_of, texts))
        self._texts = {meaning_of(v): v for v in texts if meant[meaning_of(v)] == 1}

    def _distinct(self, column: pandas.Series) -> tuple[Any, list]:
        """Return every row's position among the distinct values, -1 where there is none."""
        if column.dtype.kind == "b" or infer(column) in ("string", "categorical"):
            codes, values = import_pandas().factorize(column)
            return codes, values.tolist()
        codes, seen = np.full(len(column), -1), dict[tuple[str, Any], int]()
        missing = column.isna().to_numpy()
        for i, value in enumerate(column.astype(object).tolist()):
            try:
                codes[i] = -1 if missing[i] else seen.setdefault(key_of(value), len(seen))
            except TypeError:  # it has no hash
                bad = np.arange(len(column)) == i
                raise self._misfit(column, bad, "is no number, text or category") from None
        return codes, [value for _, value in seen]

    def _read(self, column: pandas.Series, whole: bool) -> pandas.Series:
        codes, values = self._distinct(column)
        found = [self._match(v) for v in values]
        is_of_other_type = not {key_of(v)[0] for v in values} & {name for name, _ in self._known}
        is_lost = is_of_other_type and not any(known for known, _ in found)
        if whole and found and len(self._known) > 1 and is_lost:
            some = ", ".join(map(repr, list(self._known.values())[:MOST_LISTED]))
            why = f"is not among the target's, as no other value is: rename them to {some}"
            raise self._misfit(column, codes >= 0, why + ", ..." * (len(self._known) > MOST_LISTED))
        objects = import_pandas().Series([*(v for _, v in found), None], dtype=object)
        return objects.iloc[codes].set_axis(column.index).rename(column.name)

    def _match(self, value: Any) -> tuple[bool, Any]:
        """Return whether the target has a value, and the target's own object or else itself."""
        meant = meaning_of(value)
        names = (key_of(meant)[0], "int", "float", "bool")
        keys = [key_of(value), *((name, meant) for name in names)]
        if not isinstance(value, str):  # text is another text's equal only letter by letter
            keys += [("str", str(value)), ("str", digits_of(meant))]
            keys += [("str", self._texts.get(meant))]
        return next(((True, self._known[k]) for k in keys if k in self._known), (False, value))

    def write(self, plain: pandas.Series) -> pandas.Series:
        return self._objects(plain, lambda v: v.value if isinstance(v, Typed) else v)


KINDS = (Missing, Category, Integer, Float, Decimals, Instant, Date, Duration, Period)


def kind_of(column: pandas.Series) -> Kind:
    """Return the first kind that takes a column, fitted to it, or raise TypeError."""
    plain = dense(column)
    for kind in KINDS:
        if kind.accepts(plain):
            return kind(column)
    raise TypeError(
        f"values of dtype {column.dtype} cannot be moved: {first_of(plain, plain.notna())} is no "
        "number, date, text or category: convert the column, or leave it out"
    )
