r"""Rows of a table of which some values are given: the others are drawn.

.. math:: y_j ∼ p(y_j \mid y_{-j}), \qquad j = 1 … d, 1 … d, …

Missing values start from values that their column has. The columns are then drawn in turn, each
given all others: a Gibbs sampler (chained equations), whose conditional distributions are those of
a regression at first, and of a flow in the end. Both are fitted to the target's rows that have a
value there, so no row has to be complete.

References
----------
van Buuren, S. and Groothuis-Oudshoorn, K. (2011). mice: Multivariate Imputation by Chained
Equations in R. Journal of Statistical Software 45.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skflow.flow._given import draw_given, resampled, values_of, warn_outside
from skflow.tabular._checks import check_finite, quoted
from skflow.tabular._consistent import consistent
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._frames import import_pandas, infer, to_pandas
from skflow.tabular._kinds import Instant, Kind
from skflow.tabular._whitening import HalfWhitening

if TYPE_CHECKING:
    import pandas

__all__ = ["as_in_target", "check_given", "draw_rows_given", "filled", "impute_rows"]

# times that every column is drawn by the regression alone, which soon forgets where it started,
# and then by the flow
LINEAR_ROUNDS, ROUNDS = 20, 3
DTYPE_ROUNDING = 1e-6  # relative, of given values by the target's dtype


class SeparateColumns:
    """Every column as coordinates of its own, learned on the rows that have a value there.

    Parameters
    ----------
    target : DataFrame
        The target's rows.
    weight : ndarray of shape (n_rows,)
        Their weights.
    kinds : dict of str to Kind
        What the columns hold.
    missing : bool, default=False
        Whether a missing value is a value as well.
    """

    def __init__(
        self,
        target: pandas.DataFrame,
        weight: NDArray,
        kinds: Mapping[Hashable, Kind],
        *,
        missing: bool = False,
    ) -> None:
        self.encoders: dict[Hashable, TableEncoder] = {}
        self.places: dict[Hashable, NDArray] = {}
        start = 0
        for c in target.columns:
            some = np.ones(len(target), bool) if missing else target[c].notna().to_numpy(bool)
            part = target.loc[some, [c]]
            encoder = TableEncoder(part, weight=weight[some], kinds=kinds)
            self.encoders[c], width = encoder, encoder.width
            self.places[c] = np.arange(start, start + width)
            start += width
        self.width = start

    def encode(self, table: pandas.DataFrame, rng: np.random.Generator | None = None) -> NDArray:
        """Coordinates of rows; those of a missing value mean nothing unless it is a value."""
        Z = np.zeros((len(table), self.width))
        for c in table.columns:
            self._encode_into(Z, table[[c]], rng)
        return Z

    def _encode_into(
        self, Z: NDArray, column: pandas.DataFrame, rng: np.random.Generator | None
    ) -> None:
        (c,) = column.columns
        if len(self.places[c]):
            Z[:, self.places[c]] = self.encoders[c].encode(column, rng, name="table")

    def decode(self, Z: NDArray, column: Hashable) -> pandas.Series:
        """Values of a column whose coordinates are the given ones, with the target's dtype."""
        block = Z if Z.shape[1] else np.zeros((len(Z), 1))
        return self.encoders[column].decode(block)[column]

    def snap(self, Z: NDArray, column: Hashable, rng: np.random.Generator) -> NDArray:
        """Coordinates of the values that lie nearest, dithered anew."""
        values = self.decode(Z, column).to_frame()
        return self.encoders[column].encode(values, rng)[:, : Z.shape[1]]


