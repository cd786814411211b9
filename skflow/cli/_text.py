"""CSV and its relatives: what a file means is found out, noted, and kept when it is written.

Cells are read letter by letter. Only columns that take part are read as something else, and only
where all their cells agree on it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skflow.cli._dates import WrittenDates, find_dates
from skflow.cli._shell import CommandError, brief
from skflow.cli._written import Written, find_form, marks_of
from skflow.tabular import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = ["TextOptions", "TextRows", "read_text", "write_cells"]

HEAD = 2**20  # bytes that say how a file is written
LINES = 20  # of which so many lines say what separates it
SEPARATORS = ",;\t|"
MARKERS = {"NA", "NaN", "nan", "null", "None", "N/A", "#N/A"}  # what is missing among numbers
MOSTLY = 0.9  # share of numbers from which on a column without them all is a mistake
TELLING = 20  # distinct values from which on such a share tells something

SPOKEN = {"\t": "tabs", ";": "';'", ",": "','", "|": "'|'"}
BOMS = {  # the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class TextOptions:
    """How the user says that text files are written; None where it is to be found out."""

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None


@dataclass
class Column:
    """A column as it takes part: its values, and what was made of its text."""

    values: pandas.Series
    form: Written | None = None
    dates: WrittenDates | None = None
    has_zeros: bool = False
    strays: Sequence[str] = ()
    n_distinct: int = 0

    @property
    def is_text(self) -> bool:
        """Whether its values are those of a category."""
        return self.values.dtype.kind == "O"


class TextRows:
    """The rows of a text file.

    Parameters
    ----------
    path : Path
        The file.
    separator : str
        What its ending says that its columns are separated by.
    options : TextOptions
        What the user says.

    Attributes
    ----------
    cells : DataFrame of str
        All cells, letter by letter; the columns are called by their positions.
    header : list of str
        The names in the first line.
    places : dict of str to int
        The positions of the columns that may take part.
    has_labels : bool
        Whether the first column has no name and is taken for row labels.
    columns : dict of str to Column
        Those that have been loaded.
    frame : DataFrame
        The same, as a table.
    decimal : str or None
        The decimal mark of the file, where one was seen.
    notes : list of str
        What the user should know about the file.
    """

    frame: pandas.DataFrame
    columns: dict[str, Column]

    def __init__(self, path: Path, separator: str, options: TextOptions) -> None:
        self.path, self.options = path, options
        self.decimal = options.decimal
        self.notes: list[str] = []
        self._read_head(separator)
        self.cells = self._read(dtype=str, keep_default_na=False).fillna("")
        if not len(self.cells):
            raise CommandError(f"{path} has no rows.")
        self._choose_columns()

    @property
    def names(self) -> list[str]:
        """The columns that may take part."""
        return list(self.places)

    @property
    def n_rows(self) -> int:
        """The number of its rows."""
        return len(self.cells)

    def __str__(self) -> str:
        return f"{self.path} ({self.n_rows} rows)"

    # ------------------------------------------------------------------------------- the file
    def _read_head(self, separator: str) -> None:
        """Find the encoding, and with it what the first lines say."""
        with _open(self.path) as file:
            head = file.read(HEAD)
        self.encoding = _encoding(head, self.options.encoding)
        if self.encoding.startswith(("utf-16", "utf-32")) and self.options.encoding is None:
            self.notes.append(f"{self.path} is in {self.encoding.upper()}: read as that")
        elif b"\0" in head and not self.encoding.startswith(("utf-16", "utf-32")):
            raise ValueError(
                "it holds binary data, or text in an encoding that has to be named (--encoding "
                "utf-16-le)"
            )
        if self.options.encoding and self._is_utf8():
            self.notes.append(f"{self.path} is in UTF-8, not {self.options.encoding}: read as that")
            self.encoding = "utf-8"
        # a character that is cut in two at the end is not an error of the file
        self._read_header(codecs.getincrementaldecoder(self.encoding)().decode(head), separator)

    def _read_header(self, text: str, usual: str) -> None:
        """Find the separator and the names, and how many records precede the rows."""
        hint = re.match(r"sep=(.)\r?\n", text)  # Excel's
        lines = text[hint.end() :] if hint else text
        told = self.options.separator or (hint and hint[1])
        self.separator = told or _find_separator(lines, usual)
        if self.separator not in (usual, self.options.separator):
            self.notes.append(f"{self.path} is separated by {_spoken(self.separator)}")
        self._skip = 1 if hint else 0
        for record in csv.reader(io.StringIO(lines, newline=""), delimiter=self.separator):
            self._skip += 1
            if any(cell.strip() for cell in record):
                self.header = record
                return
        raise ValueError("it is empty")

    def _is_utf8(self) -> bool:
        """Whether it is UTF-8 beyond doubt: text in other encodings is not by chance."""
        if self.encoding != self.options.encoding:
            return False
        decoder, has_letters = codecs.getincrementaldecoder("utf-8")(), False
        try:
            with _open(self.path) as file:
                while block := file.read(HEAD):
                    has_letters |= not block.isascii()
                    decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return has_letters

    def _read(self, **options: Any) -> pandas.DataFrame:
        """Read the rows below the header; the last column is what goes beyond it."""
        pandas = import_pandas()
        try:
            frame = pandas.read_csv(
                self.path,
                sep=self.separator,
                encoding=self.encoding,
                header=None,
                names=range(len(self.header) + 1),
                skiprows=self._skip,
                low_memory=False,
                **options,
            )
        except pandas.errors.EmptyDataError:
            return pandas.DataFrame()
        if not isinstance(frame.index, pandas.RangeIndex):
            raise ValueError("its rows hold more values than its first line has names")
        return frame

    def _choose_columns(self) -> None:
        """Tell columns from row labels, and from what a separator at the end of lines makes."""
        beyond = len(self.header)
        if (self.cells[beyond] != "").any():
            raise ValueError("its rows hold more values than its first line has names")
        self.cells = self.cells.drop(columns=beyond)
        named = list(enumerate(self.header))
        while named[-1][1] == "" and (self.cells[named[-1][0]] == "").all() and named[1:]:
            named.pop()
        self.has_labels = named[0][1] == "" and self.cells[0].is_unique and len(named) > 1
        if self.has_labels:
            self.notes.append(
                f"{self.path}: the first column has no name: taken for row labels, not moved"
            )
            named = named[1:]
        self.places = {name: place for place, name in named}
        twice = [name for place, name in named if self.places[name] != place]
        if twice:
            raise ValueError(f"two of its columns are called {twice[0]!r}")

    # ---------------------------------------------------------------------------- the columns
    def load(self, names: Sequence[str]) -> None:
        """Read some columns as what they hold, not only as text.

        Parameters
        ----------
        names : sequence of str
            The columns.
        """
        self.columns = self._read_columns(names)
        self._set_frame()

    def _read_columns(self, names: Sequence[str]) -> dict[str, Column]:
        typed = self._read_typed()
        columns = {name: self._column(name, typed[self.places[name]]) for name in names}
        forms = [column.form for column in columns.values() if column.form]
        if self.decimal is None and any(form.decimal == "," and form.most for form in forms):
            self.decimal = ","
        if self.decimal == "," and (self.separator != "," or self.options.decimal):
            columns = {name: self._with_groups(name, column) for name, column in columns.items()}
        return columns

    def _read_typed(self) -> pandas.DataFrame:
        return self._read(keep_default_na=False, na_values=[""], float_precision="round_trip")

    def whole(self) -> pandas.DataFrame:
        """Return all columns as what they hold; row labels are the index.

        Returns
        -------
        frame : DataFrame
            The table.
        """
        rest = self._read_columns([name for name in self.names if name not in self.columns])
        columns = {**rest, **self.columns}
        index = self.cells.index
        if self.has_labels:
            index = import_pandas().Index(self._read_typed()[0].array)
        values = {name: columns[name].values.array for name in self.names}
        return import_pandas().DataFrame(values, index=index)

    def decimal_of(self, name: str) -> str | None:
        """Return the decimal mark of a column, or that of the file if it has whole numbers.

        Parameters
        ----------
        name : str
            The column.

        Returns
        -------
        mark : str or None
            The mark; None where no number shows one.
        """
        column = self.columns[name]
        if column.form and column.form.most:
            return column.form.decimal
        return "." if column.values.dtype.kind == "f" else self.decimal

    def _set_frame(self) -> None:
        values = {name: column.values for name, column in self.columns.items()}
        self.frame = import_pandas().DataFrame(values, index=self.cells.index)

    def _cells(self, name: str) -> pandas.Series:
        return self.cells[self.places[name]]

    def _column(self, name: str, typed: pandas.Series) -> Column:
        """Read a column as what pandas takes it for, codes, dates, written numbers or text."""
        cells = self._cells(name)
        kind = typed.dtype.kind
        if kind == "b":
            return Column(typed)
        if kind == "f":
            return self._numbers(cells, typed)
        values = [value for value in cells.unique() if value and value not in MARKERS]
        if _are_codes(values):
            return Column(_text(cells), has_zeros=True)
        if kind in "iu":
            return Column(typed)
        if values and set(typed.dropna().unique()) <= {True, False}:
            return Column(typed.astype("boolean"))
        return self._written(cells, values)

    def _numbers(self, cells: pandas.Series, typed: pandas.Series) -> Column:
        """Tell whole numbers with gaps from others: in 64 bits they have digits to lose."""
        if not typed.isna().any() or typed.isna().all():
            return Column(typed)
        values = [value for value in cells.unique() if value]
        if _are_codes(values):
            return Column(_text(cells), has_zeros=True)
        if all(re.fullmatch(r"[-+]?\d{1,18}", value) for value in values):
            return Column(Written("", ".", 0, 0).read(cells))
        return Column(typed)

    def _written(self, cells: pandas.Series, values: list[str]) -> Column:
        """Read text as dates or numbers if all of it is, in one form."""
        if dates := find_dates(values):
            return Column(dates.read(cells), dates=dates)
        form, strays = find_form(values, marks_of(self.separator, self.decimal))
        if form and not strays and not _are_long(form, values):
            is_usual = form.is_plain and form.decimal == "."
            return Column(form.read(cells), None if is_usual else form)
        n = len(values)
        is_mistake = form is not None and n >= TELLING and len(strays) <= (1 - MOSTLY) * n
        return Column(_text(cells), strays=strays if is_mistake else (), n_distinct=n)

    def _with_groups(self, name: str, column: Column) -> Column:
        """Where decimals have commas, 1.234 and 12.500 are thousands."""
        if column.values.dtype.kind != "f" or column.form:
            return column
        values = [value for value in self._cells(name).unique() if value]
        form, strays = find_form(values, marks_of(self.separator, ","))
        if form and form.thousands and not strays:
            return Column(form.read(self._cells(name)), form)
        return column

    def take_as_text(self, name: str) -> None:
        """Take a column for text, whatever it looks like.

        Parameters
        ----------
        name : str
            The column.
        """
        has_zeros = self.columns[name].has_zeros
        self.columns[name] = Column(_text(self._cells(name)), has_zeros=has_zeros)
        self._set_frame()

    def stray(self, name: str) -> str | None:
        """Say what keeps a column from being one of numbers, if it is little.

        Parameters
        ----------
        name : str
            The column.

        Returns
        -------
        complaint : str or None
            A sentence.
        """
        column = self.columns[name]
        if not column.strays:
            return None
        value, n = column.strays[0], column.n_distinct
        row = int(np.flatnonzero(self._cells(name) == value)[0]) + 1
        return (
            f"{self.path}: {n - len(column.strays)} of {n} distinct values of '{brief(name)}' are "
            f"numbers; {brief(value)!r} (row {row}) is not: correct it, leave it empty if it is "
            f"unknown, or leave the column out (--ignore {brief(name)})."
        )


# --------------------------------------------------------------------------------------- reading
def _open(path: Path) -> Any:
    return gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb")


def read_text(path: Path, separator: str, name: str, options: TextOptions) -> TextRows:
    """Read a text file, or say in one line why not.

    Parameters
    ----------
    path : Path
        The file.
    separator : str
        What its ending says that its columns are separated by.
    name : str
        What its format is called.
    options : TextOptions
        What the user says.

    Returns
    -------
    rows : TextRows
        Its rows.
    """
    try:
        return TextRows(path, separator, options)
    except CommandError:
        raise
    except UnicodeDecodeError as error:
        raise CommandError(_no_text(path, error, options)) from None
    except (ValueError, EOFError, zlib.error, csv.Error) as error:
        raise CommandError(f"{path} is not a {name} file: {error}.") from None


def _no_text(path: Path, error: UnicodeDecodeError, options: TextOptions) -> str:
    bad = error.object[error.start]
    if options.encoding is None and error.encoding.lower().startswith("utf-8"):
        return (
            f"{path} is not in UTF-8 (byte 0x{bad:02x}): name its encoding, such as --encoding "
            "latin-1, or save it in UTF-8."
        )
    return (
        f"{path} is not in {error.encoding} (byte 0x{bad:02x}): name its encoding (--encoding "
        "NAME), or save it in UTF-8."
    )


def _encoding(head: bytes, given: str | None) -> str:
    """Return the encoding that a file's first bytes tell, or the one given, or UTF-8."""
    found = (name for mark, name in BOMS.items() if head.startswith(mark))
    return next(found, given or "utf-8")


