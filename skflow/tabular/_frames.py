"""Containers: frames of any library, and whatever the dtypes of pandas store, as plain pandas."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timezone
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Restore",
    "dense",
    "extended",
    "floats",
    "from_numbers",
    "import_pandas",
    "in_library",
    "infer",
    "naive",
    "series",
    "storage",
    "to_pandas",
    "wholes",
]

# Libraries that narwhals knows, and how a column of theirs gets the dtype of another.
CASTS: Mapping[str, Callable[[Any, Any], Any]] = {
    "polars": lambda column, like: column.cast(like.dtype),
    "pyarrow": lambda column, like: column.cast(like.type),
    "modin": lambda column, like: column.astype(like.dtype),
    "cudf": lambda column, like: column.astype(like.dtype),
}
SHORT_DECIMALS = 7  # the most that tell two float32 apart


def import_pandas() -> Any:
    """Return pandas, or say how to install it.

    Returns
    -------
    pandas : module
        The library.

    Raises
    ------
    ImportError
        If it is not installed; the message names the extra that has it.

    Examples
    --------
    >>> from skflow.tabular import import_pandas
    >>> import_pandas().__name__
    'pandas'
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(
            'tables need pandas, which is not installed: pip install "scikit-sdflow[table]".'
        ) from None
    return pandas


# ------------------------------------------------------------------------------------------ frames
def to_pandas(frame: Any, name: str) -> tuple[pandas.DataFrame, Restore]:
    """Return a frame of any library as one of pandas, and the way back.

    Parameters
    ----------
    frame : DataFrame of pandas, or of polars or another library that narwhals knows
        A table.
    name : str
        What to call it in an error.

    Returns
    -------
    table : pandas.DataFrame
        The frame itself if it is of pandas, else a copy whose dtypes are Arrow's.
    restore : Restore
        Turns a table of pandas into a frame of the same library.

    Raises
    ------
    TypeError
        If it is no frame, or a lazy one.
    ImportError
        If it takes narwhals, which is not installed.
    """
    pandas = import_pandas()
    if isinstance(frame, pandas.DataFrame):
        return frame, Restore(frame)
    try:
        if _library(frame) not in CASTS:
            raise TypeError
        own = _import_narwhals(frame, name).from_native(frame, eager_only=True)
    except TypeError:
        raise TypeError(
            f"{name} must be a pandas or polars DataFrame, got {type(frame).__name__}: "
            f"{_advice(frame)}."
        ) from None
    table = own.to_arrow().replace_schema_metadata(None)  # which may name an index of pandas
    return _plain(table).to_pandas(types_mapper=pandas.ArrowDtype), Restore(frame)


def _plain(table: Any) -> Any:
    """Categories of an Arrow table as the values they stand for; ``Restore`` has the dtypes."""
    for i, field in enumerate(table.schema):
        value = getattr(field.type, "value_type", None)
        if str(field.type).startswith("dictionary"):
            table = table.set_column(i, field.name, table[i].cast(value))
    return table


class Restore:
    """The way back from pandas to the library that a frame is of.

    Parameters
    ----------
    frame : DataFrame
        The frame as the user gave it.
    """

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.library = _library(frame)

    def __call__(
        self, moved: pandas.DataFrame, keep: Sequence[str] = (), like: Restore | None = None
    ) -> Any:
        """Return a table as a frame of the library.

        Parameters
        ----------
        moved : pandas.DataFrame
            The table, its rows in the order of the frame's.
        keep : list of str, default=()
            The columns that nobody touched: the frame's own are put in their place.
        like : Restore, default=None
            The target's: its dtypes are those of all other columns, if it is of the same library.
            None is this frame's own.

        Returns
        -------
        frame : DataFrame
            The columns of ``moved``, in their order; ``moved`` itself if the frame is of pandas.
        """
        if not self._is_foreign():
            return moved
        narwhals = importlib.import_module("narwhals")
        own, kept = narwhals.from_native(self.frame, eager_only=True), set(keep)
        made = self._made(moved[[c for c in moved.columns if c not in kept]], like or self)
        columns = [own.get_column(c) if c in kept else made[c] for c in moved.columns]
        return narwhals.concat([c.to_frame() for c in columns], how="horizontal").to_native()

    def without_rows(self) -> Restore:
        """Return what a fitted estimator needs: the library and the dtypes, not the rows."""
        return Restore(self.frame[:0])

    def __getstate__(self) -> dict[str, Any]:
        """Return the library, and in Arrow's words the dtypes of another than pandas."""
        schema = None
        if self._is_foreign():
            narwhals = importlib.import_module("narwhals")
            arrow = narwhals.from_native(self.frame[:0], eager_only=True).to_arrow()
            schema = arrow.schema.serialize().to_pybytes()
        return {"library": self.library, "schema": schema}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a frame without rows, which no moved table needs if it is of pandas."""
        self.library, self.frame = state["library"], None
        if self._is_foreign():
            narwhals, pyarrow = map(importlib.import_module, ("narwhals", "pyarrow"))
            empty = pyarrow.ipc.read_schema(pyarrow.py_buffer(state["schema"])).empty_table()
            self.frame = narwhals.from_arrow(empty, backend=self.library).to_native()

    def _is_foreign(self) -> bool:
        return self.library in CASTS

    def _made(self, moved: pandas.DataFrame, like: Restore) -> dict[str, Any]:
        """Return new columns of the library, by name."""
        narwhals, pyarrow = map(importlib.import_module, ("narwhals", "pyarrow"))
        table = pyarrow.Table.from_pandas(moved, preserve_index=False)
        backend = narwhals.from_native(self.frame, eager_only=True).implementation
        made = narwhals.from_arrow(table.replace_schema_metadata(None), backend=backend)
        columns = {c: made.get_column(c) for c in made.columns}
        if like.library != self.library:
            return columns
        known = narwhals.from_native(like.frame, eager_only=True)
        for c in [c for c in columns if c in known.columns]:
            cast = CASTS[self.library](columns[c].to_native(), known.get_column(c).to_native())
            columns[c] = narwhals.from_native(cast, series_only=True).alias(c)
        return columns


def in_library(frame: Any, wanted: str) -> Any:
    """Return a frame as one of the library that ``set_output`` asked for.

    Parameters
    ----------
    frame : DataFrame
        A frame of any library.
    wanted : {"default", "pandas", "polars"}
        The library; "default" is the frame's own.

    Returns
    -------
    frame : DataFrame
        The frame, or a copy.
    """
    if wanted == "default" or type(frame).__module__.startswith(wanted):
        return frame
    if wanted == "pandas":
        return to_pandas(frame, "moved")[0]
    return importlib.import_module("polars").from_pandas(frame)


def _library(frame: Any) -> str:
    return type(frame).__module__.partition(".")[0]


def _import_narwhals(frame: Any, name: str) -> Any:
    try:
        return importlib.import_module("narwhals")
    except ImportError:
        raise ImportError(
            f"{name} is a frame of {_library(frame)}, which takes narwhals, which is not "
            'installed: pip install "scikit-sdflow[polars]", or convert it with .to_pandas().'
        ) from None


def _advice(frame: Any) -> str:
    if hasattr(frame, "collect"):
        return "call .collect() on it"
    array, other = "pandas.DataFrame(array, columns=[...])", ".to_pandas()"
    return f"wrap an array in {array}, convert another frame with {other}"


# ----------------------------------------------------------------------------------------- columns
def series(values: Any, like: pandas.Series, dtype: Any) -> pandas.Series:
    """Return values as a column with another's index and name."""
    return import_pandas().Series(values, index=like.index, name=like.name, dtype=dtype)


