r"""Scores by which a grid search, a cross-validation or a nested one chooses a flow.

.. math::

    \text{fit} = \frac{\text{energy}(\text{samples}, X)}{(1/n + 1/m) \, E‖x - x'‖}, \qquad
    \text{copy} = \frac{\text{median}_i \min_j ‖y_i - t_j‖}{\text{median}_i \min_j ‖x_i - t_j‖}

    \text{fit without copying} = - \text{fit} · \max(\text{copy}, 1/\text{copy})

Of a flow, fitted to target rows t, n samples y are compared with m held-out target rows x. Higher
is better, as always in scikit-learn. A distance to held-out rows alone is no safe guide: the rows
that a flow was fitted to are fresh rows themselves, as far as the held-out ones can tell, so that
copies of them look all but perfect, and better than samples that are a little too wide. What gives
copies away is that they lie nearer to the rows t than held-out rows do.

References
----------
Székely, G. J. and Rizzo, M. L. (2013). Energy statistics: A class of statistics based on
distances. Journal of Statistical Planning and Inference 143.
Meehan, C., Chaudhuri, K. and Dasgupta, S. (2020). A Non-Parametric Test to Detect Data-Copying in
Generative Models. AISTATS.
Lopez-Paz, D. and Oquab, M. (2017). Revisiting Classifier Two-Sample Tests. ICLR.
Bruzzone, L. and Marconcini, M. (2010). Domain Adaptation Problems: A DASVM Classification Technique
and a Circular Validation Strategy. IEEE Transactions on Pattern Analysis and Machine Intelligence
32(5).
Zhong, E. et al. (2010). Cross Validation Framework to Choose amongst Models and Datasets for
Transfer Learning. ECML PKDD.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import get_scorer as get_sklearn_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import validate_data

from skflow._utils import (
    cached_value,
    check_count,
    check_rows,
    check_weights,
    lookup,
    make_generator,
    normalize_weights,
    unwrap_source,
    warn_if_sliced,
)
from skflow.metrics import (
    characteristic_function_distance,
    energy_distance,
    energy_floor,
    maximum_mean_discrepancy,
    nearest_neighbor_ratio,
    sliced_wasserstein_distance,
    transport_cost_ratio,
)

__all__ = [
    "SCORES",
    "CircularValidation",
    "FlowScorer",
    "get_scorer",
    "get_scorer_names",
    "get_scorers",
    "whole",
]

COPY_RANGE = 1e-3, 1e3  # exact copies have a ratio of 0, whose logarithm and inverse are not finite
FOREST_ROWS = 2000  # rows of either table that the two-sample test looks at


def whole(X_source: ArrayLike) -> tuple[ArrayLike]:
    """Wrap a source, so that cross-validation passes it to ``fit`` as a whole.

    ``GridSearchCV.fit(X, X_source=S)`` and its kin slice everything that is as long as X like X: if
    S happens to have as many rows as X, every fold sees a part of it, without a word. A tuple of
    one table has the length one and is never sliced; a `Pipeline` with
    ``transform_input=["X_source"]`` transforms the table inside, data frame or array, and keeps
    the tuple; and ``fit`` of a flow takes the table out.

    Parameters
    ----------
    X_source : array-like of shape (n_rows, n_features)
        Source rows.

    Returns
    -------
    X_source : tuple of one array-like
        To be given to ``fit`` as ``X_source``.

    Raises
    ------
    ValueError
        If X_source is not a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skflow import SDFlowSampler
    >>> from skflow.model_selection import whole
    >>> rng = np.random.default_rng(0)
    >>> X, S = rng.normal(1.0, 1.0, (60, 2)), rng.normal(0.0, 2.0, (60, 2))
    >>> search = GridSearchCV(SDFlowSampler(random_state=0), {"n_steps": [5, 20]}, cv=3)
    >>> search.fit(X, X_source=whole(S)).best_estimator_.source_.shape
    (60, 2)
    """
    rows, is_whole = unwrap_source(X_source)
    if not is_whole and np.ndim(rows) != 2:
        raise ValueError(f"X_source must be a table, got {np.ndim(rows)} dimension(s).")
    return (rows,)


# ------------------------------------------------------------------------------- what is compared
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
    flow = _flow_of(estimator)
    warn_if_sliced(flow)
    X = _placed(estimator, X)
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
    return Trial(flow, X, weight, _coordinates(flow, samples), source, random_state)


def _flow_of(estimator: Any) -> Any:
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


def _placed(estimator: Any, X: Any) -> NDArray:
    """Target rows as the flow at the end of an estimator sees them, in its coordinates."""
    if isinstance(estimator, Pipeline):
        return _placed(estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X)
    if hasattr(estimator, "best_estimator_"):
        return _placed(estimator.best_estimator_, X)
    if hasattr(estimator, "n_features_in_") and not hasattr(estimator, "encode"):
        return validate_data(estimator, X, dtype=[np.float64, np.float32], reset=False)
    return _coordinates(estimator, X)


def _coordinates(flow: Any, rows: Any) -> NDArray:
    """Rows as numbers to measure distances between."""
    return flow.encode(rows) if hasattr(flow, "encode") else check_rows(rows, name="X")


# ------------------------------------------------------------------------------------- the scores
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
    folds = StratifiedKFold(min(5, n), shuffle=True, random_state=0)
    correct = np.zeros(2 * n)
    for train, test in folds.split(Z, label):
        forest = RandomForestClassifier(50, random_state=0)
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


class FlowScorer(BaseEstimator):
    r"""Score of a fitted flow on held-out target rows, for ``scoring=``: higher is better.

    ==========================  ====================================================================
    name                        score
    ==========================  ====================================================================
    ``fit_without_copying``     −(energy / floor) · max(copy, 1/copy); near −1 for a good flow
    ``energy``                  −energy distance between samples and held-out rows
    ``cfd``                     −distance of their characteristic functions
    ``mmd``                     −maximum mean discrepancy
    ``sliced_wasserstein``      −sliced Wasserstein distance
    ``two_sample``              −(accuracy − ½), where above ½, of a random forest that tells
                                samples from held-out rows
    ``copying``                 −\|log copy\|; 0 if samples are as near to the training rows as
                                held-out rows are
    ``scrambling``              −(transport cost ratio − 1); 0 if source rows went the shortest way;
                                for flows fitted with ``X_source`` only
    ==========================  ====================================================================

    *Copy* is the median distance of a sample to its nearest training row over that of a held-out
    row, kept between 1/1000 and 1000: 1 if the flow remembers nothing. *Floor* is the energy
    distance that as many fresh rows would show. A grid search may trust ``fit_without_copying``; a
    distance alone hardly sees whether a flow copies a small table.

    The estimator is a flow (one that has ``sample``), a `Pipeline` that ends in one, in whose
    coordinates distances are measured, or a fitted search for one. Distances and the two-sample
    test work for any estimator that has ``sample``, such as ``KernelDensity``.

    Parameters
    ----------
    metrics : str, callable or tuple of such
        One score (the scorer returns a float) or several (it returns a dict, and samples are drawn
        once). A callable is a distance ``metric(samples, X)``, which gets ``weight_Y``, too, where
        rows are weighted; the score is minus the distance.
    n_samples : int, default=1000
        Samples that are drawn. Flows move ``n_reference`` rows together anyway, and few samples
        leave much to chance: the energy distance of 30 samples varies by a third from draw to
        draw, that of 1000 by a hundredth. Of a flow fitted with ``X_source`` the moved reference
        rows are the samples, each at most once.
    random_state : int, RandomState instance or None, default=0
        Seed of the samples: the same for all candidates, so that they are compared alike.

    See Also
    --------
    get_scorer : One score by its name.
    get_scorers : Several scores in one pass.
    CircularValidation : A score for sources with labels.

    References
    ----------
    See `skflow.model_selection`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skflow import SDFlowSampler
    >>> from skflow.model_selection import FlowScorer
    >>> X = np.random.default_rng(0).normal(size=(90, 2))
    >>> search = GridSearchCV(
    ...     SDFlowSampler("kernel", n_steps=20, n_reference=200, random_state=0),
    ...     {"schedule__sigma_min": ["0.05*nn", "nn"]},
    ...     scoring=FlowScorer(("fit_without_copying", "energy"), n_samples=200),
    ...     refit="fit_without_copying",
    ...     cv=3,
    ... )
    >>> search.fit(X).best_params_
    {'schedule__sigma_min': 'nn'}
    >>> sorted(name for name in search.cv_results_ if name.startswith("mean_test"))
    ['mean_test_energy', 'mean_test_fit_without_copying']
    """

    # metadata routing looks at `score`: its weights are metadata, the estimator is not
    __metadata_request__score = {"estimator": UNUSED}  # noqa: RUF012 (scikit-learn's own idiom)

    def __init__(self, metrics: Any, *, n_samples: int = 1000, random_state: Any = 0) -> None:
        self.metrics = metrics
        self.n_samples = n_samples
        self.random_state = random_state

    def __call__(
        self, estimator: Any, X: Any, y: Any = None, *, sample_weight: ArrayLike | None = None
    ) -> float | dict[str, float]:
        """Score a fitted flow.

        Parameters
        ----------
        estimator : object
            A fitted flow, a pipeline that ends in one, or a fitted search for one.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Target rows, held out from ``fit``.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the rows of X; a row of weight two counts as two rows.

        Returns
        -------
        score : float or dict of str to float
            One score, or all of several by their names.

        Raises
        ------
        TypeError
            If the estimator has no ``sample``, or no ``target_`` where copying is asked for.
        ValueError
            If a name is unknown, X is empty or not finite, or scrambling is asked of a flow that
            was fitted without ``X_source``.

        Warns
        -----
        UserWarning
            If ``X_source`` at ``fit`` was as long as X and not wrapped by `whole`: a
            cross-validation may have sliced it.
        """
        return self.score(estimator, X, y, sample_weight)

    def score(
        self, estimator: Any, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> float | dict[str, float]:
        """Score a fitted flow: what a call does.

        With metadata routing ``set_score_request(sample_weight=True)`` asks for the weights.

        Parameters
        ----------
        estimator : object
            A fitted flow, a pipeline that ends in one, or a fitted search for one.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Target rows, held out from ``fit``.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the rows of X.

        Returns
        -------
        score : float or dict of str to float
            One score, or all of several by their names.
        """
        several = isinstance(self.metrics, (tuple, list))
        scores = dict(map(_resolve, self.metrics if several else [self.metrics]))
        trial = make_trial(estimator, X, sample_weight, self.n_samples, self.random_state)
        values = {name: float(score(trial)) for name, score in scores.items()}
        return values if several else next(iter(values.values()))


def _resolve(metric: Any) -> tuple[str, Callable[[Trial], float]]:
    """Name and score of a metric given by its name or as a distance."""
    if not callable(metric):
        return metric, lookup(SCORES, metric, name="metric")

    def score(trial: Trial) -> float:
        weights = {} if trial.weight is None else {"weight_Y": trial.weight}
        return -metric(trial.samples, trial.X, **weights)

    return getattr(metric, "__name__", type(metric).__name__), score


def get_scorer(
    metric: str | Callable[..., float], *, n_samples: int = 1000, random_state: Any = 0
) -> FlowScorer:
    """Return the scorer of one score.

    Parameters
    ----------
    metric : str or callable
        A name, see `get_scorer_names`, or a distance ``metric(samples, X)``.
    n_samples : int, default=1000
        Samples that are drawn.
    random_state : int, RandomState instance or None, default=0
        Seed of the samples.

    Returns
    -------
    scorer : FlowScorer
        ``scorer(estimator, X)`` is a number; higher is better.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SDFlowSampler
    >>> from skflow.model_selection import get_scorer
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> flow = SDFlowSampler(n_steps=20, n_reference=200, random_state=0).fit(X[:100])
    >>> -3 < get_scorer("fit_without_copying", n_samples=200)(flow, X[100:]) < -0.3
    True
    """
    _resolve(metric)
    return FlowScorer(metric, n_samples=n_samples, random_state=random_state)


def get_scorers(
    *metrics: str | Callable[..., float], n_samples: int = 1000, random_state: Any = 0
) -> FlowScorer:
    """Return the scorer of several scores, which draws samples once for all.

    Parameters
    ----------
    *metrics : str or callable
        Names, see `get_scorer_names`, or distances ``metric(samples, X)``.
    n_samples : int, default=1000
        Samples that are drawn.
    random_state : int, RandomState instance or None, default=0
        Seed of the samples.

    Returns
    -------
    scorer : FlowScorer
        ``scorer(estimator, X)`` is a dict; ``GridSearchCV(..., scoring=scorer, refit="energy")``.

    Raises
    ------
    ValueError
        If there is no name, or one is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SDFlowSampler
    >>> from skflow.model_selection import get_scorers
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> flow = SDFlowSampler(n_steps=20, n_reference=200, random_state=0).fit(X[:100])
    >>> sorted(get_scorers("energy", "copying", n_samples=200)(flow, X[100:]))
    ['copying', 'energy']
    """
    if not metrics:
        raise ValueError(f"Name at least one score. Known: {', '.join(map(repr, SCORES))}.")
    for metric in metrics:
        _resolve(metric)
    return FlowScorer(metrics, n_samples=n_samples, random_state=random_state)


def get_scorer_names() -> list[str]:
    """Return the names of all scores.

    Returns
    -------
    names : list of str
        In alphabetical order.

    Examples
    --------
    >>> from skflow.model_selection import get_scorer_names
    >>> "fit_without_copying" in get_scorer_names()
    True
    """
    return sorted(SCORES)


class CircularValidation(BaseEstimator):
    """Score a flow by a round trip of labels, where only the source has labels: for ``scoring=``.

    The labelled source is moved onto the target, and a classifier is trained on the moved rows. It
    labels held-out target rows; these are moved back, onto the source, by a clone of the flow that
    is fitted to the source; a second classifier is trained on them and judged by the source's own
    labels. A flow that mixes up classes on its way loses them on the round trip, though not if
    both ways mix them up alike (exchange two classes and exchange them back).

    Classifiers see the coordinates that the flow works in: behind the earlier steps of a pipeline,
    and encoded columns for a ``TableTransport``, of which the columns count that both tables have.

    Parameters
    ----------
    classifier : estimator
        Any classifier; it is cloned.
    X_source : array-like or DataFrame of shape (n_source_rows, n_features)
        Source rows.
    y_source : array-like of shape (n_source_rows,)
        Their labels.
    scoring : str or callable, default="accuracy"
        A scikit-learn scorer of the second classifier on the source.

    References
    ----------
    Bruzzone and Marconcini (2010), IEEE TPAMI 32(5), section 4; Zhong et al. (2010), ECML PKDD.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skflow import SDFlowSampler
    >>> from skflow.model_selection import CircularValidation
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=80)
    >>> source = rng.normal(size=(80, 2)) + 5 * np.c_[y, y]
    >>> target = 0.3 * (rng.normal(size=(80, 2)) + 5 * rng.integers(2, size=(80, 1))) - 7
    >>> scoring = CircularValidation(LogisticRegression(), source, y)
    >>> flow = SDFlowSampler(n_steps=20, random_state=0)
    >>> search = GridSearchCV(flow, {"align": [None, "affine"]}, scoring=scoring, cv=2)
    >>> search.fit(target).best_score_ > 0.9
    np.True_
    """

    def __init__(
        self, classifier: Any, X_source: Any, y_source: ArrayLike, *, scoring: Any = "accuracy"
    ) -> None:
        self.classifier = classifier
        self.X_source = X_source
        self.y_source = y_source
        self.scoring = scoring

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score a fitted flow.

        Parameters
        ----------
        estimator : object
            A fitted flow, a pipeline that ends in one, or a fitted search for one.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Target rows, held out from ``fit``.
        y : None
            Ignored: the target has no labels.

        Returns
        -------
        score : float
            The score of the second classifier on the source; deterministic if the flow and the
            classifier have seeds. Where all held-out rows got the same label it is the score of
            that label for every row.

        Raises
        ------
        TypeError
            If the estimator is no flow, or has no ``transform``.
        """
        estimator = getattr(estimator, "best_estimator_", estimator)
        flow = _flow_of(estimator)
        if not hasattr(estimator, "transform"):
            raise TypeError(f"{type(flow).__name__} has no method transform to move a source with.")
        source, _ = unwrap_source(self.X_source)
        if hasattr(flow, "encode"):  # data frames: the target may lack columns of the source
            source = source[[column for column in source.columns if column in X.columns]]
        labels = self._train(estimator, source, self.y_source).predict(_placed(estimator, X))
        back = clone(estimator).fit(source)
        if len(np.unique(labels)) > 1:
            classifier = self._train(back, X, labels)
        else:
            constant = DummyClassifier(strategy="constant", constant=labels[0])
            classifier = constant.fit(_placed(back, source), self.y_source)
        scorer = get_sklearn_scorer(self.scoring)
        return float(scorer(classifier, _placed(back, source), self.y_source))

    def _train(self, estimator: Any, rows: Any, labels: Any) -> Any:
        """A classifier trained on rows that the flow has moved."""
        moved = _coordinates(_flow_of(estimator), estimator.transform(rows))
        return clone(self.classifier).fit(moved, labels)