def _find_separator(text: str, usual: str) -> str:
    """Return what separates a file's columns: the usual one, unless the first lines object."""
    widths = {mark: _width(text, mark) for mark in dict.fromkeys([usual, *SEPARATORS])}
    if widths[usual] > 1:
        if usual != ";" and widths[";"] > 1:
            raise ValueError(
                f"its lines may be separated by {_spoken(usual)} or by ';': say by which (--sep)"
            )
        return usual
    best = max(widths, key=widths.__getitem__)
    return best if widths[best] > 1 else usual


def _width(text: str, mark: str) -> int:
    """Return into how many fields a mark cuts all of the first lines alike, or 0."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        records = [record for record, _ in zip(reader, range(LINES), strict=False) if record]
    except csv.Error:  # a very long cell
        return 0
    n = len(records[0]) if records else 0
    fits = (len(r) == n or (len(r) == n + 1 and not r[-1]) for r in records)
    return n if all(fits) else 0


def _spoken(separator: str) -> str:
    return SPOKEN.get(separator, repr(separator))


def _text(cells: pandas.Series) -> pandas.Series:
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


# --------------------------------------------------------------------------------------- writing
def write_cells(file: Any, cells: pandas.DataFrame, header: Sequence[str], separator: str) -> None:
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
    """
    cells.to_csv(file, index=False, header=list(header), sep=separator, lineterminator="\n")
