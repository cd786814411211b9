"""Sums of Gaussian kernels over one set of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skflow._utils import cached_value, count_draws, normalize_weights
from skflow.kernels._kept import ORDINARY, kept_sums
from skflow.kernels._near import MIN_ROWS, Leaves, is_near, near_sums
from skflow.kernels._threads import compute_threads, deal_out
from skflow.kernels._tiles import (
    cut,
    distance_factors,
    join,
    query_factors,
    row_factors,
    stream_safely,
    sum_exponentials,
)

__all__ = ["SLAB_ROWS", "KernelSum"]

SLAB_ROWS = 2**13  # queries prepared at a time
MANY_SLABS = 16
ROUNDING = 2.0**-6  # largest tolerated rounding error of an exponent in the fast path
# Kernel values in single precision are 1e-7 off; of fewer pairs than these they would save nothing.
SINGLE_TOL, SINGLE_PAIRS = 1e-6, 2**16
# Largest radius, in bandwidths, of rows whose squares they may be: 6e-4 of σ² off then.
SINGLE_REACH = 100.0


class KernelSum:
    r"""Gaussian kernel sums over one set of rows, prepared once for many queries.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        The rows that are summed over.

    sample_weight : ndarray of shape (n_rows,), default=None
        Positive weights of the rows; they are normalised to sum to one. Those that add up to more
        than the effective number of rows say how many rows each stands for.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        X.
    weight, log_weight : ndarray of shape (n_rows,)
        The normalised weights, and their logarithms.
    n_draws : float
        How many independent rows they stand for.
    """

    def __init__(self, X: NDArray, sample_weight: NDArray | None = None) -> None:
        weight = normalize_weights(sample_weight, len(X))
        self.n_draws = count_draws(sample_weight, len(X))
        self.rows = X
        self.n_rows, self.n_features = X.shape
        self.dtype = X.dtype
        self.weight = weight  # (n_rows,)
        self.log_weight = np.log(weight)
        # Squared norms are taken about the mean, far from which they would drown the distances,
        # and in units of a power of two near the radius, so that none over- or underflows.
        self.center = weight @ X.astype(np.float64, copy=False)
        self.unit = 2.0 ** np.frexp(np.abs(X - self.center).max())[1]
        x = self.inside(X)
        square = np.einsum("ij,ij->i", x, x)
        self._radius, self._power = float(np.sqrt(square.max())), float(weight @ square)
        self.radius = self._radius * self.unit

    def inside(self, Z: NDArray) -> NDArray:
        """Return rows about the mean, in units of the radius, in float64.

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Rows in the units of the data.

        Returns
        -------
        z : ndarray of shape (n_queries, n_features)
            ``(Z - center) / unit``.
        """
        return (Z - self.center) / self.unit

    def take(self, which: NDArray) -> KernelSum:
        """Sums over some of the rows, with their shares of the weight.

        Parameters
        ----------
        which : ndarray
            Numbers of the rows, or a mask.

        Returns
        -------
        rows : KernelSum
            Sums over those rows.
        """
        return KernelSum(self.rows[which], self.weight[which])

    def _in_double(self) -> KernelSum:
        """The same rows in double precision."""
        return KernelSum(self.rows.astype(np.float64), self.weight * self.n_draws)

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the rows, the root mean square over the columns."""
        deviation = self.inside(self.rows)
        return float(self.unit * np.sqrt(np.mean(self.weight @ deviation**2)))

    @cached_value
    def tree_order(self) -> NDArray:
        """Numbers of the rows in the order of a k-d tree, in which neighbours are close."""
        # built in an eighth of the time of the tree of `leaves`, which is cut in even halves
        tree = cKDTree(self.inside(self.rows), balanced_tree=False, compact_nodes=False)
        return np.asarray(tree.indices)

    @cached_value
    def tree_shares(self) -> NDArray:
        """Cumulative weights of the rows in that order."""
        return np.cumsum(self.weight[self.tree_order])

    @cached_value
    def leaves(self) -> Leaves:
        """The rows in the order of a k-d tree, built when first asked for."""
        return Leaves.of(self.inside(self.rows))

    def __getstate__(self) -> dict[str, Any]:
        built = "leaves", "tree_order", "tree_shares"
        return {name: value for name, value in self.__dict__.items() if name not in built}

    def sums(
        self,
        Z: NDArray | KernelSum,
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
        Z : ndarray of shape (n_queries, n_features), or KernelSum
            Queries; a KernelSum of them brings its tree along.
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
        queries = Z if isinstance(Z, KernelSum) else None
        Z = Z.rows if isinstance(Z, KernelSum) else Z
        bias = self.log_weight if log_weight is None else self.log_weight + log_weight
        with compute_threads() as n_threads:
            if tol > 0 and min(self.n_rows, len(Z)) >= MIN_ROWS:
                queries = queries or KernelSum(Z)
                if is_near(self, queries, sigma, tol):
                    return near_sums(
                        self, queries, sigma, bias, tol, moment=moment, n_threads=n_threads
                    )
            x = self.inside(self.rows) if moment else np.empty((self.n_rows, 0))
            back = (self.unit, self.center) if moment else (1.0, 0.0)
            return self._all_sums(Z, sigma, bias, log_scale, x, back, tol, n_threads)

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
            if tol > 0 and not is_near(self, queries, sigma, tol):
                kept = kept_sums(self, queries, sigma, f, tol, n_threads)
                if kept is not None:
                    return kept
            g = -queries.sums(self, sigma, log_weight=f, moment=False, tol=tol)[1]
            return g, *self.sums(queries, sigma, log_weight=g, log_scale=f, tol=tol)

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
        with compute_threads() as n_threads:
            bias = self.log_weight if log_weight is None else self.log_weight + log_weight
            return self._all_sums(Z, sigma, bias, log_scale, values, (1.0, 0.0), tol, n_threads)

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
        if self.radius > SINGLE_REACH * sigma:
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

    def radial_sums(
        self,
        Z: NDArray,
        sigma: float,
        log_kernel: Callable[[NDArray], NDArray],
        *,
        log_weight: NDArray | None = None,
    ) -> tuple[NDArray, NDArray]:
        r"""Mean and log of the sum of any kernel that is a function of the distance.

        .. math:: D(z_i) = Σ_j W_{ij} x_j / Σ_j W_{ij}, \quad  s_i = \log Σ_j W_{ij}, \quad
                  W_{ij} = w_j e^{g_j + φ(‖z_i - x_j‖² / σ²)}

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Queries.
        sigma : float
            Bandwidth, in the units of the data.
        log_kernel : callable
            φ, of an array of squared distances in bandwidths, which it may overwrite.
        log_weight : ndarray of shape (n_rows,), default=None
            The g (zero if None).

        Returns
        -------
        mean : ndarray of shape (n_queries, n_features), dtype of X
            D.
        log_sum : ndarray of shape (n_queries,), float64
            s.
        """
        x, factor = self.inside(self.rows), (self.unit / sigma) ** 2
        _, B = distance_factors(x)
        top = 0.0 if log_weight is None else float(log_weight.max())
        weight = self.weight if log_weight is None else self.weight * np.exp(log_weight - top)
        V = np.vstack([x.T, np.ones(self.n_rows)]) * weight
        mean, log_sum = np.empty(Z.shape, self.dtype), np.empty(len(Z))

        def exponent(E: NDArray) -> NDArray:
            return log_kernel(np.multiply(np.maximum(E, 0, out=E), factor, out=E))

        with compute_threads() as n_threads:
            for start in range(0, len(Z), SLAB_ROWS):
                part = slice(start, start + SLAB_ROWS)
                A, _ = distance_factors(self.inside(Z[part]))
                totals, tops = stream_safely(cut(A), B, V, exponent, n_threads)
                sums, top_kernel = join(totals, len(A)), join(tops, len(A))[:, 0]
                mean[part] = sums[:, :-1] / sums[:, -1:] * self.unit + self.center
                log_sum[part] = np.log(sums[:, -1]) + top_kernel + top
        return mean, log_sum

    def _all_sums(
        self,
        Z: NDArray,
        sigma: float,
        bias: NDArray,
        log_scale: NDArray | None,
        values: NDArray,
        back: tuple[Any, Any],
        tol: float,
        n_threads: int,
    ) -> tuple[NDArray, NDArray]:
        """Average values over all rows, and take the averages back to their unit and centre."""
        top = float(bias.max())
        B = row_factors(self.inside(self.rows), bias - top)
        with np.errstate(over="ignore"):  # a weight too small for float32 is none
            fast = B.astype(self.dtype, copy=False)
        V = np.vstack([values.T, np.ones(self.n_rows)]).astype(self.dtype_of_values(len(Z), tol))
        sigma = np.float64(sigma) / self.unit
        mean = np.empty((len(Z), values.shape[1]), self.dtype)
        log_sum = np.empty(len(Z))
        n_slabs = -(-len(Z) // SLAB_ROWS)
        # of many slabs each is prepared and summed by one thread, of few by all in turn
        inside, outside = (1, n_threads) if n_slabs >= MANY_SLABS else (n_threads, 1)

        def slab(i: int) -> None:
            part = slice(i * SLAB_ROWS, min((i + 1) * SLAB_ROWS, len(Z)))
            with np.errstate(over="ignore"):
                z = self.inside(Z[part])
                square = np.einsum("ij,ij->i", z, z)
            scale = np.zeros(len(z)) if log_scale is None else log_scale[part] + top
            good, D, s = self._fast_sums(fast, V, z, square, sigma, scale, tol > 0, inside)
            if not good.all():
                far = z[~good], square[~good]
                D[~good], s[~good] = self._safe_sums(B, V, *far, sigma, tol > 0, inside)
            mean[part], log_sum[part] = D * back[0] + back[1], s

        deal_out(n_slabs, slab, outside)
        log_sum += top
        return mean, log_sum

    def gradient(
        self, Z: NDArray | KernelSum, sigma: float, *, tol: float = 0.0
    ) -> tuple[NDArray, NDArray]:
        r"""Gradient of the kernel sum, and the kernel sum.

        .. math:: ∇S(z) = Σ_j w_j K(z, x_j; σ) (x_j - z) / σ² = S(z) (D(z) - z) / σ²

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features), or KernelSum
            Queries.
        sigma : float
            Bandwidth.
        tol : float, default=0.0
            As in `sums`.

        Returns
        -------
        gradient : ndarray of shape (n_queries, n_features), dtype of X
            Zero where the sum underflows.
        total : ndarray of shape (n_queries,), float64
            The sum S.
        """
        mean, log_sum = self.sums(Z, sigma, tol=tol)
        factor = np.exp(log_sum - 2 * np.log(sigma))
        rows = Z.rows if isinstance(Z, KernelSum) else Z
        return ((mean - rows) * factor[:, None]).astype(self.dtype), np.exp(log_sum)

    def _fast_sums(
        self,
        B: NDArray,
        V: NDArray,
        z: NDArray,
        square: NDArray,
        sigma: float,
        scale: NDArray,
        wide: bool,
        n_threads: int,
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Sum without a maximum pass; say for which queries that was accurate."""
        good, is_single = self.are_in_reach(square, sigma), V.dtype != B.dtype
        with np.errstate(all="ignore"):  # σ may be too small to be squared: then none is good
            gamma = np.full(len(z), sigma**-2.0 if sigma < 1e150 else 0.0)
            if is_single and not scale.any():  # no guess: only if all exponents are small
                # the logarithm of a mean is at least the mean of the logarithms
                bias = self.weight @ (B[-1] - self.log_weight)
                good &= np.abs(bias - gamma / 2 * (square + self._power)) < ORDINARY
        if not good.any():
            return good, np.empty((len(z), len(V) - 1)), np.empty(len(z))
        with np.errstate(over="ignore"):  # the queries for which this matters are not good
            A = query_factors(z, gamma, scale - square * gamma / 2)
            sums = sum_exponentials(A, B, V, n_threads, wide=wide)
        mass, info = sums[:, -1], np.finfo(V.dtype)
        low, high = (
            np.exp([-ORDINARY, ORDINARY]) if is_single else (info.tiny**0.75, info.max**0.75)
        )
        good &= (mass > low) & (mass < high)
        with np.errstate(all="ignore"):
            return good, sums[:, :-1] / mass[:, None], np.log(mass) - scale

    def _safe_sums(
        self,
        B: NDArray,
        V: NDArray,
        z: NDArray,
        square: NDArray,
        sigma: float,
        wide: bool,
        n_threads: int,
    ) -> tuple[NDArray, NDArray]:
        """Sum exponents in float64 under a running maximum: nothing over- or underflows."""
        reach = np.sqrt(square) + self._radius
        with np.errstate(divide="ignore", over="ignore"):  # σ may be too small to be squared
            gamma = np.minimum(1 / np.square(sigma), np.minimum(1e290 / reach**2, 1e290))
        A = query_factors(z, gamma, np.zeros(len(z)))
        totals, tops = stream_safely(
            cut(A, self.n_rows if wide else None), B, V, lambda E: E, n_threads
        )
        sums, top = join(totals, len(z)), join(tops, len(z))[:, 0]
        mass = sums[:, -1]
        return sums[:, :-1] / mass[:, None], np.log(mass) + top - square * gamma / 2

    def are_in_reach(self, square: NDArray, sigma: float) -> NDArray:
        """Whether exponents of queries z, ‖z‖² = ``square``, are accurate in the rows' dtype."""
        reach = np.sqrt(square) + self._radius
        # eps · reach²/2σ² ≤ ROUNDING
        return np.asarray(reach <= sigma * np.sqrt(2 * ROUNDING / np.finfo(self.dtype).eps))

    def dtype_of_values(self, n_queries: int, tol: float) -> np.dtype:
        """In what precision kernel values are taken."""
        if tol >= SINGLE_TOL and self.n_rows * n_queries >= SINGLE_PAIRS:
            return np.dtype(np.float32)
        return self.dtype
