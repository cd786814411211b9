"""Distances against closed forms and scipy; floors against fresh draws."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from skflow.metrics import characteristic_function_distance, energy_distance, energy_floor


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    return rng.normal(0, 1, (230, 4)), rng.normal(0.5, 2, (310, 4))


def test_energy_distance_is_its_definition(tables):
    X, Y = tables
    expected = 2 * cdist(X, Y).mean() - cdist(X, X).mean() - cdist(Y, Y).mean()
    # a row's distance to itself comes out as √eps of its length rather than 0: 1e-8 / 230
    assert energy_distance(X, Y) == pytest.approx(expected, abs=1e-9)
    assert energy_distance(Y, X) == pytest.approx(expected, abs=1e-9)
    assert energy_distance(X, X) == 0


def test_energy_distance_in_one_dimension_is_scipys_squared(tables):
    x, y = tables[0][:, 0], tables[1][:, 0]
    u, w = np.arange(1.0, len(x) + 1), np.arange(1.0, len(y) + 1)
    expected = stats.energy_distance(x, y, u, w) ** 2
    actual = energy_distance(x[:, None], y[:, None], weight_X=u, weight_Y=w)
    assert actual == pytest.approx(expected, rel=1e-9)


def test_energy_distance_of_two_gaussians_in_closed_form():
    def mean(m):  # E‖N(m, 2)‖: the folded normal's, with variance 2
        inner = np.sqrt(4 / np.pi) * np.exp(-(m**2) / 4)
        return inner + m * (1 - 2 * stats.norm.cdf(-m / 2**0.5))

    expected = 2 * mean(1.5) - 2 * mean(0.0)
    quantiles = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    # 4000 quantiles stand for the Gaussian: the tails beyond them cost 1e-4
    assert energy_distance(quantiles, quantiles + 1.5) == pytest.approx(expected, abs=1e-3)


def test_equivariance(tables):
    X, Y = tables
    energy = energy_distance(X, Y)
    assert energy_distance(X + 1e4, Y + 1e4) == pytest.approx(energy, rel=1e-6)
    assert energy_distance(3 * X, 3 * Y) == pytest.approx(3 * energy, rel=1e-10)
    cfd = characteristic_function_distance(X, Y)
    assert characteristic_function_distance(3 * X + 1e4, 3 * Y + 1e4) == pytest.approx(
        cfd, rel=1e-8
    )


@pytest.mark.parametrize("distance", [energy_distance, characteristic_function_distance])
def test_weights_are_repetitions(distance, tables):
    X, Y = tables
    w = np.random.default_rng(1).integers(0, 4, len(X))
    weighted = distance(X, Y, weight_X=w)
    assert weighted == pytest.approx(distance(np.repeat(X, w, axis=0), Y), rel=1e-9)
    w = np.random.default_rng(2).integers(0, 4, len(Y))
    weighted = distance(X, Y, weight_Y=w)
    repeated = np.repeat(Y, w, axis=0)
    options = {} if distance is energy_distance else {"scale": 1.0}
    assert distance(X, Y, weight_Y=w, **options) == pytest.approx(
        distance(X, repeated, **options), rel=1e-9
    )
    assert np.isfinite(weighted)


@pytest.mark.parametrize(("n", "m"), [(50, 80), (80, 20)])
def test_floor_is_the_mean_over_fresh_draws(n, m):
    rng = np.random.default_rng(0)
    draws = [energy_distance(rng.normal(size=(n, 3)), rng.normal(size=(m, 3))) for _ in range(400)]
    floors = [energy_floor(rng.normal(size=(m, 3)), n) for _ in range(100)]
    error = np.std(draws) / 20
    assert abs(np.mean(draws) - np.mean(floors)) < 4 * error  # measured 1.1 and 1.3 errors
    assert np.std(draws) / np.mean(draws) > 0.15  # single draws scatter, floors hardly do
    assert np.std(floors) / np.mean(floors) < 0.15


def test_cfd_is_its_definition_and_does_not_depend_on_chunks(tables, monkeypatch):
    X, Y = tables
    from skflow.metrics import _distances

    omega = _distances.make_generator(0).standard_normal((4, 256)) / 1.7
    phi_X, phi_Y = (np.exp(1j * A @ omega).mean(axis=0) for A in (X, Y))
    expected = np.abs(phi_X - phi_Y).mean()
    actual = characteristic_function_distance(X, Y, scale=1.7)
    assert actual == pytest.approx(expected, rel=1e-10)
    monkeypatch.setattr(_distances, "CHUNK", 1000)
    assert characteristic_function_distance(X, Y, scale=1.7) == pytest.approx(expected, rel=1e-10)


def test_cfd_of_two_gaussians_in_closed_form():
    # |e^{-ω²/2} - e^{iω - ω²/2}| = 2 e^{-ω²/2} |sin(ω/2)|, averaged over ω ~ N(0, 1)
    omega = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    expected = np.mean(2 * np.exp(-(omega**2) / 2) * np.abs(np.sin(omega / 2)))
    x = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    values = [
        characteristic_function_distance(x, x + 1, scale=1.0, n_frequencies=2000, random_state=seed)
        for seed in range(5)
    ]
    assert np.mean(values) == pytest.approx(expected, rel=0.02)  # measured 0.001


def test_far_apart_tables_are_at_the_largest_distance(tables):
    X, _ = tables
    assert 1 < characteristic_function_distance(X, X * 0 + 50, scale=1.0) <= 2


def test_errors(tables):
    X, Y = tables
    for distance in (energy_distance, characteristic_function_distance):
        with pytest.raises(ValueError, match="Y has 2 features, but 4 are expected"):
            distance(X, Y[:, :2])
        with pytest.raises(ValueError, match="X contains NaN"):
            distance(X * np.nan, Y)
        with pytest.raises(ValueError, match="sample_weight has shape"):
            distance(X, Y, weight_X=[1.0])
    with pytest.raises(ValueError, match="scale must be a positive"):
        characteristic_function_distance(X, Y, scale=0)
    with pytest.raises(ValueError, match="n_frequencies must be an integer of at least 1"):
        characteristic_function_distance(X, Y, n_frequencies=0)
    with pytest.raises(ValueError, match="at least 2"):
        energy_floor(X[:1], 5)
