r"""Bandwidths from data: a length σ for a table, by a number, a name, "factor*name" or "sqrt(...)".

=============  ===================================================================================
name           σ
=============  ===================================================================================
``nn``         median distance of a row to its nearest other row
``nn_column``  the same over ``sqrt(d)``: what the distance comes to in a column
``median``     median distance between two rows
``rms``        RMS radius, ``sqrt(E‖x - E x‖²)``
``scott``      ``s n_eff^(-1/(d+4))`` with ``s² = E‖x - E x‖² / d``  [Scott 1992]
``silverman``  ``s (n_eff (d+2)/4)^(-1/(d+4))``                        [Silverman 1986]
=============  ===================================================================================

All are lengths in the units of the data: scaling the table scales σ. "sqrt(10*nn)" is none: the
*variance* σ² is a multiple of a length, as some papers state it, and depends on the unit. Rows that
occur twice are merged into one of twice the weight and rows of zero weight are dropped first, so a
table and its weighted summary have the same bandwidths.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from skflow._utils import check_rows, check_scale, check_weights, distinct_rows, lookup

__all__ = ["intrinsic_dimension", "named_bandwidth", "resolve_bandwidth"]

MEDIAN_ROWS = 2000  # rows among which the median distance is taken
HALF = 0.5 * np.array([1 - 1e-12, 1 + 1e-12])  # of the weight, and what its rounding makes of it


def weighted_median(values: NDArray, weight: NDArray) -> float:
    """Median of weighted values; where half the weight is reached exactly, the middle of two."""
    if weight.min() == weight.max():  # needs no order of all values
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    values, share = values[order], np.cumsum(weight[order]) / weight.sum()
    low, high = np.searchsorted(share, HALF)
    return float(values[low] + values[np.minimum(high, len(values) - 1)]) / 2


def _nn(rows: NDArray, weight: NDArray) -> float:
    neighbors = NearestNeighbors(n_neighbors=2).fit(rows)
    return weighted_median(neighbors.kneighbors(rows)[0][:, 1], weight)


def _nn_column(rows: NDArray, weight: NDArray) -> float:
    return _nn(rows, weight) / rows.shape[1] ** 0.5


def _median(rows: NDArray, weight: NDArray) -> float:
    if len(rows) > MEDIAN_ROWS:
        kept = np.random.default_rng(0).choice(len(rows), MEDIAN_ROWS, replace=False)
        rows, weight = rows[kept], weight[kept]
    first, second = np.triu_indices(len(rows), 1)
    distance = pairwise_distances(rows.astype(np.float64))[first, second]
    return weighted_median(distance, weight[first] * weight[second])


def _rms(rows: NDArray, weight: NDArray) -> float:
    deviation = rows - weight @ rows.astype(np.float64)
    return float(np.sqrt(weight @ np.einsum("ij,ij->i", deviation, deviation)))


def _scott(rows: NDArray, weight: NDArray, factor: float = 1.0) -> float:
    d, n_effective = rows.shape[1], 1 / np.sum(weight**2)
    return _rms(rows, weight) / d**0.5 * (n_effective * factor) ** (-1 / (d + 4))


def _silverman(rows: NDArray, weight: NDArray) -> float:
    return _scott(rows, weight, factor=(rows.shape[1] + 2) / 4)


def intrinsic_dimension(rows: NDArray, weight: NDArray) -> float:
    r"""Dimension of the set that the rows lie on, from their two nearest neighbours.

    .. math:: \hat d = \left( Σ_i w_i \log \frac{r_{i2}}{r_{i1}} \right)^{-1}, \quad Σ w = 1

    r₁ and r₂ being the distances to the nearest and the second nearest other row, whose ratio has
    the law ``P(r₂/r₁ > t) = t^{-d}`` where the density is even between the two.

    Parameters
    ----------
    rows : ndarray of shape (n_distinct, n_features)
        Distinct rows.
    weight : ndarray of shape (n_distinct,)
        Their weights, summing to one.

    Returns
    -------
    dimension : float
        Between 1 and n_features; n_features if there are fewer than three rows.

    References
    ----------
    Facco, E. et al. (2017). Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information. Scientific Reports 7.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.bandwidth import intrinsic_dimension
    >>> angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 1000)
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> round(intrinsic_dimension(circle, np.full(1000, 1e-3)))
    1
    """
    d = rows.shape[1]
    if len(rows) < 3 or d == 1:
        return float(d)
    r = NearestNeighbors(n_neighbors=3).fit(rows).kneighbors(rows)[0]
    mean_log = float(weight @ np.log(r[:, 2] / r[:, 1]))
    return float(np.clip(1 / mean_log, 1, d)) if mean_log > 1 / d else float(d)


BANDWIDTHS: dict[str, Callable[[NDArray, NDArray], float]] = {
    "nn": _nn,
    "nn_column": _nn_column,
    "median": _median,
    "rms": _rms,
    "scott": _scott,
    "silverman": _silverman,
}


def resolve_bandwidth(
    bandwidth: Any,
    X: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    name: str = "bandwidth",
) -> float:
    """Turn a bandwidth given by a number, a name or a multiple of one into a number.

    Parameters
    ----------
    bandwidth : float or str
        A positive number, in the units of the data; or one of the names in the table of this
        module, a multiple such as ``"1.5*nn"``, or ``"sqrt(10*nn)"``, whose square, the variance,
        is that multiple.
    X : array-like of shape (n_rows, n_features)
        The table.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights of its rows.
    name : str, default="bandwidth"
        What to call the argument in an error.

    Returns
    -------
    sigma : float
        The bandwidth.

    Raises
    ------
    ValueError
        If the number is not positive and finite, the name is unknown, or all rows are equal, so
        that the table has no scale to name.

    References
    ----------
    Scott, D. W. (1992). Multivariate Density Estimation. Wiley.
    Silverman, B. W. (1986). Density Estimation for Statistics and Data Analysis. Chapman & Hall.

    Examples
    --------
    >>> from skflow.bandwidth import resolve_bandwidth
    >>> resolve_bandwidth("2*nn", [[0.0], [1.0], [3.0], [4.0]])
    2.0
    >>> resolve_bandwidth("sqrt(9*nn)", [[0.0], [1.0], [3.0], [4.0]])
    3.0
    """
    X = check_rows(X, name="X")
    rows, weight = distinct_rows(X, check_weights(sample_weight, X))
    return named_bandwidth(bandwidth, rows, weight, name=name)


def named_bandwidth(bandwidth: Any, rows: NDArray, weight: NDArray, *, name: str) -> float:
    """Resolve a bandwidth as `resolve_bandwidth` does, on rows that are distinct already.

    Parameters
    ----------
    bandwidth : float or str
        A number, a name, "factor*name" or "sqrt(factor*name)".
    rows : ndarray of shape (n_distinct, n_features)
        Distinct rows.
    weight : ndarray of shape (n_distinct,)
        Their weights, summing to one.
    name : str
        What to call the argument in an error.

    Returns
    -------
    sigma : float
        The bandwidth.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.bandwidth import named_bandwidth
    >>> rows, weight = np.array([[0.0], [1.0], [3.0]]), np.full(3, 1 / 3)
    >>> named_bandwidth("2*nn", rows, weight, name="sigma")  # distances to the next row: 1, 1, 2
    2.0
    """
    if isinstance(bandwidth, Real):
        return check_scale(bandwidth, name=name)
    if isinstance(bandwidth, str) and bandwidth.startswith("sqrt(") and bandwidth.endswith(")"):
        return named_bandwidth(bandwidth[5:-1], rows, weight, name=name) ** 0.5
    factor, star, base = bandwidth.rpartition("*") if isinstance(bandwidth, str) else ("", "", "")
    rule = lookup(BANDWIDTHS, base.strip() if star else bandwidth, name=name)
    try:
        scale = check_scale(float(factor), name=name) if star else 1.0
    except ValueError:
        raise ValueError(
            f"{name}={bandwidth!r}: the factor before '*' must be a positive, finite number."
        ) from None
    if len(rows) < 2:
        raise ValueError(
            f"{name}={bandwidth!r} has no value: X has one sample only, or all its rows "
            "are equal. Give a number instead."
        )
    rows = rows - weight @ rows.astype(np.float64)  # distances are most accurate near the origin
    sigma = scale * rule(rows, weight)
    if not 0 < sigma < np.inf:
        raise ValueError(
            f"{name}={bandwidth!r} is {sigma} here: the rows of X are too close or too far apart "
            "for floating point. Rescale X."
        )
    return sigma
