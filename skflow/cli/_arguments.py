"""The command's arguments: their names, what they may be, and the help that teaches them."""

from __future__ import annotations

import argparse
import codecs
import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from skflow._version import __version__
from skflow.cli._shell import CommandError

__all__ = ["REFERENCE_ROWS", "make_parser"]

REFERENCE_ROWS = 2000  # of either table: where the samplers' own rule stops, too

ABOUT = """\
Moves the rows of one table onto another: afterwards they are distributed like the rows of that
target table, in every column and every combination of columns, and each row stays as near to where
it was as the target allows. Numbers, whole numbers, text and yes/no may be mixed. Reads and writes
CSV (.csv, .tsv, also with .gz; dates there as 2024-03-01) and Parquet (.parquet).
"""

EXAMPLES = """\
examples, to be run in a copy of the repository:
  # penguins of one island, moved onto those of another; rowid is an identifier, not a measurement
  skflow transport examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --ignore rowid -o moved.csv

  # females onto females, males onto males
  skflow transport examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --ignore rowid --by sex -o moved.csv

  # a table larger than memory, 100000 rows at a time
  skflow transport source.parquet target.parquet --chunk-rows 100000 -o moved.parquet

  # 500 new penguins
  skflow sample examples/data/penguins_dream.csv -n 500 --ignore rowid -o new.csv

  # very many new rows: a generator takes time to train, and is then fast
  skflow sample examples/data/penguins_dream.csv -n 100000 --generator --ignore rowid \\
      --no-report -o new.csv

  # the first one with a report: figures, shares, what still differs
  skflow transport examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --ignore rowid -o moved.csv --report report.html

  # how far apart are the two islands, and what did moving change?
  skflow compare examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --after moved.csv --ignore rowid
"""

NUMBERS = """\
what the numbers mean:
  before, after  energy distance to the target, before and after moving: 0 if two distributions
                 agree. Columns are first scaled to variance 1, so that units do not matter.
                 transport and sample measure to held-out thirds of the target, compare to all of
                 it, so their floors differ.
  floor          the distance that fresh rows of the target, as many, would show by chance alone.
  x floor        the distance as a multiple of the floor: about 1 is as good as it gets. Chance can
                 change the figure of a single comparison by half of it and more.
  p              compare: how often chance alone makes two tables differ as much as these do, by
                 1000 random divisions of the rows of both. Each column has a test, and its p is
                 adjusted for the number of columns (Holm): if columns with p <= 0.05 are said to
                 differ, the risk that one of them does not is at most 5 %.
  copy           distance of the new rows to their nearest target rows, divided by the same distance
                 of fresh rows (compare: of target rows): 0 for copies, about 1 for fresh rows.
  scramble       distance that rows were moved, divided by the shortest way to the same result: 1 is
                 the shortest. Target rows in random order would fit, too, but have a high ratio.
"""