def impute_rows(
    make_flow: Callable[[], Any],
    target: pandas.DataFrame,
    weight: NDArray,
    table: pandas.DataFrame,
    kinds: Mapping[Hashable, Kind],
    rng: np.random.Generator,
) -> pandas.DataFrame:
    """Draw what rows of a table miss.

    Parameters
    ----------
    make_flow : callable
        Returns an unfitted sampler.
    target : DataFrame of shape (n_rows, n_columns)
        The target's rows, which may miss values as well.
    weight : ndarray of shape (n_rows,)
        Their weights.
    table : DataFrame of shape (n_table_rows, n_columns)
        Rows with missing values.
    kinds : dict of str to Kind
        What the columns hold.
    rng : numpy.random.Generator
        Draws all.

    Returns
    -------
    drawn : DataFrame of shape (n_table_rows, n_columns)
        Values for all cells that were missing, with the target's dtypes; the others mean nothing.
    """
    codes, n, columns = SeparateColumns(target, weight, kinds), len(target), list(target.columns)
    absent = np.vstack([rows.isna().to_numpy(bool) for rows in (target, table)])
    Z = np.vstack([codes.encode(rows, rng) for rows in (target, table)])
    order = [j for j in np.argsort(absent.sum(axis=0), kind="stable") if absent[:, j].any()]
    for j in order:
        known, place = np.flatnonzero(~absent[:n, j]), codes.places[columns[j]]
        start = rng.choice(known, absent[:, j].sum(), p=weight[known] / weight[known].sum())
        Z[np.ix_(absent[:, j], place)] = Z[np.ix_(start, place)]
    for t, j in enumerate(order * (LINEAR_ROUNDS + ROUNDS)):
        known, place = ~absent[:n, j], codes.places[columns[j]]
        if len(place):
            flow = make_flow() if t >= LINEAR_ROUNDS * len(order) else None
            y, c, here = Z[:, place], np.delete(Z, place, axis=1), absent[:, j]
            rows = y[:n][known], c[:n][known], weight[known], c[here]
            drawn = draw_given(flow, *rows, rng, base=resampled, bootstrap=True)
            if flow is not None:
                drawn = codes.snap(drawn, columns[j], rng)
            Z[np.ix_(here, place)] = drawn
    values = {c: codes.decode(Z[n:, codes.places[c]], c) for c in columns}
    return import_pandas().DataFrame(values).set_axis(table.index)


def filled(column: pandas.Series, drawn: pandas.Series) -> pandas.Series:
    """Return a column whose missing values are drawn ones; its dtype stays.

    Parameters
    ----------
    column : Series of shape (n_rows,)
        A column with missing values.
    drawn : Series
        Values, its index being positions of rows, among them all that miss theirs.

    Returns
    -------
    column : Series of shape (n_rows,)
        A copy.
    """
    pandas = import_pandas()
    absent = np.flatnonzero(column.isna())
    values = drawn.reindex(absent)
    if isinstance(column.dtype, pandas.CategoricalDtype):
        column = _with_categories(column, values)
    elif pandas.api.types.is_integer_dtype(column.dtype):
        values = values.astype("float64").round()
    column = column.copy()
    try:
        column.iloc[absent] = values.astype(column.dtype).array
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"column {column.name!r} of the table has the dtype {column.dtype}, which cannot hold "
            f"what was drawn from the target ({error}): give it the target's dtype."
        ) from None
    return column


def _with_categories(column: pandas.Series, values: pandas.Series) -> pandas.Series:
    """A column that knows the values' categories, in the target's order if it knows them all."""
    known = column.cat.categories
    new = [v for v in values.unique() if v not in known]
    if new and hasattr(values, "cat") and known.isin(values.cat.categories).all():
        return column.cat.set_categories(values.cat.categories)
    return column.cat.add_categories(new)


def draw_rows_given(
    flow: Any,
    target: pandas.DataFrame,
    weight: NDArray,
    given: pandas.DataFrame,
    encoder: TableEncoder,
    rng: np.random.Generator,
    least: int,
) -> pandas.DataFrame:
    """Draw rows that have given values in some columns.

    Parameters
    ----------
    flow : sampler
        An unfitted sampler.
    target : DataFrame of shape (n_rows, n_columns)
        The target's rows.
    weight : ndarray of shape (n_rows,)
        Their weights.
    given : DataFrame of shape (n_samples, n_given)
        Some of the columns, with the target's dtypes.
    encoder : TableEncoder
        What knows the columns' kinds, and what they determine of each other.
    rng : numpy.random.Generator
        Draws all.
    least : int
        Fewest rows that are moved together.

    Returns
    -------
    samples : DataFrame of shape (n_samples, n_columns)
        The rows, with the target's dtypes and a new index.
    """
    codes = SeparateColumns(target, weight, encoder.kinds, missing=True)
    Z, weight = codes.encode(target, rng), weight / weight.sum()
    rest = [c for c in target.columns if c not in given.columns]
    none = [np.empty(0, int)]
    y, c = (np.concatenate(none + [codes.places[x] for x in p]) for p in (rest, given.columns))
    samples = np.zeros((len(given), codes.width))
    at = codes.encode(given)[:, c]
    if len(y):  # nothing is left to be drawn of columns that are constant
        whitening = HalfWhitening(Z[:, y], weight)
        R = draw_given(flow, whitening.apply(Z[:, y]), Z[:, c], weight, at, rng, least=least)
        samples[:, y] = whitening.inverse(R)
    values = {x: codes.decode(samples[:, codes.places[x]], x) for x in rest}
    given = given.reset_index(drop=True)
    drawn = import_pandas().DataFrame(values, index=given.index)
    drawn = consistent(drawn, given, encoder, lambda x: samples[:, codes.places[x]])
    return drawn.join(given)[list(target.columns)]


