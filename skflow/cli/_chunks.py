"""Parquet files: held whole, or sampled in one pass, moved and written in another.

Types come from the files' schemas and categories from whole files, so that a chunk without a value
or a category has the types of all others, and no result depends on the size of the chunks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skflow.cli._files import check_cells, is_text, replacing
from skflow.cli._shell import CommandError, reason
from skflow.tabular import check_complete, check_finite, import_pandas

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = [
    "FILL",
    "ArrowRows",
    "ParquetRows",
    "check_parquet",
    "frame_of",
    "missing_in",
    "whole_frame",
    "write_moved",
]

SAMPLING_ROWS = 2**16  # rows that are read at a time to be sampled, whatever the chunks
ROW_GROUP = 2**17  # rows of a row group of the output, whatever the chunks
FILL = "remove those rows or fill their cells in, or leave such columns out (--ignore)."
READ_BYTES = 2**20  # of a column at a time; a row group as a whole may not fit into memory


class ArrowRows:
    """A data frame with the types that pyarrow gives its columns.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    """

    def __init__(self, frame: pandas.DataFrame) -> None:
        import pyarrow

        self.table = pyarrow.Table.from_pandas(frame)
        self.schema = self.table.schema
        self.names = list(frame)
        self.categories: dict[str, Any] = {}

    def plain(self) -> pyarrow.Table:
        """Return the rows.

        Returns
        -------
        table : pyarrow.Table
            The rows.
        """
        return self.table


class ParquetRows:
    """The rows of a Parquet file, which need not all be in memory.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    names : list of str
        Its columns, without those that are pandas's unnamed index.
    n_rows : int
        The number of its rows.
    frame : DataFrame
        The rows that `sample` has drawn, labelled by their numbers, or those that `load` has read.
    table : pyarrow.Table
        All columns of all rows, after `load`.
    """

    frame: pandas.DataFrame
    table: pyarrow.Table

    def __init__(self, path: Path) -> None:
        check_parquet(path)
        try:
            import pyarrow
            from pyarrow.parquet import ParquetFile

            self._file = ParquetFile(path, buffer_size=READ_BYTES, pre_buffer=False)
        except ImportError:
            raise CommandError(
                f'reading {path} needs pandas and pyarrow: pip install "scikit-sdflow[table]".'
            ) from None
        except OSError as error:
            raise CommandError(f"cannot read {path}: {error.strerror or error}.") from None
        except pyarrow.ArrowException as error:
            raise CommandError(f"{path} is not a Parquet file: {reason(error)}.") from None
        self.path = path
        self.schema = self._file.schema_arrow
        self.n_rows = self._file.metadata.num_rows
        self.names = [n for n in self.schema.names if not re.fullmatch(r"__index_level_\d+__", n)]
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise CommandError(f"{path}: two of its columns are called {twice[0]!r}.")
        if not self.n_rows:
            raise CommandError(f"{path} has no rows.")
        self.categories: dict[str, Any] = {
            f.name: None for f in self.schema if _is_dictionary(f.type)
        }

    def __str__(self) -> str:
        return f"{self.path} ({self.n_rows} rows)"

    def _read(self, size: int, columns: list[str]) -> Iterator[pyarrow.Table]:
        """Yield the rows in tables of about this size."""
        import pyarrow

        try:
            for batch in self._file.iter_batches(size, columns=columns):
                yield pyarrow.Table.from_batches([batch])
        except (pyarrow.ArrowException, OSError) as error:
            raise CommandError(f"cannot read {self.path}: {reason(error)}.") from None

    def sample(self, columns: list[str], by: list[str], n: int, rng: np.random.Generator) -> None:
        """Draw n rows (of every group) in one pass: those with the smallest of random keys.

        Every row is checked, and every category noted.

        Parameters
        ----------
        columns, by : list of str
            The columns that are moved, and those of groups.
        n : int
            Most rows to keep.
        rng : numpy.random.Generator
            Draws the keys.
        """
        pandas = import_pandas()
        wanted, start = [*by, *columns], 0
        kept: list[Any] = []
        keys: list[Any] = []
        for table in self._read(SAMPLING_ROWS, list(dict.fromkeys([*wanted, *self.categories]))):
            self._note_categories(table)
            chunk = frame_of(table, wanted, start)
            start += len(chunk)
            self._check(chunk, by, start)
            frame = pandas.concat([*kept, chunk])
            key = pandas.concat([*keys, pandas.Series(rng.random(len(chunk)), chunk.index)])
            rank = (key.groupby([frame[c] for c in by]) if by else key).rank(method="first")
            kept, keys = [frame[rank <= n]], [key[rank <= n]]
        (self.frame,) = kept
        self._set_categories(wanted)

    def load(self, columns: list[str]) -> None:
        """Hold all rows in memory; some columns also as pandas reads them.

        Parameters
        ----------
        columns : list of str
            The columns.
        """
        import pyarrow

        check_cells(self.path, self.n_rows * len(columns))
        try:
            self.table = self._file.read()
            self._note_categories(self.table)
            self.frame = whole_frame(self.table, columns)
        except (pyarrow.ArrowException, OSError) as error:
            raise CommandError(f"cannot read {self.path}: {reason(error)}.") from None
        self._set_categories(columns)

    def plain(self) -> pyarrow.Table:
        """Return the rows that are held, with categories as plain values.

        Returns
        -------
        table : pyarrow.Table
            The rows.
        """
        return _plain(self.table)

    def _set_categories(self, wanted: list[str]) -> None:
        """Give columns the categories of the whole file."""
        pandas = import_pandas()
        for name in self.categories.keys() & wanted:
            ordered = self.schema.field(name).type.ordered
            dtype = pandas.CategoricalDtype(self.categories[name].to_pandas(), ordered)
            self.frame[name] = self.frame[name].astype(dtype)

    def _note_categories(self, table: pyarrow.Table) -> None:
        import pyarrow
        from pyarrow import compute

        for name, known in self.categories.items():
            for part in table[name].chunks:
                values = part.dictionary.drop_null()
                if known is not None:
                    new = compute.invert(compute.is_in(values, value_set=known))
                    values = pyarrow.concat_arrays([known, values.filter(new)])
                known = values
            self.categories[name] = known

    def _check(self, chunk: pandas.DataFrame, by: list[str], stop: int) -> None:
        start = stop - len(chunk)
        amiss = missing_in(
            chunk, by, list(chunk.columns), f"{self.path} (rows {start + 1}-{stop})", start
        )
        if amiss:
            raise CommandError(f"{amiss}: {FILL}")

    def chunks(self, size: int) -> Iterator[pyarrow.Table]:
        """Yield all columns of all rows in tables of ``size`` rows; the last one may have fewer.

        Parameters
        ----------
        size : int
            The number of rows.

        Yields
        ------
        chunk : pyarrow.Table
            Rows, with categories as plain values.
        """
        return _in_pieces(map(_plain, self._read(size, self.schema.names)), size)


def missing_in(
    frame: pandas.DataFrame, by: list, columns: list, name: str, start: int = 0
) -> str | None:
    """Say which columns have values that keep rows from being moved.

    Groups have to be known; of what is moved only infinite numbers are refused.

    Parameters
    ----------
    frame : DataFrame
        Rows.
    by, columns : list of str
        The columns of groups, and those that are moved.
    name : str
        What to call the rows.
    start : int, default=0
        How many rows of the file precede them.

    Returns
    -------
    complaint : str or None
        A sentence, without its end.
    """
    try:
        check_complete(frame, by, name, start)
        check_finite(frame, columns, name, start)
    except ValueError as error:  # its advice is for programs
        return str(error).rpartition(": ")[0]
    return None


def check_parquet(path: Path) -> None:
    """Refuse a file that cannot be read or written in chunks."""
    if is_text(path):
        raise CommandError(
            f"--chunk-rows takes Parquet, which {path} is not: use a .parquet file, or leave "
            "--chunk-rows out."
        )


def write_moved(
    path: Path,
    source: ArrowRows | ParquetRows | None,
    target: ArrowRows | ParquetRows,
    columns: Sequence[str],
    chunks: Iterable[tuple[pyarrow.Table | None, pandas.DataFrame]],
) -> None:
    """Write the source's rows with some columns moved, as a whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    source, target : ArrowRows or ParquetRows
        Give the types of the columns that stay, and of those that are moved. Without a source there
        are none that stay.
    columns : list of str
        The columns that are moved.
    chunks : iterable of (pyarrow.Table, DataFrame)
        Rows of the source, and the same rows, moved.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    names = columns if source is None else source.schema.names
    origin = {n: target if source is None or n in columns else source for n in names}
    fields = [_writable(rows.schema.field(name)) for name, rows in origin.items()]
    schema = pyarrow.schema(fields, _metadata(source, target, columns))

    def arrays(table: Any, moved: pandas.DataFrame) -> Iterator[Any]:
        for field in schema:
            values = moved[field.name] if field.name in columns else table[field.name]
            yield _array(values, field.type, origin[field.name].categories.get(field.name))

    tables = (pyarrow.Table.from_arrays([*arrays(*chunk)], schema=schema) for chunk in chunks)
    try:
        with replacing(path) as file, ParquetWriter(file, schema) as writer:
            for group in _in_pieces(tables, ROW_GROUP):
                writer.write_table(group.combine_chunks(), row_group_size=ROW_GROUP)
    except pyarrow.ArrowException as error:
        raise CommandError(f"cannot write {path}: {reason(error)}.") from None


