r"""Numbers as people write them: ``1,234.50``, ``37.4%``, ``$12.50``, ``12,5``.

`find_form` looks for one form in the values of a column; the form reads them as numbers, and writes
other numbers like them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from skflow.tabular import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = ["Marks", "Written", "find_form", "marks_of"]

SAMPLE = 1000  # values that decide which form to try on all of them
PROMISING = 0.8  # least share of them that fits

_NAMES = "EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|kr|zł|Kč"
_CURRENCY = rf"(?:[A-Z]{{0,2}}[$¢£¤¥฿₠-⃀]|{_NAMES})"
_BLANK = "[ \u00a0\u202f]?"
_MINUS = "-−"
_SIGNS = f"[{_MINUS}+()]"

# pairs of the mark between groups of three digits and that of decimals, the likelier ones first
_POINT = [("", "."), (",", "."), ("'", "."), ("’", "."), ("\u00a0", "."), (" ", ".")]
_COMMA = [("", ","), (".", ","), ("'", ","), ("\u00a0", ","), ("\u202f", ","), (" ", ",")]

Marks = tuple[str, str]


@dataclass(frozen=True)
class Written:
    """One way of writing numbers.

    Parameters
    ----------
    thousands, decimal : str
        The marks between groups of three digits ("" for none) and before decimals.
    least, most : int
        How many decimals numbers have.
    positive, negative : str
        What stands around the digits ``{}``.
    has_powers : bool, default=False
        Whether some are written like 1e-05.
    example : str, default=""
        One of them.
    """

    thousands: str
    decimal: str
    least: int
    most: int
    positive: str = "{}"
    negative: str = "-{}"
    has_powers: bool = False
    example: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether nothing but a decimal mark tells it from a number of a program."""
        return not self.thousands and self.positive == "{}" and self.negative == "-{}"

    def with_decimal(self, mark: str) -> Written:
        """Return the same form with another decimal mark.

        Parameters
        ----------
        mark : str
            The mark.

        Returns
        -------
        form : Written
            The form.
        """
        return replace(self, decimal=mark)

    def parse(self, text: str) -> float:
        """Return the number that a text stands for.

        Parameters
        ----------
        text : str
            A number in this form.

        Returns
        -------
        number : float
            The number; an int where there are no decimals.
        """
        match = _pattern(self.thousands, self.decimal).fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not written like {self.example!r}")
        whole = (match["whole"] or "0").replace(self.thousands or " ", "")
        part = match["part"] or match["bare"] or ""
        digits = f"{whole}.{part}{match['power'] or ''}"
        number = float(digits) if part or match["power"] else int(whole)
        return -number if set(match["open"] + match["close"]) & set(f"{_MINUS}(") else number

    def read(self, cells: pandas.Series) -> pandas.Series:
        """Return a column of such texts as numbers, and as missing what is none.

        Parameters
        ----------
        cells : Series of str
            The texts.

        Returns
        -------
        numbers : Series
            Whole numbers if there are no decimals.
        """
        pandas = import_pandas()
        fits = _pattern(self.thousands, self.decimal).fullmatch
        known = {text: self.parse(text) for text in cells.unique() if fits(text)}
        values = [known.get(text) for text in cells]
        if self.most or self.has_powers or max(map(abs, known.values()), default=0) >= 2**63:
            return pandas.Series(np.array(values, dtype=np.float64), cells.index)
        numbers = pandas.Series(pandas.array(values, dtype="Int64"), cells.index)
        return numbers if numbers.isna().any() else numbers.astype("int64")

    def write(self, number: Any) -> str:
        """Return the text of a number, and none for a missing one.

        Parameters
        ----------
        number : float
            The number.

        Returns
        -------
        text : str
            Its text in this form.
        """
        if not isinstance(number, (int, float, np.number)) or number != number:
            return ""
        digits = self._digits(abs(number))
        is_negative = number < 0 and digits.strip("0.,") != ""
        whole, _, part = digits.partition(".")
        if self.thousands:
            whole = f"{int(whole):,}".replace(",", self.thousands)
        text = f"{whole}{self.decimal}{part}" if part else whole
        return (self.negative if is_negative else self.positive).replace("{}", text)

    def _digits(self, number: Any) -> str:
        if not self.most and not self.has_powers:
            return str(round(number))
        if self.has_powers:
            return repr(float(number))
        return np.format_float_positional(
            number,
            precision=self.most,
            unique=True,
            min_digits=self.least,
            trim="k" if self.least else "-",
        )