class _Parser(argparse.ArgumentParser):
    """argparse, with the errors of this command."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see {self.prog} --help)")


def make_parser(
    commands: Mapping[str, Callable[[argparse.Namespace], None]],
) -> argparse.ArgumentParser:
    """Return the parser of the command.

    Parameters
    ----------
    commands : dict of str to callable
        What runs transport, sample and compare, with the arguments.

    Returns
    -------
    parser : argparse.ArgumentParser
        Its arguments have what is to be run as ``run``, None if there is no command.
    """
    layout: dict[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }
    parser = _Parser("skflow", description=ABOUT, epilog=f"{EXAMPLES}\n{NUMBERS}", **layout)
    parser.add_argument("--version", action="version", version=f"skflow {__version__}")
    parsers = parser.add_subparsers(metavar="COMMAND")
    parser.set_defaults(run=None)
    for name, (about, add_options) in COMMANDS.items():
        command = parsers.add_parser(name, help=about, epilog=NUMBERS, **layout)
        command.set_defaults(run=commands[name], by=[], condition_on=[])
        add_options(command)
        _add_column_options(command)
        _add_text_options(command)
    return parser


def _add_transport_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", type=Path, metavar="SOURCE", help="the rows that are moved")
    command.add_argument("target", type=Path, metavar="TARGET", help="the rows to move onto")
    command.add_argument(
        "--condition-on",
        type=_names,
        default=[],
        metavar="COL,...",
        help="keep COL as it is, and give the others the target's distribution given COL",
    )
    _add_chunk_options(command)
    _add_flow_options(command)


def _add_sample_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", type=Path, metavar="TARGET", help="the rows to resemble")
    command.add_argument("-n", type=_integer(1), required=True, metavar="N", help="number of rows")
    _add_flow_options(command)


def _add_compare_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("a", type=Path, metavar="A", help="a table")
    command.add_argument("b", type=Path, metavar="B", help="the target it is compared with")
    command.add_argument("--after", type=Path, metavar="C", help="A, moved (row i is row i of A)")
    command.set_defaults(quiet=False)
    _add_page_option(command)


COMMANDS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "transport": ("move the rows of one table onto another", _add_transport_options),
    "sample": ("make new rows that are distributed like a table", _add_sample_options),
    "compare": ("measure how far apart two tables are", _add_compare_options),
}


def _add_flow_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="the file to write")
    add("--by", type=_names, default=[], metavar="COL,...", help="treat groups of COL separately")
    add(
        "--steps",
        type=_integer(1),
        metavar="N",
        help="steps of the flow, or of an epoch (default: 50)",
    )
    add(
        "--generator",
        action="store_true",
        help="train a neural network that makes a row in a single pass: half a minute to train, "
        "then fast for any number of rows",
    )
    add("--schedule", metavar="NAME", help="constant, linear, cosine, geometric or karras")
    add("--sigma-min", type=_number, metavar="X", help='last bandwidth: 0.3, "nn", "1.5*nn", ...')
    measured = command.add_mutually_exclusive_group()
    _add_page_option(measured)
    measured.add_argument(
        "--no-report", dest="report", action="store_false", help="do not measure the result"
    )
    add(
        "--escape-formulas",
        action="store_true",
        help="write ' before text that spreadsheets would take for a formula: =, @, + or - at its "
        "front (text files; by default cells are written as they are)",
    )
    add("--quiet", action="store_true", help="print nothing but errors")


def _add_page_option(command: Any) -> None:
    command.add_argument(
        "--report",
        dest="page",
        type=Path,
        metavar="PAGE",
        help="write a report with figures as a page, such as report.html",
    )


def _add_chunk_options(command: argparse.ArgumentParser) -> None:
    chunks = command.add_argument_group(
        "tables larger than memory",
        "Without --chunk-rows all rows are moved together, as one population. With it a flow of\n"
        "some rows of both tables, drawn at random, is run once, and every row is then moved\n"
        "through it on its own. Memory is that of a chunk. The size of chunks changes no result.",
    )
    chunks.add_argument(
        "--chunk-rows",
        type=_integer(1),
        metavar="N",
        help="read, move and write N rows at a time (Parquet only), such as 100000",
    )
    chunks.add_argument(
        "--reference-rows",
        type=_integer(10),
        metavar="N",
        help="rows of either table (of every group of --by) that the flow is made of: more rows "
        f"fit better, and take more time in proportion (default: {REFERENCE_ROWS})",
    )


def _add_column_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--columns", type=_names, default=[], metavar="COL,...", help="only these columns take part"
    )
    add("--ignore", type=_names_or_none, default=[], metavar="COL,...", help="leave these out")
    add(
        "--seed",
        type=_integer(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="seed of all that is drawn at random (default: 0)",
    )


def _add_text_options(command: argparse.ArgumentParser) -> None:
    text = command.add_argument_group(
        "text files",
        "These options apply to all files that are read. Without them the command finds out how\n"
        "each file is written. The output has the marks of SOURCE, or of TARGET for new rows, and\n"
        "is in UTF-8. In columns of numbers NA, NaN, nan, null, None, N/A and #N/A are missing.",
    )
    text.add_argument(
        "--sep",
        type=_separator,
        metavar="MARK",
        help="what separates columns: ',', ';', tab, '|' or another mark",
    )
    text.add_argument(
        "--decimal", choices=[".", ","], metavar="MARK", help="the decimal mark: '.' or ','"
    )
    text.add_argument(
        "--encoding",
        type=_encoding,
        metavar="NAME",
        help="encoding of files that are not in UTF-8 and have no byte-order mark: latin-1, "
        "cp1252, ...",
    )


def _separator(text: str) -> str:
    mark = "\t" if text in ("tab", "\\t") else text
    if len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark in '"\r\n.+-_':
        raise argparse.ArgumentTypeError(f"must be tab or a mark such as ',' or ';': {text!r}")
    return mark


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # base64 and others are codecs, but not of text
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"is no known encoding, such as utf-8, latin-1 or cp1252: {name!r}"
        ) from None


def _names_or_none(text: str) -> list[str]:
    """The same, and none in an empty text, which also is the name of a column without one."""
    return _names(text) if text else [""]


def _names(text: str) -> list[str]:
    """Column names between commas; a name that holds a comma is quoted, as in CSV."""
    try:
        names = next(csv.reader([text]), [])
    except csv.Error:
        raise argparse.ArgumentTypeError('quote a name that holds a line break: "..."') from None
    if not names:
        raise argparse.ArgumentTypeError("names no column: leave the option out")
    return names


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _integer(minimum: int, maximum: int = 10**9) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {minimum} to {maximum}: {text!r}"
            )
        return int(text)

    return convert
