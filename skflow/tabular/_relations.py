r"""Columns that others determine: ``total = a + b``, or a rate for every grade and a residual.

.. math:: x_j = c_0 + Σ_k c_k x_k, \qquad u_j = c_0 + Σ_k f_k(x_k) + s r_j

The first has no coordinates of its own; it is computed from the others after they have moved. The
second is a number whose coordinate u is a sum of main effects of categories x, but for a small
residual (an additive model, as in the analysis of variance): the residual r is moved, and u is put
together again from the categories that the row ends with. A category that another column
determines, such as the state of a city, has coordinates, but is read off the other (a functional
dependency).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import normalize_weights
from skflow.tabular._categories import Category
from skflow.tabular._frames import extended
from skflow.tabular._numbers import Number

if TYPE_CHECKING:
    import pandas

__all__ = ["Dependency", "Relation", "Trend", "dependencies", "linear_relations", "trends"]

UNUSED = 1e-3  # standard deviations that a column without a part in a combination may seem to add
LINKED = 1e-7  # share of a column's variance that a combination of others may leave
# Share of a number's variance that categories may leave. Lending Club's interest rates, of which
# grades leave 0.004, are told from held-out ones with an area of 0.98 as columns of their own, and
# of 0.57 as residuals; monthly charges, of which services leave 0.008, with 0.67 and 0.68.
NEARLY = 0.005
PER_LEVEL = 10  # rows for every level of a category, from which on it is looked at
PER_LEVEL_OF_ALL = 3  # the same for all categories together
MOSTLY_SHARED = 0.9  # share of a level's rows that have their value with others
MOST_EFFECTS = 3000  # of all categories; their equations take the square in memory
RIDGE = 1e-9  # of the share of every level, by which levels that are not told apart have effects


@dataclass(frozen=True)
class Relation:
    """A column of numbers that is a linear combination of others, up to rounding.

    Parameters
    ----------
    names : list
        The other columns.
    coefficients : ndarray of shape (n_names + 1,)
        Theirs, and a constant.
    """

    names: list
    coefficients: NDArray

    def __call__(self, columns: Mapping[Any, pandas.Series]) -> NDArray:
        """Compute the column from the others."""
        terms = [extended(columns[name])[0] for name in self.names]
        return np.column_stack([*terms, np.ones_like(terms[0])]) @ self.coefficients


def linear_relations(columns: Mapping[Any, pandas.Series]) -> dict[Any, Relation]:
    """Columns that those before them determine, such as a total after its parts.

    Parameters
    ----------
    columns : mapping of name to Series
        Plain columns of integers and floats.

    Returns
    -------
    relations : dict of name to Relation
        What makes them.
    """
    free: dict[Any, NDArray] = {}
    relations = {}
    for name, column in columns.items():
        x, missing = extended(column)
        x = x.astype(np.float64)
        if missing.any() or np.ptp(x) == 0:
            continue
        relation = _relation(x, free)
        if relation is None:
            free[name] = x
        else:
            relations[name] = relation
    return relations


def _relation(x: NDArray, others: Mapping[Any, NDArray]) -> Relation | None:
    """The combination of some of the others that a column is, if it is one."""
    if not others or len(x) <= 2 * len(others) + 2:  # so few rows are always on a plane
        return None
    A = np.column_stack([*others.values(), np.ones(len(x))])
    norms = np.linalg.norm(A, axis=0)
    coefficients = np.linalg.lstsq(A / norms, x, rcond=None)[0] / norms
    if np.mean((x - A @ coefficients) ** 2) >= LINKED * x.var():
        return None
    used = np.abs(coefficients[:-1]) * A[:, :-1].std(axis=0) > UNUSED * x.std()
    names = [name for name, is_used in zip(others, used, strict=True) if is_used]
    return Relation(names, np.linalg.lstsq(A[:, np.append(used, True)], x, rcond=None)[0])


@dataclass(frozen=True)
class Trend:
    """A number that is a sum of effects of categories, but for a small residual.

    Parameters
    ----------
    effects : dict of name to ndarray of shape (n_levels + 1,)
        What every level adds to the number's coordinate; the last one is what unknown ones add.
    scale : float, default=0.0
        Standard deviation of the residual, which is dithered; 0 where there is none.
    pairs : Pairs, default=None
        Coordinates that come with levels of the most important category whose rows share them.
    """

    effects: dict[Any, NDArray]
    scale: float = 0.0
    pairs: Pairs | None = None

    def fitted(self, codes: Mapping[Any, NDArray]) -> NDArray:
        """The number's coordinates in rows with these levels, without residuals."""
        return np.sum([effect[codes[name]] for name, effect in self.effects.items()], axis=0)

    def coordinates(self, codes: Mapping[Any, NDArray], residual: NDArray) -> NDArray:
        """The number's coordinates in rows with these levels and residuals."""
        y = self.fitted(codes) + self.scale * residual
        return y if self.pairs is None else self.pairs.nearest(codes[self.pairs.name], y)


