"""Rows that end far from the target: what is measured, and when a warning says so."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

import skflow
from skflow.datasets import make_clusters, make_grid, make_question_mark, make_ring
from skflow.flow._arrival import arrival_floors
from skflow.metrics import energy_distance, energy_floor

FAR = "the rows ended far from the target"


def test_it_is_the_energy_distance_in_floors():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(80, 3)) * [1e-6, 1, 1e6], rng.normal(0.5, 1, (50, 3)) * [1e-6, 1, 1e6]
    weight = rng.exponential(size=80)
    weight /= weight.sum()
    spread = np.sqrt(weight @ (X - weight @ X) ** 2)
    x, y = X / spread, Y / spread
    expected = energy_distance(y, x, weight_Y=weight)
    expected /= energy_floor(x, len(y), weight_Y=60 * weight)
    assert arrival_floors(Y, X, weight, 60.0) == pytest.approx(expected, rel=1e-9)
    shifted = arrival_floors(Y + 10, X + 10, weight, 60.0)  # 1e-6 of 10: nine digits are left
    assert shifted == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n", [5, 100, 3000])
def test_fresh_rows_have_one_in_the_mean(n):
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(200):
        X, Y = rng.normal(size=(400, 2)), rng.normal(size=(n, 2))
        drawn.append(arrival_floors(Y, X, np.full(400, 1 / 400), 400.0))
    # single draws deviate by about 0.5, the mean of 200 by 0.035; at most 300 rows are looked at
    assert np.mean(drawn) == pytest.approx(1, abs=0.15)
    assert max(drawn) < 5


def test_rows_that_are_all_equal_have_no_distance():
    assert arrival_floors(np.ones((4, 2)), np.zeros((1, 2)), np.ones(1), 9.0) == 0


TABLES = {
    "question mark": lambda: make_question_mark(600, random_state=0),
    "ring": lambda: make_ring(600, random_state=0),
    "grid": lambda: make_grid(600, random_state=0),
    "clusters": lambda: make_clusters(600, random_state=0),
    "wine": lambda: load_wine().data,
    "cancer": lambda: load_breast_cancer().data,
    "digits": lambda: load_digits().data[:600],
}


@pytest.mark.parametrize("name", TABLES)
def test_rows_that_arrive_are_not_complained_of(name):
    X = TABLES[name]()
    X = np.asarray(X[0] if isinstance(X, tuple) else X, float)
    source = X[1::2] * 1.5 + 2 * X.std(axis=0)
    flow = skflow.SDFlowSampler(random_state=0).fit(X[::2])  # warnings are errors here
    flow.transform(source)
    flow.sample(50)


def test_rows_that_do_not_arrive_are():
    rng = np.random.default_rng(0)
    X, S = make_question_mark(300, random_state=0), rng.normal(12, 1, (200, 3))
    short = skflow.SDFlowSampler(n_steps=2, align=None, random_state=0)
    with pytest.warns(UserWarning, match=f"{FAR}.*take more steps"):
        short.fit(X).transform(S)
    with pytest.warns(UserWarning, match=FAR):
        frozen = short.fit(X, X_source=S)
    frozen.transform(S[:5])  # single rows of a frozen flow need not look like the target
    uneven = skflow.LangevinSampler(n_steps=20, random_state=0).fit(X * [1e-3, 1, 1e3])
    with pytest.warns(UserWarning, match=f"{FAR}.*StandardScaler"):
        uneven.transform(S * [1e-3, 1, 1e3])


def test_equal_rows_of_a_frozen_flow_cannot_spread():
    rng = np.random.default_rng(0)
    X, S = rng.normal(size=(200, 2)), np.ones((100, 2))
    flow = skflow.SDFlowSampler(random_state=0)
    assert len(np.unique(flow.fit(X).transform(S), axis=0)) == 100  # as a population they do
    with pytest.warns(UserWarning, match=FAR):
        flow.fit(X, X_source=S)
    assert len(np.unique(flow.transform(S), axis=0)) == 1


def test_columns_that_stay_are_no_reason():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow = skflow.SDFlowSampler(condition_on=[1], random_state=0).fit(X)
        flow.transform(rng.normal([4, 1], [1, 0.1], (100, 2)))
