r"""Round trips of labels, where only the source has labels.

.. math::

    (S, y) \xrightarrow{\text{train } f} (T, f(T)) \xrightarrow{\text{train } g} (S, g(S))

A strategy says how labelled rows are prepared, before a classifier of other rows is trained on
them: they move onto those, by a flow; they stay where they are; or they stay, and are drawn anew
with the class shares of the others.

The labels g(S) are compared with y. A flow that mixes classes brings labels back all the same if
its way back mixes them alike, but mixed rows are hard to classify by each other. So strategies are
compared by

.. math:: \frac1{3n} \sum_i \, [g(s_i) = y_i] + 2 \, [h_{-i}(\tilde s_i) = y_i]

h₋ᵢ being trained on the prepared source rows of the other folds: the mixing counts once for the way
there, and once for the way back.

References
----------
Bruzzone, L. and Marconcini, M. (2010). Domain Adaptation Problems: A DASVM Classification Technique
and a Circular Validation Strategy. IEEE Transactions on Pattern Analysis and Machine Intelligence
32(5).
Zhong, E. et al. (2010). Cross Validation Framework to Choose amongst Models and Datasets for
Transfer Learning. ECML PKDD.
Lipton, Z., Wang, Y.-X. and Smola, A. (2018). Detecting and Correcting for Label Shift with Black
Box Predictors. ICML.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2_contingency
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer as get_sklearn_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skflow._draws import draw_evenly
from skflow._utils import unwrap_source, warn
from skflow.advice import LEVEL, say_alike
from skflow.class_shares import estimate_class_shares
from skflow.metrics import two_sample_test
from skflow.model_selection._trial import coordinates, flow_of, placed

__all__ = ["CircularValidation", "RoundTrips"]

ERRORS_APART = 1.0  # standard errors by which a strategy has to be better than a simpler one
SHARES_DIFFER = (
    "class shares seem to differ: give y_source to fit, or train on the source as it is."
)


# -------------------------------------------------------------------------------------- strategies
# From labelled rows to rows and labels to train a classifier on, in the coordinates of ``way``: a
# flow that is fitted to the others, the rows that the classifier is for.
Strategy = Callable[[Any, Any, Any, NDArray, Any], tuple[NDArray, NDArray]]


def _stay(
    classifier: Any, way: Any, rows: Any, labels: NDArray, others: Any
) -> tuple[NDArray, NDArray]:
    return placed(way, rows), labels


def _reweight(
    classifier: Any, way: Any, rows: Any, labels: NDArray, others: Any
) -> tuple[NDArray, NDArray]:
    """Drawn anew, because not every classifier takes weights."""
    Z = placed(way, rows)
    if np.unique(labels, return_counts=True)[1].min() < 2:
        return Z, labels  # a class of one row says nothing about its share
    method = "em" if hasattr(classifier, "predict_proba") else "bbse"
    shares = estimate_class_shares(classifier, Z, labels, placed(way, others), method=method)
    kept = draw_evenly(np.cumsum(shares.source_weight), len(Z), np.random.default_rng(0))
    return Z[kept], labels[kept]


def _move(
    classifier: Any, way: Any, rows: Any, labels: NDArray, others: Any
) -> tuple[NDArray, NDArray]:
    return coordinates(flow_of(way), way.transform(rows)), labels


STRATEGIES: dict[str, Strategy] = {"stay": _stay, "reweight": _reweight, "move": _move}


def _train(classifier: Any, Z: NDArray, labels: NDArray) -> Any:
    """A classifier, or the only label that there is."""
    if len(np.unique(labels)) < 2:
        return DummyClassifier(strategy="constant", constant=labels[0]).fit(Z, labels)
    return clone(classifier).fit(Z, labels)


class RoundTrips(NamedTuple):
    """What `CircularValidation.compare` finds.

    Attributes
    ----------
    choice : {"stay", "reweight", "move"}
        What to do with the source.
    scores : dict of str to float
        The score of each of the three, between 0 and 1.
    pvalue : float
        Of the hypothesis that source and target do not differ.

    Examples
    --------
    >>> from skflow.model_selection import RoundTrips
    >>> trips = RoundTrips("move", {"stay": 0.81, "reweight": 0.83, "move": 0.97}, pvalue=0.001)
    >>> trips.scores[trips.choice]
    0.97
    """

    choice: str
    scores: dict[str, float]
    pvalue: float


class CircularValidation(BaseEstimator):
    """Score a flow by a round trip of labels, where only the source has labels: for ``scoring=``.

    The labelled source is moved onto the target, and a classifier is trained on the moved rows. It
    labels held-out target rows; these are moved back, onto the source, by a clone of the flow that
    is fitted to the source; a second classifier is trained on them and judged by the source's own
    labels. A flow that mixes up classes loses them on the round trip, unless both ways mix them up
    alike (exchange two classes and exchange them back). ``compare`` sees more, and says whether to
    move at all.

    Classifiers see the coordinates that the flow works in: those behind the earlier steps of a
    pipeline, or the encoded columns of a ``TableTransport``, as far as both tables have them.

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
    >>> scoring.compare(search, target).choice
    'move'
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
        judge, Z = self._round_trip(_move, *self._ways(estimator, X), X)
        return float(get_sklearn_scorer(self.scoring)(judge, Z, self.y_source))

    def compare(self, estimator: Any, X: Any) -> RoundTrips:
        """Compare moving the source with leaving it where it is, and choose.

        A classifier for the target is trained on the source as it is ("stay"), on rows of the
        source drawn anew with the class shares that the target seems to have ("reweight"), or on
        moved rows ("move"). The score of each is a weighted mean of two shares of source rows:
        those that get their label back from the round trip, and, counted twice, those whose label
        the other source rows predict where they are; there a flow fails that mixes classes. A
        later one of the three is chosen only if it is better than the ones before by more than one
        standard error, and none but "stay" if source and target do not differ.

        Parameters
        ----------
        estimator : object
            A fitted flow, a pipeline that ends in one, or a fitted search for one.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Target rows.

        Returns
        -------
        result : RoundTrips
            ``choice``, "stay", "reweight" or "move"; ``scores``, a dict of all three; ``pvalue`` of
            the hypothesis that source and target do not differ.

        Raises
        ------
        TypeError
            If the estimator is no flow, or has no ``transform``.
        ValueError
            If y_source has another length than X_source.

        Warns
        -----
        UserWarning
            If source and target do not differ; or else, unless "move" is chosen, if class shares
            seem to: a classifier of the source predicts other shares in the target.
        """
        there, back, source = self._ways(estimator, X)
        labels = np.asarray(self.y_source)
        if len(labels) != len(source):
            raise ValueError(
                f"y_source has {len(labels)} labels for {len(source)} rows of X_source."
            )
        right = {
            name: self._right(strategy, there, back, source, X)
            for name, strategy in STRATEGIES.items()
        }
        pvalue = two_sample_test(placed(there, source), placed(there, X), random_state=0).pvalue
        alike = say_alike(pvalue)
        choice = "stay" if alike else _simplest(right)
        if alike:
            warn(f"{alike}.")
        elif choice != "move" and self._shares_differ(placed(there, source), placed(there, X)):
            warn(SHARES_DIFFER)
        return RoundTrips(choice, {name: float(r.mean()) for name, r in right.items()}, pvalue)

    def _right(self, strategy: Strategy, there: Any, back: Any, source: Any, X: Any) -> NDArray:
        """Parts of the score of every source row: 1 where its label is right, else 0."""
        labels = np.asarray(self.y_source)
        judge, Z = self._round_trip(strategy, there, back, source, X)
        prepare = _move if strategy is _move else _stay  # rows drawn twice would predict themselves
        Z_there, _ = prepare(self.classifier, there, source, labels, X)
        by_each_other = self._predict_each_other(Z_there, labels) == labels
        return np.column_stack([judge.predict(Z) == labels, by_each_other, by_each_other]) * 1.0

    def _ways(self, estimator: Any, X: Any) -> tuple[Any, Any, Any]:
        """The flow to the target, one to the source, and the source's rows."""
        estimator = getattr(estimator, "best_estimator_", estimator)
        flow = flow_of(estimator)
        if not hasattr(estimator, "transform"):
            raise TypeError(f"{type(flow).__name__} has no method transform to move a source with.")
        source, _ = unwrap_source(self.X_source)
        if hasattr(flow, "encode"):  # data frames: the target may lack columns of the source
            source = source[[column for column in source.columns if column in X.columns]]
        return estimator, clone(estimator).fit(source), source

    def _round_trip(
        self, strategy: Strategy, there: Any, back: Any, source: Any, X: Any
    ) -> tuple[Any, NDArray]:
        """The second classifier, and the source rows that it is to label."""
        Z, labels = strategy(self.classifier, there, source, np.asarray(self.y_source), X)
        found = _train(self.classifier, Z, labels).predict(placed(there, X))
        if len(np.unique(found)) > 1:
            Z, found = strategy(self.classifier, back, X, found, source)
        else:  # there is nothing to prepare, or to train
            Z = placed(back, X)
        return _train(self.classifier, Z, found), placed(back, source)

    def _shares_differ(self, Z: NDArray, T: NDArray) -> bool:
        """Whether classes are predicted more or less often in the target than in the source."""
        labels = np.asarray(self.y_source)
        predicted = [
            self._predict_each_other(Z, labels),
            _train(self.classifier, Z, labels).predict(T),
        ]
        known = np.unique(np.concatenate(predicted))
        count = [[np.count_nonzero(side == label) for label in known] for side in predicted]
        return len(known) > 1 and bool(chi2_contingency(count).pvalue <= LEVEL)

    def _predict_each_other(self, Z: NDArray, labels: NDArray) -> NDArray:
        """Labels of rows as predicted by those of the other folds."""
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        with warnings.catch_warnings():  # of classes with few rows
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            return cross_val_predict(clone(self.classifier), Z, labels, cv=folds)


def _exceeds(a: NDArray, b: NDArray, margin: float) -> bool:
    """Whether paired values are larger, on average, by so many standard errors."""
    difference = a - b
    return bool(difference.mean() > margin * difference.std(ddof=1) / len(difference) ** 0.5)


def _simplest(right: dict[str, NDArray]) -> str:
    """The first strategy that no later one exceeds; of each, parts of the score of every row."""
    choice, *later = right
    for name in later:
        if _exceeds(right[name].mean(axis=1), right[choice].mean(axis=1), ERRORS_APART):
            choice = name
    return choice
