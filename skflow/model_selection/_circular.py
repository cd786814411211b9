"""Round trips of labels.

References
----------
Bruzzone, L. and Marconcini, M. (2010). Domain Adaptation Problems: A DASVM Classification Technique
and a Circular Validation Strategy. IEEE Transactions on Pattern Analysis and Machine Intelligence
32(5).
Zhong, E. et al. (2010). Cross Validation Framework to Choose amongst Models and Datasets for
Transfer Learning. ECML PKDD.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer as get_sklearn_scorer

from skflow._utils import unwrap_source
from skflow.model_selection._trial import coordinates, flow_of, placed

__all__ = ["CircularValidation"]


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
        flow = flow_of(estimator)
        if not hasattr(estimator, "transform"):
            raise TypeError(f"{type(flow).__name__} has no method transform to move a source with.")
        source, _ = unwrap_source(self.X_source)
        if hasattr(flow, "encode"):  # data frames: the target may lack columns of the source
            source = source[[column for column in source.columns if column in X.columns]]
        labels = self._train(estimator, source, self.y_source).predict(placed(estimator, X))
        back = clone(estimator).fit(source)
        if len(np.unique(labels)) > 1:
            classifier = self._train(back, X, labels)
        else:
            constant = DummyClassifier(strategy="constant", constant=labels[0])
            classifier = constant.fit(placed(back, source), self.y_source)
        scorer = get_sklearn_scorer(self.scoring)
        return float(scorer(classifier, placed(back, source), self.y_source))

    def _train(self, estimator: Any, rows: Any, labels: Any) -> Any:
        """A classifier trained on rows that the flow has moved."""
        moved = coordinates(flow_of(estimator), estimator.transform(rows))
        return clone(self.classifier).fit(moved, labels)
