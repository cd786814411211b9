"""Copying and scrambling: known values, invariances, errors."""

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

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


# ------------------------------------------------------------------------------ fresh rows, weights
def test_fresh_rows_set_the_scale():
    rng = np.random.default_rng(0)
    Y, X = rng.normal(size=(60, 3)), rng.normal(size=(40, 3))
    assert nearest_neighbor_ratio(X, Y, fresh=X) == 1  # as near as fresh rows are
    near, far = Y[:40] + 0.01, Y[:40] + 0.03  # hardly off rows of Y
    assert nearest_neighbor_ratio(far, Y, fresh=near) == pytest.approx(3, rel=1e-6)
    # a ratio of ratios: the target's own scale cancels
    expected = nearest_neighbor_ratio(near, Y) / nearest_neighbor_ratio(X, Y)
    assert nearest_neighbor_ratio(near, Y, fresh=X) == pytest.approx(expected, rel=1e-9)
    assert nearest_neighbor_ratio(Y, Y, fresh=X) == 0


def test_fresh_rows_that_coincide_with_target_rows():
    rng = np.random.default_rng(0)
    Y, fresh, X = (rng.integers(0, 4, (n, 2)).astype(float) for n in (200, 50, 50))
    assert nearest_neighbor_ratio(X, Y) == 0  # looks like copying, but on a grid all rows do
    assert nearest_neighbor_ratio(X, Y, fresh=fresh) == 1
    assert nearest_neighbor_ratio(X + 0.25, Y, fresh=fresh) == np.inf


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_repetitions(seed):
    rng = np.random.default_rng(seed)
    X, Y, fresh = rng.normal(size=(40, 3)), rng.normal(size=(60, 3)), rng.normal(size=(30, 3))
    w, u, v = (rng.integers(0, 4, len(table)) for table in (X, Y, fresh))
    X_w, Y_u, fresh_v = (
        np.repeat(*pair, axis=0) for pair in ((X, w), (Y, u), (fresh, v))
    )  # rows of weight zero are absent
    expected = nearest_neighbor_ratio(X_w, Y_u)
    assert nearest_neighbor_ratio(X, Y, weight_X=w, weight_Y=u) == pytest.approx(expected, rel=1e-9)
    expected = nearest_neighbor_ratio(X_w, Y_u, fresh=fresh_v)
    actual = nearest_neighbor_ratio(
        X, Y, fresh=fresh, weight_X=w, weight_Y=0.1 * u, weight_fresh=7.0 * v
    )
    assert actual == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [1, 0.37], ids=["counts", "shares"])
def test_weighted_pairs_are_repeated_pairs(seed, scale):
    rng = np.random.default_rng(seed)
    X, moved = rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) + 4
    w = rng.integers(0, 5, 50)
    w[0] = 1  # so that shares have a unit
    repeated = np.repeat(X, w, axis=0), np.repeat(moved, w, axis=0)
    expected = transport_cost_ratio(*repeated)
    assert transport_cost_ratio(X, moved, sample_weight=scale * w) == pytest.approx(
        expected, rel=1e-12
    )
    # the same choice of pairs where there are too many
    expected = transport_cost_ratio(*repeated, max_rows=30, random_state=seed)
    actual = transport_cost_ratio(X, moved, sample_weight=scale * w, max_rows=30, random_state=seed)
    assert actual == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_weighted_pairs_are_the_transport_problem(seed):
    rng = np.random.default_rng(seed)
    n = 15
    X, moved, w = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), rng.dirichlet(np.ones(n))
    cost = cdist(X - w @ X, moved - w @ moved, "sqeuclidean")
    rows, columns = np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))
    optimal = linprog(cost.ravel(), A_eq=np.r_[rows, columns], b_eq=np.r_[w, w]).fun
    expected = np.sqrt(w @ np.diag(cost) / optimal)
    actual = transport_cost_ratio(X, moved, sample_weight=w)
    assert actual == pytest.approx(expected, rel=0.01)  # weights are rounded: measured 0.0011
    w[:3] = 0
    absent = transport_cost_ratio(X[3:], moved[3:], sample_weight=w[3:])
    assert transport_cost_ratio(X, moved, sample_weight=w) == pytest.approx(absent, rel=1e-12)


def test_huge_counts_are_not_laid_out():
    rng = np.random.default_rng(0)
    X, moved, w = rng.normal(size=(20, 2)), rng.normal(size=(20, 2)), rng.integers(1, 5, 20)
    few = transport_cost_ratio(X, moved, sample_weight=w)
    many = transport_cost_ratio(X, moved, sample_weight=w * 10**13 + np.arange(20))
    assert many == pytest.approx(few, rel=0.1)  # 2000 of them, drawn: measured 0.056


def test_errors():
    X = np.zeros((4, 2))
    with pytest.raises(ValueError, match="sample_weight has shape"):
        transport_cost_ratio(X, X, sample_weight=[1, 2])
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        nearest_neighbor_ratio(X, X, weight_X=[1, 2, 3, -1])
    with pytest.raises(ValueError, match="fresh has 1 features, but 2 are expected"):
        nearest_neighbor_ratio(X, X, fresh=X[:, :1])
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
