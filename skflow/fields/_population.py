r"""Populations: the rows of one side of a flow, as the queries of a step see them.

.. math:: D_q(z;σ) = \frac{Σ_j u_j K(z, y_j; σ) \, y_j}{Σ_j u_j K(z, y_j; σ)}

While rows move they are the population q. A new row that is moved later, on its own, takes the
place of one of them:

.. math:: \{y_j\} → \{y_j\} - y_i + y

Otherwise q would pull at the new row from where other rows are, never from where it is itself, and
add up the same displacement step by step. Every velocity is a function of populations, so it is the
same function for both.

Of long tables a batch of b rows may stand for all. A row that is not among them counts itself in,
with the weight 1/b that the others have:

.. math:: \{y_j\}_{j=1}^b → \{y_j\}_{j=1}^b + y

It would be pushed off by the nearest of them without bound otherwise, nothing being left at the
distance zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import cached_value
from skflow.kernels import GAUSSIAN, KernelSum, RadialKernel, gradient_of, mean_signs, project

__all__ = ["MovingRows", "Population"]

EMPTY = 1e-6  # share of a kernel sum below which nothing is left of it
ALONE = 1.0  # log of a new row's term over the sum, from which on the row is alone with itself

Means = tuple[NDArray, NDArray]  # kernel means at the queries, and logs of the kernel sums


@dataclass(frozen=True)
class Population:
    """Rows that stand for one side.

    Parameters
    ----------
    rows : KernelSum
        The rows.
    tol : float
        Share of a kernel sum that may be neglected.
    scale : ndarray of shape (n_features,), default=None
        What columns are multiplied by before distances are taken: σ over a bandwidth of their own,
        1 for the others. None is 1 for all.
    """

    rows: KernelSum
    tol: float
    scale: NDArray | None

    @cached_value
    def scaled(self) -> KernelSum:
        """The rows, in the coordinates that distances are taken in."""
        if self.scale is None:
            return self.rows
        X = (self.rows.rows * self.scale).astype(self.rows.dtype)
        return KernelSum(X, self.rows.weight * self.rows.n_draws)

    def coordinates(self, Z: KernelSum) -> KernelSum:
        """Queries, in the coordinates that distances are taken in."""
        if self.scale is None:
            return Z
        return KernelSum((Z.rows * self.scale).astype(Z.dtype), Z.weight * Z.n_draws)

    def mean(
        self,
        Z: KernelSum,
        sigma: float,
        kernel: RadialKernel = GAUSSIAN,
        *,
        log_weight: NDArray | None = None,
        log_scale: NDArray | None = None,
    ) -> Means:
        """Kernel mean of the rows, and log of the kernel sum.

        Parameters
        ----------
        Z : KernelSum
            Queries.
        sigma : float
            Bandwidth.
        kernel : RadialKernel, default=GAUSSIAN
            The kernel.
        log_weight : ndarray of shape (n_rows,), default=None
            Logs of factors of the rows' weights.
        log_scale : ndarray of shape (n_queries,), default=None
            A guess of minus the log of the sum.

        Returns
        -------
        mean, log_sum : ndarrays of shape (n_queries, n_features), (n_queries,)
            See `KernelSum.sums`.
        """
        D, log_sum = kernel.mean(
            self.scaled,
            self.coordinates(Z),
            sigma,
            log_weight=log_weight,
            log_scale=log_scale,
            tol=self.tol,
        )
        return self._back(D), log_sum

    def balance(
        self, queries: KernelSum, sigma: float, f: NDArray
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Log-weights that make the rows' shares even, and means; see `KernelSum.balance`."""
        g, D, log_sum = self.scaled.balance(self.coordinates(queries), sigma, f, tol=self.tol)
        return g, self._back(D), log_sum

    def gradient(self, Z: KernelSum, sigma: float) -> Means:
        r"""Gradient of the kernel sum, ``S(z) (D(z) - z) / σ²``, and the kernel sum S."""
        mean, log_sum = self.mean(Z, sigma)
        return gradient_of(mean, log_sum, Z.rows, sigma), np.exp(log_sum)

    def signs(self, Z: KernelSum, directions: NDArray) -> NDArray:
        """Mean signs of the rows less the queries along directions; see `mean_signs`.

        Parameters
        ----------
        Z : KernelSum
            Queries.
        directions : ndarray of shape (n_directions, n_features)
            Directions.

        Returns
        -------
        signs : ndarray of shape (n_directions, n_queries)
            Mean signs.
        """
        t, s = (self._along(A, directions) for A in (Z.rows, self.rows.rows))
        return mean_signs(t, s, self.rows.weight)

    def _along(self, A: NDArray, directions: NDArray) -> NDArray:
        """Rows along directions, in the coordinates that distances are taken in."""
        return project(A, directions if self.scale is None else directions * self.scale)

    def _back(self, D: NDArray) -> NDArray:
        """Kernel means in the units of the data."""
        return D if self.scale is None else (D / self.scale).astype(D.dtype)


