r"""The target's marginal distributions, for samples and for moved rows.

.. math:: y_{ij} ← F_j^{-1}(\hat G_j(y_{ij}))

F_j is the target's distribution function of column j, G_j the rows' own. The flow decides how the
columns go together; this puts right what a bandwidth cannot resolve in a single column: values that
many rows share, rounding, bounds, sharp edges and tails. Ranks stay as they are, so the copula of
the rows is that of the flow.

A value that several target rows share is an *atom*. Between two values of which none is an atom
quantiles are interpolated; beside an atom they are steps, so that nothing appears between the atom
and the next value. Rows that are on an atom already, because they were gathered there, stay on it,
and the others get what is left of the distribution.

References
----------
Sklar, A. (1959). Fonctions de répartition à n dimensions et leurs marges. Publications de
l'Institut de Statistique de l'Université de Paris 8.
Székely, G. J. and Rizzo, M. L. (2013). Energy statistics. Journal of Statistical Planning and
Inference 143.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Marginal",
    "MonotoneMap",
    "marginals_of",
    "match_marginals",
    "missing_maps",
    "unlike_marginals",
]

MATCHED_ROWS = 30  # fewer moved rows are not spread over all quantiles of a column
SHARED = 1.5  # target rows that a value stands for, from which on it is an atom
MOSTLY_ATOMS = 0.5  # share of the distinct values that are atoms, from which on all are
TIES = 0.95  # share of distinct values below which rows are taken to share values
CRITICAL = 1.63  # of the Kolmogorov-Smirnov statistic times sqrt(n): exceeded once in a hundred


@dataclass(frozen=True)
class Marginal:
    """Distribution of one column of the target.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        The distinct values in ascending order.
    share : ndarray of shape (n_values,)
        Their weights, summing to one.
    is_atom : ndarray of bool, shape (n_values,)
        Which of them several rows share; all, where most are.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.flow import Marginal
    >>> marginal = Marginal.of(np.array([0.0, 0.0, 0.0, 1.0, 2.0, 3.0]))
    >>> marginal.values, marginal.is_atom
    (array([0., 1., 2., 3.]), array([ True, False, False, False]))
    >>> marginal.quantile(np.array([0.1, 0.4, 0.75]))  # nothing between 0, an atom, and 1
    array([0., 0., 2.])
    >>> matched = marginal.map_from(np.array([10.0, 20.0, 30.0, 40.0]))
    >>> matched(np.array([10.0, 15.0, 40.0]))
    array([0.  , 0.  , 2.75])
    """

    values: NDArray
    share: NDArray
    is_atom: NDArray

    @classmethod
    def of(
        cls, x: NDArray, weight: NDArray | None = None, n_draws: float | None = None
    ) -> Marginal:
        """Distribution of some values.

        Parameters
        ----------
        x : ndarray of shape (n_rows,)
            The values.
        weight : ndarray of shape (n_rows,), default=None
            Their weights, summing to one; None is all equal.
        n_draws : float, default=None
            Number of rows that the weights stand for; None is one each.

        Returns
        -------
        marginal : Marginal
            The distribution.
        """
        values, place = np.unique(x, return_inverse=True)
        share = np.bincount(place, weights=weight) / (len(x) if weight is None else 1)
        is_atom = share * (n_draws or len(x)) > SHARED
        return cls(values, share, is_atom | (is_atom.mean() > MOSTLY_ATOMS))

    def reweighted(self, x: NDArray, weight: NDArray) -> Marginal:
        """The same values with other shares; the same ones are atoms.

        Parameters
        ----------
        x : ndarray of shape (n_rows,)
            The rows' values, up to rounding.
        weight : ndarray of shape (n_rows,)
            Their weights, summing to one.

        Returns
        -------
        marginal : Marginal
            The distribution.
        """
        middles = (self.values[1:] + self.values[:-1]) / 2
        place = np.searchsorted(middles, x)
        share = np.bincount(place, weights=weight, minlength=len(self.values))
        return replace(self, share=share)

    @property
    def has_ties(self) -> bool:
        """Whether a good part of the rows share their value with others."""
        return bool(self.share[self.is_atom].sum() > 1 - TIES)

    def nearest(self, y: NDArray) -> NDArray:
        """The value of the column that lies nearest to each of some others.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Numbers.

        Returns
        -------
        nearest : ndarray of shape (n_rows,)
            Values of the column.
        """
        return self.values[np.searchsorted((self.values[1:] + self.values[:-1]) / 2, y)]

    def quantile(self, level: NDArray) -> NDArray:
        """Values below which a share of the column lies.

        Parameters
        ----------
        level : ndarray of shape (n_levels,)
            Shares between 0 and 1.

        Returns
        -------
        quantile : ndarray of shape (n_levels,)
            The values.
        """
        total = np.cumsum(self.share)
        middle, last = total - self.share / 2, len(total) - 1
        above = np.searchsorted(middle, level)
        beside = self.is_atom[np.minimum(above, last)] | self.is_atom[np.maximum(above - 1, 0)]
        step = self.values[np.minimum(np.searchsorted(total, level), last)]
        return np.where(beside, step, np.interp(level, middle, self.values))

    def is_missed_by(self, y: NDArray, weight: NDArray | None = None) -> bool:
        r"""Whether rows are farther from the column than fresh rows of it would be.

        By the energy distance, ``2 ∫ (G - F)²``, against its mean over as many fresh rows,
        ``2 ∫ F (1 - F) / n``.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Values of moved rows.
        weight : ndarray of shape (n_rows,), default=None
            Their weights, summing to one.

        Returns
        -------
        is_missed : bool
            The answer.
        """
        order = np.argsort(y, kind="stable")
        y, n = y[order], len(y) if weight is None else 1 / np.sum(weight**2)
        edges = np.union1d(y, self.values)
        total, inner = np.append(0, np.cumsum(self.share)), edges[:-1]
        F = total[np.searchsorted(self.values, inner, side="right")]
        below = np.searchsorted(y, inner, side="right")
        G = below / len(y) if weight is None else np.append(0, np.cumsum(weight[order]))[below]
        energy, floor = np.stack([(G - F) ** 2, F * (1 - F) / n]) @ np.diff(edges)
        return bool(energy > floor)

    def left_by(self, y: NDArray, weight: NDArray | None = None) -> tuple[NDArray, Marginal]:
        """Find the rows that are on an atom already, and what they leave of the distribution.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Values of moved rows.
        weight : ndarray of shape (n_rows,), default=None
            Their weights, summing to one.

        Returns
        -------
        is_held : ndarray of bool, shape (n_rows,)
            Rows on an atom; none, if all rows are, or if they leave nothing.
        left : Marginal
            The distribution of all others.
        """
        is_held = np.isin(y, self.values[self.is_atom])
        if is_held.any() and not is_held.all():
            place = np.searchsorted(self.values, y[is_held])
            w = None if weight is None else weight[is_held]
            taken = np.bincount(place, w, len(self.values)) / (len(y) if weight is None else 1)
            share = self.share - taken
            some = np.where(taken > 0, share > 1 / len(y), True)  # less than a row is rounding
            if some.any():
                share = share[some] / share[some].sum()
                return is_held, Marginal(self.values[some], share, self.is_atom[some])
        return np.zeros(len(y), bool), self

    def map_from(self, y: NDArray, weight: NDArray | None = None) -> MonotoneMap:
        """The map that gives rows the distribution of this column, and leaves those on its atoms.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Values of moved rows.
        weight : ndarray of shape (n_rows,), default=None
            Their weights, summing to one.

        Returns
        -------
        map : MonotoneMap
            Equal values have equal images.
        """
        is_held, left = self.left_by(y, weight)
        y, weight = y[~is_held], None if weight is None else weight[~is_held]
        knots, place = np.unique(y, return_inverse=True)
        count = np.bincount(place, weights=weight)
        level = (np.cumsum(count) - count / 2) / (len(y) if weight is None else weight.sum())
        values, atoms = left.quantile(level), self.values[self.is_atom]
        held = atoms if is_held.any() else atoms[:0]
        return MonotoneMap(knots, values, np.isin(values, atoms), held)


@dataclass(frozen=True)
class MonotoneMap:
    """A non-decreasing function of one column, known at some knots; single values may be held.

    Parameters
    ----------
    knots : ndarray of shape (n_knots,)
        Distinct values in ascending order.
    values : ndarray of shape (n_knots,)
        Their images.
    is_atom : ndarray of bool, shape (n_knots,)
        Which of the images are atoms.
    held : ndarray of shape (n_held,), default=()
        Values that are their own image, in ascending order.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.flow import MonotoneMap
    >>> knots, values = np.array([0.0, 1.0, 2.0]), np.array([10.0, 20.0, 30.0])
    >>> mapped = MonotoneMap(knots, values, is_atom=np.array([False, False, True]))
    >>> mapped(np.array([-1.0, 0.5, 1.7, 2.0]))  # between knots; but 1.7 is beside an atom
    array([10., 15., 30., 30.])
    """

    knots: NDArray
    values: NDArray
    is_atom: NDArray
    held: NDArray = field(default_factory=lambda: np.empty(0))

    def __call__(self, y: NDArray) -> NDArray:
        """Apply the map, to every value on its own.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Any values.

        Returns
        -------
        matched : ndarray of shape (n_rows,)
            Interpolated between knots, but the nearer image of the two beside an atom; beyond the
            last knot its image, so that bounds are kept.
        """
        x, last = self.knots, len(self.knots) - 1
        above = np.searchsorted(x, y)
        low, high = np.maximum(above - 1, 0), np.minimum(above, last)
        nearer = np.where(x[high] - y <= y - x[low], high, low)
        beside = self.is_atom[low] | self.is_atom[high]
        matched = np.where(beside, self.values[nearer], np.interp(y, x, self.values))
        return np.where(np.isin(y, self.held), y, matched) if len(self.held) else matched


def marginals_of(
    X: NDArray, weight: NDArray | None = None, n_draws: float | None = None
) -> list[Marginal]:
    """Distributions of all columns; see `Marginal.of`."""
    return [Marginal.of(x, weight, n_draws) for x in X.T]


def match_marginals(Y: NDArray, marginals: Sequence[Marginal]) -> NDArray:
    """Give every column of Y, rank by rank, the quantiles of a marginal.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Samples.
    marginals : sequence of Marginal
        What every column is to be distributed like.

    Returns
    -------
    matched : ndarray of shape (n_rows, n_features)
        Values between two neighbouring values of the target are interpolated, unless one of them
        is an atom; atoms come back as often as they are in the target.
    """
    matched = Y.copy()
    for y, marginal in zip(matched.T, marginals, strict=True):
        is_held, left = marginal.left_by(y)
        rows = np.flatnonzero(~is_held)
        level = (np.arange(len(rows)) + 0.5) / len(rows)
        y[rows[np.argsort(y[rows], kind="stable")]] = left.quantile(level)
    return matched


def unlike_marginals(Y: NDArray, marginals: Sequence[Marginal], n: float) -> NDArray:
    """Say in which columns rows do not have the target's marginal distribution.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Many more samples than target rows.
    marginals : sequence of Marginal
        What every column is to be distributed like.
    n : float
        Effective number of the target's rows.

    Returns
    -------
    unlike : ndarray of bool, shape (n_features,)
        Whether target rows share values in the column, or the Kolmogorov-Smirnov statistic says
        at the level of one per cent that the two distributions differ.
    """
    level = (np.arange(len(Y)) + 0.5) / len(Y)
    unlike = np.empty(Y.shape[1], bool)
    for j, marginal in enumerate(marginals):
        total = np.append(0, np.cumsum(marginal.share))
        below = total[np.searchsorted(marginal.values, np.sort(Y[:, j]))]
        statistic = np.abs(below - level).max()
        unlike[j] = marginal.has_ties or statistic > CRITICAL / np.sqrt(n)
    return unlike


def missing_maps(
    Y: NDArray,
    marginals: Sequence[Marginal],
    weight: NDArray | None = None,
    *,
    ties_only: bool = False,
) -> list[MonotoneMap | None]:
    """Maps of the columns that moved rows still miss, None of all others.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Rows at the end of their flow.
    marginals : sequence of Marginal
        What every column is to be distributed like.
    weight : ndarray of shape (n_rows,), default=None
        Positive weights of the rows.
    ties_only : bool, default=False
        Whether columns without shared values need no map, because their distribution is not known
        well enough.

    Returns
    -------
    maps : list of MonotoneMap or None
        Those of columns that target rows share values of, or that moved rows are farther from than
        fresh rows would be; none of fewer than 30 rows.
    """
    if len(Y) < MATCHED_ROWS:
        return [None] * len(marginals)
    weight = None if weight is None else weight / weight.sum()
    return [
        marginal.map_from(y, weight)
        if marginal.has_ties or (not ties_only and marginal.is_missed_by(y, weight))
        else None
        for marginal, y in zip(marginals, Y.T, strict=True)
    ]