def infer(column: pandas.Series) -> str:
    """Return pandas' name for what a column's values are, the missing ones aside."""
    return import_pandas().api.types.infer_dtype(column, skipna=True)


def storage(dtype: Any) -> np.dtype:
    """Return the dtype of NumPy that a dtype of pandas stores its values in."""
    return np.dtype(getattr(dtype, "subtype", getattr(dtype, "numpy_dtype", dtype)))


def dense(column: Any) -> pandas.Series:
    """Return a column that is neither sparse nor Arrow's."""
    pandas, dtype, values = import_pandas(), column.dtype, column.array
    if isinstance(dtype, pandas.SparseDtype):
        return series(values.to_dense(), column, dtype.subtype)
    if not isinstance(dtype, pandas.ArrowDtype):
        return column
    if dtype.kind in "iu":  # which beside missing values pyarrow would round to floats
        return wholes(column, "UInt64" if dtype.kind == "u" else "Int64")
    return values.__arrow_array__().to_pandas().set_axis(column.index).rename(column.name)


def wholes(column: pandas.Series, dtype: str) -> pandas.Series:
    """Return whole numbers as "Int64" or "UInt64", NumPy's counterpart if none is missing."""
    name: Any = dtype if column.isna().any() else dtype.lower()
    return column.astype(name)


def floats(column: pandas.Series) -> pandas.Series:
    """Return float64; smaller floats keep the decimals they were written with: 0.1 stays 0.1."""
    values = column.to_numpy(storage(column.dtype), na_value=np.nan)
    wide: NDArray = values.astype(np.float64)
    exact = wide
    for decimals in range(SHORT_DECIMALS, -1, -1) if values.dtype.itemsize < 8 else ():
        short = np.round(exact, decimals)
        wide = np.where(short.astype(values.dtype) == values, short, wide)
    return series(wide, column, np.float64)


def from_numbers(numbers: list, like: pandas.Series) -> pandas.Series:
    """Return numbers of Python, None where one is missing, as whole numbers if they all are."""
    present = [v for v in numbers if v is not None]
    low, high = min(present, default=0), max(present, default=0)
    if present and all(isinstance(v, int) for v in present):
        for dtype in ("Int64", "UInt64"):
            limits = np.iinfo(dtype.lower())
            if limits.min <= low and high <= limits.max:
                return wholes(series(numbers, like, dtype), dtype)
    return series([math.nan if v is None else float(v) for v in numbers], like, np.float64)


def naive(column: pandas.Series, unit: str) -> tuple[pandas.Series, Any]:
    """Return "datetime64" (in UTC) or "timedelta64", and where the values had a time zone."""
    if column.dtype.kind == np.dtype(unit).kind:
        is_aware = getattr(column.dt, "tz", None) is not None
        return (column.dt.tz_convert(None) if is_aware else column), is_aware
    aware = [getattr(v, "tzinfo", None) is not None for v in column]
    values: list[Any] = [None if m else v for v, m in zip(column, column.isna(), strict=True)]
    utc = [
        v.astimezone(timezone.utc).replace(tzinfo=None) if a else v
        for v, a in zip(values, aware, strict=True)
    ]
    return series(np.array(utc, dtype=f"{unit}[us]"), column, None), aware


def extended(column: pandas.Series) -> tuple[NDArray, NDArray]:
    """Return values in extended precision, where 64 bits have room, and which are missing."""
    missing = column.isna().to_numpy(bool)
    present = column[~missing]
    if present.dtype.kind in "mM":
        present = present.astype("int64")
    x = np.zeros(len(missing), np.longdouble)
    x[~missing] = np.asarray(present.to_numpy())
    return x, missing