def check_given(given: Any, n: int, columns: list) -> pandas.DataFrame:
    """Return n rows of given values, or say what is amiss.

    Parameters
    ----------
    given : dict or DataFrame
        By name of a column a value, or n of them.
    n : int
        Number of rows.
    columns : list of str
        The target's columns that take part.

    Returns
    -------
    frame : DataFrame of shape (n, n_given)
        The values.
    """
    if not isinstance(given, Mapping):
        given = to_pandas(given, "given")[0]
    names = list(given.keys())
    if not names:
        raise ValueError("given is empty: name at least one column, or leave it out.")
    unknown = [c for c in names if c not in columns]
    if unknown:
        raise ValueError(
            f"given names {quoted(unknown)}, which the target does not have. Known: "
            f"{quoted(columns)}."
        )
    if len(names) == len(columns):
        raise ValueError("given has values of all columns: none is left to be drawn.")
    pandas = import_pandas()
    parts = {c: pandas.Series(values_of(given[c], n, c)).reset_index(drop=True) for c in names}
    frame = pandas.DataFrame({c: parts[c] for c in columns if c in parts})
    check_finite(frame, list(frame.columns), "given")
    return frame


def as_in_target(
    given: pandas.DataFrame, target: pandas.DataFrame, kinds: Mapping[Hashable, Kind]
) -> pandas.DataFrame:
    """Return given values with the target's dtypes; refuse those it cannot have, or say so.

    Parameters
    ----------
    given : DataFrame
        Given values.
    target : DataFrame
        The target's rows.
    kinds : dict of str to Kind
        What its columns hold.

    Returns
    -------
    frame : DataFrame
        The values.
    """
    made = {c: _column_as_in_target(column, target[c], kinds[c]) for c, column in given.items()}
    return import_pandas().DataFrame(made, index=given.index)


def _dates_in(column: pandas.Series, kind: Instant) -> pandas.Series:
    """Dates where all are written as text, such as 2024-03-01 or 2024-03-01T12:30."""
    if kind.unit != "datetime64" or infer(column) != "string":
        return column
    dates = import_pandas().to_datetime(column, format="ISO8601", errors="coerce")
    return dates if dates.notna().equals(column.notna()) else column


def _column_as_in_target(column: pandas.Series, target: pandas.Series, kind: Kind) -> pandas.Series:
    name, known = column.name, kind.read(target)
    try:
        plain = kind.read(_dates_in(column, kind) if isinstance(kind, Instant) else column)
    except TypeError as error:
        raise ValueError(f"given's column {name!r} does not fit the target's: {error}.") from None
    present, is_there = plain[plain.notna()], known[known.notna()]
    if len(present) < len(plain) and len(is_there) == len(known):
        raise ValueError(
            f"given has missing values of {name!r}, of which the target has none: leave the column "
            "out where it is not known."
        )
    if kind.is_number:
        if len(present) and len(is_there):
            warn_outside(name, present, is_there.min(), is_there.max())
        written = kind.read(kind.write(plain))
        there, kept = (x[plain.notna()].to_numpy(float) for x in (plain, written))
        unknown = present[np.abs(kept - there) > DTYPE_ROUNDING * np.abs(there)].unique().tolist()
        why = f"which the target's dtype {target.dtype} cannot hold."
    else:
        unknown = [value for value in present.unique() if not is_there.isin([value]).any()]
        why = f"which the target does not have. Known: {quoted(list(is_there.unique()))}."
    if unknown:
        raise ValueError(f"given has the value(s) {quoted(unknown)} of {name!r}, {why}")
    return kind.write(plain)