@dataclass(frozen=True)
class MovingRows(Population):
    """The rows that move, or those that were drawn of them, each query with a row of its own.

    Parameters
    ----------
    own : ndarray of shape (n_queries, n_features)
        The rows that the queries belong to.
    numbers : ndarray of shape (n_drawn,) or slice
        Which of the moving rows were drawn.
    n_rows : int
        Number of moving rows.
    at : ndarray of shape (n_queries,) or slice
        Number of the moving row in whose place a query's row is.
    """

    own: NDArray
    numbers: Any
    n_rows: int
    at: Any

    def replaced(self, like: NDArray, own: NDArray) -> MovingRows:
        """The same rows, each query having put a new row in the place of one of them.

        Parameters
        ----------
        like : ndarray of shape (n_queries,)
            Numbers of the rows whose places are taken.
        own : ndarray of shape (n_queries, n_features)
            The new rows.

        Returns
        -------
        moving_rows : MovingRows
            The population as each of the queries sees it.
        """
        return self._with(like, own, tol=0.0)

    def counted_in(self) -> MovingRows:
        """The same batch, every query's own row having taken its own place in it."""
        return self._with(np.arange(self.n_rows), self.own, tol=self.tol)

    def _with(self, like: NDArray, own: NDArray, tol: float) -> MovingRows:
        place = np.full(self.n_rows, -1)  # -1 of rows that were not drawn
        place[self.numbers] = np.arange(self.rows.n_rows)
        return _Replaced(
            self.rows, tol, self.scale, own, self.numbers, self.n_rows, like, place[like]
        )

    def drawn(self, Z: KernelSum) -> KernelSum:
        """Those queries that belong to rows that were drawn."""
        return Z if isinstance(self.numbers, slice) else KernelSum(Z.rows[self.numbers])

    def average(
        self, Z: KernelSum, sigma: float, values: NDArray, own_values: Callable[[], NDArray]
    ) -> Means:
        """Gaussian kernel mean of values that belong to the rows; and log of the kernel sum.

        Parameters
        ----------
        Z : KernelSum
            Queries.
        sigma : float
            Bandwidth.
        values : ndarray of shape (n_drawn, n_values)
            Values of the rows.
        own_values : callable
            Returns those of the queries' own rows, (n_queries, n_values), if they are needed.

        Returns
        -------
        average, log_sum : ndarrays of shape (n_queries, n_values), (n_queries,)
            See `KernelSum.average`.
        """
        return self.scaled.average(self.coordinates(Z).rows, sigma, values)


@dataclass(frozen=True)
class _Replaced(MovingRows):
    """One row replaced: a kernel sum loses the row's term, and gains that of the new row.

    Of a row that was not drawn there is no term to lose.
    """

    place: NDArray  # of the replaced rows among those that were drawn

    def mean(
        self,
        Z: KernelSum,
        sigma: float,
        kernel: RadialKernel = GAUSSIAN,
        *,
        log_weight: NDArray | None = None,
        log_scale: NDArray | None = None,
    ) -> Means:
        means = super().mean(Z, sigma, kernel, log_weight=log_weight, log_scale=log_scale)
        bias, absent = self.rows.log_weight, -np.log(self.rows.n_rows)
        if log_weight is not None:  # which is not known of rows that were not drawn
            bias, absent = bias + log_weight, -np.inf
        old = self.rows.rows[self.place].astype(np.float64)
        weights = bias, absent
        return self._exchanged(means, Z.rows, sigma, kernel, weights, old, self.own)

    def average(
        self, Z: KernelSum, sigma: float, values: NDArray, own_values: Callable[[], NDArray]
    ) -> Means:
        means = super().average(Z, sigma, values, own_values)
        old, new = values[self.place], own_values()
        weights = self.rows.log_weight, -np.log(self.rows.n_rows)
        return self._exchanged(means, Z.rows, sigma, GAUSSIAN, weights, old, new)

    def signs(self, Z: KernelSum, directions: NDArray) -> NDArray:
        t = self._along(Z.rows, directions)
        rows = self.rows.rows[self.place], self.own
        old, new = (np.sign(self._along(A, directions) - t) for A in rows)
        weight = np.where(self.place >= 0, self.rows.weight[self.place], 0.0)
        return super().signs(Z, directions) + weight * (new - old)

    def _exchanged(
        self,
        means: Means,
        Z: NDArray,
        sigma: float,
        kernel: RadialKernel,
        log_weights: tuple[NDArray, float],
        old: NDArray,
        new: NDArray,
    ) -> Means:
        """Means after the exchange. A row in its own place has the same bits as before it."""
        mean, log_sum = means
        is_drawn, (of_drawn, of_absent) = self.place >= 0, log_weights
        scale = 1.0 if self.scale is None else self.scale
        log_old, log_new = (
            np.where(is_drawn, of_drawn[self.place], of_absent)
            + kernel.log_pairs(Z * scale, x.astype(np.float64) * scale, sigma)
            - log_sum
            for x in (self.rows.rows[self.place], self.own)
        )
        log_old = np.where(is_drawn, log_old, -np.inf)
        top = np.where(log_new > ALONE, log_new, 0)
        rest, gain, loss = (np.exp(log - top)[:, None] for log in (0 * top, log_new, log_old))
        total = rest + (gain - loss)
        exchanged = (rest * mean + (gain * new - loss * old)) / np.maximum(total, EMPTY)
        left = total[:, 0] > EMPTY
        log_total = np.log(np.maximum(total[:, 0], EMPTY)) + top + log_sum
        mean = np.where(left[:, None], exchanged, mean).astype(mean.dtype)
        return mean, np.where(left, log_total, log_sum)
