r"""Scores of a fitted flow on held-out target rows; higher is better.

.. math::

    \text{fit} = \frac{\text{energy}(\text{samples}, X)}{(1/n + 1/m) \, E‖x - x'‖}, \qquad
    \text{copy} = \frac{\text{median}_i \min_j ‖y_i - t_j‖}{\text{median}_i \min_j ‖x_i - t_j‖}

    \text{fit without copying} = - \text{fit} · \max(\text{copy}, 1/\text{copy})
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from skflow._draws import make_generator
from skflow._utils import normalize_weights
from skflow.metrics import (
    characteristic_function_distance,
    energy_floor,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
    transport_cost_ratio,
)
from skflow.model_selection._trial import Trial

__all__ = ["SCORES"]

FOREST_ROWS = 2000  # rows of either table that the two-sample test looks at
FOREST_FOLDS, FOREST_TREES = 5, 50


def _energy(trial: Trial) -> float:
    return -trial.energy


def _cfd(trial: Trial) -> float:
    return -characteristic_function_distance(trial.samples, trial.X, weight_Y=trial.weight)


def _mmd(trial: Trial) -> float:
    return -maximum_mean_discrepancy(trial.samples, trial.X, weight_Y=trial.weight)


def _sliced_wasserstein(trial: Trial) -> float:
    return -sliced_wasserstein_distance(trial.samples, trial.X, weight_Y=trial.weight)


def _copying(trial: Trial) -> float:
    return -abs(float(np.log(trial.copy)))


def _fit_without_copying(trial: Trial) -> float:
    floor = energy_floor(trial.X, len(trial.samples), weight_Y=trial.weight)
    if floor == 0:  # all held-out rows are equal, and so may samples be
        return -1.0 if trial.energy == 0 else -np.inf
    return -trial.energy / floor * max(trial.copy, 1 / trial.copy)


def _scrambling(trial: Trial) -> float:
    if trial.source is None:
        raise ValueError(
            "scrambling is how far source rows went, but this "
            f"{type(trial.flow).__name__} was fitted without a source: fit(X, X_source=...)."
        )
    ratio = transport_cost_ratio(trial.source, trial.samples, random_state=trial.random_state)
    return min(0.0, 1 - ratio)  # rounding may take the ratio below 1


def _two_sample(trial: Trial) -> float:
    """Minus the excess of a forest's cross-validated accuracy, each table counting one half."""
    n = min(len(trial.X), len(trial.samples), FOREST_ROWS)
    if n < 2:
        raise ValueError("two_sample needs at least 2 held-out rows and 2 samples.")
    kept = make_generator(trial.random_state).permutation(len(trial.X))[:n]
    w = np.ones(n) if trial.weight is None else n * normalize_weights(trial.weight[kept], n)
    Z, weight = np.concatenate([trial.X[kept], trial.samples[:n]]), np.r_[w, np.ones(n)]
    label = np.repeat([0, 1], n)
    folds = StratifiedKFold(min(FOREST_FOLDS, n), shuffle=True, random_state=0)
    correct = np.zeros(2 * n)
    for train, test in folds.split(Z, label):
        forest = RandomForestClassifier(FOREST_TREES, random_state=0)
        forest.fit(Z[train], label[train], sample_weight=weight[train])
        correct[test] = forest.predict(Z[test]) == label[test]
    return min(0.0, float(0.5 - weight @ correct / weight.sum()))


SCORES: dict[str, Callable[[Trial], float]] = {
    "fit_without_copying": _fit_without_copying,
    "energy": _energy,
    "cfd": _cfd,
    "mmd": _mmd,
    "sliced_wasserstein": _sliced_wasserstein,
    "two_sample": _two_sample,
    "copying": _copying,
    "scrambling": _scrambling,
}
