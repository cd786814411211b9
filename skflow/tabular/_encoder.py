"""The columns of a table, side by side in one space where units do not matter."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import count_draws, warn
from skflow.flow import MATCHED_ROWS, JointAtom, Marginal, gather, joint_atoms, radii_of
from skflow.tabular._categories import Category
from skflow.tabular._checks import check_finite, check_frame, quoted, shortened
from skflow.tabular._combinations import Combinations, combinations
from skflow.tabular._frames import import_pandas
from skflow.tabular._glances import almost_numbers, looks_like_dates
from skflow.tabular._kinds import Kind
from skflow.tabular._numbers import Number
from skflow.tabular._plain import PlainState
from skflow.tabular._products import Product, products
from skflow.tabular._reading import fit_codec, read_target
from skflow.tabular._relations import (
    Dependency,
    Relation,
    Trend,
    dependencies,
    linear_relations,
    trends,
)

if TYPE_CHECKING:
    import pandas

    from skflow.tabular._noise import Uniform

__all__ = ["Matches", "TableEncoder"]

TOLD_APART = 0.1  # share of their own coordinates that rows keep which then share a value


@dataclass(frozen=True)
class Matches:
    """What gives moved rows the target's joint atoms and marginal distributions.

    Parameters
    ----------
    radii : list of float
        Distances within which rows are gathered on the encoder's atoms.
    columns : dict
        By column, what its codec's ``match`` returned.
    offsets : list of ndarray
        What to add to the scores of the encoder's combinations.
    """

    radii: list[float]
    columns: dict[Hashable, Any]
    offsets: list[NDArray]


class TableEncoder(PlainState):
    """The columns of a table, side by side in one unit-free space.

    Parameters
    ----------
    target : DataFrame
        The table whose columns, units, grids and categories are learned.
    columns : list of str, default=None
        The columns that count; None is all.
    weight : ndarray of shape (n_rows,), default=None
        Weights of its rows.
    kinds : dict of str to Kind, default=None
        What the columns hold, if that is known from a larger table.
    other : bool, default=False
        Where a category that the target does not have is put: at the mean of those it has, so that
        it may become any of them, or at a corner of its own, so that its distance is seen.
    kept : list of str, default=()
        Columns that a flow will leave as they are; their coordinates are their own.

    Attributes
    ----------
    kinds : dict of str to Kind
        What every column holds.
    codecs : dict of str to codec
        How it is encoded.
    relations : dict of str to Relation or Product
        Sums and products of other columns; they have no coordinates, and are computed.
    trends : dict of str to Trend or Product
        Numbers and dates that categories or two other numbers determine but for a residual, which
        is their coordinate.
    residuals : dict of str to Marginal
        Distributions of these residuals, from `learn_residuals`.
    dependencies : dict of str to Dependency
        Categories that another column determines.
    combinations : list of Combinations
        Numbers of which few combinations occur.
    blocks : dict of str to slice
        The coordinates of every column; none where the target's column is constant.
    width : int
        The number of coordinates.

    Raises
    ------
    TypeError
        If the target is not a DataFrame.
    ValueError
        If it is empty, or a column occurs twice, has infinite values or cannot be moved.

    Examples
    --------
    >>> import pandas as pd
    >>> from skflow.tabular import TableEncoder
    >>> table = pd.DataFrame({"kind": ["bun", "roll", "bun", "roll"], "grams": [50, 60, 55, 65]})
    >>> encoder = TableEncoder(table)
    >>> encoder.encode(table).shape == (4, encoder.width)
    True
    """

    def __init__(
        self,
        target: pandas.DataFrame,
        columns: Sequence[Hashable] | None = None,
        *,
        weight: NDArray | None = None,
        kinds: Mapping[Hashable, Kind] | None = None,
        other: bool = False,
        kept: Sequence[Hashable] = (),
    ) -> None:
        check_frame(target, "target")
        columns = list(target.columns if columns is None else columns)
        check_finite(target, columns, "target")
        self.kinds: dict[Hashable, Kind] = {}
        self.codecs: dict[Hashable, Number | Category] = {}
        plain = {}
        for name in columns:
            kind = None if kinds is None else kinds[name]
            self.kinds[name], plain[name] = read_target(target[name], kind)
        for name in columns:
            is_number = self.kinds[name].is_number
            self.codecs[name] = fit_codec(target[name], plain[name], is_number, weight, other)
        self.relations: dict[Hashable, Relation | Product] = {}
        self.trends: dict[Hashable, Trend | Product] = {}
        self.residuals: dict[Hashable, Marginal] = {}
        self.dependencies: dict[Hashable, Dependency] = {}
        self.combinations: list[Combinations] = []
        if not other:
            self._relate(plain, weight, kept)
        self._place_blocks()
        self.atoms = [] if other else self._find_atoms(plain, weight)

    def _relate(
        self,
        plain: Mapping[Hashable, pandas.Series],
        weight: NDArray | None,
        kept: Sequence[Hashable],
    ) -> None:
        """Find the columns that others determine."""
        self.relations |= linear_relations(
            {c: p for c, p in plain.items() if p.dtype.kind in "iuf"}
        )
        numbers = [c for c, codec in self.codecs.items() if isinstance(codec, Number)]
        free = [c for c in numbers if c not in self.relations and c not in kept]
        self.trends |= trends(self.codecs, plain, free, weight)
        free = [c for c in free if c not in self.trends]
        found = products(self.codecs, plain, free, weight)
        self.relations = {
            **{c: p for c, p in found.items() if not p.scale},  # of which a sum may be made
            **self.relations,
        }
        self.trends |= {c: p for c, p in found.items() if p.scale}
        free = [c for c in free if c not in found]
        self.dependencies = dependencies(self.codecs, plain, free, kept)
        self.combinations = combinations(self.codecs, plain, free, weight)

    def _place_blocks(self) -> None:
        """Give every column the coordinates after those of the column before."""
        self.blocks: dict[Hashable, slice] = {}
        self.width = 0
        for name, codec in self.codecs.items():
            trend = self.trends.get(name)
            is_computed = name in self.relations or (trend is not None and not trend.scale)
            width = 0 if is_computed else codec.width
            self.blocks[name] = slice(self.width, self.width + width)
            self.width += width

    def _find_atoms(self, plain: Mapping[Hashable, pandas.Series], weight: NDArray | None) -> list:
        """What columns share together, such as zeros, or a "no" and what it implies.

        A category has no meaning in a single coordinate, but a number's value and absence have.
        Columns that others determine are computed from these anyway.
        """
        parts: list[tuple[Hashable, NDArray]] = []  # column, and coordinates that mean something
        for column, block in self.blocks.items():
            places = np.arange(block.start, block.stop)
            if not (column in self.trends or column in self.dependencies) and len(places):
                is_whole = isinstance(self.codecs[column], Category)
                parts += [(column, part) for part in ([places] if is_whole else places[:, None])]
        if not parts:
            return []
        # a random combination of a part's coordinates is one number that tells its values apart
        Z, factors = self._coordinates(plain), np.random.default_rng(0).normal(size=self.width)
        codes = np.column_stack([(Z[:, part] * factors[part]).sum(axis=1) for _, part in parts])
        atoms = []
        for atom in joint_atoms(codes, weight, count_draws(weight, len(codes))):
            row = np.flatnonzero((codes[:, atom.columns] == atom.values).all(axis=1))[0]
            columns = np.concatenate([parts[k][1] for k in atom.columns])
            if len({parts[k][0] for k in atom.columns}) > 1:
                atoms.append(JointAtom(columns, Z[row, columns], atom.share))
        return atoms

    def doubts(self, target: pandas.DataFrame) -> list[str]:
        """Say which columns are perhaps not what their values were taken for.

        Parameters
        ----------
        target : DataFrame
            The table.

        Returns
        -------
        doubts : list of str
            One sentence for each such column.
        """
        found = []
        for name, kind in self.kinds.items():
            odd = None if kind.is_number else almost_numbers(target[name])
            if odd is not None:
                found.append(
                    f"column {name!r} is moved as a category, but {odd}: correct that value, or "
                    "make it missing, if the column is one of numbers."
                )
            elif kind.is_number and looks_like_dates(target[name]):
                found.append(
                    f"column {name!r} is moved as whole numbers, but they look like dates "
                    f"(YYYYMMDD): pd.to_datetime(table[{name!r}].astype(str)) makes them dates."
                )
        return [shortened(sentence) for sentence in found]

    def check(self, table: pandas.DataFrame, name: str) -> None:
        """Raise an error unless a table has all the columns, with values that can be read.

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
        check_finite(table, list(self.codecs), name)

    def _read(self, table: pandas.DataFrame, column: Hashable, name: str, whole: bool) -> Any:
        try:
            return self.kinds[column].read(table[column], whole=whole)
        except TypeError as error:
            raise ValueError(
                shortened(f"{name}'s column {column!r} does not fit the target's: {error}.")
            ) from None

    def encode(
        self,
        table: pandas.DataFrame,
        rng: Uniform | None = None,
        *,
        name: str = "source",
        whole: bool = False,
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
        whole : bool, default=False
            Whether categories of another type than the target's must have one in common with it
            by their meaning; those of a part of a table need not.

        Returns
        -------
        Z : ndarray of shape (n_rows, width)
            Every column's block in turn; a single column of zeros if all columns are constant.
        """
        self.check(table, name)
        free = (column for column in self.codecs if column not in self.relations)
        plain = {column: self._read(table, column, name, whole) for column in free}
        return self._coordinates(plain, rng) if plain else np.zeros((len(table), 1))

    def _coordinates(
        self, plain: Mapping[Hashable, pandas.Series], rng: Uniform | None = None
    ) -> NDArray:
        """Coordinates of rows whose columns are plain."""
        Z = np.zeros((len(next(iter(plain.values()))), max(self.width, 1)))
        for column, block in self.blocks.items():
            if block.start < block.stop:
                Z[:, block] = self.codecs[column].encode(plain[column], rng)
        codes = self.codes(plain) if self.trends else {}
        for column, trend in self.trends.items():
            if trend.scale:
                j = self.blocks[column].start
                known: Any = codes if isinstance(trend, Trend) else plain
                residual = (Z[:, j] - trend.fitted(known)) / trend.scale
                Z[:, j] = np.where(plain[column].isna(), 0.0, residual)
        return Z

    @property
    def _categories(self) -> dict[Hashable, Category]:
        return {c: codec for c, codec in self.codecs.items() if isinstance(codec, Category)}

    def codes(self, plain: Mapping[Hashable, pandas.Series]) -> dict[Hashable, NDArray]:
        """Positions of the rows' levels among the target's, of all categories.

        Parameters
        ----------
        plain : mapping of str to Series
            Plain columns.

        Returns
        -------
        codes : dict of str to ndarray of shape (n_rows,)
            The positions.
        """
        return {c: codec.codes(plain[c]) for c, codec in self._categories.items()}

    def unknown(self, table: pandas.DataFrame, *, whole: bool = False) -> dict[Hashable, list]:
        """Return the values of every category that the target does not have, if there are any.

        Parameters
        ----------
        table : DataFrame
            A table that has the target's columns.
        whole : bool, default=False
            As in `encode`.

        Returns
        -------
        unknown : dict of str to list
            The values, each once.
        """
        unknown = {}
        for column, codec in self.codecs.items():
            if isinstance(codec, Category):
                plain = self._read(table, column, "source", whole)
                is_unknown = (codec.codes(plain) < 0) & plain.notna().to_numpy()
                if is_unknown.any():
                    unknown[column] = list(plain[is_unknown].unique())
        return unknown

    def warn_of_unknown(self, table: pandas.DataFrame) -> None:
        """Refuse a source's column without a known category, and warn of single ones.

        Parameters
        ----------
        table : DataFrame
            A whole source.
        """
        for column, values in self.unknown(table, whole=True).items():
            if getattr(self.codecs[column], "n_levels", 2) == 1:
                continue  # constant in the target, and so in the result
            warn(
                shortened(
                    f"source's column {column!r} has values that the target does not have, "
                    f"{quoted(values)}: rows with these values get values of the target."
                )
            )

    def learn_residuals(self, Z: NDArray, weight: NDArray | None) -> None:
        """Learn how the target's residuals are distributed, as dithered as a flow sees them.

        Dither changes their ranks, so those of other dither would not leave these rows in place.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, width)
            Coordinates of the target's rows.
        weight : ndarray of shape (n_rows,) or None
            Their weights.
        """
        w = None if weight is None else weight / weight.sum()
        self.residuals = {
            c: Marginal.of(Z[:, self.blocks[c].start], w)
            for c, trend in self.trends.items()
            if trend.scale
        }

    def match(self, Z: NDArray) -> Matches | None:
        """Learn from moved rows how to give all columns the target's marginal distributions.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, width)
            Coordinates of moved rows.

        Returns
        -------
        matches : Matches or None
            What `decode` takes; None if there are too few rows.
        """
        if len(Z) < MATCHED_ROWS:
            return None
        radii = radii_of(self.atoms, Z)
        Z = gather(Z, self.atoms, radii)
        columns: dict[Hashable, Any] = {
            c: self.codecs[c].match(Z[:, self.blocks[c]]) for c in self._free
        }
        for c, residuals in self.residuals.items():
            columns[c] = residuals.map_from(Z[:, self.blocks[c].start])
        offsets = [some.match(self._together(some, Z, columns)) for some in self.combinations]
        return Matches(radii, columns, offsets)

    def _together(self, some: Combinations, Z: NDArray, known: Mapping[Hashable, Any]) -> NDArray:
        """Coordinates of columns of which few combinations occur, before they become one.

        They have the target's distributions, and rows that share a value are told apart.
        """
        columns = []
        for c in some.names:
            number, block = self.codecs[c], Z[:, self.blocks[c]]
            assert isinstance(number, Number)
            y = number.matched(block, known.get(c))
            columns.append(y + TOLD_APART * (block[:, 0] - y))
        return np.column_stack(columns)

    def decode(self, Z: NDArray, matches: Matches | None = None) -> pandas.DataFrame:
        """Return the table whose rows lie nearest to some coordinates.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, width)
            Coordinates.
        matches : Matches, default=None
            From `match`. None takes coordinates as they are.

        Returns
        -------
        table : DataFrame
            The target's columns, dtypes and categories.
        """
        known, offsets = {}, [np.zeros(1)] * len(self.combinations)
        if matches is not None:
            Z = gather(Z, self.atoms, matches.radii)
            known, offsets = matches.columns, matches.offsets
        plain = self._decoded(Z, known, offsets)
        codes = self.codes(plain) if self.trends else {}
        for c, trend in self.trends.items():
            residual = Z[:, self.blocks[c]].sum(axis=1)  # of no coordinates it is zero
            columns: Any = codes if isinstance(trend, Trend) else plain
            y = trend.coordinates(columns, known[c](residual) if c in known else residual)
            plain[c] = self.codecs[c].decode(y[:, None])
        for c, relation in self.relations.items():
            codec = self.codecs[c]
            assert isinstance(codec, Number)
            plain[c] = codec.computed(relation(plain))
        columns = {c: self.kinds[c].write(plain[c]) for c in self.codecs}
        return import_pandas().DataFrame(columns)

    @property
    def _free(self) -> list[Hashable]:
        """The columns that are decoded from their own coordinates alone."""
        return [c for c in self.codecs if c not in self.relations and c not in self.trends]

    def _decoded(self, Z: NDArray, matches: Mapping[Hashable, Any], offsets: Sequence[Any]) -> dict:
        """Plain values of free columns, and of categories that others of them determine."""
        plain = {c: self.codecs[c].decode(Z[:, self.blocks[c]], matches.get(c)) for c in self._free}
        for some, offset in zip(self.combinations, offsets, strict=True):
            Y = some.nearest(self._together(some, Z, matches), offset)
            for c, y in zip(some.names, Y.T, strict=True):
                plain[c] = self.codecs[c].decode(y[:, None])
        self.read_off(plain)
        return plain

    def read_off(
        self, plain: dict[Hashable, pandas.Series], given: Sequence[Hashable] = ()
    ) -> None:
        """Replace categories by what other columns determine.

        Parameters
        ----------
        plain : dict of str to Series
            Plain columns, which are replaced.
        given : sequence of str, default=()
            Columns that stay.
        """
        categories = self._categories
        for c, dependency in self.dependencies.items():
            if c not in given:
                codes = dependency(categories, plain[dependency.name])
                plain[c] = categories[c].values_of(codes)
