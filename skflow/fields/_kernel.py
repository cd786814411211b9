r"""What fields of two populations have in common: all of their rows, or batches of them.

.. math:: v(z) = f(z; p, q, σ), \qquad p = \{w_i, x_i\}, \quad q = \{u_j, y_j\}

over target rows x and moving rows y. A field writes its velocity once, as a `Formula`. Of long
tables a step may use a batch of each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skflow._draws import draw_evenly
from skflow.fields._base import Field, FieldState, Frozen, Limits
from skflow.fields._population import MovingRows, Population
from skflow.kernels import KernelSum

__all__ = ["Formula", "FrozenVelocity", "KernelField", "KernelState"]


class KernelField(Field):
    """Base class of fields that are functions of target rows and moving rows."""

    @property
    def supports_groups(self) -> bool:
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
        self.defaults()  # refuses unknown parameters
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        self.target_ = KernelSum(X[weight > 0], weight[weight > 0])
        self._learn(
            np.asarray(sigmas, float),
            np.zeros(X.shape[1]) if origin is None else origin,
            np.random.default_rng(0) if rng is None else rng,
        )
        return self

    def reweighted(self, weight: NDArray) -> KernelField:
        """The fitted field with other weights of its target rows; see `Field.reweighted`."""
        other = copy(self)
        other.target_ = KernelSum(self.target_.rows, weight)
        return other

    def _learn(self, sigmas: NDArray, origin: NDArray, rng: np.random.Generator) -> None:
        """Learn what kernel sums over ``target_`` do not know; see `fit` for the arguments."""


class Formula(ABC):
    """A velocity, as a function of the queries and both populations; it does not change."""

    @abstractmethod
    def __call__(self, Z: KernelSum, p: Population, q: MovingRows, sigma: float) -> NDArray:
        """Velocity at the queries.

        Parameters
        ----------
        Z : KernelSum
            Queries.
        p, q : Population, MovingRows
            Target rows and moving rows.
        sigma : float
            Bandwidth.

        Returns
        -------
        velocity : ndarray of shape (n_queries, n_features)
            Displacement for η = 1, in the units of the data.
        """


@dataclass(frozen=True)
class FrozenVelocity:
    """A formula with the populations of one step; see `FieldState.frozen`."""

    formula: Formula
    p: Population
    q: MovingRows
    sigma: float

    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> NDArray:
        p, q = replace(self.p, tol=0.0), self.q.replaced(like, Y)
        return self.formula(KernelSum(Z), p, q, self.sigma)


class KernelState(FieldState):
    """Prepares both populations, or a batch of each, for the formula of a field.

    A derived state begins its ``velocity`` with ``_populations``, and ends it with ``_evaluated``,
    or with ``_keep`` where the velocity and its full step share their sums.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    limits : Limits
        How many rows to use.
    tol : float
        Share of a kernel sum that may be neglected.
    """

    def __init__(
        self, target: KernelSum, rng: np.random.Generator, limits: Limits, tol: float = 0.0
    ) -> None:
        self.target, self.rng, self.limits, self.tol = target, rng, limits, tol
        self._start: KernelSum | None = None
        self.is_whole = True  # no batch was drawn

    def _populations(
        self, Z: NDArray, Y: NDArray, sigma: float
    ) -> tuple[KernelSum, Population, MovingRows]:
        """The queries, and the rows that stand for both sides in this step."""
        every = p = self._target()
        size, numbers = self.limits.batch_size, None
        if size is not None and size < p.n_rows:
            p = KernelSum(p.rows[self._draw(size, p)])
        if size is not None and size < len(Y):
            if self._start is None:  # rows keep to their neighbours on the way
                self._start = KernelSum(Y, self.limits.weight)
            numbers = self._draw(size, self._start)
        self.is_whole = p is every and numbers is None
        weight = self.limits.weight
        queries, drawn = KernelSum(Z, weight), slice(None)
        rows = queries if Z is Y else KernelSum(Y, weight)
        if numbers is not None:  # which are drawn in proportion to the weights
            rows, drawn = KernelSum(Y[numbers]), numbers
        tol = 0.0 if self.limits.by_row else self.tol
        h, scale = self.limits.own_bandwidths, None
        if h is not None:
            scale = np.where(h > 0, sigma / np.where(h > 0, h, 1.0), 1.0)
        moving = MovingRows(rows, tol, scale, Y, drawn, len(Y), slice(None))
        if numbers is not None:
            moving = moving.counted_in()
        return queries, Population(p, tol, scale), moving

    def _evaluated(
        self, v: Formula, Z: KernelSum, p: Population, q: MovingRows, sigma: float
    ) -> NDArray:
        """The velocity by a formula, which is kept."""
        self._keep(v, p, q, sigma)
        return v(Z, p, q, sigma)

    def _keep(
        self, v: Formula, p: Population, q: MovingRows, sigma: float, *, full_step: float = 1.0
    ) -> None:
        """Keep the formula of this step, and how long a full step is along it."""
        self._last, self._full_step = FrozenVelocity(v, p, q, sigma), full_step

    def full_step(self) -> float:
        """Full step of the last evaluation; 0 if no row felt another."""
        return self._full_step

    def _target(self) -> KernelSum:
        """The target rows of this flow: all, or as many as it may use, drawn once."""
        n = self.limits.n_target
        if n is not None and n < self.target.n_rows:
            self.target = KernelSum(self.target.rows[self._draw(n, self.target)])
        return self.target

    def renew(self) -> None:
        """Forget what belongs to single rows; see `FieldState.renew`."""
        self._start = None

    def frozen(self) -> Frozen:
        """Return the velocity of the last evaluation; see `FieldState.frozen`."""
        return self._last

    def _draw(self, size: int, rows: KernelSum) -> NDArray:
        """Draw a batch in proportion to the weights, a row from each of equal shares of the total.

        The rows of a share are neighbours in a tree, so a batch looks like the whole.
        """
        return rows.tree_order[draw_evenly(rows.tree_shares, size, self.rng)]
