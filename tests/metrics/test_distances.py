"""Distances against closed forms and scipy; floors against fresh draws."""

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from skflow.metrics import (
    characteristic_function_distance,
    energy_distance,
    energy_floor,
    floor,
    frechet_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
)


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


# ----------------------------------------------------------------- MMD, sliced Wasserstein, Fréchet
def test_mmd_is_its_definition(tables):
    X, Y = tables
    u, w = np.arange(1.0, len(X) + 1), np.arange(len(Y)) % 3.0
    u_share, w_share = u / u.sum(), w / w.sum()
    K_XX, K_YY, K_XY = (
        np.exp(-cdist(A, B, "sqeuclidean") / (2 * 1.3**2)) for A, B in ((X, X), (Y, Y), (X, Y))
    )
    expected = u_share @ K_XX @ u_share + w_share @ K_YY @ w_share - 2 * u_share @ K_XY @ w_share
    actual = maximum_mean_discrepancy(X, Y, bandwidth=1.3, weight_X=u, weight_Y=w)
    assert actual == pytest.approx(np.sqrt(expected), rel=1e-9)
    assert maximum_mean_discrepancy(X, X) < 1e-7


def test_mmd_of_two_gaussians_in_closed_form():
    # E K(x, y) for N(0, 1) and N(m, 1) is exp(-m²/2(σ² + 2)) / sqrt(1 + 2/σ²)
    sigma, m = 0.8, 1.5
    scale = np.sqrt(1 + 2 / sigma**2)
    expected = np.sqrt(2 / scale * (1 - np.exp(-(m**2) / (2 * (sigma**2 + 2)))))
    x = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    actual = maximum_mean_discrepancy(x, x + m, bandwidth=sigma)
    assert actual == pytest.approx(expected, rel=1e-3)  # 4000 quantiles stand for the Gaussian


def test_sliced_wasserstein_in_one_dimension_is_optimal_transport():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 1)), rng.normal(1, 2, (60, 1))
    cost = cdist(x, y, "sqeuclidean")
    expected = np.sqrt(cost[linear_sum_assignment(cost)].mean())
    assert sliced_wasserstein_distance(x, y) == pytest.approx(expected, rel=1e-12)


def test_sliced_wasserstein_of_tables_of_different_size(tables):
    X, Y = tables  # 230 and 310 rows: 31 × 230 = 23 × 310
    same = sliced_wasserstein_distance(np.repeat(X, 31, axis=0), np.repeat(Y, 23, axis=0))
    assert sliced_wasserstein_distance(X, Y) == pytest.approx(same, rel=1e-10)


@pytest.mark.parametrize("d", [1, 3, 10])
def test_sliced_wasserstein_of_a_shift_in_closed_form(d):
    # W₂ along θ of a shift by s is |θ·s|, and E (θ·s)² = ‖s‖²/d
    X = np.random.default_rng(0).normal(size=(50, d))
    shift = np.full(d, 2.0)
    actual = sliced_wasserstein_distance(X, X + shift, n_projections=4000)
    # relative standard error of the mean of 4000 squares below 1.2 %
    assert actual == pytest.approx(np.linalg.norm(shift) / np.sqrt(d), rel=0.03)


def test_frechet_distance_against_scipy(tables):
    X, Y = tables
    C_X, C_Y = np.cov(X.T, bias=True), np.cov(Y.T, bias=True)
    cross = np.trace(np.real(sqrtm(C_X @ C_Y)))
    expected = np.sum((X.mean(0) - Y.mean(0)) ** 2) + np.trace(C_X + C_Y) - 2 * cross
    assert frechet_distance(X, Y) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(X, X) == pytest.approx(0, abs=1e-12)
    # singular covariances: all rows of one table on a line
    line = np.outer(np.arange(5.0), [1, 0, 0, 0])
    assert frechet_distance(line, line + 3) == pytest.approx(36, rel=1e-12)


@pytest.mark.parametrize(
    "distance",
    [
        lambda X, Y, **w: maximum_mean_discrepancy(X, Y, bandwidth=1.0, **w),
        sliced_wasserstein_distance,
        frechet_distance,
    ],
    ids=["mmd", "sliced", "frechet"],
)
def test_more_weights_are_repetitions(distance, tables):
    X, Y = tables
    u = np.random.default_rng(1).integers(0, 4, len(X))
    w = np.random.default_rng(2).integers(0, 4, len(Y))
    repeated = distance(np.repeat(X, u, axis=0), np.repeat(Y, w, axis=0))
    assert distance(X, Y, weight_X=u, weight_Y=w) == pytest.approx(repeated, rel=1e-8)
    assert distance(X, Y) == pytest.approx(distance(Y, X), rel=1e-9)


def test_floor_by_splits_agrees_with_the_energy_floor():
    X = np.random.default_rng(0).normal(size=(400, 3))
    by_splits = floor(energy_distance, X, 150, n_draws=100)
    expected = energy_floor(X[150:], 150)
    assert by_splits == pytest.approx(expected, rel=0.15)  # measured at most 0.04
    with pytest.raises(ValueError, match="n_rows=400 leaves none of the 400 rows"):
        floor(energy_distance, X, 400)


@pytest.mark.parametrize("seed", range(5))
def test_weights_of_floors_are_repetitions(seed):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(60, 3)), rng.integers(0, 4, 60)
    repeated = np.repeat(X, w, axis=0)
    expected = energy_floor(repeated, 25)
    assert energy_floor(X, 25, weight_Y=w) == pytest.approx(expected, rel=1e-9)
    assert energy_floor(X, 25, weight_Y=np.ones(60)) == pytest.approx(
        energy_floor(X, 25), rel=1e-12
    )
    expected = floor(energy_distance, repeated, 25, random_state=seed)  # the very same splits
    assert floor(energy_distance, X, 25, sample_weight=w, random_state=seed) == expected


def test_weights_of_floors_count_rows():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(ValueError, match="the weights of Y sum to 1, but here they count its rows"):
        energy_floor(X, 5, weight_Y=np.full(30, 1 / 30))
    with pytest.raises(ValueError, match="sample_weight must be whole numbers here"):
        floor(energy_distance, X, 5, sample_weight=np.full(30, 0.5))
    with pytest.raises(ValueError, match="n_rows=5 leaves none of the 3 rows"):
        floor(energy_distance, X, 5, sample_weight=np.r_[1, 2, np.zeros(28)])
