"""Sums of Gaussian kernels over one set of rows, and what follows from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skflow.kernels._cached import cached_balance
from skflow.kernels._dense import DenseMeans, DenseSums, dtype_of_values
from skflow.kernels._pruned import PRUNED_ROWS, pruned_sums, pruning_pays
from skflow.kernels._rows import Rows
from skflow.kernels._threads import compute_threads
from skflow.kernels._tiles import FEW_VALUES, MOST_VALUES, compiled

__all__ = ["KernelSum", "gradient_of"]

# Largest radius, in bandwidths, of rows whose squares may be taken with kernel values in single
# precision: 6e-4 of σ² off then.
VARIANCE_REACH = 100.0


class KernelSum(Rows):
    """Gaussian kernel sums over one set of rows, prepared once for many queries.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        The rows.
    sample_weight : ndarray of shape (n_rows,), default=None
        Positive weights of the rows; they are normalised to sum to one. Those that add up to more
        than the effective number of rows say how many rows each stands for.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.kernels import KernelSum
    >>> rows = KernelSum(np.array([[-1.0], [1.0]]), sample_weight=np.array([1.0, 3.0]))
    >>> Z = np.array([[0.0], [2.0]])
    >>> mean, log_sum = rows.sums(Z, sigma=1.0)
    >>> mean.round(3)
    array([[0.5  ],
           [0.988]])
    >>> np.exp(log_sum).round(3)
    array([0.607, 0.458])
    >>> rows.divergence(Z, sigma=1.0).round(3)
    array([0.75 , 0.024])
    """

    def _in_double(self) -> KernelSum:
        """The same rows in double precision."""
        return KernelSum(self.rows.astype(np.float64), self.weight * self.n_draws)

    def _dtype_of_sums(self, n_queries: int, n_values: int, tol: float) -> np.dtype:
        """Single values save time in products of matrices, and none in compiled loops."""
        in_loops = compiled() is not None and n_values < MOST_VALUES
        return self.dtype if in_loops else dtype_of_values(self, n_queries, tol)

    def sums(
        self,
        Z: NDArray | Rows,
        sigma: float,
        *,
        log_weight: NDArray | None = None,
        log_scale: NDArray | None = None,
        moment: bool = True,
        tol: float = 0.0,
    ) -> tuple[NDArray, NDArray]:
        r"""Kernel mean and log of the kernel sum, in one pass.

        .. math:: D(z_i) = Σ_j W_{ij} x_j / Σ_j W_{ij}, \quad  s_i = \log Σ_j W_{ij}, \quad
                  W_{ij} = w_j e^{g_j} K(z_i, x_j; σ)

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features), or Rows
            Queries; `Rows` of them bring their tree along.
        sigma : float
            Bandwidth, in the units of the data.
        log_weight : ndarray of shape (n_rows,), default=None
            The g, on top of the rows' own weights (zero if None).
        log_scale : ndarray of shape (n_queries,), default=None
            A guess of -s. It changes no result; a good guess keeps the terms in the range of the
            fast path when g is large.
        moment : bool, default=True
            Whether to compute D.
        tol : float, default=0.0
            If positive, rows far away may be left out, and from 1e-6 on kernel values are taken
            in single precision, their exponents as before: e^s is off by at most ``tol`` times
            itself, D by at most ``tol`` times the diameter of the rows, and a query's bits may
            depend on the other queries. Zero is exact.

        Returns
        -------
        mean : ndarray of shape (n_queries, n_features), dtype of X
            D, or a (n_queries, 0) array if ``moment`` is False.
        log_sum : ndarray of shape (n_queries,), float64
            s.
        """
        z = Z.rows if isinstance(Z, Rows) else Z
        bias = self.log_weight if log_weight is None else self.log_weight + log_weight
        with compute_threads() as n_threads:
            if tol > 0 and min(self.n_rows, len(z)) >= PRUNED_ROWS:
                queries = Z if isinstance(Z, Rows) else Rows(z)
                if pruning_pays(self, queries, sigma, tol):
                    at = queries, sigma, bias, tol
                    return pruned_sums(self, *at, moment=moment, n_threads=n_threads)
            dtype = self._dtype_of_sums(len(z), self.n_features, tol)
            if moment:
                dense: DenseSums = DenseMeans(self, sigma, bias, dtype, is_wide=tol > 0)
            else:
                nothing = np.empty((self.n_rows, 0))
                dense = DenseSums(self, sigma, bias, nothing, dtype, is_wide=tol > 0)
            return dense(z, log_scale, n_threads)

    def balance(
        self, queries: KernelSum, sigma: float, f: NDArray, *, tol: float = 0.0
    ) -> tuple[NDArray, NDArray, NDArray]:
        r"""Log-weights that make the rows' shares of the queries even, and the sums under them.

        .. math:: g_j = -\log Σ_i u_i e^{f_i} K(z_i, x_j; σ), \quad
                  D(z_i) = Σ_j W_{ij} x_j / Σ_j W_{ij}, \quad s_i = \log Σ_j W_{ij}, \quad
                  W_{ij} = w_j e^{g_j} K(z_i, x_j; σ)

        Both are `sums`; with a tolerance the second may use the first one's kernel values.

        Parameters
        ----------
        queries : KernelSum
            The z, with their weights u.
        sigma : float
            Bandwidth, in the units of the data.
        f : ndarray of shape (n_queries,)
            The queries' potential.
        tol : float, default=0.0
            As in `sums`.

        Returns
        -------
        log_weight : ndarray of shape (n_rows,), float64
            g.
        mean : ndarray of shape (n_queries, n_features), dtype of X
            D.
        log_sum : ndarray of shape (n_queries,), float64
            s.
        """
        with compute_threads() as n_threads:
            is_quick = self.dtype == np.float32 and self.n_features < FEW_VALUES
            in_loops = is_quick and compiled() is not None
            if tol > 0 and not in_loops and not pruning_pays(self, queries, sigma, tol):
                balanced = cached_balance(self, queries, sigma, f, tol, n_threads)
                if balanced is not None:
                    return self._completed(queries, sigma, f, tol, *balanced)
            g = -queries.sums(self, sigma, log_weight=f, moment=False, tol=tol)[1]
            return g, *self.sums(queries, sigma, log_weight=g, log_scale=f, tol=tol)

    def _completed(
        self,
        queries: KernelSum,
        sigma: float,
        f: NDArray,
        tol: float,
        g: NDArray,
        D: NDArray,
        log_sum: NDArray,
        is_known: NDArray,
        is_served: NDArray,
    ) -> tuple[NDArray, NDArray, NDArray]:
        """What `cached_balance` returns, with the sums that are not ordinary taken anew."""
        if not is_known.all():
            far = KernelSum(self.rows[~is_known], self.weight[~is_known])
            g[~is_known] = -queries.sums(far, sigma, log_weight=f, moment=False, tol=tol)[1]
            log_weight = g[~is_known] + np.log(self.weight[~is_known].sum())
            D_far, log_far = far.sums(queries, sigma, log_weight=log_weight, tol=tol)
            log_both = np.logaddexp(log_sum, log_far)
            D, log_sum = D + np.exp(log_far - log_both)[:, None] * (D_far - D), log_both
        if not is_served.all():
            some = queries.rows[~is_served], sigma
            D[~is_served], log_sum[~is_served] = self.sums(
                *some, log_weight=g, log_scale=f[~is_served], tol=tol
            )
        return g, D.astype(self.dtype), log_sum

    def average(
        self,
        Z: NDArray,
        sigma: float,
        values: NDArray,
        *,
        log_weight: NDArray | None = None,
        log_scale: NDArray | None = None,
        tol: float = 0.0,
    ) -> tuple[NDArray, NDArray]:
        r"""Kernel mean of values that belong to the rows, and log of the kernel sum.

        .. math:: A(z_i) = Σ_j w_j K(z_i, x_j; σ) a_j / Σ_j w_j K(z_i, x_j; σ)

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Queries.
        sigma : float
            Bandwidth.
        values : ndarray of shape (n_rows, n_values)
            The a.
        log_weight, log_scale : ndarrays of shape (n_rows,), (n_queries,), default=None
            As in `sums`.
        tol : float, default=0.0
            From 1e-6 on kernel values are taken in single precision, as in `sums`.

        Returns
        -------
        average : ndarray of shape (n_queries, n_values), dtype of X
            A.
        log_sum : ndarray of shape (n_queries,), float64
            Log of the sum of the weights.
        """
        bias = self.log_weight if log_weight is None else self.log_weight + log_weight
        dtype = self._dtype_of_sums(len(Z), values.shape[1], tol)
        with compute_threads() as n_threads:
            dense = DenseSums(self, sigma, bias, values, dtype, is_wide=tol > 0)
            return dense(Z, log_scale, n_threads)

    def divergence(self, Z: NDArray, sigma: float, *, log_weight: NDArray | None = None) -> NDArray:
        r"""Divergence of the kernel mean.

        .. math:: ∇·D(z_i) = \frac{1}{σ²} \left( Σ_j W_{ij} ‖x_j‖² - ‖D(z_i)‖² \right),
                  \qquad Σ_j W_{ij} = 1

        the trace of the covariance of the rows under the kernel's weights, over σ².

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Queries.
        sigma : float
            Bandwidth.
        log_weight : ndarray of shape (n_rows,), default=None
            As in `sums`.

        Returns
        -------
        divergence : ndarray of shape (n_queries,), float64
            A number without unit, not negative up to rounding.
        """
        if self.dtype != np.float64:  # a difference of squares
            return self._in_double().divergence(Z, sigma, log_weight=log_weight)
        x = self.inside(self.rows)
        values = np.column_stack([x, np.einsum("ij,ij->i", x, x)])
        mean, _ = self.average(Z.astype(np.float64), sigma, values, log_weight=log_weight)
        spread = mean[:, -1] - np.einsum("ij,ij->i", mean[:, :-1], mean[:, :-1])
        return np.maximum(spread, 0).astype(np.float64) * (self.unit / sigma) ** 2

    def variance(
        self,
        Z: NDArray,
        sigma: float,
        mean: NDArray,
        log_sum: NDArray,
        *,
        axes: NDArray,
        log_weight: NDArray | None = None,
        tol: float = 0.0,
    ) -> NDArray:
        r"""Variance that the kernel mean has from the draw of the rows, along given axes.

        .. math:: \sum_j W_{ij}² (u_k · (x_j - D(z_i)))² / m_j, \qquad Σ_j W_{ij} = 1

        that of a ratio of two sums over independent rows, to first order; m is how many rows a row
        stands for.

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Queries.
        sigma : float
            Bandwidth, in the units of the data.
        mean, log_sum : ndarrays of shape (n_queries, n_features), (n_queries,)
            The kernel mean D there, and the log of the kernel sum.
        axes : ndarray of shape (n_features, n_axes)
            Orthonormal axes u as columns.
        log_weight : ndarray of shape (n_rows,), default=None
            As in `sums`.
        tol : float, default=0.0
            As in `average`, where the bandwidth is not too small against the rows' radius.

        Returns
        -------
        variance : ndarray of shape (n_queries, n_axes), float64
            In squared units of the data.
        """
        if self.dtype != np.float64:  # a difference of squares
            rows, Z = self._in_double(), Z.astype(np.float64)
            return rows.variance(Z, sigma, mean, log_sum, axes=axes, log_weight=log_weight, tol=tol)
        if self.radius > VARIANCE_REACH * sigma:
            tol = 0.0
        x, D = self.inside(self.rows) @ axes, self.inside(mean) @ axes
        # K² is the kernel of bandwidth σ/√2, and of w²/m there is left w/n
        bias = np.zeros(self.n_rows) if log_weight is None else 2 * log_weight
        bias -= np.log(self.n_draws)
        scale = np.log(self.n_draws) / 2 - 2 * log_sum  # Σ W² is between one and one in so many
        a, log_square = self.average(
            Z, sigma / np.sqrt(2), np.hstack([x, x**2]), log_weight=bias, log_scale=scale, tol=tol
        )
        first, second = np.hsplit(a, 2)
        share = np.exp(np.minimum(log_square - 2 * log_sum, 0))  # Σ W² is at most one
        return np.maximum(second - D * (2 * first - D), 0) * share[:, None] * self.unit**2


def gradient_of(mean: NDArray, log_sum: NDArray, Z: NDArray, sigma: float) -> NDArray:
    r"""Gradient of a kernel sum, of which mean and logarithm are known.

    .. math:: ∇S(z) = Σ_j w_j K(z, x_j; σ) (x_j - z) / σ² = S(z) (D(z) - z) / σ²

    Parameters
    ----------
    mean, log_sum : ndarrays of shape (n_queries, n_features), (n_queries,)
        The kernel mean D, and log S.
    Z : ndarray of shape (n_queries, n_features)
        Queries.
    sigma : float
        Bandwidth.

    Returns
    -------
    gradient : ndarray of shape (n_queries, n_features), dtype of the mean
        Zero where the sum underflows.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.kernels import KernelSum, gradient_of
    >>> rows, Z = KernelSum(np.array([[1.0]])), np.array([[0.0]])
    >>> mean, log_sum = rows.sums(Z, sigma=1.0)
    >>> gradient_of(mean, log_sum, Z, sigma=1.0).round(4)  # exp(-1/2)
    array([[0.6065]])
    """
    return ((mean - Z) * np.exp(log_sum - 2 * np.log(sigma))[:, None]).astype(mean.dtype)
