"""Sliced gradient of the energy distance: against the distance itself, and the sum over pairs."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from skflow import SDFlowSampler
from skflow.datasets import make_clusters, make_grid, make_question_mark, make_ring
from skflow.fields import Limits, SlicedEnergyGradient
from skflow.kernels import mean_signs, project
from skflow.metrics import energy_distance, energy_floor

SEEDS = range(3)


def tables(seed, d=3):
    rng = np.random.default_rng(seed)
    return rng.normal(1, 1, (60, d)), rng.normal(0, 2, (50, d))  # target, source


def velocity(X, Y, n_directions="auto", sigma=1.0, Z=None, seed=0, weight=None, **limits):
    field = SlicedEnergyGradient(n_directions).fit(X, np.array([sigma]), sample_weight=weight)
    state = field.start(np.random.default_rng(seed), Limits(**limits))
    return state.velocity(Y if Z is None else Z, Y, sigma)


def unit_vectors(Z, X, weight):
    """Mean unit vector from each query to weighted rows; zero from a row to itself."""
    way = X - Z[:, None]
    length = np.linalg.norm(way, axis=2, keepdims=True)
    return np.einsum("j,ijk->ik", weight, way / np.where(length > 0, length, 1))


def exact_velocity(X, Y, w=None, u=None):
    """The sum over all pairs."""
    w, u = (np.ones(len(A)) if a is None else a for a, A in ((w, X), (u, Y)))
    return 2 * (unit_vectors(Y, X, w / w.sum()) - unit_vectors(Y, Y, u / u.sum()))


def slope(X, Y, i, j, h):
    """Of the energy distance, as row i moves along column j."""
    step = np.zeros_like(Y)
    step[i, j] = h

    def distance(Y):
        return 2 * cdist(Y, X).mean() - cdist(Y, Y).mean() - cdist(X, X).mean()

    return (distance(Y + step) - distance(Y - step)) / (2 * h)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_one_dimension_it_is_the_slope_of_the_energy_distance(seed):
    """Which is piecewise quadratic: a central difference is exact where it crosses no row."""
    X, Y = tables(seed, d=1)
    v = velocity(X, Y, n_directions=1)
    for i in (0, 13, 49):
        # row i alone changes the distance by -1/M times the velocity there
        assert v[i, 0] == pytest.approx(-len(Y) * slope(X, Y, i, 0, h=1e-7), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("d", [2, 5])
def test_the_mean_over_directions_is_the_slope_of_the_energy_distance(d, seed):
    X, Y = tables(seed, d)
    m = 20000
    v, exact = velocity(X, Y, n_directions=m), exact_velocity(X, Y)
    # a direction's term is at most 4/c_d long, c_d > 0.37 here: 5 standard errors of a mean norm
    error = np.linalg.norm(v - exact, axis=1).mean()
    assert error < 5 * np.sqrt(d / m)
    assert np.linalg.norm(exact, axis=1).mean() > 20 * error
    assert exact[7, 1] == pytest.approx(-len(Y) * slope(X, Y, 7, 1, h=1e-5), abs=1e-7)


def test_sigma_is_the_length_of_a_step():
    X, Y = tables(0)
    np.testing.assert_allclose(velocity(X, Y, sigma=3.0), 3 * velocity(X, Y), rtol=1e-14)


def test_more_directions_have_less_noise_and_no_other_mean():
    X, Y = tables(1)
    exact, error = exact_velocity(X, Y), {}
    for m in (30, 300):
        draws = np.array([velocity(X, Y, n_directions=m, seed=s) for s in range(200)])
        error[m] = np.sqrt(np.mean((draws - exact) ** 2))
        bias = np.sqrt(np.mean((draws.mean(axis=0) - exact) ** 2))
        assert bias < 2 * error[m] / np.sqrt(200)  # the noise of a mean of 200
    assert error[30] / error[300] == pytest.approx(np.sqrt(10), rel=0.15)


@pytest.mark.parametrize("seed", SEEDS)
def test_batches_have_the_same_mean_and_count_weights(seed):
    X, Y = tables(seed)
    weight = np.where(np.arange(len(X)) < 4, 50.0, 1.0)
    X = X + np.where(weight > 1, 4, 0)[:, None]
    exact = exact_velocity(X, Y, weight)
    draws = [velocity(X, Y, weight=weight, seed=s, batch_size=20) for s in range(400)]
    error = np.abs(np.mean(draws, axis=0) - exact).mean() / np.abs(exact).mean()
    unweighted = np.abs(velocity(X, Y, n_directions=2000) - exact).mean() / np.abs(exact).mean()
    assert error < 0.06  # the noise of 400 draws: measured 0.02
    assert unweighted > 0.15


def test_moving_rows_have_weights():
    X, Y = tables(2)
    weight = np.random.default_rng(0).integers(1, 4, len(Y)).astype(float)
    repeated = np.repeat(Y, weight.astype(int), axis=0)
    v = velocity(X, Y)
    field = SlicedEnergyGradient().fit(X, np.array([1.0]))
    weighted = field.start(np.random.default_rng(0), Limits(weight=weight)).velocity(Y, Y, 1.0)
    expected = velocity(X, repeated, Z=repeated)
    np.testing.assert_allclose(
        np.repeat(weighted, weight.astype(int), axis=0), expected, atol=1e-13
    )
    assert np.abs(weighted - v).max() > 0.05


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_a_row_s_bits_do_not_depend_on_the_others(d, dtype):
    X, Y = (A.astype(dtype) for A in tables(0, d))
    field = SlicedEnergyGradient().fit(X, np.array([1.0]))
    state = field.start(np.random.default_rng(0), Limits(by_row=True))
    v, every = state.velocity(Y, Y, 1.0), np.arange(len(Y))
    assert v.dtype == dtype
    for some in (every[:1], every[3:20], every[::-1]):
        np.testing.assert_array_equal(state.frozen()(Y[some], some, Y[some]), v[some])


def test_ties_count_half():
    s, weight = np.array([[0.0, 1.0, 1.0, 3.0]]), np.array([0.1, 0.2, 0.3, 0.4])
    signs = mean_signs(np.array([[-1.0, 1.0, 2.0, 3.0, 4.0]]), s, weight)
    np.testing.assert_allclose(signs, [[1, 0.3, -0.2, -0.6, -1]], atol=1e-15)
    np.testing.assert_allclose(project(np.eye(2), np.array([[3.0, 4.0]])), [[3, 4]])


TARGETS = make_question_mark, make_ring, make_grid, make_clusters


@pytest.mark.parametrize("make", TARGETS)
@pytest.mark.parametrize("align", ["auto", None])
def test_it_arrives_from_far_away(make, align):
    """Whatever the start: the pull does not fade with the distance."""
    X, held_out = make(1000, random_state=0), make(4000, random_state=1)
    source = X.mean(axis=0) + np.random.default_rng(0).normal(size=X.shape)
    source[:, 0] += 2 * X.std() + 12
    steps = {} if align else {"step_size": 1.9}
    flow = SDFlowSampler("sliced", align=align, random_state=0, **steps).fit(X)
    ends = energy_distance(flow.transform(source), held_out) / energy_floor(held_out, 1000)
    assert ends < 3  # measured 0.8 to 2.2
    assert energy_distance(source, held_out) / energy_floor(held_out, 1000) > 500


@pytest.mark.parametrize("n_directions", [0, 2.5, "many"])
def test_the_number_of_directions_is_checked(n_directions):
    with pytest.raises(ValueError, match="n_directions must be an integer of at least 1"):
        SDFlowSampler(SlicedEnergyGradient(n_directions)).fit(np.eye(30))
