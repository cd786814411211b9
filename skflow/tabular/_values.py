"""Single values: what a text means, which number it says, and what tells two values apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

__all__ = ["Typed", "digits_of", "first_of", "key_of", "meaning_of", "number_in", "python_of"]

BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, order=True, repr=False)
class Typed:
    """A value that another type's equals, as 1, 1.0 and True do, and that is still another."""

    type_name: str
    value: Any

    def __repr__(self) -> str:
        return repr(self.value)


def number_in(value: Any) -> int | float | None:
    """Return the number that a value is, or that a text says, if any."""
    value = python_of(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str) and "_" not in value:
        for parse in (int, float):
            try:
                number = parse(value)
            except ValueError:
                continue
            return number if abs(number) < math.inf else None  # "nan" and "inf" are words
    return None


def meaning_of(value: Any) -> Any:
    """Return what a value says: text of a number or of a truth value is that value."""
    if not isinstance(value, str):
        return python_of(value)
    number = number_in(value)
    return BOOLEANS.get(value.strip().casefold(), value if number is None else number)


def digits_of(value: Any) -> str:
    """Write a number; a float without a fraction is written as an integer."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def python_of(value: Any) -> Any:
    """Return a NumPy scalar as Python's own value, and others as they are."""
    return value.item() if isinstance(value, np.generic) else value


def key_of(value: Any) -> tuple[str, Any]:
    """Return a key that tells equal values of different types apart."""
    value = python_of(value)
    return type(value).__name__, value


def first_of(column: pandas.Series, bad: Any) -> str:
    """Name the first bad value of a column and its row, for messages."""
    i = int(np.flatnonzero(bad)[0])
    value, label = python_of(column.iloc[i]), python_of(column.index[i])
    shown = str(value) if hasattr(value, "isoformat") else repr(value)  # dates without their class
    return f"value {shown} (row {label!r})"
