r"""Sums over all pairs of queries and rows.

.. math:: A(z_i) = \frac{Σ_j e^{E_{ij}} a_j}{Σ_j e^{E_{ij}}}, \qquad
          E_{ij} = -\frac{γ}{2} ‖z_i - x_j‖² + b_j

Queries whose sums leave the safe range, or whose exponents would round too much in the precision of
the data, are summed again in double precision under a running maximum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skflow._utils import cached_value
from skflow.kernels._rows import Rows
from skflow.kernels._threads import parallel_for
from skflow.kernels._tiles import (
    cut,
    exponential_sums,
    join,
    query_factors,
    row_factors,
    stream_safely,
)

__all__ = ["ORDINARY", "SLAB_ROWS", "DenseSums", "are_in_reach", "dtype_of_values"]

SLAB_ROWS = 2**13  # queries prepared at a time
MANY_SLABS = 16  # from which on each is prepared and summed by one thread
ROUNDING = 2.0**-6  # largest tolerated rounding error of an exponent in the fast path
# Kernel values in single precision are 1e-7 off; of fewer pairs than these they would save nothing.
SINGLE_TOL, SINGLE_PAIRS = 1e-6, 2**16
# Largest logarithm of a sum that is ordinary. In single precision an exponent of this size rounds
# by 6e-7, and what underflows is nothing beside any ordinary sum.
ORDINARY = 10.0
SAFE = 0.75  # share of a precision's range, in logarithms, that sums may use
HUGE = 1e150  # bandwidth in units, from which on its square overflows
LARGEST_SQUARE = 1e290  # squared distance in bandwidths: an exponent of it is still a number


def are_in_reach(rows: Rows, square: NDArray, sigma: float) -> NDArray:
    """Whether exponents of queries z, ‖z‖² = ``square`` in units, are accurate in the rows' dtype.

    They are where ``eps · reach²/2σ² ≤ ROUNDING``.
    """
    reach = np.sqrt(square) + rows.radius_in_units
    return np.asarray(reach <= sigma * np.sqrt(2 * ROUNDING / np.finfo(rows.dtype).eps))


def dtype_of_values(rows: Rows, n_queries: int, tol: float) -> np.dtype:
    """In what precision kernel values are taken."""
    is_single = tol >= SINGLE_TOL and rows.n_rows * n_queries >= SINGLE_PAIRS
    return np.dtype(np.float32) if is_single else rows.dtype


class DenseSums:
    """Averages of values under Gaussian weights, and logs of the sums, prepared for any queries.

    Parameters
    ----------
    rows : Rows
        The rows.
    sigma : float
        Bandwidth, in the units of the data.
    bias : ndarray of shape (n_rows,)
        Logs b of the rows' weights.
    values : ndarray of shape (n_rows, n_values), or None
        The a; None are the rows themselves, in units.
    dtype : dtype
        Precision of the kernel values.
    is_wide : bool
        Whether a query's bits may depend on the others.
    """

    def __init__(
        self,
        rows: Rows,
        sigma: float,
        bias: NDArray,
        values: NDArray | None,
        dtype: np.dtype,
        *,
        is_wide: bool,
    ) -> None:
        x, d = rows.inside(rows.rows), rows.n_features
        self.rows, self.sigma, self.is_wide = rows, np.float64(sigma) / rows.unit, is_wide
        self.top = float(bias.max())
        self.bias = bias - self.top
        # σ may be too small to be squared, and a weight too small for float32 is none
        with np.errstate(all="ignore"):
            self.gamma = float(self.sigma**-2.0) if self.sigma < HUGE else 0.0
            self.fast_B = np.ones((d + 2, rows.n_rows), rows.dtype)
            self.fast_B[:d] = x.T
            self.fast_B[-1] = self.bias - self.gamma / 2 * np.einsum("ij,ij->i", x, x)
        values = x if values is None else values
        self.V = np.ones((values.shape[1] + 1, rows.n_rows), dtype)
        self.V[:-1] = values.T
        self.fast_sums = exponential_sums(self.fast_B, self.V, wide=is_wide)

    @cached_value
    def B(self) -> NDArray:
        """Factors of the rows in double precision, of which queries take whatever γ."""
        return row_factors(self.rows.inside(self.rows.rows), self.bias)

    def __call__(
        self, Z: NDArray, log_scale: NDArray | None, n_threads: int
    ) -> tuple[NDArray, NDArray]:
        """Averages at the queries, (n_queries, n_values), and logs of the sums."""
        mean = np.empty((len(Z), len(self.V) - 1), self.rows.dtype)
        log_sum = np.empty(len(Z))
        slabs = [slice(start, start + SLAB_ROWS) for start in range(0, len(Z), SLAB_ROWS)]

        def by_one_thread(i: int) -> None:
            part = slabs[i]
            scale = None if log_scale is None else log_scale[part]
            mean[part], log_sum[part] = self(Z[part], scale, 1)

        if len(slabs) >= MANY_SLABS:
            parallel_for(len(slabs), by_one_thread, n_threads)
            return mean, log_sum
        for part in slabs:
            with np.errstate(over="ignore"):
                z = self.rows.inside(Z[part])
                square = np.einsum("ij,ij->i", z, z)
            scale = np.zeros(len(z)) if log_scale is None else log_scale[part] + self.top
            good = self._are_accurate(square, scale)
            averages, s = np.empty((len(z), len(self.V) - 1)), np.empty(len(z))
            if good.any():
                with np.errstate(all="ignore"):  # queries for which this matters are not good
                    A = np.ones((len(z), len(self.fast_B)))
                    np.multiply(z, self.gamma, out=A[:, :-2])
                    A[:, -2] = scale - square * (self.gamma / 2)
                    tiles = self.fast_sums(A)
                parallel_for(len(tiles), tiles.add, n_threads)
                averages, s, in_range = self._averages(tiles.sums(), scale)
                good &= in_range
            if not good.all():
                averages[~good], s[~good] = self._safe(z[~good], square[~good], n_threads)
            mean[part], log_sum[part] = self._outside(averages), s + self.top
        return mean, log_sum

    def _outside(self, A: NDArray) -> NDArray:
        """Averages in the values' own units."""
        return A

    def _are_accurate(self, square: NDArray, scale: NDArray) -> NDArray:
        """For which queries sums without a maximum pass are accurate."""
        rows = self.rows
        good = are_in_reach(rows, square, self.sigma)
        if self.V.dtype != rows.dtype and not scale.any():  # no guess: if all exponents are small
            # the logarithm of a mean is at least the mean of the logarithms
            with np.errstate(all="ignore"):
                bias = rows.weight @ (self.bias - rows.log_weight)
                good &= np.abs(bias - self.gamma / 2 * (square + rows.power)) < ORDINARY
        return good

    def _averages(self, sums: NDArray, scale: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Averages, logs of the sums, and which of the sums are in the range of their precision."""
        mass, info = sums[:, -1], np.finfo(self.V.dtype)
        low, high = info.tiny**SAFE, info.max**SAFE
        if self.V.dtype != self.fast_B.dtype:
            low, high = np.exp([-ORDINARY, ORDINARY])
        with np.errstate(all="ignore"):
            averages, s = sums[:, :-1] / mass[:, None], np.log(mass) - scale
        return averages, s, (mass > low) & (mass < high)

    def _safe(self, z: NDArray, square: NDArray, n_threads: int) -> tuple[NDArray, NDArray]:
        """Sum exponents in float64 under a running maximum: nothing over- or underflows."""
        reach = np.sqrt(square) + self.rows.radius_in_units
        with np.errstate(divide="ignore", over="ignore"):  # σ may be too small to be squared
            largest = np.minimum(LARGEST_SQUARE / reach**2, LARGEST_SQUARE)
            gamma = np.minimum(1 / np.square(self.sigma), largest)
        A = query_factors(z, gamma, np.zeros(len(z)))
        tiles = cut(A, self.rows.n_rows if self.is_wide else None)
        totals, tops = stream_safely(tiles, self.B, self.V, lambda E: E, n_threads)
        sums, top = join(totals, len(z)), join(tops, len(z))[:, 0]
        mass = sums[:, -1]
        return sums[:, :-1] / mass[:, None], np.log(mass) + top - square * gamma / 2


class DenseMeans(DenseSums):
    """Kernel means: the values are the rows themselves, which are taken back to their frame."""

    def __init__(
        self, rows: Rows, sigma: float, bias: NDArray, dtype: np.dtype, *, is_wide: bool
    ) -> None:
        super().__init__(rows, sigma, bias, None, dtype, is_wide=is_wide)

    def _outside(self, A: NDArray) -> NDArray:
        return A * self.rows.unit + self.rows.center
