"""The other two sides of quality: copying the target, scrambling the source.

A fit alone can be had by copying target rows, or by handing out targets at random. Each of these
ratios is near 1 for a good transport, and they are reported together with a distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from skflow._draws import make_generator
from skflow._utils import check_count, check_rows, check_weights, normalize_weights
from skflow.bandwidth import resolve_bandwidth, weighted_median

__all__ = ["nearest_neighbor_ratio", "outlying_share", "transport_cost_ratio"]


def nearest_neighbor_ratio(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    fresh: ArrayLike | None = None,
    weight_X: ArrayLike | None = None,
    weight_Y: ArrayLike | None = None,
    weight_fresh: ArrayLike | None = None,
) -> float:
    r"""Copying: distances of rows to the nearest target row, over those among target rows.

    .. math:: \frac{\text{median}_i \min_j ‖x_i - y_j‖}
                   {\text{median}_j \min_{k ≠ j} ‖y_j - y_k‖}

    0 means copies, and fresh rows of the target's distribution have about 1. If fresh rows are at
    hand, give them: the denominator is then the median distance of a *fresh* row to its nearest
    target row. That is right even where rows of Y come in pairs, in groups, or on a grid on which
    fresh rows coincide with them.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows made by a flow or a model.
    Y : array-like of shape (n_target_rows, n_features)
        The target rows it was fitted to. Rows that occur twice count as one row of twice the
        weight.
    fresh : array-like of shape (n_fresh_rows, n_features), default=None
        Further target rows, held out from the fit.
    weight_X, weight_Y, weight_fresh : array-like of shape (n_rows,), default=None
        Non-negative weights of their rows, for the medians; a row without weight is no neighbour.

    Returns
    -------
    ratio : float
        Not negative. Where more than half of the fresh rows coincide with target rows it is 1 if
        more than half of X do so, too, and infinite otherwise.

    Raises
    ------
    ValueError
        If a table is empty or not finite, the widths differ, or all rows of Y are equal and there
        are no fresh ones.

    References
    ----------
    Weber (2023), arXiv:2304.12906, figure 3, shows the two distributions of distances.
    Meehan, C., Chaudhuri, K. and Dasgupta, S. (2020). A Non-Parametric Test to Detect Data-Copying
    in Generative Models. AISTATS. It compares the distances of samples and of held-out rows.

    Examples
    --------
    >>> from skflow.metrics import nearest_neighbor_ratio
    >>> Y = [[0.0], [1.0], [2.0], [3.0]]
    >>> nearest_neighbor_ratio([[0.5], [2.5]], Y)
    0.5
    >>> nearest_neighbor_ratio([[0.5], [2.5]], Y, fresh=[[0.25], [1.75]])
    2.0
    """
    X = check_rows(X, name="X")
    Y = check_rows(Y, name="Y", n_features=X.shape[1])
    w_X, w_Y = check_weights(weight_X, X), check_weights(weight_Y, Y)
    if fresh is None:
        scale = resolve_bandwidth("nn", Y, sample_weight=w_Y, name="the target's scale")
    Y = Y if w_Y is None else Y[w_Y > 0]
    center = Y.mean(axis=0, dtype=np.float64)  # distances are most accurate near the origin
    neighbors = NearestNeighbors(n_neighbors=1).fit(Y - center)
    distance = _median_distance(neighbors, X - center, w_X)
    if fresh is not None:
        fresh = check_rows(fresh, name="fresh", n_features=X.shape[1])
        scale = _median_distance(neighbors, fresh - center, check_weights(weight_fresh, fresh))
    if scale == 0:
        return 1.0 if distance == 0 else np.inf
    return distance / scale


def outlying_share(X: ArrayLike, Y: ArrayLike, *, quantile: float = 0.99) -> float:
    r"""Share of the rows of one table that lie where another has no rows.

    .. math:: \frac1n \#\{i: \min_j ‖x_i - y_j‖ > r\}, \qquad
              r = \text{quantile of } \min_{k ≠ j} ‖y_j - y_k‖ \text{ over } j

    For fresh rows of Y's distribution it is 1 − quantile on average.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        The rows that are looked at.
    Y : array-like of shape (n_target_rows, n_features)
        The rows that they may lie near to, at least two.
    quantile : float, default=0.99
        Share of the rows of Y whose nearest neighbour is not farther than r.

    Returns
    -------
    share : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a table is empty or not finite, the widths differ, Y has one row, or the quantile is not
        between 0 and 1.

    Examples
    --------
    >>> from skflow.metrics import outlying_share
    >>> outlying_share([[0.5], [2.0], [9.0], [-7.0]], [[0.0], [1.0], [2.0], [3.0]])
    0.5
    """
    X = check_rows(X, name="X")
    Y = check_rows(Y, name="Y", n_features=X.shape[1])
    if len(Y) < 2:
        raise ValueError("Y has 1 row, but the distances between its rows need at least 2.")
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile must be between 0 and 1, got {quantile!r}.")
    center = Y.mean(axis=0, dtype=np.float64)
    neighbors = NearestNeighbors(n_neighbors=1).fit(Y - center)
    r = np.quantile(neighbors.kneighbors()[0], quantile)  # a row is not its own neighbour
    return float(np.mean(neighbors.kneighbors(X - center)[0] > r))


def _median_distance(neighbors: NearestNeighbors, X: NDArray, weight: NDArray | None) -> float:
    distance = neighbors.kneighbors(X)[0][:, 0]
    return weighted_median(distance, normalize_weights(weight, len(X)))


def transport_cost_ratio(
    X: ArrayLike,
    moved: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    max_rows: int = 2000,
    random_state: Any = 0,
) -> float:
    r"""Scrambling: how far rows were moved, over the shortest way to the same result.

    .. math:: \sqrt{\frac{Σ_i w_i ‖\bar x_i - \bar y_i‖²}
                         {\min_π Σ_{ij} π_{ij} ‖\bar x_i - \bar y_j‖²}}, \qquad
              Σ_j π_{ij} = Σ_j π_{ji} = w_i

    Both tables are centred first, because a long common shift would hide any scrambling. 1 is the
    optimal pairing of source and result.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Source rows.
    moved : array-like of shape (n_rows, n_features)
        Row i is row i of X, moved.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights of the pairs. Weights in whole-number ratios count rows: a weight of
        two is a pair that occurs twice. All others are rounded, at random and without bias, to
        multiples of a ``max_rows``-th of their sum.
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
    weight = check_weights(sample_weight, X)
    weight = np.ones(len(X)) if weight is None else weight
    kept = _choose(weight, check_count(max_rows, name="max_rows"), make_generator(random_state))
    X, moved = X[kept], moved[kept]
    cost = cdist(X - X.mean(axis=0), moved - moved.mean(axis=0), "sqeuclidean")
    optimal = cost[linear_sum_assignment(cost)].sum()
    actual = np.trace(cost)
    rounding = len(X) * (8 * np.finfo(float).eps * max(np.abs(X).max(), np.abs(moved).max())) ** 2
    if actual <= max(optimal, rounding):  # nothing but a common shift happened
        return 1.0
    return float(np.sqrt(actual / optimal)) if optimal > rounding else np.inf


def _choose(weight: NDArray, max_rows: int, rng: np.random.Generator) -> NDArray:
    """Numbers of at most max_rows rows, each as often as its weight says.

    With rows repeated like that the transport between weighted rows is an assignment.
    """
    for unit in (1.0, weight[weight > 0].min()):
        count = np.round(weight / unit)
        if np.allclose(count * unit, weight, rtol=1e-9, atol=0) and count.sum() < 2**53:
            total = np.cumsum(count)
            n = int(total[-1])
            place = np.arange(n) if n <= max_rows else rng.choice(n, max_rows, replace=False)
            return np.searchsorted(total, place, side="right")
    total = np.cumsum(weight)  # systematic sampling: one place in every max_rows-th of it
    place = (np.arange(max_rows) + rng.random()) / max_rows * total[-1]
    return np.minimum(np.searchsorted(total, place, side="right"), np.flatnonzero(weight)[-1])
