"""What all that is trained has in common: seeds, and learning rates that fall on the way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import copy, deepcopy
from numbers import Real
from threading import current_thread, main_thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
from sklearn.utils import get_tags

__all__ = [
    "LAST_RATE",
    "RATES",
    "FallingRate",
    "WeightAverage",
    "cosine",
    "limit_batch_size",
    "make_regressor",
    "rate_name",
    "seeded",
    "set_learning_rate",
    "snapshot",
    "taught",
]

LAST_RATE = 0.02  # of a learning rate that is left at the end
SWALLOWED = "Training interrupted by user"  # what is left of an interrupt
N_PROBE = 16  # rows that tell whether a regressor can do several outputs

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


def make_regressor(
    regressor: Any, inputs: NDArray, outputs: NDArray, *, seed: int, name: str
) -> Any:
    """Return a fresh regressor of several outputs.

    Parameters
    ----------
    regressor : regressor
        What the user gave.
    inputs : ndarray of shape (n_rows, n_inputs)
        Inputs to try it on.
    outputs : ndarray of shape (n_rows, n_outputs)
        Outputs to try it on.
    seed : int
        For every random state that was left open.
    name : str
        What to call the argument in an error.

    Returns
    -------
    regressor : regressor
        A clone, wrapped in `sklearn.multioutput.MultiOutputRegressor` if it does one output only.

    Raises
    ------
    TypeError
        If it is no regressor, by name.
    """
    if not hasattr(regressor, "predict") or not hasattr(regressor, "fit"):
        raise TypeError(
            f"{name}={regressor!r} is no regressor: it needs fit or partial_fit, and predict."
        )
    fresh, tags = seeded(regressor, seed), get_tags(regressor)
    if tags.estimator_type != "regressor":
        raise TypeError(f"{name}={regressor!r} is a {tags.estimator_type}, not a regressor.")
    several = tags.target_tags is not None and tags.target_tags.multi_output
    probe = inputs[:N_PROBE], outputs[:N_PROBE]
    if outputs.shape[1] == 1 or several or _does_several(clone(fresh), *probe):
        return fresh
    return MultiOutputRegressor(fresh)


def _does_several(regressor: Any, inputs: NDArray, outputs: NDArray) -> bool:
    """Whether a regressor whose tags do not say so takes several outputs all the same."""
    fit = getattr(regressor, "partial_fit", regressor.fit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of so few rows
            return fit(inputs, outputs).predict(inputs).shape == outputs.shape
    except (TypeError, ValueError):
        return False


def snapshot(estimator: Any) -> Any:
    """Return a copy that predicts what the estimator does now, however it goes on learning."""
    if not isinstance(estimator, BaseMultilayerPerceptron) or not hasattr(estimator, "coefs_"):
        return deepcopy(estimator)
    other = copy(estimator)
    other.coefs_ = [w.copy() for w in estimator.coefs_]
    other.intercepts_ = [b.copy() for b in estimator.intercepts_]
    other.__dict__.pop("_optimizer", None)  # twice as large as the weights
    return other


def taught(fit: Callable[..., Any], *data: Any, **options: Any) -> Any:
    """Call ``fit`` or ``partial_fit``; an interrupt ends it.

    scikit-learn's perceptrons turn an interrupt into a warning, after which a flow would go on.
    Interrupts reach the main thread only, and only there are filters of warnings safe to set.
    """
    if current_thread() is not main_thread():
        return fit(*data, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", SWALLOWED)
        try:
            return fit(*data, **options)
        except UserWarning as warning:
            if not str(warning).startswith(SWALLOWED):
                raise
            raise KeyboardInterrupt from None


def limit_batch_size(estimator: Any, n_rows: int) -> None:
    """Let minibatches be no longer than the rows, of which scikit-learn would warn."""
    batch_size = estimator.get_params().get("batch_size")
    if isinstance(batch_size, int) and batch_size > n_rows:
        estimator.set_params(batch_size=n_rows)


class FallingRate:
    """Learning rate of a perceptron, from its own along a cosine; other estimators keep theirs.

    Parameters
    ----------
    estimator : estimator
        What is trained.
    last : float
        What is left of its rate at the end.
    """

    def __init__(self, estimator: Any, last: float) -> None:
        self.estimator, self.last = estimator, last
        self.is_perceptron = isinstance(estimator, BaseMultilayerPerceptron)
        self.first = estimator.learning_rate_init if self.is_perceptron else 0.0

    def set(self, s: float) -> None:
        """Set the rate for the fraction s of the way."""
        if self.is_perceptron:
            set_learning_rate(self.estimator, self.first * cosine(s, self.last))


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