def _in_pieces(tables: Iterable[pyarrow.Table], size: int) -> Iterator[pyarrow.Table]:
    """Cut the same rows into tables of this size; the last one may have fewer."""
    import pyarrow

    rest = None
    for table in tables:
        rest = table if rest is None else pyarrow.concat_tables([rest, table])
        while rest.num_rows >= size:
            yield rest[:size]
            rest = rest[size:]
    if rest is not None and rest.num_rows:
        yield rest


def frame_of(table: pyarrow.Table, columns: list[str], start: int) -> pandas.DataFrame:
    """Return some columns as a data frame, whose labels are the numbers of the rows.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of a file.
    columns : list of str
        The columns.
    start : int
        The number of the first row.

    Returns
    -------
    frame : DataFrame
        The columns.
    """
    frame = _plain(table.select(columns)).to_pandas(ignore_metadata=True)
    frame = _exact(frame, table)
    return frame.set_axis(import_pandas().RangeIndex(start, start + len(frame)))


def whole_frame(table: pyarrow.Table, columns: list[str] | None = None) -> pandas.DataFrame:
    """Return some columns as pandas reads them, with its index; a named one is a column.

    Parameters
    ----------
    table : pyarrow.Table
        All rows of a file.
    columns : list of str, default=None
        The columns; None is all.

    Returns
    -------
    frame : DataFrame
        The columns.
    """
    if columns is not None:
        notes = table.schema.pandas_metadata or {"index_columns": []}
        index = [name for name in notes["index_columns"] if name in table.schema.names]
        table = table.select([*dict.fromkeys([*index, *columns])])
    frame = table.to_pandas()
    frame = frame.reset_index(level=[name for name in frame.index.names if name is not None])
    return _exact(frame if columns is None else frame[columns], table)


