"""First glances: columns that are perhaps not what their values were taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skflow.tabular._frames import dense, import_pandas, infer
from skflow.tabular._values import first_of, key_of, number_in

if TYPE_CHECKING:
    import pandas

__all__ = ["almost_numbers", "looks_like_dates"]

ALMOST, GLANCED_AT = 0.9, 10  # share of numbers in a text column, and of how many values at least
DATES = 19000101, 21001231  # whole numbers that may be dates


def almost_numbers(column: pandas.Series) -> str | None:
    """Say which value keeps a column of text from being numbers, if it is nearly so."""
    if infer(dense(column)) not in ("string", "categorical", "mixed", "mixed-integer"):
        return None
    present = dense(column).dropna().astype(object)
    distinct = present[~present.map(key_of).duplicated()]
    is_number = distinct.map(lambda v: number_in(v) is not None).astype(bool)
    n, count = len(distinct), int(is_number.sum())
    if n < GLANCED_AT or count == n or count < ALMOST * n:
        return None
    odd = first_of(distinct, ~is_number).removeprefix("value ")
    return f"{count} of {n} distinct values are numbers; {odd} is not"


def looks_like_dates(column: pandas.Series) -> bool:
    """Whether whole numbers are dates written as YYYYMMDD, all from 1900 to 2100.

    Examples
    --------
    >>> import pandas
    >>> from skflow.tabular import looks_like_dates
    >>> looks_like_dates(pandas.Series([20240229, 19991231]))
    True
    >>> looks_like_dates(pandas.Series([20240229, 20240230]))  # no such day
    False
    """
    plain = dense(column).dropna()
    if infer(plain) != "integer" or not len(plain):
        return False
    values = plain.drop_duplicates().astype(object)
    if not all(DATES[0] <= v <= DATES[1] for v in values):
        return False
    pandas = import_pandas()
    return bool(
        pandas.to_datetime(values.astype(str), format="%Y%m%d", errors="coerce").notna().all()
    )
