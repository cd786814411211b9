"""The columns of a target as they are read: what each holds, its plain values, and its codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import NDArray

from skflow.tabular._categories import Category
from skflow.tabular._checks import shortened
from skflow.tabular._kinds import Kind, kind_of
from skflow.tabular._numbers import Number

if TYPE_CHECKING:
    import pandas

__all__ = ["fit_codec", "read_target"]


def read_target(column: pandas.Series, kind: Kind | None) -> tuple[Kind, pandas.Series]:
    """What a column of the target holds, and its plain values."""
    try:
        kind = kind_of(column) if kind is None else kind
        return kind, kind.read(column)
    except (TypeError, NotImplementedError, OverflowError) as error:
        raise _unmovable(column, error) from None


def fit_codec(
    column: pandas.Series,
    plain: pandas.Series,
    is_number: bool,
    weight: NDArray | None,
    other: bool,
) -> Number | Category:
    """How a column becomes coordinates; ``other`` is that of `TableEncoder`."""
    try:
        if is_number:
            return Number().fit(plain, weight)
        return Category().fit(plain, weight, other=other)
    except (TypeError, NotImplementedError, OverflowError) as error:
        raise _unmovable(column, error) from None


def _unmovable(column: pandas.Series, error: Exception) -> ValueError:
    return ValueError(
        shortened(
            f"target's column {column.name!r} has dtype {column.dtype} and values that cannot "
            f"be moved ({error}): convert it to numbers, text or categories, or leave it out."
        )
    )
