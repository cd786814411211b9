"""Kernel sums of Gaussian kernels, over all rows or over those that matter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skflow.kernels._dense import DenseMeans, DenseSums, dtype_of_values
from skflow.kernels._pruned import PRUNED_ROWS, pruned_sums, pruning_pays
from skflow.kernels._rows import Rows

__all__ = ["kernel_sums"]


def kernel_sums(
    rows: Rows,
    Z: NDArray | Rows,
    sigma: float,
    *,
    log_weight: NDArray | None = None,
    log_scale: NDArray | None = None,
    moment: bool = True,
    tol: float = 0.0,
    n_threads: int,
) -> tuple[NDArray, NDArray]:
    """Kernel means and logs of the kernel sums; see `KernelSum.sums`."""
    z = Z.rows if isinstance(Z, Rows) else Z
    bias = rows.log_weight if log_weight is None else rows.log_weight + log_weight
    if tol > 0 and min(rows.n_rows, len(z)) >= PRUNED_ROWS:
        queries = Z if isinstance(Z, Rows) else Rows(z)
        if pruning_pays(rows, queries, sigma, tol):
            return pruned_sums(rows, queries, sigma, bias, tol, moment=moment, n_threads=n_threads)
    dtype = dtype_of_values(rows, len(z), tol)
    if moment:
        return DenseMeans(rows, sigma, bias, dtype, is_wide=tol > 0)(z, log_scale, n_threads)
    nothing = np.empty((rows.n_rows, 0))
    dense = DenseSums(rows, sigma, bias, nothing, dtype, is_wide=tol > 0)
    return dense(z, log_scale, n_threads)
