r"""Distances between two tables.

.. math::

    \text{energy} = 2 E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖           [Székely & Rizzo 2013]

    \text{CFD} = \frac1K Σ_{k=1}^{K} |E e^{i ω_k x} - E e^{i ω_k y}|, \quad ω_k ∼ N(0, I)/s
                                                                  [Weber 2023, section 6]

Expectations are (weighted) means over the rows, over all pairs of rows for the energy distance, a
row with itself included.

References
----------
Székely, G. J. and Rizzo, M. L. (2013). Energy statistics: A class of statistics based on
distances. Journal of Statistical Planning and Inference 143.
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._utils import (
    check_count,
    check_rows,
    check_scale,
    check_weights,
    make_generator,
    normalize_weights,
)
from skflow.bandwidth import resolve_bandwidth
from skflow.kernels import mean_distance

__all__ = ["characteristic_function_distance", "energy_distance", "energy_floor"]

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
        Upper bound on the threads; None is all available cores.

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


def energy_floor(Y: ArrayLike, n_rows: int, *, n_jobs: int | None = None) -> float:
    r"""Energy distance to expect between Y and n fresh rows of Y's own distribution.

    .. math:: E[\text{energy}] = (1/n + 1/m) \, E‖y - y'‖, \quad y ≠ y' \text{ rows of Y}

    which is unbiased: it is the mean over infinitely many fresh draws. An energy distance to Y is
    read as a multiple of it; single draws vary by half of it and more.

    Parameters
    ----------
    Y : array-like of shape (m, n_features)
        The table that a distance was measured to; at least two rows.
    n_rows : int
        Number n of rows of the other table.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores.

    Returns
    -------
    floor : float
        The expected energy distance, in the units of the data.

    Examples
    --------
    >>> from skflow.metrics import energy_floor
    >>> energy_floor([[0.0], [1.0]], n_rows=2)
    1.0
    """
    Y = check_rows(Y, name="Y")
    m, n = len(Y), check_count(n_rows, name="n_rows")
    if m < 2:
        raise ValueError("Y has 1 row, but a floor needs at least 2 to know their spread.")
    return (1 / n + 1 / m) * mean_distance(Y, Y, n_jobs=n_jobs) * m / (m - 1)


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
    Weber (2023), arXiv:2304.12906, section 6.

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
