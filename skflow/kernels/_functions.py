"""The public functions: arguments checked, one kernel sum each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._utils import (
    check_rows,
    check_scale,
    check_tolerance,
    check_weights,
    normalize_weights,
)
from skflow.kernels._dense import SLAB_ROWS
from skflow.kernels._kernel_sum import KernelSum, gradient_of
from skflow.kernels._threads import compute_threads, parallel_for
from skflow.kernels._tiles import TileSums, distance, distance_factors

__all__ = ["kernel_gradient", "kernel_mean", "log_kernel_density", "mean_distance"]


def kernel_mean(
    Z: ArrayLike,
    X: ArrayLike,
    sigma: float,
    *,
    sample_weight: ArrayLike | None = None,
    tol: float = 0.0,
    n_jobs: int | None = None,
) -> NDArray:
    r"""Gaussian kernel mean: the ideal denoiser of the rows X.

    .. math:: D(z; σ) = Σ_j w_j K(z, x_j; σ) x_j / Σ_j w_j K(z, x_j; σ) = E[x | z = x + σε]

    The rounding error is of the order of ``eps · (1 + R²/σ²) · R``, R being the radius of the
    data. A query so far away that all its weights underflow gets its nearest row.

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_features)
        Queries.
    X : array-like of shape (n_rows, n_features)
        Rows that are averaged.
    sigma : float
        Bandwidth σ > 0, in the units of the data.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights; a row of weight two counts as two rows.
    tol : float, default=0.0
        If positive, rows far away may be left out where that saves time, and from 1e-6 on kernel
        values are taken in single precision: D is off by at most ``tol`` times the diameter of X.
        Zero sums all, and gives a row the same bits whatever its neighbours.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.

    Returns
    -------
    mean : ndarray of shape (n_queries, n_features)
        D(z; σ), float32 if both Z and X are float32, else float64.

    Raises
    ------
    ValueError
        If an array is empty or not finite, the widths differ, σ is not positive and finite, or
        the weights are negative or all zero, or tol is not in [0, 1).

    References
    ----------
    Weber (2023), arXiv:2304.12906, eq. 16.

    Examples
    --------
    >>> from skflow.kernels import kernel_mean
    >>> kernel_mean([[0.0], [10.0]], [[-1.0], [1.0]], sigma=1.0).round(3)
    array([[0.],
           [1.]])
    """
    check_tolerance(tol)
    with compute_threads(n_jobs):
        Z, rows = _prepare(Z, X, sigma, sample_weight)
        return rows.sums(Z, sigma, tol=tol)[0]


def log_kernel_density(
    Z: ArrayLike,
    X: ArrayLike,
    sigma: float,
    *,
    sample_weight: ArrayLike | None = None,
    tol: float = 0.0,
    n_jobs: int | None = None,
) -> NDArray:
    r"""Log of the Gaussian kernel density estimate.

    .. math:: \log p(z; σ) = \log \frac{Σ_j w_j K(z, x_j; σ)}{Σ_j w_j} - \tfrac{d}{2} \log 2πσ²

    Its gradient in z is the score, ``(D(z; σ) - z) / σ²`` (Tweedie).

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_features)
        Queries.
    X : array-like of shape (n_rows, n_features)
        Rows of the estimate.
    sigma : float
        Bandwidth σ > 0, in the units of the data.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights; a row of weight two counts as two rows.
    tol : float, default=0.0
        If positive, rows far away may be left out where that saves time, and from 1e-6 on kernel
        values are taken in single precision: the density is off by at most ``tol`` times itself.
        Zero sums all, and gives a row the same bits whatever its neighbours.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.

    Returns
    -------
    log_density : ndarray of shape (n_queries,)
        Natural logarithm of the density; float32 if both Z and X are float32, else float64.

    Raises
    ------
    ValueError
        As `kernel_mean`.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eq. 13.

    Examples
    --------
    >>> from skflow.kernels import log_kernel_density
    >>> log_kernel_density([[0.0]], [[0.0]], sigma=1.0).round(4)
    array([-0.9189])
    """
    check_tolerance(tol)
    with compute_threads(n_jobs):
        Z, rows = _prepare(Z, X, sigma, sample_weight)
        log_sum = rows.sums(Z, sigma, moment=False, tol=tol)[1]
    log_norm = rows.n_features * (0.5 * np.log(2 * np.pi) + np.log(sigma))
    return (log_sum - log_norm).astype(rows.dtype, copy=False)


def kernel_gradient(
    Z: ArrayLike,
    X: ArrayLike,
    sigma: float,
    *,
    sample_weight: ArrayLike | None = None,
    tol: float = 0.0,
    n_jobs: int | None = None,
) -> NDArray:
    r"""Gradient of the Gaussian kernel's mean over the rows X.

    .. math:: ∇_z \frac{Σ_j w_j K(z, x_j; σ)}{Σ_j w_j}
              = \frac{Σ_j w_j K(z, x_j; σ) (x_j - z) / σ²}{Σ_j w_j}

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_features)
        Queries.
    X : array-like of shape (n_rows, n_features)
        Rows of the sum.
    sigma : float
        Bandwidth σ > 0, in the units of the data.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights; a row of weight two counts as two rows.
    tol : float, default=0.0
        If positive, rows far away may be left out where that saves time, and from 1e-6 on kernel
        values are taken in single precision: the sum is off by at most ``tol`` times itself, and D
        by at most ``tol`` times the diameter of X. Zero sums all, and gives a row the same bits
        whatever its neighbours.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.

    Returns
    -------
    gradient : ndarray of shape (n_queries, n_features)
        In the unit of one over a length; zero for queries so far away that the sum underflows.

    Raises
    ------
    ValueError
        As `kernel_mean`.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eq. 46.

    Examples
    --------
    >>> from skflow.kernels import kernel_gradient
    >>> kernel_gradient([[0.0]], [[1.0]], sigma=1.0).round(4)
    array([[0.6065]])
    """
    check_tolerance(tol)
    with compute_threads(n_jobs):
        Z, rows = _prepare(Z, X, sigma, sample_weight)
        return gradient_of(*rows.sums(Z, sigma, tol=tol), Z, sigma)


def mean_distance(
    X: NDArray,
    Y: NDArray,
    *,
    weight_X: NDArray | None = None,
    weight_Y: NDArray | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Weighted mean Euclidean distance between the rows of two tables, in float64.

    .. math:: Σ_{ij} u_i w_j ‖x_i - y_j‖, \quad Σ u = Σ w = 1

    Parameters
    ----------
    X, Y : ndarray of shape (n_rows, n_features)
        The two tables.
    weight_X, weight_Y : ndarray of shape (n_rows,), default=None
        Non-negative weights of their rows.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.

    Returns
    -------
    distance : float
        The mean.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.kernels import mean_distance
    >>> mean_distance(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    3.0
    """
    u, w = normalize_weights(weight_X, len(X)), normalize_weights(weight_Y, len(Y))
    center = w @ Y.astype(np.float64)
    if X.shape[1] == 1:
        return float(u @ _distances_on_a_line(X[:, 0] - center, Y[:, 0] - center, w))
    _, B = distance_factors(Y - center)
    means = np.empty(len(X))
    with compute_threads(n_jobs) as n_threads:
        for start in range(0, len(X), SLAB_ROWS):
            A, _ = distance_factors(X[start : start + SLAB_ROWS] - center)
            tiles = TileSums(A, B, w[None], distance)
            parallel_for(len(tiles), tiles.add, n_threads)
            means[start : start + SLAB_ROWS] = tiles.sums()[:, 0]
    return float(u @ means)


def _distances_on_a_line(x: NDArray, y: NDArray, w: NDArray) -> NDArray:
    """Weighted mean distances of numbers x from numbers y, in the time of sorting."""
    order = np.argsort(y)
    share = np.concatenate([[0.0], np.cumsum(w[order])])  # of those below, and their sum
    total = np.concatenate([[0.0], np.cumsum(w[order] * y[order])])
    below = np.searchsorted(y[order], x)
    return x * (2 * share[below] - share[-1]) + total[-1] - 2 * total[below]


def _prepare(
    Z: ArrayLike, X: ArrayLike, sigma: float, sample_weight: ArrayLike | None
) -> tuple[NDArray, KernelSum]:
    """Validate the arguments of the public functions."""
    X = check_rows(X, name="X")
    Z = check_rows(Z, name="Z", n_features=X.shape[1])
    check_scale(sigma, name="sigma")
    weight = check_weights(sample_weight, X)
    if weight is not None:
        weight = normalize_weights(weight, len(X))
        X, weight = X[weight > 0], weight[weight > 0]
    if Z.dtype != X.dtype:
        Z, X = Z.astype(np.float64), X.astype(np.float64)
    return Z, KernelSum(X, weight)
