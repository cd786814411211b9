"""The other two sides of quality: copying the target, scrambling the source.

A fit alone can be had by copying target rows, or by handing out targets at random. Each of these
ratios is near 1 for a good transport, and they are reported together with a distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from skflow._utils import check_count, check_rows, make_generator
from skflow.bandwidth import resolve_bandwidth

__all__ = ["nearest_neighbor_ratio", "transport_cost_ratio"]


def nearest_neighbor_ratio(X: ArrayLike, Y: ArrayLike) -> float:
    r"""Copying: how near rows lie to target rows, against how near target rows lie to each other.

    .. math:: \frac{\text{median}_i \min_j ‖x_i - y_j‖}
                   {\text{median}_j \min_{k ≠ j} ‖y_j - y_k‖}

    0 means copies; about 1 is what fresh rows of the target's distribution show.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows made by a flow or a model.
    Y : array-like of shape (n_target_rows, n_features)
        The target rows it was fitted to. Rows that occur twice count as one row of twice the
        weight.

    Returns
    -------
    ratio : float
        Not negative.

    Raises
    ------
    ValueError
        If a table is empty or not finite, the widths differ, or all rows of Y are equal.

    References
    ----------
    Weber (2023), arXiv:2304.12906, figure 3, shows the two distributions of distances.

    Examples
    --------
    >>> from skflow.metrics import nearest_neighbor_ratio
    >>> nearest_neighbor_ratio([[0.5], [2.5]], [[0.0], [1.0], [2.0], [3.0]])
    0.5
    """
    X = check_rows(X, name="X")
    Y = check_rows(Y, name="Y", n_features=X.shape[1])
    scale = resolve_bandwidth("nn", Y, name="the target's scale")
    center = Y.mean(axis=0, dtype=np.float64)  # distances are most accurate near the origin
    X, Y = X - center, Y - center
    to_target = NearestNeighbors(n_neighbors=1).fit(Y).kneighbors(X)[0]
    return float(np.median(to_target)) / scale


def transport_cost_ratio(
    X: ArrayLike, moved: ArrayLike, *, max_rows: int = 2000, random_state: Any = 0
) -> float:
    r"""Scrambling: how far rows went, against the shortest way to the same result.

    .. math:: \sqrt{\frac{Σ_i ‖\bar x_i - \bar y_i‖²}{\min_π Σ_i ‖\bar x_i - \bar y_{π(i)}‖²}}

    Both tables are centred first, because a long common shift would hide any scrambling. 1 is the
    optimal pairing of source and result.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Source rows.
    moved : array-like of shape (n_rows, n_features)
        Row i is row i of X, moved.
    max_rows : int, default=2000
        The assignment is solved on at most this many rows, chosen at random.
    random_state : int, RandomState instance or None, default=0
        Seed of the choice.

    Returns
    -------
    ratio : float
        At least 1 (up to rounding).

    Raises
    ------
    ValueError
        If a table is empty or not finite, or the shapes differ.

    Examples
    --------
    >>> from skflow.metrics import transport_cost_ratio
    >>> transport_cost_ratio([[0.0], [1.0]], [[5.0], [8.0]])
    1.0
    >>> transport_cost_ratio([[0.0], [1.0]], [[8.0], [5.0]])
    2.0
    """
    X = check_rows(X, name="X").astype(np.float64)
    moved = check_rows(moved, name="moved", n_features=X.shape[1]).astype(np.float64)
    if len(X) != len(moved):
        raise ValueError(f"moved has {len(moved)} rows, but X has {len(X)}: row i is to be row i.")
    max_rows = check_count(max_rows, name="max_rows")
    if len(X) > max_rows:
        kept = make_generator(random_state).choice(len(X), max_rows, replace=False)
        X, moved = X[kept], moved[kept]
    cost = cdist(X - X.mean(axis=0), moved - moved.mean(axis=0), "sqeuclidean")
    optimal = cost[linear_sum_assignment(cost)].sum()
    actual = np.trace(cost)
    rounding = len(X) * (8 * np.finfo(float).eps * max(np.abs(X).max(), np.abs(moved).max())) ** 2
    if actual <= max(optimal, rounding):  # nothing but a common shift happened
        return 1.0
    return float(np.sqrt(actual / optimal)) if optimal > rounding else np.inf
