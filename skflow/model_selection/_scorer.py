"""Scores of flows as scikit-learn's ``scoring=`` takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED

from skflow._utils import lookup
from skflow.model_selection._scores import SCORES
from skflow.model_selection._trial import Trial, make_trial

__all__ = ["FlowScorer", "get_scorer", "get_scorer_names", "get_scorers"]


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
        leave much to chance: the energy distance of 30 samples varies by a third from draw to draw,
        that of 1000 by a hundredth. The samples of a flow fitted with ``X_source`` are its moved
        reference rows, each at most once.
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
