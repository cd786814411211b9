"""Class shares of a target without labels: closed forms, a likelihood's maximum, calibration."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from skflow.class_shares import (
    METHODS,
    bbse_shares,
    calibrate,
    drifted_class_shares,
    em_shares,
    estimate_class_shares,
)

# p(x | class) of three classes (rows) on four values of x, in sixteenths
LIKELIHOOD = np.array([[10, 4, 1, 1], [2, 8, 4, 2], [1, 1, 4, 10]])


def counted(shares):
    """Rows x and classes c that have exactly the shares, and p(x | c)."""
    count = np.round(LIKELIHOOD * np.asarray(shares)[:, None] * 20).astype(int)
    c, x = np.divmod(np.repeat(np.arange(12), count.ravel()), 4)
    return x, c


def posterior(shares):
    """p(c | x) for every x."""
    joint = LIKELIHOOD * np.asarray(shares)[:, None]
    return (joint / joint.sum(axis=0)).T


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "q", [[0.2, 0.3, 0.5], [0.05, 0.9, 0.05], [0.5, 0.3, 0.2], [0.0, 0.4, 0.6]]
)
def test_exact_tables_give_exact_shares(method, q):
    p = [0.5, 0.3, 0.2]
    (x, y), (x_target, _) = counted(p), counted(q)
    P = posterior(p)
    shares = METHODS[method](P[x], y, P[x_target])
    # the ridge of the calibration is 1e-6, and EM stops where it hardly climbs any more
    assert shares == pytest.approx(q, abs=2e-4)
    assert shares.sum() == pytest.approx(1)


def test_predicted_classes_will_do_for_bbse():
    (x, y), (x_target, _) = counted([0.5, 0.3, 0.2]), counted([0.1, 0.3, 0.6])
    predicted = np.eye(3)[posterior([0.5, 0.3, 0.2]).argmax(axis=1)]
    assert bbse_shares(predicted[x], y, predicted[x_target]) == pytest.approx([0.1, 0.3, 0.6])


def test_em_climbs_to_the_maximum_of_the_likelihood():
    rng = np.random.default_rng(0)
    y, y_target = rng.random(4000) < 0.5, rng.random(150) < 0.8
    x, x_target = rng.normal(2.0 * y), rng.normal(2.0 * y_target)

    def proba(x):  # exact where both classes are N(0 or 2, 1) and equally frequent
        return softmax(np.column_stack([0 * x, 2 * x - 2]), axis=1)

    P = calibrate(proba(x), y.astype(int))(proba(x_target))
    p = np.array([1 - y.mean(), y.mean()])

    def loss(q):
        return -np.log(P @ (np.array([1 - q, q]) / p)).sum()

    best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x
    assert em_shares(proba(x), y.astype(int), proba(x_target))[1] == pytest.approx(best, abs=1e-6)
    assert abs(best - y_target.mean()) < 0.1


def test_calibration_undoes_a_wrong_temperature_and_bias():
    p = [0.5, 0.3, 0.2]
    x, y = counted(p)
    right = posterior(p)
    wrong = softmax(1.6 * np.log(right) + [0.7, -0.4, 0.0], axis=1)  # above SMALLEST
    assert wrong.min() > 1e-3
    assert calibrate(wrong[x], y)(wrong) == pytest.approx(right, abs=1e-3)  # the ridge's due


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_shares_and_weights_of_a_thinned_class(method, seed):
    rng = np.random.default_rng(seed)
    names = np.array(["old", "new", "mid"])
    center = {"old": [0, 0], "mid": [2, 0], "new": [0, 2.5]}

    def draw(shares, n):
        c = rng.choice(names, n, p=shares)
        return np.array([center[k] for k in c]) + rng.normal(size=(n, 2)), c

    X, y = draw([0.5, 0.3, 0.2], 600)
    X_target, y_target = draw([0.2, 0.2, 0.6], 500)
    result = estimate_class_shares(LogisticRegression(), X, y, X_target, method=method)
    assert result.classes.tolist() == ["mid", "new", "old"]
    truth = np.array([np.mean(y_target == c) for c in result.classes])
    assert result.shares == pytest.approx(truth, abs=0.08)  # measured: at most 0.05
    weight = result.source_weight
    assert weight.sum() == pytest.approx(len(X))
    assert [weight[y == c].sum() / len(X) for c in result.classes] == pytest.approx(result.shares)
    frame = pd.DataFrame(X, columns=["a", "b"])
    same = estimate_class_shares(
        LogisticRegression(), frame, pd.Series(y), frame.iloc[:0:-1], method=method
    )
    assert same.shares == pytest.approx([np.mean(y == c) for c in same.classes], abs=0.06)


def test_classifiers_without_probabilities_and_without_doubts():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 20])
    X = rng.normal(10.0 * y[:, None], 1.0, (100, 2))
    shares = estimate_class_shares(RidgeClassifier(), X, y, X[60:], method="bbse").shares
    assert shares == pytest.approx([0.5, 0.5])
    for method in METHODS:  # probabilities are zero or one
        result = estimate_class_shares(KNeighborsClassifier(1), X, y, X[60:], method=method)
        assert result.shares == pytest.approx([0.5, 0.5], abs=1e-3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y_source": [0, 1]}, ValueError, "y_source has 2 labels, but X_source has 6 rows"),
        ({"y_source": [1] * 6}, ValueError, "y_source has the class .* only"),
        ({"y_source": [0, 0, 0, 0, 0, 7]}, ValueError, "one row of the class .*7.* merge classes"),
        ({"y_source": np.linspace(0, 1, 6)}, ValueError, "Unknown label type: continuous"),
        ({"method": "mle"}, ValueError, "method='mle' is not known. Known: 'em', 'bbse'"),
        ({"classifier": RidgeClassifier()}, TypeError, "RidgeClassifier has no predict_proba"),
        ({"cv": 1}, ValueError, "cv must be an integer of at least 2, got 1"),
    ],
)
def test_errors(change, error, message):
    X = np.arange(12.0).reshape(6, 2)
    given = {"classifier": LogisticRegression(), "y_source": [0, 0, 0, 1, 1, 1], **change}
    with pytest.raises(error, match=message):
        estimate_class_shares(
            given.pop("classifier"), X, given.pop("y_source"), X_target=X, **given
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, T, w: (np.where(X > 1, np.nan, X), T, w), "X_source"),
        (lambda X, T, w: (X, np.where(T > 1, np.nan, T), w), "X_target"),
        (lambda X, T, w: (X, T[:, :1], w), "X_target"),
        (lambda X, T, w: (X, T[:0], w), "0 sample"),
        (lambda X, T, w: (X, T, -w), "must not be negative"),
        (lambda X, T, w: (X, T, w[:5]), "has shape"),
    ],
)
def test_drifted_shares_refuse_what_they_cannot_use(change, message):
    rng = np.random.default_rng(0)
    X, T, w = change(rng.normal(size=(40, 2)), rng.normal(size=(30, 2)), np.ones(30))
    with pytest.raises(ValueError, match=message):
        drifted_class_shares(X, np.arange(40) % 2, T, w)


def test_a_constant_target_tells_of_no_other_shares():
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 4 == 0
    found = drifted_class_shares(X, y, np.ones((20, 2)))
    np.testing.assert_allclose(found.shares, [0.75, 0.25])
    np.testing.assert_allclose(found.source_weight, 1)
