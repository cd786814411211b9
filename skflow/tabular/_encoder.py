"""The columns of a table, side by side in one space where units do not matter."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skflow.tabular._codecs import CODECS, Category, Number, dtype_kind, import_pandas

if TYPE_CHECKING:
    import pandas

    from skflow.tabular._noise import Uniform

__all__ = ["TableEncoder", "check_complete", "check_frame", "quoted"]


class TableEncoder:
    """The columns of a table, side by side in one unit-free space.

    Parameters
    ----------
    target : DataFrame
        The table whose columns, units, grids and categories are learned.
    columns : list of str, default=None
        The columns that count; None is all.
    other : bool, default=False
        Where a category that the target does not have is put: at the mean of those it has, so that
        it may become any of them, or at a corner of its own, so that its distance is seen.

    Attributes
    ----------
    codecs : dict of str to codec
        How every column is encoded.
    blocks : dict of str to slice
        The coordinates of every column; none where the target's column is constant.
    width : int
        The number of coordinates.

    Raises
    ------
    TypeError
        If the target is not a DataFrame.
    ValueError
        If it is empty, or a column occurs twice, has missing values or cannot be moved.
    """

    def __init__(
        self,
        target: pandas.DataFrame,
        columns: Sequence[Hashable] | None = None,
        *,
        other: bool = False,
    ) -> None:
        check_frame(target, "target")
        check_complete(target, list(target.columns if columns is None else columns), "target")
        self.codecs: dict[Hashable, Number | Category] = {}
        self.blocks: dict[Hashable, slice] = {}
        self.width = 0
        for name in target.columns if columns is None else columns:
            codec = self.codecs[name] = _fit_codec(target[name], other)
            self.blocks[name] = slice(self.width, self.width + codec.width)
            self.width += codec.width

    def check(self, table: pandas.DataFrame, name: str) -> None:
        """Raise an error unless a table has all the columns, without missing values.

        Parameters
        ----------
        table : DataFrame
            A table.
        name : str
            What to call it in an error.
        """
        check_frame(table, name)
        missing = [column for column in self.codecs if column not in table.columns]
        if missing:
            raise ValueError(
                f"{name} lacks the target's column(s) {quoted(missing)}: choose columns=[...] "
                f"without them, or add them to the {name}."
            )
        check_complete(table, list(self.codecs), name)

    def encode(
        self,
        table: pandas.DataFrame,
        rng: Uniform | None = None,
        *,
        name: str = "source",
    ) -> NDArray:
        """Return the coordinates of a table's rows.

        Parameters
        ----------
        table : DataFrame
            A table that has the target's columns.
        rng : numpy.random.Generator or RowNoise, default=None
            Draws the dither; None leaves atoms as they are.
        name : str, default="source"
            What to call the table in an error.

        Returns
        -------
        Z : ndarray of shape (n_rows, width)
            Every column's block in turn; a single column of zeros if all columns are constant.
        """
        self.check(table, name)
        Z = np.zeros((len(table), max(self.width, 1)))
        for column, codec in self.codecs.items():
            try:
                Z[:, self.blocks[column]] = codec.encode(table[column], rng)
            except TypeError as error:
                raise ValueError(
                    f"{name}'s column {column!r} does not fit the target's: {error}."
                ) from None
        return Z

    def unknown(self, table: pandas.DataFrame) -> dict[Hashable, list]:
        """Return the values of every category that the target does not have, if there are any.

        Parameters
        ----------
        table : DataFrame
            A table that has the target's columns.

        Returns
        -------
        unknown : dict of str to list
            The values, each once.
        """
        return {
            column: list(table[column][codec.codes(table[column]) < 0].unique())
            for column, codec in self.codecs.items()
            if isinstance(codec, Category) and (codec.codes(table[column]) < 0).any()
        }

    def decode(self, Z: NDArray) -> pandas.DataFrame:
        """Return the table whose rows lie nearest to some coordinates.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, width)
            Coordinates.

        Returns
        -------
        table : DataFrame
            The target's columns, dtypes and categories.
        """
        columns = {c: codec.decode(Z[:, self.blocks[c]]) for c, codec in self.codecs.items()}
        return import_pandas().DataFrame(columns)


def _fit_codec(column: pandas.Series, other: bool) -> Number | Category:
    try:
        return CODECS[dtype_kind(column)]().fit(column, other=other)
    except (KeyError, TypeError, NotImplementedError, OverflowError):
        raise ValueError(
            f"target's column {column.name!r} has dtype {column.dtype} and values that cannot be "
            "moved: convert it to numbers, text or categories, or leave it out."
        ) from None


def check_frame(X: Any, name: str) -> None:
    """Raise an error unless X is a DataFrame with rows and unique columns."""
    pandas = import_pandas()
    if not isinstance(X, pandas.DataFrame):
        raise TypeError(
            f"{name} must be a pandas DataFrame, got {type(X).__name__}: wrap an array in "
            "pandas.DataFrame(array, columns=[...]), convert another frame with .to_pandas()."
        )
    if not X.columns.is_unique:
        twice = list(dict.fromkeys(X.columns[X.columns.duplicated()]))
        raise ValueError(f"{name} has the column(s) {quoted(twice)} twice: rename or drop one.")
    if not len(X):
        raise ValueError(f"{name} has no rows.")


def check_complete(X: pandas.DataFrame, columns: list, name: str) -> None:
    """Raise an error if a column has missing or infinite values."""
    amiss = {}
    for column in columns:
        values = X[column]
        count = int(values.isna().sum())
        if not count and dtype_kind(values) == "f":
            count = int(np.isinf(values.to_numpy(np.float64)).sum())
        if count:
            amiss[column] = count
    if amiss:
        found = ", ".join(f"{column!r} ({count})" for column, count in amiss.items())
        raise ValueError(
            f"{name} has missing or infinite values in {found}: drop those rows (dropna) or fill "
            "them in (fillna)."
        )


def quoted(names: Sequence) -> str:
    """Return names in quotes, between commas, as errors list them."""
    return ", ".join(repr(name) for name in names)