@dataclass(frozen=True)
class Pairs:
    """Coordinates of a number that come with levels of a category.

    Parameters
    ----------
    name : str
        The category.
    span : float
        Between the same coordinate of one level and of the next; more than twice their range.
    places : ndarray of shape (n_pairs,)
        ``span * level + coordinate``, in ascending order.
    values : ndarray of shape (n_pairs,)
        The coordinates.
    is_shared : ndarray of bool, shape (n_levels,)
        Levels of which most rows share their coordinate with others.
    """

    name: Any
    span: float
    places: NDArray
    values: NDArray
    is_shared: NDArray

    @classmethod
    def of(cls, name: Any, levels: NDArray, y: NDArray) -> Pairs | None:
        """The pairs of some rows, if they share any."""
        span = 3 * float(np.ptp(y)) + 1
        places, first, count = np.unique(span * levels + y, return_index=True, return_counts=True)
        rows = np.bincount(levels)
        shared = np.bincount(levels[first], count * (count > 1), minlength=len(rows))
        is_shared = shared > MOSTLY_SHARED * rows
        return cls(name, span, places, y[first], is_shared) if is_shared.any() else None

    def nearest(self, levels: NDArray, y: NDArray) -> NDArray:
        """The coordinates nearest to rows' own that come with their levels, if rows share them."""
        inner = np.clip(y, self.values.min(), self.values.max())
        middles = (self.places[1:] + self.places[:-1]) / 2
        nearest = self.values[np.searchsorted(middles, self.span * levels + inner)]
        return np.where(self.is_shared[levels], nearest, y)


@dataclass(frozen=True)
class Dependency:
    """A category that another column determines, such as the state of a city, or of its code.

    Parameters
    ----------
    name : str
        The other column.
    codes : ndarray of shape (n_levels,)
        The category's level at every level of the other column.
    values : ndarray of shape (n_levels,), default=None
        The other column's values, if these are numbers.
    """

    name: Any
    codes: NDArray
    values: NDArray | None = None

    def __call__(self, codecs: Mapping[Any, Any], column: pandas.Series) -> NDArray:
        """The category's levels, by the values of the other column."""
        if self.values is None:
            return self.codes[codecs[self.name].codes(column)]
        x, last = column.to_numpy(), len(self.values) - 1  # whose differences are exact
        place = np.searchsorted(self.values, x)
        low, high = np.maximum(place - 1, 0), np.minimum(place, last)
        is_high = self.values[high] - x < x - self.values[low]
        return self.codes[np.where(is_high | (x == self.values[high]), high, low)]


def dependencies(
    codecs: Mapping[Any, Number | Category],
    plain: Mapping[Any, pandas.Series],
    numbers: Sequence[Any],
    kept: Sequence[Any],
) -> dict[Any, Dependency]:
    """Categories that other columns determine, which have more levels, or as many and come before.

    Parameters
    ----------
    codecs : mapping of name to codec
        Of all columns.
    plain : mapping of name to Series
        Their values.
    numbers : sequence of names
        Numbers that may determine a category: those that nothing determines.
    kept : sequence of names
        Categories that are not looked at.

    Returns
    -------
    dependencies : dict of name to Dependency
        Of some of the categories; each comes after what determines it.
    """
    categories = {c: codec for c, codec in codecs.items() if isinstance(codec, Category)}
    values = {c: np.unique(plain[c]) for c in numbers if not plain[c].isna().any()}
    sizes = {c: len(v) for c, v in values.items()}
    sizes |= {c: codec.n_levels for c, codec in categories.items()}
    n = len(next(iter(plain.values())))
    order = sorted((c for c in sizes if 1 < sizes[c] <= n / PER_LEVEL), key=lambda c: -sizes[c])
    codes = {
        c: np.searchsorted(values[c], plain[c]) if c in values else categories[c].codes(plain[c])
        for c in order
    }
    found: dict[Any, Dependency] = {}
    for c in (c for c in order if c in categories and c not in kept):
        for other in reversed(order[: order.index(c)]):  # the coarsest first
            level = np.zeros(sizes[other], dtype=int)
            level[codes[other]] = codes[c]
            if np.array_equal(level[codes[other]], codes[c]):
                found[c] = Dependency(other, level, values.get(other))
                break
    return found


