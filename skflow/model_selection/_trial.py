"""Samples of a fitted flow beside held-out rows, wherever the flow is: what scores compare."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import validate_data

from skflow._draws import make_generator
from skflow._utils import cached_value, check_count, check_rows, check_weights, warn_if_sliced
from skflow.metrics import energy_distance, nearest_neighbor_ratio

__all__ = ["Trial", "coordinates", "flow_of", "make_trial", "placed"]

COPY_RANGE = 1e-3, 1e3  # exact copies have a ratio of 0, whose logarithm and inverse are not finite


@dataclass
class Trial:
    """Samples of a fitted flow beside held-out rows, in the coordinates that the flow works in.

    Parameters
    ----------
    flow : object
        The flow.
    X : ndarray of shape (n_rows, n_features)
        Held-out target rows of positive weight.
    weight : ndarray of shape (n_rows,) or None
        Their weights.
    samples : ndarray of shape (n_samples, n_features)
        What the flow makes of the target.
    source : ndarray of shape (n_samples, n_features) or None
        Where each sample came from, if the flow was fitted with ``X_source``.
    random_state : int, RandomState instance or None
        Seed of whatever a score draws.
    """

    flow: Any
    X: NDArray
    weight: NDArray | None
    samples: NDArray
    source: NDArray | None
    random_state: Any

    @cached_value
    def energy(self) -> float:
        """Energy distance between samples and held-out rows."""
        return energy_distance(self.samples, self.X, weight_Y=self.weight)

    @cached_value
    def copy(self) -> float:
        """Nearest-neighbour ratio of the samples to the training rows, kept finite."""
        target = getattr(self.flow, "target_", None)
        if target is None:
            raise TypeError(
                f"{type(self.flow).__name__} has no target_, the rows that it was fitted to, but "
                "without them copying cannot be seen: choose a score that is a distance."
            )
        ratio = nearest_neighbor_ratio(self.samples, target, fresh=self.X, weight_fresh=self.weight)
        return float(np.clip(ratio, *COPY_RANGE))


def make_trial(
    estimator: Any, X: Any, sample_weight: ArrayLike | None, n_samples: int, random_state: Any
) -> Trial:
    """Draw samples of a fitted flow, wherever it is, and put held-out rows beside them.

    Parameters
    ----------
    estimator : object
        A fitted flow, a pipeline that ends in one, or a search for one.
    X : array-like or DataFrame of shape (n_rows, n_features)
        Held-out target rows.
    sample_weight : array-like of shape (n_rows,) or None
        Their weights.
    n_samples : int
        Number of samples; at most all reference rows of a flow that has a source.
    random_state : int, RandomState instance or None
        Seed of the draw.

    Returns
    -------
    trial : Trial
        Everything in the coordinates that the flow works in.
    """
    flow = flow_of(estimator)
    warn_if_sliced(flow)
    X = placed(estimator, X)
    weight = check_weights(sample_weight, X)
    if weight is not None:
        X, weight = X[weight > 0], weight[weight > 0]
    n = check_count(n_samples, name="n_samples")
    source = getattr(flow, "source_", None)
    if source is not None:
        source = source[make_generator(random_state).permutation(len(source))[:n]]
        with warnings.catch_warnings():  # names of columns, if there were any, are those of X
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            samples = flow.transform(source)
    else:
        seeded = "random_state" in signature(flow.sample).parameters
        samples = flow.sample(n, **({"random_state": random_state} if seeded else {}))
        samples = samples[0] if isinstance(samples, tuple) else samples  # with labels of components
    return Trial(flow, X, weight, coordinates(flow, samples), source, random_state)


def flow_of(estimator: Any) -> Any:
    """The flow at the end of a pipeline, or that a search has found."""
    while isinstance(estimator, Pipeline) or hasattr(estimator, "best_estimator_"):
        is_pipeline = isinstance(estimator, Pipeline)
        estimator = estimator[-1] if is_pipeline else estimator.best_estimator_
    if not hasattr(estimator, "sample"):
        name = estimator if isinstance(estimator, str) else type(estimator).__name__
        raise TypeError(
            f"{name} has no method sample: expected is a fitted flow, such as SDFlowSampler or "
            "TableTransport, a Pipeline that ends in one, or a search whose best_estimator_ is one."
        )
    return estimator


def placed(estimator: Any, X: Any) -> NDArray:
    """Target rows as the flow at the end of an estimator sees them, in its coordinates."""
    if isinstance(estimator, Pipeline):
        return placed(estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X)
    if hasattr(estimator, "best_estimator_"):
        return placed(estimator.best_estimator_, X)
    if hasattr(estimator, "n_features_in_") and not hasattr(estimator, "encode"):
        return validate_data(estimator, X, dtype=[np.float64, np.float32], reset=False)
    return coordinates(estimator, X)


def coordinates(flow: Any, rows: Any) -> NDArray:
    """Rows as numbers to measure distances between."""
    return flow.encode(rows) if hasattr(flow, "encode") else check_rows(rows, name="X")
