"""What columns are drawn by given others: beyond all rows it neither bends nor spreads further."""

import numpy as np
import pytest

from skflow.flow._regression import Regression, Ridge, Spread

every_seed = pytest.mark.parametrize("seed", range(3))
FAR = np.array([[5.0, 0.0], [10.0, 0.0], [2000.0, 0.0], [-2000.0, 0.0]])


def make_rows(seed, n=500):
    rng = np.random.default_rng(seed)
    C = rng.normal(size=(n, 2))
    noise = (0.1 + C[:, :1] ** 2) * rng.normal(size=(n, 1))
    return C, np.sin(2 * C[:, :1]) + noise, np.full(n, 1 / n)


@every_seed
def test_a_bent_mean_goes_on_as_the_straight_one(seed):
    C, Y, weight = make_rows(seed)
    bent, straight = Regression.fit(C, Y, weight, is_bent=True), Ridge.fit(C, Y, weight)
    assert np.abs(bent(C) - straight(C)).max() > 0.2  # it is bent among the rows
    np.testing.assert_allclose(np.diff(bent(FAR[:3]), axis=0), np.diff(straight(FAR[:3]), axis=0))


@every_seed
def test_no_row_spreads_more_than_those_that_were_seen(seed):
    C, Y, weight = make_rows(seed)
    spread = Spread.fit(C, Y, weight)
    among = spread(C)
    assert among.max() > 3 * among.min()  # the spread is that of the place
    assert spread(FAR).max() <= among.max()
    assert spread(FAR).min() >= among.min()
