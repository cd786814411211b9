r"""Kernels: functions of the distance in bandwidths.

.. math:: \log K(z, x; σ) = φ(‖z - x‖² / σ²)

Everything that is summed, and the single kernel values that are put in and taken out when a row of
a population is replaced by another, come from the one function φ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.kernels._dense import SLAB_ROWS
from skflow.kernels._kernel_sum import KernelSum
from skflow.kernels._threads import compute_threads
from skflow.kernels._tiles import cut, distance_factors, join, stream_safely

__all__ = ["GAUSSIAN", "RadialKernel"]


@dataclass(frozen=True)
class RadialKernel:
    """A kernel that falls with the distance. What is not known of it is None.

    One that has faster sums overrides `mean`.

    Parameters
    ----------
    log_value : callable
        φ, a function of an array of squared distances in bandwidths, which it may overwrite. Like
        the others it has to be defined in a module, so that it can be pickled.
    divergence, variance : callable, default=None
        Divergence of the kernel mean, and its variance over draws of the rows, with the arguments
        of `KernelSum.divergence` and `KernelSum.variance`.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.kernels import KernelSum, RadialKernel
    >>> def log_cauchy(square):
    ...     return -np.log1p(square)
    >>> cauchy = RadialKernel(log_cauchy)
    >>> rows, Z = KernelSum(np.array([[0.0], [3.0]])), KernelSum(np.array([[0.0]]))
    >>> mean, log_sum = cauchy.mean(rows, Z, sigma=1.0)
    >>> mean.round(4), np.exp(log_sum).round(4)  # kernel values 1 and 1/10
    (array([[0.2727]]), array([0.55]))
    """

    log_value: Callable[[NDArray], NDArray]
    divergence: Callable[..., NDArray] | None = None
    variance: Callable[..., NDArray] | None = None

    def log_pairs(self, Z: NDArray, X: NDArray, sigma: float) -> NDArray:
        """Log of the kernel between row i of Z and row i of X.

        Parameters
        ----------
        Z, X : ndarrays of shape (n_rows, n_features)
            Rows.
        sigma : float
            Bandwidth.

        Returns
        -------
        log_kernel : ndarray of shape (n_rows,)
            φ.
        """
        return self.log_value(np.sum(((Z - X) / sigma) ** 2, axis=1))

    def mean(
        self,
        rows: KernelSum,
        Z: KernelSum,
        sigma: float,
        *,
        log_weight: NDArray | None = None,
        log_scale: NDArray | None = None,
        tol: float = 0.0,
    ) -> tuple[NDArray, NDArray]:
        """Kernel mean of the rows at the queries, and log of the kernel sum.

        Parameters
        ----------
        rows, Z : KernelSum
            The rows, and the queries.
        sigma : float
            Bandwidth.
        log_weight, log_scale, tol
            As in `KernelSum.sums`; the last two only make faster ways faster.

        Returns
        -------
        mean, log_sum : ndarrays of shape (n_queries, n_features), (n_queries,)
            As in `KernelSum.sums`.
        """
        x, factor = rows.inside(rows.rows), (rows.unit / sigma) ** 2
        _, B = distance_factors(x)
        top = 0.0 if log_weight is None else float(log_weight.max())
        weight = rows.weight if log_weight is None else rows.weight * np.exp(log_weight - top)
        V = np.vstack([x.T, np.ones(rows.n_rows)]) * weight
        mean, log_sum = np.empty(Z.rows.shape, rows.dtype), np.empty(Z.n_rows)

        def exponent(E: NDArray) -> NDArray:
            return self.log_value(np.multiply(np.maximum(E, 0, out=E), factor, out=E))

        with compute_threads() as n_threads:
            for start in range(0, Z.n_rows, SLAB_ROWS):
                part = slice(start, start + SLAB_ROWS)
                A, _ = distance_factors(rows.inside(Z.rows[part]))
                totals, tops = stream_safely(cut(A), B, V, exponent, n_threads)
                sums, top_kernel = join(totals, len(A)), join(tops, len(A))[:, 0]
                mean[part] = sums[:, :-1] / sums[:, -1:] * rows.unit + rows.center
                log_sum[part] = np.log(sums[:, -1]) + top_kernel + top
        return mean, log_sum


def _log_gaussian(square: NDArray) -> NDArray:
    return -square / 2


def _gaussian_divergence(rows: KernelSum, *at: Any, **options: Any) -> NDArray:
    return rows.divergence(*at, **options)


def _gaussian_variance(rows: KernelSum, *at: Any, **options: Any) -> NDArray:
    return rows.variance(*at, **options)


class _Gaussian(RadialKernel):
    """The Gaussian kernel, which has faster sums."""

    mean = staticmethod(KernelSum.sums)  # type: ignore[assignment]  # rows are what it belongs to


GAUSSIAN = _Gaussian(_log_gaussian, _gaussian_divergence, _gaussian_variance)
