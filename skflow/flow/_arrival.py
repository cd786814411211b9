r"""Rows that end far from where they should.

.. math:: \frac{2 E‖y - x‖ - E‖y - y'‖ - E‖x - x'‖}{(1/n + 1/m) \, E‖x - x'‖} > 5

for moved rows y and target rows x, in standard deviations of the target's columns: the energy
distance of n moved rows from m target rows, over its mean for n fresh ones.

References
----------
Székely, G. J. and Rizzo, M. L. (2013). Energy statistics: A class of statistics based on
distances. Journal of Statistical Planning and Inference 143.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skflow._draws import draw_shuffled
from skflow._utils import normalize_weights, warn
from skflow.kernels import mean_distance

__all__ = ["arrival_floors", "warn_if_not_arrived"]

MOST_FLOORS = 5.0  # from which on a warning says so; single draws of few rows have up to 3 or 4
MEASURED_ROWS = 300  # rows of either side
MANY_SCALES = 100.0  # largest standard deviation over the smallest, from which on they matter


def _some(X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray]:
    """At most 300 rows, in double precision, and their weights, which sum to one."""
    share = normalize_weights(weight, len(X))
    if len(X) > MEASURED_ROWS:
        # shuffled, because rows of a base are in the order of a Sobol sequence
        X = X[draw_shuffled(share, MEASURED_ROWS, np.random.default_rng(0))]
        share = np.full(MEASURED_ROWS, 1 / MEASURED_ROWS)
    return X.astype(np.float64), share


def _spread(X: NDArray, weight: NDArray) -> NDArray:
    """Standard deviations of the columns, 0 where they are constant up to rounding."""
    largest = np.abs(X).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # squares of the values may underflow
    relative = np.sqrt(weight @ (X / unit - weight @ (X / unit)) ** 2)
    return np.where(relative > np.sqrt(np.finfo(np.float64).eps), relative * unit, 0.0)


def arrival_floors(
    moved: NDArray,
    target: NDArray,
    weight: NDArray,
    n_draws: float,
    weight_moved: NDArray | None = None,
) -> float:
    """How far moved rows are from the target, where fresh rows have 1 in the mean.

    Parameters
    ----------
    moved : ndarray of shape (n_moved, n_features)
        Centred rows at the end of their way.
    target : ndarray of shape (n_rows, n_features)
        Distinct, centred target rows.
    weight : ndarray of shape (n_rows,)
        Their weights, summing to one.
    n_draws : float
        Number of rows that the weights stand for.
    weight_moved : ndarray of shape (n_moved,), default=None
        Weights of the moved rows; None is all equal.

    Returns
    -------
    floors : float
        Of at most 300 rows of either side; 0 if all target rows are equal.
    """
    (Y, v), (X, w) = _some(moved, weight_moved), _some(target, weight)
    spread = _spread(X, w)
    varied = spread > 0
    m = min(n_draws, MEASURED_ROWS) if len(target) > MEASURED_ROWS else n_draws
    if not varied.any() or m <= 1:
        return 0.0
    X, Y = X[:, varied] / spread[varied], Y[:, varied] / spread[varied]
    within = mean_distance(X, X, weight_X=w, weight_Y=w)
    between = mean_distance(Y, X, weight_X=v, weight_Y=w)
    energy = 2 * between - within - mean_distance(Y, Y, weight_X=v, weight_Y=v)
    return energy / ((np.sum(v**2) + 1 / m) * within * m / (m - 1))


def warn_if_not_arrived(
    moved: NDArray,
    target: NDArray,
    weight: NDArray,
    n_draws: float,
    weight_moved: NDArray | None = None,
) -> None:
    """Warn if moved rows are much farther from the target than fresh ones; see `arrival_floors`."""
    floors = arrival_floors(moved, target, weight, n_draws, weight_moved)
    if floors <= MOST_FLOORS:
        return
    spread = _spread(target.astype(np.float64), weight)
    spread = spread[spread > 0]
    advice = "take more steps (n_steps), or another schedule"
    if spread.max() > MANY_SCALES * spread.min():
        advice = (
            "columns have very different spreads, of which a bandwidth sees the largest: "
            f"standardise them (StandardScaler), or {advice}"
        )
    warn(
        f"the rows ended far from the target: their energy distance to it is {floors:.3g} times "
        f"that of fresh rows, in standard deviations of the columns. Either {advice}."
    )
