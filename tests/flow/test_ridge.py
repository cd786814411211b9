"""The regression that given values are drawn by, and how many rows are near given values."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge as PlainRidge

from skflow import SDFlowSampler
from skflow.bandwidth import resolve_bandwidth
from skflow.flow._given import UNSUMMARIZED, _neighbors
from skflow.flow._regression import RIDGES, Regression


def tables(seed, n=60, d=4):
    rng = np.random.default_rng(seed)
    C = rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) + 3
    Y = C @ rng.normal(size=(d, 2)) + rng.normal(size=(n, 2))
    weight = rng.exponential(size=n)
    return C, Y, weight / weight.sum()


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_ridge_regression_of_the_least_generalised_error(seed):
    """Against scikit-learn's with every penalty, whose influence is the trace of its hat matrix."""
    C, Y, weight = tables(seed)
    center, n = weight @ C, 1 / np.sum(weight**2)
    variance = np.mean(weight @ (C - center) ** 2)
    found = []
    for penalty in RIDGES * variance:
        plain = PlainRidge(penalty, tol=1e-12).fit(C, Y, sample_weight=weight)
        gram = (C - center).T @ (weight[:, None] * (C - center))
        freedom = np.trace(np.linalg.solve(gram + penalty * np.eye(len(gram)), gram))
        left = weight @ (Y - plain.predict(C)) ** 2
        free = 1 - (1 + freedom) / n
        found.append((left.sum() / free**2, free, plain))
    _, free, best = min(found, key=lambda case: case[0])
    ridge = Regression.fit(C, Y, weight, is_bent=False)
    np.testing.assert_allclose(ridge(C), best.predict(C), rtol=1e-8)
    assert ridge.inflation == pytest.approx(free**-0.5, rel=1e-8)


def test_inflated_residuals_vary_as_the_noise_does():
    """Of 60 rows and 20 regressors the residuals themselves have a third less variance."""
    plain, inflated = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        C = rng.normal(size=(60, 20))
        Y = C @ rng.normal(size=(20, 1)) + rng.normal(size=(60, 1))
        ridge = Regression.fit(C, Y, np.full(60, 1 / 60), is_bent=False)
        R = Y - ridge(C)
        plain.append(np.mean(R**2))
        inflated.append(np.mean((R * ridge.inflation) ** 2))
    assert np.mean(plain) < 0.75
    # 40 mean squares of 39 free residuals each deviate by sqrt(2 / 39 / 40) = 0.036
    assert np.mean(inflated) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("seed", range(3))
def test_units_and_constant_columns_change_no_prediction(seed):
    C, Y, weight = tables(seed)
    expected = Regression.fit(C, Y, weight, is_bent=False)(C)
    np.testing.assert_allclose(
        Regression.fit(1e3 * C, Y, weight, is_bent=False)(1e3 * C), expected, rtol=1e-9
    )
    nothing = np.zeros((len(C), 2))  # which leaves the mean
    np.testing.assert_allclose(
        Regression.fit(nothing, Y, weight, is_bent=False)(nothing),
        np.tile(weight @ Y, (len(C), 1)),
        rtol=1e-12,
    )


@pytest.mark.parametrize("d", [1, 3])
def test_rows_near_given_values_are_counted_by_their_kernel_values(d):
    rng = np.random.default_rng(0)
    C, given = rng.normal(size=(70, d)) * 5 + 1, rng.normal(size=(9, d)) * 5 + 1
    weight = rng.exponential(size=70)
    weight /= weight.sum()
    mean = weight @ C
    scale = np.sqrt(weight @ (C - mean) ** 2)
    X, Z = (C - mean) / scale, (given - mean) / scale
    h = resolve_bandwidth("silverman", X, sample_weight=weight)
    K = np.exp(-np.sum((Z[:, None] - X) ** 2, axis=2) / (2 * h**2))
    expected = np.median((K @ weight) ** 2 / (K**2 @ weight**2))
    assert _neighbors(C, given, weight) == pytest.approx(expected, rel=1e-6)
    assert _neighbors(np.ones((70, d)), np.ones((9, d)), weight) == np.inf  # all are at one place


@pytest.mark.parametrize("n_given", [1, UNSUMMARIZED, UNSUMMARIZED + 1])
def test_few_given_columns_need_no_summary(n_given, monkeypatch):
    """However few target rows are near them: it would have as many columns."""
    asked = []

    def summary(C, given, *_):
        asked.append(C.shape[1])
        return C, given

    monkeypatch.setattr("skflow.flow._given._neighbors", lambda *_: 0.0)
    monkeypatch.setattr("skflow.flow._given._summary", summary)
    X = np.random.default_rng(0).normal(size=(90, n_given + 2))
    X[:, -1] += X[:, 0] ** 2
    flow = SDFlowSampler(n_steps=2, random_state=0).fit(X)
    assert flow.sample(5, given=dict.fromkeys(range(n_given), 0.0)).shape == X[:5].shape
    assert asked == [n_given] * (n_given > UNSUMMARIZED)
