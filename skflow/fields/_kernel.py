r"""What fields of kernel sums have in common: both populations, or batches of them, prepared.

.. math:: Σ_i w_i K(z, x_i; σ) …, \qquad Σ_j u_j K(z, y_j; σ) …

over target rows x and moving rows y. Of long tables a step may use a batch of each.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import draw_evenly
from skflow.fields._base import Field, Frozen, Run
from skflow.kernels import KernelSum

__all__ = ["KernelField", "KernelRun", "Places", "Queries", "log_gaussian"]


class KernelField(Field):
    """Base class of fields that are made of kernel sums over target rows and moving rows."""

    @property
    def divisible(self) -> bool:
        """Whether the rows of a long table may be moved in groups."""
        return True

    def fit(
        self,
        X: NDArray,
        sigmas: NDArray,
        sample_weight: NDArray | None = None,
        *,
        origin: NDArray | None = None,
        rng: np.random.Generator | None = None,
    ) -> KernelField:
        """Prepare the target rows; absent ones (of zero weight) are dropped.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Target rows.
        sigmas : ndarray of shape (n_steps,)
            The bandwidths that the flow will use.
        sample_weight : ndarray of shape (n_rows,), default=None
            Non-negative weights of the target rows.
        origin : ndarray of shape (n_features,), default=None
            What was subtracted from the rows before.
        rng : numpy.random.Generator, default=None
            For fields that are trained; None is a fixed seed.

        Returns
        -------
        self : KernelField
            The fitted field.
        """
        self.recipe()  # refuses unknown parameters
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        self.target_ = KernelSum(X[weight > 0], weight[weight > 0])
        self._learn(
            np.asarray(sigmas, float),
            np.zeros(X.shape[1]) if origin is None else origin,
            np.random.default_rng(0) if rng is None else rng,
        )
        return self

    def _learn(self, sigmas: NDArray, origin: NDArray, rng: np.random.Generator) -> None:
        """Learn what kernel sums over ``target_`` do not know; see `fit` for the arguments."""


@dataclass(frozen=True)
class Queries:
    """Where a field is evaluated, and which of these rows stand for all in a sum over them.

    Parameters
    ----------
    every : KernelSum
        The queries.
    rows : ndarray of shape (n_rows, n_features)
        The moving rows that they belong to.
    drawn : KernelSum
        Those queries that stand for all.
    numbers : ndarray of shape (n_drawn,) or slice
        Their numbers.
    """

    every: KernelSum
    rows: NDArray
    drawn: KernelSum
    numbers: Any

    @classmethod
    def of(cls, Z: NDArray, Y: NDArray, numbers: NDArray | None = None) -> Queries:
        every = KernelSum(Z)
        if numbers is None:
            return cls(every, Y, every, slice(None))
        return cls(every, Y, KernelSum(Z[numbers]), numbers)

    @property
    def others(self) -> NDArray:
        """Numbers of the queries that were not drawn."""
        return np.delete(np.arange(self.every.n_rows), self.numbers)

    @property
    def places(self) -> Places:
        """Where the moving rows stand among those that were drawn."""
        return Places(self.every.n_rows, self.numbers)


@dataclass(frozen=True)
class Places:
    """Where the moving rows stand among those that were drawn for q.

    Parameters
    ----------
    n_rows : int
        Number of moving rows.
    numbers : ndarray of shape (n_drawn,) or slice
        Those that were drawn.
    """

    n_rows: int
    numbers: Any

    def among_drawn(self, like: NDArray, n_drawn: int) -> NDArray:
        """Places of rows among those that were drawn, -1 of those that were not."""
        position = np.full(self.n_rows, -1)
        position[self.numbers] = np.arange(n_drawn)
        return position[like]

    def terms(
        self,
        q: KernelSum,
        bias: NDArray,
        Z: NDArray,
        like: NDArray,
        Y: NDArray,
        log_kernel: Callable[[NDArray, NDArray], NDArray],
    ) -> tuple[NDArray, NDArray, NDArray]:
        """What a new row adds to a sum over q, and what the row whose place it takes had added.

        Parameters
        ----------
        q : KernelSum
            The rows that were drawn.
        bias : ndarray of shape (n_drawn,)
            Logs of their weights.
        Z, Y : ndarrays of shape (n_queries, n_features)
            Queries, and the new rows they belong to.
        like : ndarray of shape (n_queries,)
            Numbers of the rows whose places the new rows take.
        log_kernel : callable
            ``log_kernel(Z, rows)``, row by row.

        Returns
        -------
        y : ndarray of shape (n_queries, n_features)
            The rows whose places are taken.
        log_own, log_other : ndarrays of shape (n_queries,)
            Logs of the terms of new rows and of those rows, -inf for rows that were not drawn. A
            row in its own place has the same bits twice.
        """
        place = self.among_drawn(like, q.n_rows)
        y = q.rows[place].astype(np.float64)
        weight = np.where(place >= 0, bias[place], -np.inf)
        return y, *(weight + log_kernel(Z, rows) for rows in (Y.astype(np.float64), y))


def log_gaussian(sigma: float, Z: NDArray, rows: NDArray) -> NDArray:
    """``-‖z - x‖²/2σ²``, row by row."""
    return -np.sum(((Z - rows) / sigma) ** 2, axis=1) / 2


class KernelRun(Run):
    """Prepares both populations, or a batch of each, for the formula of a field.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    tol : float
        Share of a kernel sum that may be neglected.
    """

    def __init__(self, target: KernelSum, rng: np.random.Generator, tol: float) -> None:
        self.target, self.rng, self.tol = target, rng, tol
        self._start: KernelSum | None = None
        self._part: KernelSum | None = None
        self.is_whole = True  # no batch was drawn

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Velocity at the queries Z of the population Y; see `Run.velocity`."""
        every = p = self._population()
        size, numbers = self.batch_size, None
        if size is not None and size < p.n_rows:
            p = KernelSum(p.rows[self._draw(size, p)])
        if size is not None and size < len(Y):
            if self._start is None:  # rows keep to their neighbours on the way
                self._start = KernelSum(Y)
            numbers = self._draw(size, self._start)
        queries = Queries.of(Z, Y, numbers)
        q = queries.drawn if Z is Y else KernelSum(Y if numbers is None else Y[numbers])
        self.is_whole = p is every and numbers is None
        v, self._frozen = self._evaluate(queries, p, q, sigma, 0.0 if self.by_row else self.tol)
        return v

    def _population(self) -> KernelSum:
        """The target rows of this flow: all, or as many as it may use, drawn once."""
        if self.n_target is None or self.n_target >= self.target.n_rows:
            return self.target
        if self._part is None:
            self._part = KernelSum(self.target.rows[self._draw(self.n_target, self.target)])
        return self._part

    def renew(self) -> None:
        """Forget what belongs to single rows; see `Run.renew`."""
        self._start = None

    def frozen(self) -> Frozen:
        """Return the velocity of the last evaluation; see `Run.frozen`."""
        return self._frozen

    @abstractmethod
    def _evaluate(
        self, queries: Queries, p: KernelSum, q: KernelSum, sigma: float, tol: float
    ) -> tuple[NDArray, Frozen]:
        """Velocity at the queries, given the rows that stand for p and q; and frozen."""

    def _draw(self, size: int, rows: KernelSum) -> NDArray:
        """Draw a batch in proportion to the weights, a row from each of equal shares of the total.

        The rows of a share are neighbours in a tree, so a batch looks like the whole.
        """
        return rows.tree_order[draw_evenly(rows.tree_shares, size, self.rng)]
