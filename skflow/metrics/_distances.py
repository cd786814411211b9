r"""Distances between two tables.

.. math::

    \text{energy} = 2 E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖           [Székely & Rizzo 2013]

    \text{CFD} = \frac1K Σ_{k=1}^{K} |E e^{i ω_k x} - E e^{i ω_k y}|, \quad ω_k ∼ N(0, I)/s
                                                                  [Weber 2023, appendix D.1]

    \mathrm{MMD}² = E K(x, x') + E K(y, y') - 2 E K(x, y)            [Gretton et al. 2012]

    \mathrm{SW}² = E_θ \int_0^1 (F_{θx}^{-1}(u) - F_{θy}^{-1}(u))² du    [Bonneel et al. 2015]

    \mathrm{Fréchet}² = ‖μ_x - μ_y‖²
        + \operatorname{tr}(C_x + C_y - 2 (C_x C_y)^{1/2})            [Dowson & Landau 1982]

Expectations are (weighted) means over the rows, over all pairs of rows for the energy distance, a
row with itself included.

References
----------
Székely, G. J. and Rizzo, M. L. (2013). Energy statistics: A class of statistics based on
distances. Journal of Statistical Planning and Inference 143.
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
Gretton, A. et al. (2012). A Kernel Two-Sample Test. Journal of Machine Learning Research 13.
Bonneel, N. et al. (2015). Sliced and Radon Wasserstein Barycenters of Measures. Journal of
Mathematical Imaging and Vision 51.
Dowson, D. C. and Landau, B. V. (1982). The Fréchet distance between multivariate normal
distributions. Journal of Multivariate Analysis 12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._draws import make_generator
from skflow._utils import (
    check_count,
    check_rows,
    check_scale,
    check_weights,
    moments,
    normalize_weights,
    symmetric_root,
)
from skflow.bandwidth import resolve_bandwidth
from skflow.kernels import KernelSum, compute_threads, mean_distance

__all__ = [
    "characteristic_function_distance",
    "energy_distance",
    "energy_floor",
    "floor",
    "frechet_distance",
    "maximum_mean_discrepancy",
    "sliced_wasserstein_distance",
]

CHUNK = 2**20  # values of x·ω held at a time


def energy_distance(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    weight_X: ArrayLike | None = None,
    weight_Y: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Energy distance, ``2 E‖x-y‖ - E‖x-x'‖ - E‖y-y'‖``.

    It is zero if and only if the two distributions agree. All pairs of rows count, streamed over
    tiles in float64. In one dimension it is the square of `scipy.stats.energy_distance`.

    Parameters
    ----------
    X : array-like of shape (n_rows_X, n_features)
        The first table.
    Y : array-like of shape (n_rows_Y, n_features)
        The second table.
    weight_X, weight_Y : array-like of shape (n_rows,), default=None
        Non-negative weights of their rows.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.

    Returns
    -------
    distance : float
        Not negative, in the units of the data. What equal distributions would show is
        `energy_floor`.

    Raises
    ------
    ValueError
        If a table is empty or not finite, or the widths differ.

    References
    ----------
    Székely and Rizzo (2013), Journal of Statistical Planning and Inference 143.

    Examples
    --------
    >>> from skflow.metrics import energy_distance
    >>> energy_distance([[0.0]], [[3.0]])
    6.0
    """
    X, Y, w_X, w_Y = _pair(X, Y, weight_X, weight_Y)
    between = mean_distance(X, Y, weight_X=w_X, weight_Y=w_Y, n_jobs=n_jobs)
    within_X = mean_distance(X, X, weight_X=w_X, weight_Y=w_X, n_jobs=n_jobs)
    within_Y = mean_distance(Y, Y, weight_X=w_Y, weight_Y=w_Y, n_jobs=n_jobs)
    return max(0.0, 2 * between - within_X - within_Y)


