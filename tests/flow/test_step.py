"""Sizes of steps, the noise that tells equal rows apart, and what a flow that fails says."""

import numpy as np
import pytest

from skflow import MMDFlowSampler, SDFlowSampler
from skflow.flow import StepSizes
from skflow.flow._particles import DITHER
from skflow.flow._target import TargetView


class State:
    """What a velocity is said to consist of."""

    def __init__(self, ratio, pace=1.0):
        self.ratio, self.pace = ratio, pace

    def noise_to_signal(self):
        return self.ratio

    def full_step(self):
        return self.pace


@pytest.mark.parametrize(
    ("ratio", "size"), [(0.0, 0.8), (0.1, 0.64), (0.3, 0.32), (0.7, 0.0), (None, 0.8)]
)
def test_a_step_is_shorter_by_its_share_of_noise(ratio, size):
    dY = np.ones((3, 2))
    assert StepSizes(np.array([0.8]), shrinkage=2.0).of(0, dY, State(ratio)) == pytest.approx(size)
    assert StepSizes(np.array([0.8])).of(0, dY, State(ratio)) == 0.8
    relative = StepSizes(np.array([0.8]), are_relative=True, shrinkage=2.0)
    assert relative.of(0, dY, State(ratio, 10.0)) == pytest.approx(10 * size)


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e150])
def test_spread_of_a_target(unit):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 4)) * [1.0, 3.0, 0.0, 2.0] + [0, 5, 7, 1]
    weight = rng.exponential(size=50)
    weight /= weight.sum()
    spread = np.sqrt(weight @ (rows - weight @ rows) ** 2)
    expected = spread * [1, 1, 1, 0] / spread[1]
    view = TargetView(rows * unit, weight, None, None, kept=np.array([3]))
    np.testing.assert_allclose(view.relative_spread(), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_equal_rows_are_told_apart_by_a_hundredth_of_the_last_bandwidth(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 2)) * [2.0, 1.0]
    still = {"step_size": 1e-9, "align": None, "match_marginals": False, "random_state": seed}
    flow = SDFlowSampler(schedule=[8.0, 4.0, 0.5], n_steps=3, **still).fit(X)
    with pytest.warns(UserWarning, match="ended far from the target"):
        moved = flow.transform(np.full((500, 2), 9.0))
    expected = DITHER * 0.5 * X.std(axis=0) / X[:, 0].std()
    # a deviation of 500 rows deviates by 3 %
    np.testing.assert_allclose(moved.std(axis=0), expected, rtol=0.15)


@pytest.mark.filterwarnings("ignore:step_size")
def test_a_flow_that_leaves_the_range_names_the_step():
    rng = np.random.default_rng(0)
    flow = SDFlowSampler(step_size=[1.0, 1e200, 1e200, 1.0], n_steps=4, align=None, random_state=0)
    flow.fit(rng.normal(size=(40, 2)))
    with pytest.raises(ValueError, match=r"left the range of float64 at step 3 of 4"):
        flow.transform(rng.normal(3, 1, (40, 2)))


@pytest.mark.parametrize("seed", range(2))
def test_noise_of_a_schedule_of_its_own_is_a_pair_of_draws(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(60, 2)), rng.normal(2, 1, (40, 2))
    options = {"noise": "linear", "n_steps": 5, "random_state": seed}
    moved = [
        MMDFlowSampler(**options, **n_noise).fit(X).transform(Y)
        for n_noise in ({}, {"n_noise": 2}, {"n_noise": 4})
    ]
    np.testing.assert_array_equal(moved[0], moved[1])
    assert not np.array_equal(moved[0], moved[2])


@pytest.mark.filterwarnings("ignore:the rows ended far")
@pytest.mark.parametrize("seed", range(3))
def test_aligned_rows_begin_within_the_target_where_nothing_would_pull_them(seed):
    """Those farther out than the target's farthest row begin as far as that, the others nearer."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, 200)
    X, Y = np.column_stack([np.cos(angle), np.sin(angle)]), rng.normal(size=(100, 2)) + 5
    X -= X.mean(axis=0)
    still = {"n_steps": 1, "step_size": 1e-12, "match_marginals": False, "random_state": seed}
    reach = np.linalg.norm(X, axis=1).max()
    drawn = np.linalg.norm(MMDFlowSampler(**still).fit(X).transform(Y), axis=1)
    assert drawn.max() == pytest.approx(reach, rel=1e-6)
    free = np.linalg.norm(SDFlowSampler(n_noise=0, **still).fit(X).transform(Y), axis=1)
    assert free.max() > 1.5 * reach
    np.testing.assert_allclose(drawn, np.minimum(free, reach), atol=0.02)  # equal rows told apart
