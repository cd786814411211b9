r"""Two sums over the same pairs, from kernel values that are kept in between.

.. math:: g_j = -\log Σ_i u_i e^{f_i} K(z_i, x_j; σ), \qquad
          D(z_i) ∝ Σ_j w_j e^{g_j} K(z_i, x_j; σ) \, x_j

One goes over the queries, the other, which needs its result, over the rows. The values
``e^{f_i} K(z_i, x_j)`` serve both, e^g being a factor of the x: every second exponential is saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skflow.kernels._threads import deal_out
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

if TYPE_CHECKING:
    from skflow.kernels._sums import KernelSum

__all__ = ["kept_sums"]

KEPT_BYTES = 2**27  # kernel values that may be kept: in single precision those of 5793² pairs
PROBES = 8  # rows whose sums tell the size of all
# Largest logarithm of a sum that is ordinary. In single precision an exponent of this size rounds
# by 6e-7, and what underflows is nothing beside any ordinary sum.
ORDINARY = 10.0
FEW = 0.25  # largest share of sums which are not, and are taken by other means


def kept_sums(
    rows: KernelSum, queries: KernelSum, sigma: float, f: NDArray, tol: float, n_threads: int
) -> tuple[NDArray, NDArray, NDArray] | None:
    """Return what `KernelSum.balance` does, see there; or None if two sums do better.

    Sums out of the range of the values that are kept, those of outliers, are taken anew.
    """
    dtype = rows.dtype_of_values(queries.n_rows, tol)
    if queries.n_rows * rows.n_rows * dtype.itemsize > KEPT_BYTES:
        return None
    x, z = rows.inside(rows.rows), rows.inside(queries.rows)
    square = np.einsum("ij,ij->i", z, z)
    if not rows.are_in_reach(square, sigma / rows.unit).all():
        return None
    gamma = (rows.unit / sigma) ** 2
    A = query_factors(z, np.full(len(z), gamma), f - gamma / 2 * square)
    B = row_factors(x, np.zeros(len(x)))
    # a constant for all, so that values are near one however far apart the populations are
    probes = A @ B[:, np.linspace(0, len(x) - 1, PROBES).astype(int)]
    top = probes.max(axis=0)
    shift = -np.median(top + np.log(queries.weight @ np.exp(probes - top)))
    A[:, x.shape[1]] += shift
    A, B = A.astype(rows.dtype), B.astype(rows.dtype)
    tiles = cut(A, len(x))
    width = tiles.shape[3]
    u = np.zeros((len(tiles), width), dtype)
    u.ravel()[: len(z)] = queries.weight
    kept = np.empty((len(tiles), 1, len(x), width), dtype)
    received = np.empty((len(tiles), len(x)))

    def receive(i: int) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # judged below
            for part, E in blocks(tiles[i], B):
                received[i, part] = (exponential(E, dtype, kept[i, :, part]) @ u[i])[0]

    deal_out(len(tiles), receive, n_threads)
    total = received.sum(axis=0)
    good = _are_ordinary(total)
    if np.mean(good) < 1 - FEW:
        return None
    g = shift - np.log(np.where(good, total, 1.0))
    if not good.all():
        far = rows.take(~good)
        g[~good] = -queries.sums(far, sigma, log_weight=f, moment=False, tol=tol)[1]
        kept[:, 0, ~good] = 0
    V = np.vstack([x.T, np.ones(len(x))]) * (rows.weight / np.where(good, total, 1.0))
    V = pad_rows(V.astype(dtype))
    step = BLOCK_BYTES // (width * dtype.itemsize)
    sums = np.zeros((len(tiles), 1, len(V), width))

    def give(i: int) -> None:
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            sums[i] += V[:, part] @ kept[i, :, part]

    deal_out(len(tiles), give, n_threads)
    moments, mass, _ = np.split(join(sums, len(z)), [z.shape[1], z.shape[1] + 1], axis=1)
    served = _are_ordinary(mass[:, 0])
    if np.mean(served) < 1 - FEW:
        return None
    mass[~served] = 1
    D, s = moments / mass * rows.unit + rows.center, np.log(mass[:, 0]) - f
    if not good.all():
        log_weight = g[~good] + np.log(rows.weight[~good].sum())
        D_far, s_far = far.sums(queries, sigma, log_weight=log_weight, tol=tol)
        s_both = np.logaddexp(s, s_far)
        D += np.exp(s_far - s_both)[:, None] * (D_far - D)
        s = s_both
    if not served.all():
        D[~served], s[~served] = rows.sums(
            queries.rows[~served], sigma, log_weight=g, log_scale=f[~served], tol=tol
        )
    return g, D.astype(rows.dtype), s


def _are_ordinary(sums: NDArray) -> NDArray:
    return np.asarray((sums > np.exp(-ORDINARY)) & (sums < np.exp(ORDINARY)))
