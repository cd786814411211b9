"""What all that is trained has in common: seeds, and learning rates that fall on the way."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron

__all__ = ["WeightAverage", "cosine", "rate_name", "seeded", "set_learning_rate"]

RATES = ("learning_rate_init", "learning_rate", "eta0", "lr")  # what estimators call it


def seeded(estimator: Any, seed: int) -> Any:
    """Return a clone whose random states, where they were left open, are the seed."""
    estimator = clone(estimator)
    for name, value in estimator.get_params().items():
        if value is None and (name == "random_state" or name.endswith("__random_state")):
            estimator.set_params(**{name: seed})
    return estimator


def rate_name(estimator: Any) -> str | None:
    """Return what an estimator calls its learning rate, None if it has none."""
    params = estimator.get_params(deep=False)
    return next((name for name in RATES if isinstance(params.get(name), Real)), None)


def set_learning_rate(estimator: Any, rate: float) -> None:
    """Set the learning rate, of an optimizer that is under way as well."""
    name = rate_name(estimator)
    if name is None:
        raise ValueError(f"{estimator!r} has no learning rate ({', '.join(RATES)}).")
    estimator.set_params(**{name: rate})
    optimizer = getattr(estimator, "_optimizer", None)  # scikit-learn's perceptrons
    if optimizer is not None:  # keep the rate there that they began with
        optimizer.learning_rate = optimizer.learning_rate_init = rate


class WeightAverage:
    """Mean of a perceptron's weights over about the last ninth of all updates so far."""

    LAG = 9

    def __init__(self) -> None:
        self.n = 0
        self.mean: list[NDArray] = []

    def add(self, estimator: Any) -> None:
        """Take the weights as they are now; other estimators have none."""
        if not isinstance(estimator, BaseMultilayerPerceptron):
            return
        weights = [*estimator.coefs_, *estimator.intercepts_]
        if not self.n:
            self.mean = [w.copy() for w in weights]
        self.n += 1
        for mean, w in zip(self.mean, weights, strict=True):
            mean += self.LAG / (self.n + self.LAG) * (w - mean)

    def give(self, estimator: Any) -> None:
        """Let the estimator have the mean."""
        if self.n:
            n_layers = len(estimator.coefs_)
            estimator.coefs_, estimator.intercepts_ = self.mean[:n_layers], self.mean[n_layers:]


def cosine(s: float, last: float) -> float:
    """Fall from 1 to ``last`` along a cosine, s being the fraction of the way."""
    return float(last + (1 - last) * (1 + np.cos(np.pi * s)) / 2)