def energy_floor(
    Y: ArrayLike,
    n_rows: int,
    *,
    weight_Y: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Expected energy distance between Y and n fresh rows of the same distribution.

    .. math:: E[\text{energy}] = (1/n + 1/m) \, E‖y - y'‖, \quad y ≠ y' \text{ rows of Y}

    which is unbiased: it is the mean over infinitely many fresh draws. An energy distance to Y is
    read as a multiple of it; single draws vary by half of it and more.

    Parameters
    ----------
    Y : array-like of shape (m, n_features)
        The table that a distance was measured to; at least two rows.
    n_rows : int
        Number n of rows of the other table.
    weight_Y : array-like of shape (m,), default=None
        Non-negative weights of the rows of Y. They count rows: a weight of two is a row that
        occurs twice, and their sum takes the place of m.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.

    Returns
    -------
    floor : float
        The expected energy distance, in the units of the data.

    Raises
    ------
    ValueError
        If Y is empty or not finite, or counts one row or fewer.

    Examples
    --------
    >>> from skflow.metrics import energy_floor
    >>> energy_floor([[0.0], [1.0]], n_rows=2)
    1.0
    """
    Y = check_rows(Y, name="Y")
    n, weight = check_count(n_rows, name="n_rows"), check_weights(weight_Y, Y)
    m = len(Y) if weight is None else float(weight.sum())
    if len(Y) < 2:
        raise ValueError("Y has 1 row, but a floor needs at least 2 to know their spread.")
    if m <= 1:
        raise ValueError(
            f"the weights of Y sum to {m:.3g}, but here they count its rows, and a floor needs "
            "more than 1: multiply them by the number of rows that they stand for."
        )
    within = mean_distance(Y, Y, weight_X=weight, weight_Y=weight, n_jobs=n_jobs)
    return (1 / n + 1 / m) * within * m / (m - 1)


def characteristic_function_distance(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    n_frequencies: int = 256,
    scale: float | str = "rms",
    weight_X: ArrayLike | None = None,
    weight_Y: ArrayLike | None = None,
    random_state: Any = 0,
) -> float:
    r"""Mean distance between empirical characteristic functions at random frequencies.

    .. math:: \frac1K Σ_{k=1}^{K} |E e^{i ω_k x} - E e^{i ω_k y}|, \quad ω_k ∼ N(0, I)/s

    Parameters
    ----------
    X : array-like of shape (n_rows_X, n_features)
        The first table.
    Y : array-like of shape (n_rows_Y, n_features)
        The second table, whose spread sets the scale.
    n_frequencies : int, default=256
        K.
    scale : float or "rms", default="rms"
        s, a length in the units of the data. "rms" is the RMS deviation of Y from its mean per
        feature; the score-difference paper uses 1.
    weight_X, weight_Y : array-like of shape (n_rows,), default=None
        Non-negative weights of their rows.
    random_state : int, RandomState instance or None, default=0
        Seed of the frequencies. Distances are comparable only at the same frequencies.

    Returns
    -------
    distance : float
        Between 0 and 2, without unit.

    Raises
    ------
    ValueError
        If a table is empty or not finite, the widths differ, or the scale is not positive.

    References
    ----------
    Weber (2023), arXiv:2304.12906, appendix D.1.

    Examples
    --------
    >>> from skflow.metrics import characteristic_function_distance
    >>> X = [[0.0], [1.0], [2.0]]
    >>> characteristic_function_distance(X, X)
    0.0
    """
    X, Y, w_X, w_Y = _pair(X, Y, weight_X, weight_Y)
    K = check_count(n_frequencies, name="n_frequencies")
    if isinstance(scale, str):
        sigma = resolve_bandwidth(scale, Y, sample_weight=w_Y, name="scale")
        s = sigma / X.shape[1] ** 0.5
    else:
        s = check_scale(scale, name="scale")
    omega = make_generator(random_state).standard_normal((X.shape[1], K)) / s
    center = Y.mean(axis=0, dtype=np.float64)  # a common shift turns both phases alike
    difference = _characteristic(X - center, w_X, omega) - _characteristic(Y - center, w_Y, omega)
    return float(np.abs(difference).mean())


def maximum_mean_discrepancy(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    bandwidth: float | str = "median",
    weight_X: ArrayLike | None = None,
    weight_Y: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Maximum mean discrepancy with a Gaussian kernel.

    .. math:: \sqrt{E K(x, x') + E K(y, y') - 2 E K(x, y)}, \quad K = \exp(-‖x - y‖² / 2σ²)

    Parameters
    ----------
    X : array-like of shape (n_rows_X, n_features)
        The first table.
    Y : array-like of shape (n_rows_Y, n_features)
        The second table, whose spread sets the bandwidth.
    bandwidth : float or str, default="median"
        σ, a length in the units of the data, or the name of a bandwidth of Y.
    weight_X, weight_Y : array-like of shape (n_rows,), default=None
        Non-negative weights of their rows.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.

    Returns
    -------
    distance : float
        Between 0 and √2, without unit. All pairs of rows count, a row with itself included.

    Raises
    ------
    ValueError
        If a table is empty or not finite, the widths differ, or the bandwidth is not positive.

    References
    ----------
    Gretton et al. (2012), Journal of Machine Learning Research 13.

    Examples
    --------
    >>> from skflow.metrics import maximum_mean_discrepancy
    >>> round(maximum_mean_discrepancy([[0.0]], [[1.0]], bandwidth=1.0), 4)
    0.8871
    """
    X, Y, w_X, w_Y = _pair(X, Y, weight_X, weight_Y)
    sigma = resolve_bandwidth(bandwidth, Y, sample_weight=w_Y, name="bandwidth")
    X, w_X = _present(X, w_X)
    Y, w_Y = _present(Y, w_Y)
    x, y = KernelSum(X, w_X), KernelSum(Y, w_Y)
    with compute_threads(n_jobs):
        within = w_X @ _mass(x, X, sigma) + w_Y @ _mass(y, Y, sigma)
        between = w_X @ _mass(y, X, sigma)
    return float(np.sqrt(max(0.0, within - 2 * between)))


def _mass(rows: KernelSum, Z: NDArray, sigma: float) -> NDArray:
    """E K(z, x) over the rows."""
    return np.exp(rows.sums(Z, sigma, moment=False)[1])


def _present(X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray]:
    """Rows of positive weight in float64, and their normalised weights."""
    w = normalize_weights(weight, len(X))
    return X[w > 0].astype(np.float64), w[w > 0]


def sliced_wasserstein_distance(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    n_projections: int = 128,
    weight_X: ArrayLike | None = None,
    weight_Y: ArrayLike | None = None,
    random_state: Any = 0,
) -> float:
    r"""Sliced 2-Wasserstein distance.

    .. math:: \sqrt{\frac1L Σ_{l=1}^{L} W_2²(θ_l · x, θ_l · y)}, \quad ‖θ_l‖ = 1 \text{ uniform}

    Parameters
    ----------
    X : array-like of shape (n_rows_X, n_features)
        The first table.
    Y : array-like of shape (n_rows_Y, n_features)
        The second table.
    n_projections : int, default=128
        L.
    weight_X, weight_Y : array-like of shape (n_rows,), default=None
        Non-negative weights of their rows.
    random_state : int, RandomState instance or None, default=0
        Seed of the directions. Distances are comparable only along the same directions.

    Returns
    -------
    distance : float
        Not negative, in the units of the data.

    Raises
    ------
    ValueError
        If a table is empty or not finite, or the widths differ.

    References
    ----------
    Bonneel et al. (2015), Journal of Mathematical Imaging and Vision 51.

    Examples
    --------
    >>> from skflow.metrics import sliced_wasserstein_distance
    >>> sliced_wasserstein_distance([[0.0], [1.0]], [[3.0], [4.0]])
    3.0
    """
    X, Y, w_X, w_Y = _pair(X, Y, weight_X, weight_Y)
    L = check_count(n_projections, name="n_projections")
    X, w_X = _present(X, w_X)
    Y, w_Y = _present(Y, w_Y)
    theta = make_generator(random_state).standard_normal((L, X.shape[1]))
    theta /= np.linalg.norm(theta, axis=1, keepdims=True)
    squares = [_squared_wasserstein(X @ t, Y @ t, w_X, w_Y) for t in theta]
    return float(np.sqrt(np.mean(squares)))


def _squared_wasserstein(x: NDArray, y: NDArray, u: NDArray, w: NDArray) -> float:
    """W₂² in one dimension: quantile functions are steps, so the integral is a sum."""
    i, j = np.argsort(x), np.argsort(y)
    u_total, w_total = np.cumsum(u[i]), np.cumsum(w[j])
    u_total[-1] = w_total[-1] = 1.0
    level = np.union1d(u_total, w_total)
    x_level = x[i][np.searchsorted(u_total, level)]
    y_level = y[j][np.searchsorted(w_total, level)]
    return float(np.diff(level, prepend=0.0) @ (x_level - y_level) ** 2)


def frechet_distance(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    weight_X: ArrayLike | None = None,
    weight_Y: ArrayLike | None = None,
) -> float:
    r"""Squared Fréchet distance between the Gaussians with the tables' moments.

    .. math:: ‖μ_x - μ_y‖² + \operatorname{tr}(C_x + C_y - 2 (C_x C_y)^{1/2})

    It sees means and covariances alone; on features of a network it is known as FID.

    Parameters
    ----------
    X : array-like of shape (n_rows_X, n_features)
        The first table.
    Y : array-like of shape (n_rows_Y, n_features)
        The second table.
    weight_X, weight_Y : array-like of shape (n_rows,), default=None
        Non-negative weights of their rows.

    Returns
    -------
    distance : float
        Not negative, in the units of the data squared.

    Raises
    ------
    ValueError
        If a table is empty or not finite, or the widths differ.

    References
    ----------
    Dowson and Landau (1982), Journal of Multivariate Analysis 12.

    Examples
    --------
    >>> from skflow.metrics import frechet_distance
    >>> frechet_distance([[-1.0], [1.0]], [[2.0], [6.0]])
    17.0
    """
    X, Y, w_X, w_Y = _pair(X, Y, weight_X, weight_Y)
    (m_X, C_X), (m_Y, C_Y) = moments(X, w_X), moments(Y, w_Y)
    # tr (C_X C_Y)^½ is the sum of the singular values of C_X^½ C_Y^½
    cross = np.linalg.svd(symmetric_root(C_X) @ symmetric_root(C_Y), compute_uv=False).sum()
    distance = np.sum((m_X - m_Y) ** 2) + np.trace(C_X) + np.trace(C_Y) - 2 * cross
    return max(0.0, float(distance))


def floor(
    metric: Callable[[NDArray, NDArray], float],
    X: ArrayLike,
    n_rows: int,
    *,
    n_draws: int = 20,
    sample_weight: ArrayLike | None = None,
    random_state: Any = 0,
) -> float:
    r"""Mean distance between n rows drawn from a table and the rest of the table.

    .. math:: \frac1R Σ_{r=1}^{R} \text{metric}(X_{A_r}, X_{B_r}), \quad |A_r| = n, \;
              A_r ∪ B_r \text{ all rows}

    A distance to m rows is read against its floor at the same n and m; so X has n + m rows of the
    target's distribution. For the energy distance `energy_floor` gives the mean over all draws.

    Parameters
    ----------
    metric : callable
        ``metric(X, Y) -> float``, a distance between two tables.
    X : array-like of shape (n_rows + m, n_features)
        Rows of the target's distribution.
    n_rows : int
        Number n of rows in the table whose distance is to be read.
    n_draws : int, default=20
        Number R of random splits. Single ones vary by half of the floor and more.
    sample_weight : array-like of shape (n_rows + m,), default=None
        Weights of the rows of X, whole numbers: how often each row occurs.
    random_state : int, RandomState instance or None, default=0
        Seed of the splits.

    Returns
    -------
    floor : float
        The mean.

    Raises
    ------
    ValueError
        If X is empty or not finite, or has no more than n rows, or a weight is no whole number.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.metrics import energy_distance, floor
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> 0.01 < floor(energy_distance, X, 100) < 0.05
    True
    """
    X = check_rows(X, name="X")
    n, R = check_count(n_rows, name="n_rows"), check_count(n_draws, name="n_draws")
    weight = check_weights(sample_weight, X)
    if weight is not None:
        if (weight != np.round(weight)).any():
            raise ValueError(
                "sample_weight must be whole numbers here, because a floor splits rows: how often "
                "each row occurs. For weights of any kind there is energy_floor."
            )
        X = np.repeat(X, weight.astype(np.int64), axis=0)
    if n >= len(X):
        raise ValueError(
            f"n_rows={n} leaves none of the {len(X)} rows of X to measure against: give fewer, or "
            "more rows of X."
        )
    rng = make_generator(random_state)
    orders = (rng.permutation(len(X)) for _ in range(R))
    return float(np.mean([metric(X[order[:n]], X[order[n:]]) for order in orders]))


def _characteristic(X: NDArray, weight: NDArray | None, omega: NDArray) -> NDArray:
    """E exp(iωx) at every frequency, streamed over rows."""
    w = normalize_weights(weight, len(X))
    step = max(1, CHUNK // omega.shape[1])
    total = np.zeros(omega.shape[1], complex)
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        phase = X[rows] @ omega
        total += w[rows] @ np.cos(phase) + 1j * (w[rows] @ np.sin(phase))
    return total


def _pair(
    X: ArrayLike, Y: ArrayLike, weight_X: ArrayLike | None, weight_Y: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray | None, NDArray | None]:
    """Validate two tables of the same width and their weights."""
    X = check_rows(X, name="X")
    Y = check_rows(Y, name="Y", n_features=X.shape[1])
    return X, Y, check_weights(weight_X, X), check_weights(weight_Y, Y)
