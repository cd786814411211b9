"""Notes: what the reader of a result should know about its files and columns."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from skflow.advice import find_alike
from skflow.cli._chunks import ParquetRows
from skflow.cli._report import MIN_ROWS
from skflow.cli._shell import join, say, show, visible
from skflow.cli._tables import Rows, notes_of
from skflow.cli._text import TextRows
from skflow.tabular import TableTransport, looks_like_dates

__all__ = [
    "note_columns",
    "note_dates",
    "note_files",
    "note_given",
    "note_if_alike",
    "note_strays",
    "print_list",
]


def note_columns(
    args: argparse.Namespace, transport: TableTransport, source: Rows, target: Rows
) -> None:
    """Say what the reader of the result should know about its columns.

    Parameters
    ----------
    args : argparse.Namespace
        The command's arguments.
    transport : TableTransport
        The fitted transport.
    source, target : TextRows or ParquetRows
        The tables.
    """
    known = {*source.names, *args.ignore}
    only = [] if args.columns else [column for column in target.names if column not in known]
    if only:
        _note(args, f"only the target has {join(only)}: left out")
    for column in transport.columns_:
        both = source.frame[column], target.frame[column]
        if all(len(c) >= MIN_ROWS and c.is_unique and c.dtype.kind != "f" for c in both):
            _note(args, f"{column} never repeats; if it only names the rows, --ignore {column}")
    for column, values in transport.encoder_.unknown(source.frame).items():
        listed = join([*map(repr, values[:3]), *(["others"] if len(values) > 3 else [])])
        _note(
            args,
            f"{'the drawn part of ' * isinstance(target, ParquetRows)}the target has no "
            f"{column} {listed}: such rows get the {column} that goes with their other values",
        )


def note_given(args: argparse.Namespace) -> None:
    """Say what distances mean where columns are kept.

    Parameters
    ----------
    args : argparse.Namespace
        The command's arguments.
    """
    _note(
        args,
        f"columns are moved given {join(args.condition_on)}: if these are distributed differently "
        "in the two tables, moved rows rightly differ from the target",
    )


def note_if_alike(
    args: argparse.Namespace, transport: TableTransport, source: Rows, target: Rows
) -> None:
    """Say that there was nothing to move.

    Parameters
    ----------
    args : argparse.Namespace
        The command's arguments.
    transport : TableTransport
        The fitted transport.
    source, target : TextRows or ParquetRows
        The tables.
    """
    sentence = find_alike(transport.encode(source.frame), transport.encode(target.frame))
    if sentence:
        _note(args, sentence)


def note_files(args: argparse.Namespace, tables: Sequence[Rows], columns: Sequence[str]) -> None:
    """Say what was found out about files and their columns.

    Parameters
    ----------
    args : argparse.Namespace
        The command's arguments.
    tables : sequence of TextRows or ParquetRows
        The tables.
    columns : sequence of str
        The columns that are moved.
    """
    for note in notes_of(tables, columns):
        _note(args, note)


def note_strays(args: argparse.Namespace, tables: Sequence[Rows], columns: Sequence[str]) -> None:
    """Name the values that keep columns of text files from being dates.

    Parameters
    ----------
    args : argparse.Namespace
        The command's arguments.
    tables : sequence of TextRows or ParquetRows
        The tables.
    columns : sequence of str
        The columns that are moved.
    """
    texts = [table for table in tables if isinstance(table, TextRows)]
    for note in [table.stray_date(column) for table in texts for column in columns]:
        if note:
            _note(args, note)


def note_dates(args: argparse.Namespace, target: Rows, columns: Sequence[str]) -> None:
    """Name columns of whole numbers that look like dates.

    Parameters
    ----------
    args : argparse.Namespace
        The command's arguments.
    target : TextRows or ParquetRows
        The target.
    columns : sequence of str
        The columns that are moved.
    """
    dates = [column for column in columns if looks_like_dates(target.frame[column])]
    if dates:
        look = "is moved as whole numbers, but looks like dates"
        if len(dates) > 1:
            look = "are moved as whole numbers, but look like dates"
        _note(
            args,
            f"{join(dates)} {look} (YYYYMMDD): make them dates in all files, 2024-03-01 in those "
            "of text",
        )


def _note(args: argparse.Namespace, text: str) -> None:
    """Keep a note for the page, and say it."""
    args.notes.append(text)
    if not args.quiet:
        say(f"note: {text}")


def print_list(title: str, names: Iterable[Any]) -> None:
    """Print names under a title.

    Parameters
    ----------
    title : str
        The title.
    names : iterable of object
        The names.
    """
    text = ", ".join(visible(name) or "''" for name in names) or "none"
    show(textwrap.fill(f"{title}: {text}", 80, initial_indent="  ", subsequent_indent="    "))
