"""Codecs of single columns, pairs of level and value, and the search for the last bandwidth."""

import numpy as np
import pandas as pd
import pytest

from skflow import SDFlowSampler
from skflow.tabular._last_bandwidth import NARROWEST, with_last_bandwidth
from skflow.tabular._numbers import Number
from skflow.tabular._relations import Pairs


def back(codec, values):
    return codec.decode(codec.encode(pd.Series(values))).to_numpy()


RANGES = {  # a column, and whether values below and above its own may come out
    "both signs": (lambda x: x, True, True),
    "positive": (lambda x: np.exp(x), False, True),
    "negative": (lambda x: -np.exp(x), True, False),
    "cut at both ends": (lambda x: np.clip(x, -1, 1), False, False),
    "cut below": (lambda x: np.maximum(x, -1), False, True),
}


@pytest.mark.parametrize("case", RANGES)
@pytest.mark.parametrize("seed", range(2))
def test_values_leave_the_range_where_the_target_does_not_end(case, seed):
    """It ends at a value that several rows share, and at that next to zero of a single sign."""
    of, is_open_below, is_open_above = RANGES[case]
    x = of(np.random.default_rng(seed).normal(size=200))
    codec, width = Number().fit(pd.Series(x)), np.ptp(x)
    low, high = back(codec, [x.min() - width / 9, x.max() + width / 9])
    assert low == pytest.approx(x.min() - is_open_below * width / 9, rel=1e-9)
    assert high == pytest.approx(x.max() + is_open_above * width / 9, rel=1e-9)


def test_few_values_are_no_grid():
    codec = Number().fit(pd.Series([0.1, 0.37, 0.92, 3.0]))
    assert codec.step == 0
    # the target's values are written with two decimals, so others are
    np.testing.assert_allclose(back(codec, [0.55, 1.23]), [0.55, 1.23], atol=1e-12)


@pytest.mark.parametrize("seed", range(2))
def test_an_atom_is_spread_within_its_gap_and_comes_back(seed):
    rng = np.random.default_rng(seed)
    x = pd.Series(np.where(rng.random(400) < 0.4, 0.0, 1 + rng.exponential(size=400)))
    codec = Number().fit(x)
    block = codec.encode(x, np.random.default_rng(seed))
    assert len(np.unique(block[x == 0])) > 100
    assert block[x == 0].max() < block[x > 0].min()
    np.testing.assert_allclose(codec.decode(block), x, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_pair_is_one_of_the_row_s_own_level(seed):
    rng = np.random.default_rng(seed)
    known = rng.normal(size=(6, 5))  # five values come with each of five levels
    levels = rng.integers(6, size=600)
    y = known[levels, rng.integers(5, size=600)]
    y[levels == 5] = rng.normal(size=np.sum(levels == 5))  # the last one shares nothing
    pairs = Pairs.of("level", levels, y)
    levels, moved = rng.integers(6, size=300), 2 * rng.normal(size=300)
    expected = [
        z if i == 5 else known[i, np.argmin(np.abs(known[i] - np.clip(z, y.min(), y.max())))]
        for i, z in zip(levels, moved, strict=True)
    ]
    np.testing.assert_array_equal(pairs.nearest(levels, moved), expected)
    assert Pairs.of("level", levels, moved) is None


@pytest.mark.parametrize(
    ("answers", "part"),
    [
        ([0.8], None),
        ([1.0] * 5, NARROWEST ** (15 / 16)),  # halved four times, on the scale of logarithms
        ([1.0, 0.5, 0.5, 0.5, 0.5], None),
        ([1.0, 0.5, 0.95, 0.5, 0.9], NARROWEST ** (5 / 16)),
    ],
)
def test_the_last_bandwidth_is_the_narrowest_at_which_rows_are_far_enough(answers, part):
    """A bisection between the automatic one and a quarter of it, by the ratios it is told."""
    Y = np.random.default_rng(0).normal(size=(60, 2))
    told = iter(answers)
    flow = with_last_bandwidth(
        SDFlowSampler(n_steps=2),
        Y,
        None,
        lambda known: lambda moved: next(told),
        np.random.default_rng(0),
    )
    assert next(told, None) is None  # all were asked for
    if part is None:
        assert flow.schedule == "auto"
    else:
        widest = SDFlowSampler(n_steps=2).fit(Y).sigmas_[-1]
        assert flow.schedule.sigma_min == pytest.approx(part * widest, rel=1e-9)