def marks_of(separator: str, decimal: str | None) -> list[Marks]:
    """Return the marks that numbers in a file may have, the likelier ones first.

    Parameters
    ----------
    separator : str
        What separates the file's columns.
    decimal : str or None
        The decimal mark, if it is known.

    Returns
    -------
    marks : list of (str, str)
        Marks of thousands and of decimals.
    """
    if decimal == ".":
        return _POINT
    if decimal == ",":  # 1.234 is more than a thousand; 1.5 can only be less than two
        return [*_COMMA, _POINT[0]]
    first = [_COMMA[0], _POINT[1]] if separator == ";" else [_POINT[1], _COMMA[0]]
    return [_POINT[0], *first, _COMMA[1], *_POINT[2:], *_COMMA[2:]]


def find_form(values: Sequence[str], marks: Sequence[Marks]) -> tuple[Written | None, list[str]]:
    """Find the form in which most values are written.

    Parameters
    ----------
    values : sequence of str
        Distinct values.
    marks : sequence of (str, str)
        The marks to try, the likelier ones first.

    Returns
    -------
    form : Written or None
        The form, if most of the first values have one.
    strays : list of str
        The values that are not written so.
    """
    some = values[:SAMPLE]
    counts = [len(_matches(some, *pair)) for pair in marks]
    best = int(np.argmax(counts))  # the first of equals
    if not some or counts[best] < PROMISING * len(some):
        return None, list(values)
    matches = _matches(values, *marks[best])
    form = _form(list(matches.values()), *marks[best])
    if form.thousands == " " and form.positive == "{}" and not form.most:
        return None, list(values)  # 555 123 456 is a telephone
    return form, [value for value in values if value not in matches]


@lru_cache
def _pattern(thousands: str, decimal: str) -> re.Pattern:
    groups = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+|[1-9]\d{{0,2}}|0"
    mark = re.escape(decimal)
    power = "" if thousands else r"(?:[eE][-+]?\d+)?"
    return re.compile(
        rf"(?P<open>\(?[{_MINUS}+]?(?:{_CURRENCY}{_BLANK})?[{_MINUS}]?)"
        rf"(?:(?P<whole>{groups if thousands else '[0-9]+'})(?:{mark}(?P<part>[0-9]*))?"
        rf"|{mark}(?P<bare>[0-9]+))(?P<power>{power})"
        rf"(?P<close>(?:{_BLANK}(?:{_CURRENCY}|[%‰]))?[{_MINUS}]?\)?)",
        re.ASCII,
    )


def _matches(values: Sequence[str], thousands: str, decimal: str) -> dict[str, re.Match]:
    """Return the numbers among some values that have the same signs around them."""
    fits = _pattern(thousands, decimal).fullmatch
    found = {value: match for value in values if (match := fits(value))}
    around = Counter(map(_around, found.values()))
    usual = max(around, key=around.__getitem__, default=None)
    return {value: match for value, match in found.items() if _around(match) == usual}


def _around(match: re.Match) -> tuple[str, str]:
    return re.sub(_SIGNS, "", match["open"]), re.sub(_SIGNS, "", match["close"])


def _form(matches: list[re.Match], thousands: str, decimal: str) -> Written:
    """Return the form that some numbers have in common."""
    decimals = [len(m["part"] or m["bare"] or "") for m in matches]
    templates = Counter(f"{m['open']}{{}}{m['close']}" for m in matches).most_common()
    below = [t for t, _ in templates if set(t) & set(f"{_MINUS}(")]
    above = [t for t, _ in templates if t not in below]
    positive = above[0] if above else re.sub(_SIGNS, "", below[0])
    telling = (m[0] for m in matches if thousands in m[0] and decimal in m[0])
    example = next(telling, next((m[0] for m in matches if thousands in m[0]), matches[0][0]))
    return Written(
        thousands if any(thousands in (m["whole"] or "") for m in matches) else "",
        decimal,
        min(decimals),
        max(decimals),
        positive,
        below[0] if below else f"-{positive}",
        any(m["power"] for m in matches),
        example,
    )
