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
from skflow.kernels._sums import kernel_sums
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
) -> tuple[NDArray, NDArray, NDArray] | None:
    """Return what `KernelSum.balance` does, see there; or None if two sums do better.

    Sums out of the range of the values that are cached, those of outliers, are taken anew.
    """
    dtype = dtype_of_values(rows, queries.n_rows, tol)
    if queries.n_rows * rows.n_rows * dtype.itemsize > CACHED_BYTES:
        return None
    z = rows.inside(queries.rows)
    square = np.einsum("ij,ij->i", z, z)
    if not are_in_reach(rows, square, sigma / rows.unit).all():
        return None
    values = _Values(rows, queries, z, square, (rows.unit / sigma) ** 2, f, dtype)
    total = values.received(queries.weight, n_threads)
    good = _are_ordinary(total)
    if np.mean(good) < 1 - FEW:
        return None
    total = np.where(good, total, 1.0)
    mean, mass = values.given(np.where(good, rows.weight / total, 0.0), n_threads)
    served = _are_ordinary(mass)
    if np.mean(served) < 1 - FEW:
        return None
    mass = np.where(served, mass, 1.0)
    g, s = values.shift - np.log(total), np.log(mass) - f
    D = mean / mass[:, None] * rows.unit + rows.center
    if not good.all():
        g[~good], D, s = _with_far_rows(rows, queries, sigma, f, ~good, D, s, tol, n_threads)
    if not served.all():
        D[~served], s[~served] = kernel_sums(
            rows,
            queries.rows[~served],
            sigma,
            log_weight=g,
            log_scale=f[~served],
            tol=tol,
            n_threads=n_threads,
        )
    return g, D.astype(rows.dtype), s


def _are_ordinary(sums: NDArray) -> NDArray:
    return np.asarray((sums > np.exp(-ORDINARY)) & (sums < np.exp(ORDINARY)))


def _with_far_rows(
    rows: Rows,
    queries: Rows,
    sigma: float,
    f: NDArray,
    is_far: NDArray,
    D: NDArray,
    s: NDArray,
    tol: float,
    n_threads: int,
) -> tuple[NDArray, NDArray, NDArray]:
    """Take the sums of some rows anew, and add their part to what the others give."""
    far = Rows(rows.rows[is_far], rows.weight[is_far])
    g = -kernel_sums(queries, far, sigma, log_weight=f, moment=False, tol=tol, n_threads=n_threads)[
        1
    ]
    log_weight = g + np.log(rows.weight[is_far].sum())
    D_far, s_far = kernel_sums(
        far, queries, sigma, log_weight=log_weight, tol=tol, n_threads=n_threads
    )
    s_both = np.logaddexp(s, s_far)
    return g, D + np.exp(s_far - s_both)[:, None] * (D_far - D), s_both


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
        self.x, self.n = rows.inside(rows.rows), len(z)
        A = query_factors(z, np.full(len(z), gamma), f - gamma / 2 * square)
        B = row_factors(self.x, np.zeros(len(self.x)))
        # however far apart the populations are
        probes = A @ B[:, np.linspace(0, len(self.x) - 1, PROBED_ROWS).astype(int)]
        top = probes.max(axis=0)
        self.shift = -np.median(top + np.log(queries.weight @ np.exp(probes - top)))
        A[:, self.x.shape[1]] += self.shift
        self.tiles, self.B = cut(A.astype(rows.dtype), len(self.x)), B.astype(rows.dtype)
        width = self.tiles.shape[3]
        self.values = np.empty((len(self.tiles), 1, len(self.x), width), dtype)

    def received(self, weight: NDArray, n_threads: int) -> NDArray:
        """Compute the values, and sum them over the queries: what every row receives."""
        n_tiles, width, dtype = len(self.tiles), self.tiles.shape[3], self.values.dtype
        u = np.zeros((n_tiles, width), dtype)
        u.ravel()[: self.n] = weight
        received = np.empty((n_tiles, len(self.x)))

        def receive(i: int) -> None:
            with np.errstate(over="ignore", invalid="ignore"):  # judged by the caller
                for part, E in blocks(self.tiles[i], self.B):
                    kernel = exponential(E, dtype, self.values[i, :, part])
                    received[i, part] = (kernel @ u[i])[0]

        parallel_for(n_tiles, receive, n_threads)
        return np.asarray(received.sum(axis=0))

    def given(self, weight: NDArray, n_threads: int) -> tuple[NDArray, NDArray]:
        """Sum the values over weighted rows: what every query is given of the x, and in all."""
        dtype, width = self.values.dtype, self.values.shape[3]
        if not weight.all():
            self.values[:, 0, weight == 0] = 0  # which may be infinite
        V = pad_rows((np.vstack([self.x.T, np.ones(len(self.x))]) * weight).astype(dtype))
        step = BLOCK_BYTES // (width * dtype.itemsize)
        sums = np.zeros((len(self.values), 1, len(V), width))

        def give(i: int) -> None:
            for start in range(0, len(self.x), step):
                part = slice(start, start + step)
                sums[i] += V[:, part] @ self.values[i, :, part]

        parallel_for(len(self.values), give, n_threads)
        d = self.x.shape[1]
        sums_by_query = join(sums, self.n)
        return sums_by_query[:, :d], sums_by_query[:, d]
