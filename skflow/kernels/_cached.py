r"""Two sums over the same pairs, from kernel values that are cached in between.

.. math:: g_j = -\log Σ_i u_i e^{f_i} K(z_i, x_j; σ), \qquad
          D(z_i) ∝ Σ_j w_j e^{g_j} K(z_i, x_j; σ) \, x_j

One goes over the queries, the other, which needs its result, over the rows. The values
``e^{f_i} K(z_i, x_j)`` serve both, e^g being a factor of the x: every second exponential is saved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skflow.kernels._dense import ORDINARY, are_in_reach, dtype_of_values
from skflow.kernels._rows import Rows
from skflow.kernels._threads import parallel_for
from skflow.kernels._tiles import (
    BLOCK_BYTES,
    blocks,
    cut,
    exponential,
    join,
    pad_rows,
    query_factors,
    row_factors,
)

__all__ = ["cached_balance"]

CACHED_BYTES = 2**27  # kernel values that may be cached: in single precision of 5793² pairs
PROBED_ROWS = 8  # whose sums tell the size of all
FEW = 0.25  # largest share of sums which are not ordinary, and are taken by other means


def cached_balance(
    rows: Rows, queries: Rows, sigma: float, f: NDArray, tol: float, n_threads: int
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray] | None:
    """Balance as `KernelSum.balance` does, see there; None if two sums do better.

    Returns
    -------
    log_weight, mean, log_sum : ndarrays
        As there, the mean in float64.
    is_known, is_served : ndarrays of bool of shape (n_rows,), (n_queries,)
        Which rows' and which queries' sums are in the range of the values that are cached. Those of
        outliers are not: they do not take part, and have to be summed by other means.
    """
    dtype = dtype_of_values(rows, queries.n_rows, tol)
    if queries.n_rows * rows.n_rows * dtype.itemsize > CACHED_BYTES:
        return None
    z = rows.inside(queries.rows)
    square = np.einsum("ij,ij->i", z, z)
    if not are_in_reach(rows, square, sigma / rows.unit).all():
        return None
    values = _Values(rows, queries, z, square, (rows.unit / sigma) ** 2, f, dtype)
    parallel_for(len(values.tiles), values.receive, n_threads)
    total = values.received.sum(axis=0)
    is_known = _are_ordinary(total)
    if np.mean(is_known) < 1 - FEW:
        return None
    total = np.where(is_known, total, 1.0)
    values.weigh(np.where(is_known, rows.weight / total, 0.0))
    parallel_for(len(values.tiles), values.give, n_threads)
    given = join(values.given, queries.n_rows)
    mean, mass = given[:, : rows.n_features], given[:, rows.n_features]
    is_served = _are_ordinary(mass)
    if np.mean(is_served) < 1 - FEW:
        return None
    mass = np.where(is_served, mass, 1.0)
    D = mean / mass[:, None] * rows.unit + rows.center
    return values.shift - np.log(total), D, np.log(mass) - f, is_known, is_served


def _are_ordinary(sums: NDArray) -> NDArray:
    return np.asarray((sums > np.exp(-ORDINARY)) & (sums < np.exp(ORDINARY)))


class _Values:
    """Kernel values of all pairs, tile by tile, times a constant that brings their sums near one.

    Parameters
    ----------
    rows, queries : Rows
        Both sides.
    z, square : ndarrays of shape (n_queries, n_features), (n_queries,)
        The queries in the rows' frame, and their squared norms.
    gamma : float
        One over the squared bandwidth, in units.
    f : ndarray of shape (n_queries,)
        The queries' potential.
    dtype : dtype
        Precision of the values.

    Attributes
    ----------
    shift : float
        Log of the constant.
    received : ndarray of shape (n_tiles, n_rows)
        What every row receives of the queries of a tile.
    given : ndarray of shape (n_tiles, 1, n_features + 1, width)
        What every query is given of the x, and in all.
    """

    def __init__(
        self,
        rows: Rows,
        queries: Rows,
        z: NDArray,
        square: NDArray,
        gamma: float,
        f: NDArray,
        dtype: np.dtype,
    ) -> None:
        x = self.x = rows.inside(rows.rows)
        A = query_factors(z, np.full(len(z), gamma), f - gamma / 2 * square)
        B = row_factors(x, np.zeros(len(x)))
        # however far apart the populations are
        probes = A @ B[:, np.linspace(0, len(x) - 1, PROBED_ROWS).astype(int)]
        top = probes.max(axis=0)
        self.shift = -np.median(top + np.log(queries.weight @ np.exp(probes - top)))
        A[:, x.shape[1]] += self.shift
        self.tiles, self.B = cut(A.astype(rows.dtype), len(x)), B.astype(rows.dtype)
        n_tiles, width = len(self.tiles), self.tiles.shape[3]
        self.u = np.zeros((n_tiles, width), dtype)
        self.u.ravel()[: len(z)] = queries.weight
        self.values = np.empty((n_tiles, 1, len(x), width), dtype)
        self.received = np.empty((n_tiles, len(x)))

    def receive(self, i: int) -> None:
        """Compute the values of a tile, and sum them over its queries."""
        A, dtype = self.tiles[i], self.values.dtype
        with np.errstate(over="ignore", invalid="ignore"):  # judged by the caller
            for part, E in blocks(A, self.B):
                np.matmul(self.B[:, part].T, A, out=E)
                kernel = exponential(E, dtype, self.values[i, :, part])
                self.received[i, part] = (kernel @ self.u[i])[0]

    def weigh(self, weight: NDArray) -> None:
        """Give the rows the weights of the second sum."""
        if not weight.all():
            self.values[:, 0, weight == 0] = 0  # which may be infinite
        V = np.vstack([self.x.T, np.ones(len(self.x))]) * weight
        self.V = pad_rows(V.astype(self.values.dtype))
        self.given = np.zeros((len(self.tiles), 1, len(self.V), self.tiles.shape[3]))

    def give(self, i: int) -> None:
        """Sum the values of a tile over the weighted rows."""
        step = BLOCK_BYTES // (self.tiles.shape[3] * self.values.itemsize)
        for start in range(0, len(self.x), step):
            part = slice(start, start + step)
            self.given[i] += self.V[:, part] @ self.values[i, :, part]
