"""Copying and scrambling: known values, invariances, errors."""

import numpy as np
import pytest

from skflow.metrics import nearest_neighbor_ratio, transport_cost_ratio


@pytest.mark.parametrize("d", [2, 10])
def test_fresh_rows_have_ratio_one_and_copies_zero(d):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        Y, fresh = rng.normal(size=(1500, d)), rng.normal(size=(1500, d))
        assert nearest_neighbor_ratio(Y, Y) == 0
        assert nearest_neighbor_ratio(fresh, Y) == pytest.approx(1, abs=0.15)  # measured 0.077
        assert nearest_neighbor_ratio(Y + 1e-9, Y) < 1e-6
        assert nearest_neighbor_ratio(7 * fresh + 3, 7 * Y + 3) == pytest.approx(
            nearest_neighbor_ratio(fresh, Y), rel=1e-9
        )


def test_a_long_common_offset_does_not_matter():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 20)), rng.normal(size=(300, 20))
    expected = nearest_neighbor_ratio(X, Y)
    assert nearest_neighbor_ratio(X + 1e8, Y + 1e8) == pytest.approx(expected, rel=1e-6)


def test_repeated_target_rows_count_once():
    rng = np.random.default_rng(0)
    Y, X = rng.normal(size=(50, 2)), rng.normal(size=(20, 2))
    expected = nearest_neighbor_ratio(X, Y)
    assert nearest_neighbor_ratio(X, np.repeat(Y, 2, axis=0)) == pytest.approx(expected)


def test_monotone_maps_do_not_scramble_and_permutations_do():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    A = rng.normal(size=(3, 3))
    assert transport_cost_ratio(X, X @ (A @ A.T) + 100) == pytest.approx(1, abs=1e-12)
    assert transport_cost_ratio(X, X + 5.1) == 1  # nothing but a shift
    shuffled = X[rng.permutation(300)]
    # random pairing of N(0, I) in 3-d: RMS √6, against an assignment onto itself, which is free
    assert transport_cost_ratio(X, shuffled) == np.inf
    fresh = rng.normal(size=(300, 3))
    assert transport_cost_ratio(X, fresh) > 3  # measured 4.5
    # a long common shift does not hide it
    assert transport_cost_ratio(X, fresh + 1e6) == pytest.approx(
        transport_cost_ratio(X, fresh), rel=1e-6
    )


def test_scrambling_on_a_subsample_agrees_with_all_rows():
    rng = np.random.default_rng(1)
    X, moved = rng.normal(size=(1200, 2)), rng.normal(size=(1200, 2)) * 3
    moved[:600] = X[:600] * 3
    whole = transport_cost_ratio(X, moved, max_rows=1200)
    # measured 0.005
    assert transport_cost_ratio(X, moved, max_rows=600) == pytest.approx(whole, rel=0.05)
    assert whole > 1.2


def test_errors():
    X = np.zeros((4, 2))
    with pytest.raises(ValueError, match="moved has 3 rows, but X has 4"):
        transport_cost_ratio(X, X[:3])
    with pytest.raises(ValueError, match="moved has 1 features, but 2 are expected"):
        transport_cost_ratio(X, X[:, :1])
    with pytest.raises(ValueError, match="max_rows must be an integer"):
        transport_cost_ratio(X, X, max_rows=0)
    with pytest.raises(ValueError, match="all its rows are equal"):
        nearest_neighbor_ratio(X, X)
    with pytest.raises(ValueError, match="Y has 1 features, but 2 are expected"):
        nearest_neighbor_ratio(X, X[:, :1])
