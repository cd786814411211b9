"""Tables of either format: read with types that agree, written like the files they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skflow.cli._cells import write_cells
from skflow.cli._chunks import (
    FILL,
    ArrowRows,
    ParquetRows,
    missing_in,
    whole_frame,
    write_moved,
)
from skflow.cli._files import is_text, packed, replacing, separator_of
from skflow.cli._shell import CommandError, join
from skflow.cli._text import TextOptions, TextRows, read_text
from skflow.cli._written import Written
from skflow.tabular import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = ["Rows", "load", "notes_of", "open_table", "write_like", "write_new"]

Rows = TextRows | ParquetRows

COMMA = Written("", ",", 1, 17, has_powers=True)  # as programs write numbers, with another mark


def open_table(path: Path, options: TextOptions) -> Rows:
    """Open a file, or say in one line why not.

    Parameters
    ----------
    path : Path
        The file.
    options : TextOptions
        How text files are written.

    Returns
    -------
    rows : TextRows or ParquetRows
        Its rows, of which `load` reads columns.
    """
    separator = separator_of(path)
    try:
        if separator is None:
            return ParquetRows(path)
        return read_text(path, separator, "TSV" if separator == "\t" else "CSV", options)
    except ImportError:
        raise CommandError(
            f'reading {path} needs pandas and pyarrow: pip install "scikit-sdflow[table]".'
        ) from None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}.") from None


def load(tables: Sequence[Rows], columns: Sequence[str], by: Sequence[str]) -> None:
    """Read the columns that take part; a column is of one kind in all text files.

    Parameters
    ----------
    tables : sequence of TextRows or ParquetRows
        The tables; the second one (or the only one) is the target.
    columns, by : sequence of str
        The columns that are moved, and those of groups.
    """
    for table in tables:
        table.load([*by, *columns])
    target = tables[min(1, len(tables) - 1)]
    texts = [table for table in tables if isinstance(table, TextRows)]
    for name in columns:
        complaint = next((c for table in texts if (c := table.stray(name))), None)
        if complaint:
            raise CommandError(complaint)
    for name in (*by, *columns):
        kinds = [table.columns[name] for table in texts]
        tells = tables if name in by else [target]
        is_text = any(_is_text(table.frame[name]) for table in tells)
        if any(kind.dates for kind in kinds):  # in all tables, or in none
            is_text = not all(_are_dates(table.frame[name], name in by) for table in tables)
        if is_text or any(kind.has_zeros for kind in kinds):
            for table in texts:
                table.take_as_text(name)
    _check_complete(tables, by, [*columns])


def _is_text(values: pandas.Series) -> bool:
    return getattr(values.dtype, "categories", values).dtype.kind == "O"


def _are_dates(values: pandas.Series, is_strict: bool) -> bool:
    """Whether all values are dates; strictly, Parquet's days, which are objects, are none."""
    if values.dtype.kind == "M" or values.isna().all():
        return True
    return not is_strict and import_pandas().api.types.infer_dtype(values, skipna=True) == "date"


def _check_complete(tables: Iterable[Rows], by: Sequence[str], columns: list[str]) -> None:
    """Name what is amiss in all tables at once."""
    found = (missing_in(table.frame, [*by], columns, str(table.path)) for table in tables)
    amiss = [text for text in found if text]
    if amiss:
        raise CommandError(f"{'; '.join(amiss)}: {FILL}")


def notes_of(tables: Iterable[Rows], columns: Sequence[str]) -> list[str]:
    """Say what was found out about files and columns.

    Parameters
    ----------
    tables : iterable of TextRows or ParquetRows
        The tables.
    columns : sequence of str
        The columns that are moved.

    Returns
    -------
    notes : list of str
        Sentences.
    """
    texts = [table for table in tables if isinstance(table, TextRows)]
    notes = [note for table in texts for note in table.notes]
    zeros = [c for c in columns if any(table.columns[c].has_zeros for table in texts)]
    if zeros:
        has = "has" if len(zeros) == 1 else "have"
        notes.append(f"{join(zeros)} {has} leading zeros: taken for codes, not numbers")
    alike: dict[Any, dict[str, Written]] = {}
    for form, name in ((t.columns[c].form, c) for c in columns for t in texts):
        if form:
            kind = (form.thousands, form.decimal, form.positive)
            alike.setdefault(kind, {}).setdefault(name, form)
    return [*dict.fromkeys(notes), *map(_form_note, alike.values())]


