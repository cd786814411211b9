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
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skflow.cli._columns import Column, read_column, text_of, with_groups
from skflow.cli._files import check_cells
from skflow.cli._heads import encoding_of, find_separator, spoken
from skflow.cli._shell import CommandError, brief, reason
from skflow.cli._written import marks_of
from skflow.tabular import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = ["TextOptions", "TextRows", "read_text"]

HEAD = 2**20  # bytes that say how a file is written


@dataclass(frozen=True)
class TextOptions:
    """How the user says that text files are written; None where it is to be found out."""

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None


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
        self._note_short_rows()

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
        self.encoding = encoding_of(head, self.options.encoding)
        if self.encoding.startswith(("utf-16", "utf-32")) and self.options.encoding is None:
            self.notes.append(f"{self.path} is in {self.encoding.upper()}: read as that")
        elif self._has_nulls() and not self.encoding.startswith(("utf-16", "utf-32")):
            raise ValueError(
                "it holds binary data, or text in an encoding that has to be named (--encoding "
                "utf-16-le)"
            )
        if self.options.encoding and self._is_utf8():
            self.notes.append(f"{self.path} is in UTF-8, not {self.options.encoding}: read as that")
            self.encoding = "utf-8"
        marks = head.count(b"\n") + head.count((self.options.separator or separator).encode())
        check_cells(self.path, self.path.stat().st_size * marks / max(len(head), 1))
        # a character that is cut in two at the end is not an error of the file
        self._read_header(codecs.getincrementaldecoder(self.encoding)().decode(head), separator)

    def _has_nulls(self) -> bool:
        with _open(self.path) as file:
            return any(b"\0" in block for block in iter(lambda: file.read(HEAD), b""))

    def _read_header(self, text: str, usual: str) -> None:
        """Find the separator and the names, and how many records precede the rows."""
        hint = re.match(r"sep=(.)\r?\n", text)  # Excel's
        lines = text[hint.end() :] if hint else text
        told = self.options.separator or (hint and hint[1])
        self.separator = told or find_separator(lines, usual)
        if self.separator not in (usual, self.options.separator):
            self.notes.append(f"{self.path} is separated by {spoken(self.separator)}")
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
        except pandas.errors.ParserError as error:
            found = re.search(r"in (line \d+), saw (\d+)", str(error))
            if found is None:
                raise
            raise self._too_long(*found.groups()) from None
        if not isinstance(frame.index, pandas.RangeIndex):
            raise ValueError("its rows hold more values than its first line has names")
        return frame

    def _too_long(self, place: str, n: int | str) -> ValueError:
        return ValueError(f"{place} holds {n} values, more than its first line has names")

    def _choose_columns(self) -> None:
        """Tell columns from row labels, and from what a separator at the end of lines makes."""
        n = len(self.header)
        beyond = np.flatnonzero(self.cells[n] != "")
        if len(beyond):
            raise self._too_long(f"row {beyond[0] + 1}", n + 1)
        self.cells = self.cells.drop(columns=n)
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

    def _note_short_rows(self) -> None:
        """Note a row without its last values, as at the end of a file that was cut."""
        n = max(self.places.values()) + 1
        if not (self.cells[n - 1] == "").any():
            return
        with _open(self.path) as file, suppress(csv.Error):
            text = io.TextIOWrapper(file, self.encoding, newline="")
            records = islice(csv.reader(text, delimiter=self.separator), self._skip, None)
            lengths = (len(record) for record in records if record)
            row = next((row for row, length in enumerate(lengths, start=1) if length < n), None)
            if row is not None:
                self.notes.append(
                    f"{self.path}: row {row} holds fewer values than the first line has names: "
                    "taken for empty; the file may have been cut"
                )

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
        marks = marks_of(self.separator, self.decimal)
        columns = {
            name: read_column(self._cells(name), typed[self.places[name]], marks) for name in names
        }
        forms = [column.form for column in columns.values() if column.form]
        if self.decimal is None and any(form.decimal == "," and form.most for form in forms):
            self.decimal = ","
        if self.decimal == "," and (self.separator != "," or self.options.decimal):
            marks = marks_of(self.separator, ",")
            columns = {n: with_groups(c, self._cells(n), marks) for n, c in columns.items()}
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

    def take_as_text(self, name: str) -> None:
        """Take a column for text, whatever it looks like.

        Parameters
        ----------
        name : str
            The column.
        """
        values = text_of(self._cells(name))
        self.columns[name] = replace(self.columns[name], values=values, form=None, dates=None)
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
        advice = f"or leave the column out (--ignore {brief(name)})."
        found = self._odd_one(name, self.columns[name].strays, "numbers")
        return found and f"{found}: correct it, leave it empty if it is unknown, {advice}"

    def stray_date(self, name: str) -> str | None:
        """Say what keeps a column from being one of dates, if it is little.

        Parameters
        ----------
        name : str
            The column.

        Returns
        -------
        note : str or None
            A sentence, without its end.
        """
        found = self._odd_one(name, self.columns[name].stray_dates, "dates")
        return found and (
            f"{found}: the column is one of categories; correct that value, or leave it empty, "
            "if they are dates"
        )

    def _odd_one(self, name: str, strays: Sequence[str], what: str) -> str | None:
        """Name the first of a few values that are unlike all others of a column."""
        if not strays:
            return None
        n, row = (
            self.columns[name].n_distinct,
            int(np.flatnonzero(self._cells(name) == strays[0])[0]),
        )
        return (
            f"{self.path}: {n - len(strays)} of {n} distinct values of '{brief(name)}' are {what}; "
            f"{brief(strays[0])!r} (row {row + 1}) is not"
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
        raise CommandError(f"{path} is not a {name} file: {reason(error)}.") from None


def _no_text(path: Path, error: UnicodeDecodeError, options: TextOptions) -> str:
    where = f"byte 0x{error.object[error.start]:02x}{_line_of(path, error)}"
    if options.encoding is None and error.encoding.lower().startswith("utf-8"):
        return (
            f"{path} is not in UTF-8 ({where}): name its encoding, such as --encoding "
            "latin-1, or save it in UTF-8."
        )
    return (
        f"{path} is not in {error.encoding} ({where}): name its encoding (--encoding "
        "NAME), or save it in UTF-8."
    )


def _line_of(path: Path, error: UnicodeDecodeError) -> str:
    """Say in which line a file stops being text, where a line is told by one byte."""
    if "\n".encode(error.encoding) != b"\n":
        return ""
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(error.encoding)
            except UnicodeDecodeError:
                return f" in line {number}"
    return ""