def trends(
    codecs: Mapping[Any, Number | Category],
    plain: Mapping[Any, pandas.Series],
    numbers: Sequence[Any],
    weight: NDArray | None,
) -> dict[Any, Trend]:
    """Numbers of which effects of categories leave next to nothing.

    Parameters
    ----------
    codecs : mapping of name to codec
        Of all columns.
    plain : mapping of name to Series
        Their values.
    numbers : sequence of names
        The numbers that are looked at; those with missing values have no trend.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    trends : dict of name to Trend
        Of some of the numbers.
    """
    n = len(next(iter(plain.values())))
    categories = {c: codec for c, codec in codecs.items() if isinstance(codec, Category)}
    categories = {c: k for c, k in categories.items() if 1 < k.n_levels <= n / PER_LEVEL}
    n_levels = [codec.n_levels for codec in categories.values()]
    if not n_levels or sum(n_levels) > min(n / PER_LEVEL_OF_ALL, MOST_EFFECTS):
        return {}
    single = [c for c in numbers if codecs[c].width == 1 and not plain[c].isna().any()]
    codes = {c: codec.codes(plain[c]) for c, codec in categories.items()}
    U, dithered = (
        np.array([codecs[c].encode(plain[c], rng)[:, 0] for c in single]).reshape(-1, n)
        for rng in (None, np.random.default_rng(0))
    )
    w = normalize_weights(weight, n)
    fits = _effects(list(codes.values()), n_levels, U, w)
    found: dict[Any, Trend] = {}
    for name, u, v, parts in zip(single, U, dithered, fits, strict=True):
        effects = {c: np.append(p, w @ p[codes[c]]) for c, p in zip(codes, parts, strict=True)}
        trend = _trend(effects, codes, u, v, w * n / (n - sum(n_levels)))
        found |= {} if trend is None else {name: trend}
    return found


def _effects(
    codes: list[NDArray], n_levels: list[int], U: NDArray, weight: NDArray
) -> list[list[NDArray]]:
    """What every level of some categories adds to each of some numbers, by least squares."""
    both = list(zip(codes, n_levels, strict=True))
    gram = np.block(
        [[np.bincount(a * m + b, weight, k * m).reshape(k, m) for b, m in both] for a, k in both]
    )
    gram += np.diag(RIDGE * (gram.diagonal() + RIDGE))  # the share of a level may be zero
    sums = [np.concatenate([np.bincount(a, weight * u, k) for a, k in both]) for u in U]
    effects = np.linalg.solve(gram, np.array(sums).reshape(-1, len(gram)).T).T
    return [np.split(e, np.cumsum(n_levels)[:-1]) for e in effects]


def _trend(
    effects: dict, codes: Mapping[Any, NDArray], u: NDArray, dithered: NDArray, weight: NDArray
) -> Trend | None:
    """The trend of a number, if the residual is small enough."""
    fitted = Trend(effects).fitted(codes)
    residual, variance = u - fitted, weight @ u**2
    if np.max(residual**2) < LINKED * variance:  # of every row, or few rows would lose theirs
        return Trend(effects)
    if weight @ residual**2 > NEARLY * variance:
        return None
    main = max(effects, key=lambda c: float(np.std(effects[c][codes[c]])))
    scale = float(np.sqrt(weight @ (dithered - fitted) ** 2))  # a flow sees rows that are dithered
    return Trend(effects, scale, Pairs.of(main, codes[main], u))