def _exact(frame: pandas.DataFrame, table: pyarrow.Table) -> pandas.DataFrame:
    """Read whole numbers with gaps as such: in 64 bits they have more digits than floats."""
    import pyarrow

    for name in frame.columns.intersection(table.schema.names):
        kind, values = table.schema.field(name).type, table[name]
        if pyarrow.types.is_integer(kind) and values.null_count and frame[name].dtype.kind == "f":
            nullable = str(kind).replace("int", "Int").replace("uI", "UI")
            dtype = import_pandas().api.types.pandas_dtype(nullable)
            frame = frame.assign(**{name: values.to_pandas(types_mapper={kind: dtype}.get).array})
    return frame


def _is_dictionary(kind: Any) -> bool:
    import pyarrow

    return pyarrow.types.is_dictionary(kind)


def _plain(table: pyarrow.Table) -> pyarrow.Table:
    """Categories as the values they stand for: chunks need not agree on their codes."""
    for i, field in enumerate(table.schema):
        if _is_dictionary(field.type):
            table = table.set_column(i, field.name, table[i].cast(field.type.value_type))
    return table


def _array(values: Any, kind: Any, categories: pyarrow.Array | None) -> Any:
    """Return a column of pandas or Arrow in its type in the file."""
    import pyarrow
    from pyarrow import compute

    if categories is None:
        return values if isinstance(values, pyarrow.ChunkedArray) else pyarrow.array(values, kind)
    if isinstance(values, pyarrow.ChunkedArray):
        codes = compute.index_in(values.combine_chunks(), value_set=categories)
    else:
        numbers = values.cat.codes.to_numpy("int32")
        codes = pyarrow.array(numbers, mask=numbers < 0)
    return pyarrow.DictionaryArray.from_arrays(codes, categories, ordered=kind.ordered)


def _writable(field: pyarrow.Field) -> pyarrow.Field:
    import pyarrow

    kind = field.type
    if _is_dictionary(kind):  # one width of codes, whatever the categories of a row group
        kind = pyarrow.dictionary(pyarrow.int32(), kind.value_type, kind.ordered)
    return pyarrow.field(field.name, kind, field.nullable)


def _metadata(
    source: ArrowRows | ParquetRows | None,
    target: ArrowRows | ParquetRows,
    columns: Sequence[str],
) -> dict | None:
    """What pandas notes of its dtypes; the names of an index are columns, as everywhere here."""
    notes = (source or target).schema.pandas_metadata
    if not notes:
        return None
    there = (target.schema.pandas_metadata or {"columns": []})["columns"]
    notes["columns"] = [
        *(note for note in notes["columns"] if source and note["field_name"] not in columns),
        *(note for note in there if note["field_name"] in columns),
    ]
    index = notes["index_columns"] if source else []
    notes["index_columns"] = [name for name in index if name not in (source or target).names]
    return {"pandas": json.dumps(notes)}
