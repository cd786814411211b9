r"""Class shares of a target without labels, where p(x | class) is that of the labelled source.

.. math::

    \text{BBSE:} \quad \hat p_t(c' \text{ predicted}) = \sum_c C_{c'c} \, \frac{q_c}{p_c}, \qquad
    C_{c'c} = \hat p_s(c' \text{ predicted}, \, c)

    \text{EM:} \quad q_c ← \frac1m \sum_i
        \frac{q_c/p_c \; p_s(c | x_i)}{\sum_{c'} q_{c'}/p_{c'} \; p_s(c' | x_i)}

p are the shares of the source, q those of the target, x the target's rows. Black-box shift
estimation (BBSE) holds for any classifier whose confusion matrix C is invertible; EM climbs the
likelihood of q and is the more accurate of the two where the classifier's probabilities are
calibrated, for which they are put on the scale ``softmax(a log p(c | x) + b_c)`` first, a and b
maximising the likelihood of held-out source rows (bias-corrected temperature scaling).

References
----------
Saerens, M., Latinne, P. and Decaestecker, C. (2002). Adjusting the Outputs of a Classifier to New a
Priori Probabilities: A Simple Procedure. Neural Computation 14(1).
Lipton, Z., Wang, Y.-X. and Smola, A. (2018). Detecting and Correcting for Label Shift with Black
Box Predictors. ICML.
Alexandari, A., Kundaje, A. and Shrikumar, A. (2020). Maximum Likelihood with Bias-Corrected
Calibration is Hard-To-Beat at Label Shift Adaptation. ICML.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, nnls
from scipy.spatial.distance import cdist
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skflow._utils import (
    check_count,
    check_rows,
    check_weights,
    lookup,
    means_and_deviations,
)

__all__ = [
    "ClassShares",
    "bbse_shares",
    "drifted_class_shares",
    "em_shares",
    "estimate_class_shares",
]

SMALLEST = 1e-3  # fewer trees or neighbours than its inverse know no smaller probability than zero
DISTANCE_ROWS = 500  # of either side, that distances are taken between
STARTS = 0.05, 0.2, 0.4, 0.6, 0.8, 0.95  # shares of each class in turn, that a search begins with
CALIBRATION_RIDGE = 1e-6  # times |θ|², added to the log-loss of calibrated probabilities
SHARE_TOL = 1e-3  # of the search, in log-odds and in the distance
EM_STEPS, EM_TOL = 10_000, 1e-9


class ClassShares(NamedTuple):
    """What `estimate_class_shares` finds.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    shares : ndarray of shape (n_classes,)
        Their shares of the target, summing to one.
    source_weight : ndarray of shape (n_source_rows,)
        Weights of source rows, summing to their number.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.class_shares import ClassShares
    >>> weight = np.array([0.5, 1.5])  # of a source with one row of each class
    >>> found = ClassShares(np.array(["no", "yes"]), np.array([0.25, 0.75]), weight)
    >>> classes, shares, source_weight = found
    >>> dict(zip(found.classes.tolist(), found.shares.tolist()))
    {'no': 0.25, 'yes': 0.75}
    """

    classes: NDArray
    shares: NDArray
    source_weight: NDArray


def bbse_shares(proba_source: ArrayLike, y_source: ArrayLike, proba_target: ArrayLike) -> NDArray:
    r"""Class shares of a target by black-box shift estimation.

    .. math:: \min_{w ≥ 0} ‖C w - \hat p_t‖, \qquad q_c ∝ p_c w_c

    Parameters
    ----------
    proba_source : array-like of shape (n_source_rows, n_classes)
        Predicted probabilities of source rows on which the classifier was not trained; or ones and
        zeros, for predicted classes.
    y_source : array-like of shape (n_source_rows,)
        Numbers of their true classes, 0 to n_classes − 1.
    proba_target : array-like of shape (n_target_rows, n_classes)
        Predicted probabilities, or classes, of target rows.

    Returns
    -------
    shares : ndarray of shape (n_classes,)
        Not negative, summing to one.

    References
    ----------
    Lipton, Wang and Smola (2018), ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.class_shares import bbse_shares
    >>> right = np.eye(2)
    >>> bbse_shares(right[[0, 0, 0, 1]], [0, 0, 0, 1], right[[0, 1, 1, 1]])
    array([0.25, 0.75])
    """
    P_s, P_t = np.asarray(proba_source, np.float64), np.asarray(proba_target, np.float64)
    truth = np.eye(P_s.shape[1])[np.asarray(y_source)]
    weight = nnls(P_s.T @ truth / len(P_s), P_t.mean(axis=0))[0]
    shares = weight * truth.mean(axis=0)
    return shares / shares.sum()


def em_shares(proba_source: ArrayLike, y_source: ArrayLike, proba_target: ArrayLike) -> NDArray:
    r"""Class shares of a target that maximise the likelihood of its rows.

    .. math:: \max_q \sum_i \log \sum_c \frac{q_c}{p_c} \, p_s(c | x_i)

    Parameters
    ----------
    proba_source : array-like of shape (n_source_rows, n_classes)
        Predicted probabilities of source rows on which the classifier was not trained; they serve
        to calibrate it.
    y_source : array-like of shape (n_source_rows,)
        Numbers of their true classes, 0 to n_classes − 1.
    proba_target : array-like of shape (n_target_rows, n_classes)
        Predicted probabilities of target rows.

    Returns
    -------
    shares : ndarray of shape (n_classes,)
        Not negative, summing to one.

    References
    ----------
    Saerens, Latinne and Decaestecker (2002), Neural Computation 14(1); Alexandari, Kundaje and
    Shrikumar (2020), ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.class_shares import em_shares
    >>> right = np.eye(2)
    >>> em_shares(right[[0, 0, 0, 1]], [0, 0, 0, 1], right[[0, 1, 1, 1]]).round(3)
    array([0.25, 0.75])
    """
    P_s, P_t = np.asarray(proba_source, np.float64), np.asarray(proba_target, np.float64)
    y = np.asarray(y_source)
    P_t = calibrate(P_s, y)(P_t)
    p = np.bincount(y, minlength=P_t.shape[1]) / len(y)
    q = p
    for _ in range(EM_STEPS):
        joint = P_t * (q / p)
        new = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(new - q).max() < EM_TOL:
            break
        q = new
    return new


def calibrate(proba: NDArray, y: NDArray) -> Callable[[NDArray], NDArray]:
    """Fit ``softmax(a log p + b)`` to labels; return the map of probabilities.

    A temperature 1/a alone leaves the mean of a class's probability off its share, and EM takes
    what it is off by for a change of shares.
    """
    n_classes = proba.shape[1]
    truth = np.eye(n_classes)[y]

    def scaled(theta: NDArray, P: NDArray) -> NDArray:
        return np.exp(theta[0]) * np.log(np.maximum(P, SMALLEST)) + np.append(theta[1:], 0.0)

    def loss(theta: NDArray) -> tuple[float, NDArray]:
        z = scaled(theta, proba)
        slope = (softmax(z, axis=1) - truth) / len(y)
        d_log_a = np.sum(slope * (z - np.append(theta[1:], 0.0)))
        gradient = np.append(d_log_a, slope.sum(axis=0)[:-1])
        # classes that never overlap would make a infinite; the bound and the ridge end that
        ridge = CALIBRATION_RIDGE * theta
        value = -np.mean(log_softmax(z, axis=1)[truth > 0])
        return value + ridge @ theta, gradient + 2 * ridge

    bounds = [(-4.0, 4.0), *[(None, None)] * (n_classes - 1)]
    theta = minimize(loss, np.zeros(n_classes), jac=True, bounds=bounds, method="L-BFGS-B").x
    return lambda P: softmax(scaled(theta, P), axis=1)


METHODS: dict[str, Callable[[NDArray, NDArray, NDArray], NDArray]] = {
    "em": em_shares,
    "bbse": bbse_shares,
}


def estimate_class_shares(
    classifier: Any,
    X_source: Any,
    y_source: ArrayLike,
    X_target: Any,
    *,
    method: str = "em",
    cv: int = 5,
) -> ClassShares:
    r"""Estimate the class shares of a target without labels from a labelled source.

    .. math:: w_i = q_{c_i} / p_{c_i}

    weighs source rows so that their class shares are the target's. It presumes that rows of one
    class are distributed alike in both tables; where columns drift as well, move the source first.

    Parameters
    ----------
    classifier : estimator
        Any classifier; clones of it are trained, on folds and on the whole of the source.
    X_source : array-like or DataFrame of shape (n_source_rows, n_features)
        Source rows.
    y_source : array-like of shape (n_source_rows,)
        Their classes.
    X_target : array-like or DataFrame of shape (n_target_rows, n_features)
        Target rows.
    method : {"em", "bbse"}, default="em"
        "em": maximum likelihood of calibrated probabilities. "bbse": black-box shift estimation,
        for classifiers without probabilities, too.
    cv : int, default=5
        Number of folds by which source rows are predicted; at most the rows of the rarest class.

    Returns
    -------
    result : ClassShares
        ``classes``, sorted as a classifier's ``classes_``; ``shares`` of the target in that order,
        summing to one; ``source_weight`` of shape (n_source_rows,), summing to the number of rows.

    Raises
    ------
    TypeError
        If the method is "em" and the classifier has no ``predict_proba``.
    ValueError
        If y_source has another length than X_source, is not of classes, has fewer than two of them
        or one of a single row, or if the method is unknown.

    References
    ----------
    Saerens et al. (2002); Lipton et al. (2018); Alexandari et al. (2020): see the module.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skflow.class_shares import estimate_class_shares
    >>> rng = np.random.default_rng(0)
    >>> y, y_target = np.repeat(["a", "b"], [500, 500]), np.repeat(["a", "b"], [100, 900])
    >>> X, X_target = (rng.normal(2.0 * (c == "b"))[:, None] for c in (y, y_target))
    >>> result = estimate_class_shares(LogisticRegression(), X, y, X_target)
    >>> result.shares.round(1)
    array([0.1, 0.9])
    >>> result.source_weight.sum().round(6)
    np.float64(1000.0)
    """
    estimate = lookup(METHODS, method, name="method")
    classes, y = _check_classes(X_source, y_source)
    if method == "em" and not hasattr(classifier, "predict_proba"):
        raise TypeError(
            f"{type(classifier).__name__} has no predict_proba, which method='em' needs: choose "
            "method='bbse', or another classifier."
        )
    count = np.bincount(y)
    folds = min(check_count(cv, name="cv", minimum=2), count.min())
    how = "predict_proba" if hasattr(classifier, "predict_proba") else "predict"
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    P_s = cross_val_predict(clone(classifier), X_source, y, cv=split, method=how)
    P_t = getattr(clone(classifier).fit(X_source, y), how)(X_target)
    if how == "predict":
        P_s, P_t = np.eye(len(classes))[P_s], np.eye(len(classes))[P_t]
    shares = estimate(P_s, y, P_t)
    return ClassShares(classes, shares, (shares * len(y) / count)[y])


def drifted_class_shares(
    X_source: ArrayLike,
    y_source: ArrayLike,
    X_target: ArrayLike,
    target_weight: ArrayLike | None = None,
    *,
    random_state: int = 0,
) -> ClassShares:
    r"""Estimate the class shares of a target whose columns have drifted as well.

    .. math:: \hat q = \operatorname{argmin}_q \; 2 E_q‖T_q(x) - y‖ - E_q‖T_q(x) - T_q(x')‖, \qquad
              T_q(x) = m_t + s_t \frac{x - m_q}{s_q}

    The energy distance between target rows y and source rows x that are weighted to have the shares
    q, and brought to the target's mean and standard deviation in every column. With the wrong
    shares no such map makes the two alike, unless the classes have the same shape: where each is a
    shifted image of the other, a target of one class alone may be taken for the other. A classifier
    that is trained on moved rows cannot tell which shares are right, because the flow makes the
    tables alike with any shares.

    Parameters
    ----------
    X_source : array-like of shape (n_source_rows, n_features)
        Source rows.
    y_source : array-like of shape (n_source_rows,)
        Their classes.
    X_target : array-like of shape (n_target_rows, n_features)
        Target rows.
    target_weight : array-like of shape (n_target_rows,), default=None
        Non-negative weights of the target rows.
    random_state : int, default=0
        Chooses the rows of tables with more than 500.

    Returns
    -------
    result : ClassShares
        As `estimate_class_shares` returns it.

    Raises
    ------
    ValueError
        If a table is empty, not finite or of another width, or y_source has another length than
        X_source, is not of classes, or has fewer than two of them or one of a single row.

    References
    ----------
    Kawakubo, H., du Plessis, M. C. and Sugiyama, M. (2016). Computationally Efficient Class-Prior
    Estimation under Class Balance Change Using Energy Distance. IEICE Transactions on Information
    and Systems E99-D(1): without drift.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.class_shares import drifted_class_shares
    >>> rng = np.random.default_rng(0)
    >>> y, y_target = np.repeat(["a", "b"], [250, 250]), np.repeat(["a", "b"], [100, 400])
    >>> X, X_target = (rng.normal(4.0 * (c == "b"))[:, None] for c in (y, y_target))
    >>> drifted_class_shares(5 * X - 7, y, X_target).shares.round(1)
    array([0.2, 0.8])
    """
    X = check_rows(X_source, name="X_source").astype(np.float64)
    T = check_rows(X_target, name="X_target", n_features=X.shape[1]).astype(np.float64)
    target_weight = check_weights(target_weight, T)
    classes, y = _check_classes(X, y_source)
    count, rng = np.bincount(y), np.random.default_rng(random_state)
    some = _some_of_every_class(y, rng)
    x, label, (t, v) = X[some], y[some], _some_of_the_target(T, target_weight, rng)
    center, scale = means_and_deviations(t, v)
    t, x = (t - center)[:, scale > 0] / scale[scale > 0], x[:, scale > 0]
    within = np.bincount(label)
    if not np.ptp(t, axis=0).any():  # nothing in the target tells of any shares
        return ClassShares(classes, count / len(y), np.ones(len(y)))

    def distance(logit: NDArray) -> float:
        w = (softmax(logit) / within)[label]
        mean, spread = means_and_deviations(x, w)
        z = (x - mean) / np.where(spread > 0, spread, 1.0)
        return float(2 * w @ cdist(z, t) @ v - w @ cdist(z, z) @ w)

    found = minimize(
        distance,
        min(_first_shares(count / len(y)), key=distance),
        method="Nelder-Mead",
        options={"xatol": SHARE_TOL, "fatol": SHARE_TOL * distance(np.log(count)) / len(count)},
    )
    shares = softmax(found.x)
    return ClassShares(classes, shares, (shares * len(y) / count)[y])


def _some_of_the_target(
    T: NDArray, weight: ArrayLike | None, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """At most 500 target rows, and weights that sum to one."""
    v = np.ones(len(T)) if weight is None else np.asarray(weight, float)
    v = v / v.sum()
    t = T[rng.choice(len(T), DISTANCE_ROWS, p=v)]
    return (T, v) if len(T) <= DISTANCE_ROWS else (t, np.full(len(t), 1 / len(t)))


def _some_of_every_class(y: NDArray, rng: np.random.Generator) -> NDArray:
    """Numbers of at most 500 rows, as many of every class as there are, or an equal share."""
    if len(y) <= DISTANCE_ROWS:
        return np.arange(len(y))
    most = DISTANCE_ROWS // (y.max() + 1)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(y == c))[: max(2, most)] for c in range(y.max() + 1)]
    )


def _first_shares(p: NDArray) -> list[NDArray]:
    """Logs of the shares that a search begins with: the source's, and others of each class."""
    starts = [p]
    for c in range(len(p)):
        rest = np.delete(p, c) / (1 - p[c])
        starts += [np.insert((1 - share) * rest, c, share) for share in STARTS]
    return [np.log(shares) for shares in starts]


def _check_classes(X_source: Any, y_source: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the sorted classes, and every source row's number among them."""
    labels = column_or_1d(y_source)
    check_classification_targets(labels)
    if len(labels) != len(X_source):
        raise ValueError(
            f"y_source has {len(labels)} labels, but X_source has {len(X_source)} rows: give one "
            "label a row."
        )
    classes, y, count = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"y_source has the class {classes[0]!r} only: shares need at least two.")
    if count.min() < 2:
        rare = classes[count.argmin()]
        raise ValueError(
            f"y_source has one row of the class {rare!r}, but 2 are needed, to learn from the one "
            "and predict the other: leave it out, or merge classes."
        )
    return classes, y
