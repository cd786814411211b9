"""Parquet files larger than memory: sampled in one pass, moved and written in another.

Types come from the files' schemas and categories from whole files, so that a chunk without a value
or a category has the types of all others, and no result depends on the size of the chunks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skflow.cli._files import CommandError, is_text, replacing
from skflow.tabular import check_complete, import_pandas

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["ParquetRows", "check_parquet", "frame_of", "write_moved"]

SAMPLING_ROWS = 2**16  # rows that are read at a time to be sampled, whatever the chunks
GROUP_ROWS = 2**17  # rows of a row group of the output, whatever the chunks
READ_BYTES = 2**20  # of a column at a time; a row group as a whole may not fit into memory


class ParquetRows:
    """The rows of a Parquet file, which are never all in memory.

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
        The rows that `sample` has drawn, labelled by their numbers.
    """

    frame: pandas.DataFrame

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
            raise CommandError(f"{path} is not a Parquet file: {error}.") from None
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
            raise CommandError(f"cannot read {self.path}: {error}.") from None

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
            self._check(chunk, start)
            frame = pandas.concat([*kept, chunk])
            key = pandas.concat([*keys, pandas.Series(rng.random(len(chunk)), chunk.index)])
            rank = (key.groupby([frame[c] for c in by]) if by else key).rank(method="first")
            kept, keys = [frame[rank <= n]], [key[rank <= n]]
        (self.frame,) = kept
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

    def _check(self, chunk: pandas.DataFrame, stop: int) -> None:
        try:
            check_complete(chunk, list(chunk), f"{self.path} (rows {stop - len(chunk) + 1}-{stop})")
        except ValueError as error:
            raise CommandError(
                f"{str(error)[:-1]}, or leave such columns out (--ignore)."
            ) from None

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


def check_parquet(path: Path) -> None:
    """Refuse a file that cannot be read or written in chunks."""
    if is_text(path):
        raise CommandError(
            f"--chunk-rows takes Parquet, which {path} is not: use a .parquet file, or leave "
            "--chunk-rows out."
        )


def write_moved(
    path: Path,
    source: ParquetRows,
    target: ParquetRows,
    columns: list[str],
    chunks: Iterable[tuple[pyarrow.Table, pandas.DataFrame]],
) -> None:
    """Write the source's rows with some columns moved, as a whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    source, target : ParquetRows
        Give the types of the columns that stay, and of those that are moved.
    columns : list of str
        The columns that are moved.
    chunks : iterable of (pyarrow.Table, DataFrame)
        Rows of the source, and the same rows, moved.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    origin = {name: target if name in columns else source for name in source.schema.names}
    fields = [_writable(rows.schema.field(name)) for name, rows in origin.items()]
    schema = pyarrow.schema(fields, _metadata(source, target, columns))

    def arrays(table: pyarrow.Table, moved: pandas.DataFrame) -> Iterator[Any]:
        for field in schema:
            values = moved[field.name] if field.name in columns else table[field.name]
            yield _array(values, field.type, origin[field.name].categories.get(field.name))

    tables = (pyarrow.Table.from_arrays([*arrays(*chunk)], schema=schema) for chunk in chunks)
    try:
        with replacing(path) as file, ParquetWriter(file, schema) as writer:
            for group in _in_pieces(tables, GROUP_ROWS):
                writer.write_table(group.combine_chunks(), row_group_size=GROUP_ROWS)
    except pyarrow.ArrowException as error:
        raise CommandError(f"cannot write {path}: {error}.") from None


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
    return frame.set_axis(import_pandas().RangeIndex(start, start + len(frame)))


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
        codes = pyarrow.array(values.cat.codes.to_numpy("int32"))
    return pyarrow.DictionaryArray.from_arrays(codes, categories, ordered=kind.ordered)


def _writable(field: pyarrow.Field) -> pyarrow.Field:
    import pyarrow

    kind = field.type
    if _is_dictionary(kind):  # one width of codes, whatever the categories of a row group
        kind = pyarrow.dictionary(pyarrow.int32(), kind.value_type, kind.ordered)
    return pyarrow.field(field.name, kind, field.nullable)


def _metadata(source: ParquetRows, target: ParquetRows, columns: list[str]) -> dict | None:
    """What pandas notes of its dtypes; the names of an index are columns, as everywhere here."""
    notes = source.schema.pandas_metadata
    if not notes:
        return None
    there = (target.schema.pandas_metadata or {"columns": []})["columns"]
    notes["columns"] = [
        *(note for note in notes["columns"] if note["field_name"] not in columns),
        *(note for note in there if note["field_name"] in columns),
    ]
    notes["index_columns"] = [name for name in notes["index_columns"] if name not in source.names]
    return {"pandas": json.dumps(notes)}
