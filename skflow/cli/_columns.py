"""Columns of text files: their cells as dates, numbers, codes or text, where all agree on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skflow.cli._dates import MOSTLY, TELLING, WrittenDates, find_dates, stray_dates
from skflow.cli._written import Marks, Written, find_form

if TYPE_CHECKING:
    import pandas

__all__ = ["Column", "read_column", "text_of", "with_groups"]

MARKERS = {"NA", "NaN", "nan", "null", "None", "N/A", "#N/A"}  # what is missing among numbers


@dataclass
class Column:
    """A column as it takes part: its values, and what was made of its text."""

    values: pandas.Series
    form: Written | None = None
    dates: WrittenDates | None = None
    has_zeros: bool = False
    strays: Sequence[str] = ()  # among numbers
    stray_dates: Sequence[str] = ()
    n_distinct: int = 0

    @property
    def is_text(self) -> bool:
        """Whether its values are those of a category."""
        return self.values.dtype.kind == "O"


def read_column(cells: pandas.Series, typed: pandas.Series, marks: Sequence[Marks]) -> Column:
    """Read a column as what pandas takes it for, codes, dates, written numbers or text.

    Parameters
    ----------
    cells : Series of str
        Its cells.
    typed : Series
        The same, as pandas reads them.
    marks : sequence of (str, str)
        The marks that numbers may have.

    Returns
    -------
    column : Column
        The column.
    """
    kind = typed.dtype.kind
    if kind == "b":
        return Column(typed)
    if kind == "f":
        return _numbers(cells, typed)
    values = [value for value in cells.unique() if value and value not in MARKERS]
    if _are_codes(values):
        return Column(text_of(cells), has_zeros=True)
    if kind in "iu":
        return Column(typed)
    if values and set(typed.dropna().unique()) <= {True, False}:
        return Column(typed.astype("boolean"))
    return _written(cells, values, marks)


def _numbers(cells: pandas.Series, typed: pandas.Series) -> Column:
    """Tell whole numbers with gaps from others: in 64 bits they have digits to lose."""
    if not typed.isna().any() or typed.isna().all():
        return Column(typed)
    values = [value for value in cells.unique() if value]
    if _are_codes(values):
        return Column(text_of(cells), has_zeros=True)
    if all(re.fullmatch(r"[-+]?\d{1,18}", value) for value in values):
        return Column(Written("", ".", 0, 0).read(cells))
    return Column(typed)


def _written(cells: pandas.Series, values: list[str], marks: Sequence[Marks]) -> Column:
    """Read text as dates or numbers if all of it is, in one form."""
    if dates := find_dates(values):
        return Column(dates.read(cells), dates=dates)
    form, strays = find_form(values, marks)
    if form and not strays and not _are_long(form, values):
        is_usual = form.is_plain and form.decimal == "."
        return Column(form.read(cells), None if is_usual else form)
    n = len(values)
    is_mistake = form is not None and n >= TELLING and len(strays) <= (1 - MOSTLY) * n
    text, strays = text_of(cells), strays if is_mistake else []
    return Column(text, strays=strays, stray_dates=stray_dates(values), n_distinct=n)


def with_groups(column: Column, cells: pandas.Series, marks: Sequence[Marks]) -> Column:
    """Read a column of a file whose decimals have commas: 1.234 and 12.500 are thousands.

    Parameters
    ----------
    column : Column
        The column, as it was read before that was known.
    cells : Series of str
        Its cells.
    marks : sequence of (str, str)
        The marks that numbers may have.

    Returns
    -------
    column : Column
        The column.
    """
    if column.values.dtype.kind != "f" or column.form:
        return column
    form, strays = find_form([value for value in cells.unique() if value], marks)
    if form and form.thousands and not strays:
        return Column(form.read(cells), form)
    return column


def text_of(cells: pandas.Series) -> pandas.Series:
    """Only an empty cell is missing in a column of text: NA is Namibia."""
    return cells.mask(cells == "")


def _are_codes(values: Sequence[str]) -> bool:
    """Whether these are digits that a number would lose some of."""
    return any(re.fullmatch(r"0[0-9]+", value) for value in values) and all(
        value.isascii() and value.isdigit() for value in values
    )


def _are_long(form: Written, values: Sequence[str]) -> bool:
    """Whether these are digits without end, which no number of 64 bits holds."""
    return form.is_plain and not form.most and max(map(len, values)) > 19