def _form_note(forms: dict[str, Written]) -> str:
    form = next(iter(forms.values()))
    is_are = "is" if len(forms) == 1 else "are"
    return (
        f"{join(forms)} {is_are} written like {form.example!r}: read as numbers "
        f"({form.parse(form.example):g})"
    )


# --------------------------------------------------------------------------------------- writing
def write_like(
    path: Path,
    source: Rows,
    target: Rows,
    columns: Sequence[str],
    moved: pandas.DataFrame,
    *,
    escapes: bool = False,
) -> None:
    """Write the source with some columns moved, all else as it is in its file.

    Parameters
    ----------
    path : Path
        The file.
    source, target : TextRows or ParquetRows
        The tables.
    columns : sequence of str
        The columns that are moved.
    moved : DataFrame
        The moved rows.
    escapes : bool, default=False
        Whether what spreadsheets take for formulas is escaped, in text files.
    """
    if not is_text(path):
        rows, goal = _arrow(source), _arrow(target, columns)
        write_moved(path, rows, goal, columns, [(rows.plain(), moved)])
        return
    if isinstance(source, TextRows):
        cells, header, places = source.cells.copy(), source.header, source.places
    else:
        cells = whole_frame(source.table)
        header = [str(name) for name in cells]
        places = {name: place for place, name in enumerate(header)}
        cells = cells.set_axis(range(len(header)), axis=1)
    for name in columns:
        cells[places[name]] = _as_written(moved[name], source, target, name)
    _write_text(path, cells, header, source, escapes)


def write_new(path: Path, target: Rows, rows: pandas.DataFrame, *, escapes: bool = False) -> None:
    """Write rows that are like a table's.

    Parameters
    ----------
    path : Path
        The file.
    target : TextRows or ParquetRows
        The table.
    rows : DataFrame
        Some of its columns.
    escapes : bool, default=False
        See `write_like`.
    """
    names = [str(name) for name in rows]
    if not is_text(path):
        write_moved(path, None, _arrow(target, names), names, [(None, rows)])
        return
    cells = rows.copy()
    for name in names:
        cells[name] = _as_written(rows[name], target, target, name)
    _write_text(path, cells, names, target, escapes)


def _write_text(
    path: Path, cells: pandas.DataFrame, header: list[str], model: Rows, escapes: bool
) -> None:
    """Write cells, separated as in the file that is their model unless the ending says more."""
    separator = separator_of(path) or ","
    if isinstance(model, TextRows) and separator_of(model.path) == separator:
        separator = model.separator
    with replacing(path) as file, packed(file, path) as archive:
        write_cells(archive, cells, header, separator, escapes=escapes)


def _as_written(values: pandas.Series, source: Rows, target: Rows, name: str) -> Any:
    """Return a column as the target writes it, with the source's decimal mark if that is all."""
    column = target.columns[name] if isinstance(target, TextRows) else None
    if column is not None and column.dates:
        return column.dates.write(values)
    form = column.form if column is not None else None
    mark = source.decimal_of(name) if isinstance(source, TextRows) else None
    if form is None and values.dtype.kind == "f" and mark == ",":
        form = COMMA
    elif form is None:
        return values.array
    if form.is_plain and mark:
        form = form.with_decimal(mark)
    return [form.write(value) for value in values]


def _arrow(table: Rows, columns: Sequence[str] = ()) -> ArrowRows | ParquetRows:
    """Return a table, or of a text file some columns, with the types that Arrow knows."""
    if isinstance(table, ParquetRows):
        return table
    if not columns:
        frame = table.whole()
        return ArrowRows(frame)
    return ArrowRows(table.frame[list(columns)])
