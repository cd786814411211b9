"""Cells of a text file as they are written: quoted where readers need it, escaped on request."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["escaped", "write_cells"]

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠\t\r]")  # of full width, too
_SIGNED = re.compile(r"\s*[-+][\s\d.,'’%$€£¥]*(\d[eE][-+]?\d+)?")


def escaped(cell: Any) -> Any:
    """Return a cell with ' before what a spreadsheet would take for a formula.

    Parameters
    ----------
    cell : object
        Text, or anything else, which stays as it is. Numbers with a sign are no formulas.

    Returns
    -------
    cell : object
        The cell.

    Examples
    --------
    >>> escaped("=1+1"), escaped("-1+1"), escaped("-1.5 %")
    ("'=1+1", "'-1+1", '-1.5 %')
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _SIGNED.fullmatch(cell):
        return f"'{cell}"
    return cell


def write_cells(
    file: Any,
    cells: pandas.DataFrame,
    header: Sequence[str],
    separator: str,
    *,
    escapes: bool = False,
) -> None:
    """Write columns to a text file.

    Parameters
    ----------
    file : binary file
        The file.
    cells : DataFrame
        The columns, as text or numbers.
    header : sequence of str
        Their names.
    separator : str
        What separates columns.
    escapes : bool, default=False
        Whether formulas are escaped.
    """
    if escapes:
        cells = cells.apply(lambda column: column.map(escaped, na_action="ignore"))
        header = [escaped(name) for name in header]
    names = list(header)
    texts: list[Any] = [column for _, column in cells.items() if column.dtype.kind not in "biufM"]
    is_bare = not any(isinstance(c, str) and "\r" in c for text in [names, *texts] for c in text)
    cells.to_csv(
        file,
        index=False,
        header=names,
        sep=separator,
        lineterminator="\n",
        # a carriage return ends a line for readers, and Python before 3.13 leaves it unquoted
        quoting=csv.QUOTE_MINIMAL if is_bare else csv.QUOTE_ALL,
    )
