"""The columns of tables of any kind, as numbers or as values with shares."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAY", "Column", "columns_of", "read_columns"]

DAY = 86400e9  # in ns
DTYPE_KINDS = {"i": "number", "u": "number", "f": "number", "M": "date", "m": "duration"}
OBJECTS: tuple[tuple[Any, str, Any], ...] = (  # types, how they are stored, what is missing
    ((Real, Decimal), "float64", np.nan),
    (date, "datetime64[us]", None),
    (timedelta, "timedelta64[us]", None),
)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Floats, dates and durations as their numbers (ns); or objects.
    kind : {"number", "date", "duration", "category"}
        What they are.
    is_missing : ndarray of bool of shape (n_rows,)
        Which values are missing.
    weight : ndarray of shape (n_rows,)
        The rows' weights, summing to one.
    """

    values: NDArray
    kind: str
    is_missing: NDArray
    weight: NDArray

    @property
    def present(self) -> NDArray:
        """The values that are not missing."""
        return self.values[~self.is_missing]

    @property
    def present_weight(self) -> NDArray:
        """Their weights."""
        return self.weight[~self.is_missing]

    @property
    def missing_share(self) -> float:
        """The share of missing values."""
        return float(self.weight[self.is_missing].sum())

    def shares(self) -> dict[Any, float]:
        """The share of every value in all rows, the missing ones left out."""
        found: dict[Any, float] = {}
        for value, w in zip(self.present.tolist(), self.present_weight.tolist(), strict=True):
            found[value] = found.get(value, 0.0) + w
        return found


def columns_of(table: Any) -> list[Hashable]:
    """Return the names of a table's columns; those of an array are their numbers."""
    return list(table.columns) if hasattr(table, "columns") else list(range(np.shape(table)[1]))


def read_columns(
    tables: Mapping[str, Any],
    columns: Sequence[Hashable] | None,
    weights: Mapping[str, NDArray | None],
) -> dict[Hashable, dict[str, Column]]:
    """Return the columns that tables share, by name and table."""
    frames = {name: t.to_pandas() if hasattr(t, "to_pandas") else t for name, t in tables.items()}
    known = {name: columns_of(frame) for name, frame in frames.items()}
    last = list(known.values())[-1]
    chosen = [c for c in last if all(c in names for names in known.values())]
    if columns is not None:
        chosen = list(columns)
        absent = {n: [c for c in chosen if c not in names] for n, names in known.items()}
        for name, missing in absent.items():
            if missing:
                raise ValueError(f"columns names {missing}, which table '{name}' does not have.")
    if not chosen:
        raise ValueError(f"the tables {', '.join(frames)} have no column in common.")
    return {
        c: _alike({n: _read(frame, c, weights.get(n)) for n, frame in frames.items()})
        for c in chosen
    }


def _read(frame: Any, name: Hashable, weight: NDArray | None) -> Column:
    by_name: Any = frame if hasattr(frame, "columns") else np.asarray(frame).T
    column = by_name[name]
    share = np.full(len(column), 1 / len(column))
    if weight is not None:
        share = np.asarray(weight) / np.sum(weight)
    values = _storage(column)
    if values.dtype.kind == "O":
        values = _inferred(values)
    kind = DTYPE_KINDS.get(values.dtype.kind, "category")
    if kind == "category":
        is_missing = np.array([value is None or value != value for value in values], dtype=bool)
        return Column(values, kind, is_missing, share)
    is_missing = np.isnan(values) if kind == "number" else np.isnat(values)
    if kind != "number":
        values = values.astype(f"{values.dtype.kind}8[ns]").astype(np.int64)
    return Column(values.astype(np.float64), kind, is_missing, share)


def _storage(column: Any) -> NDArray:
    """Values of a column as numbers, dates (in UTC), durations, or objects with None."""
    dtype = column.dtype
    if not hasattr(column, "isna"):
        return np.asarray(column) if dtype.kind in DTYPE_KINDS else np.asarray(column, dtype=object)
    if hasattr(dtype, "freq") and dtype.kind == "O":  # periods
        column = column.dt.to_timestamp()
    if getattr(dtype, "tz", None) is not None:
        column = column.dt.tz_convert(None)
    if column.dtype.kind in "iuf":
        return column.to_numpy(np.float64, na_value=np.nan)
    if column.dtype.kind in "mM":
        return column.to_numpy(f"{column.dtype.kind}8[ns]")
    values = np.array(column, dtype=object)
    values[column.isna().to_numpy()] = None
    return values


def _inferred(values: NDArray) -> NDArray:
    """Objects as what they all are: numbers, dates or durations; or as they are."""
    present = [value for value in values if value is not None]
    for types, dtype, blank in OBJECTS:
        if present and all(isinstance(value, types) and _is_plain(value) for value in present):
            return np.array([blank if value is None else value for value in values], dtype=dtype)
    return values


def _is_plain(value: Any) -> bool:
    return not isinstance(value, bool | np.bool_) and getattr(value, "tzinfo", None) is None


def _alike(parts: dict[str, Column]) -> dict[str, Column]:
    """The same column of all tables, as categories if it is one of them anywhere."""
    if len({part.kind for part in parts.values()}) == 1:
        return parts
    return {
        name: Column(part.values.astype(object), "category", part.is_missing, part.weight)
        for name, part in parts.items()
    }
