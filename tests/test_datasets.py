"""The toy distributions are the ones their docstrings write down.

Statistical claims are stated in standard errors: a z-score is an estimate's error over its exact
standard deviation, so |z| < 5 fails for a correct sampler about once in two million numbers. The
seeds are fixed; the largest |z| seen stands beside each bound.
"""

import numpy as np
import pytest
from scipy.stats import kstest

from skflow import datasets
from skflow.datasets import (
    make_clusters,
    make_grid,
    make_low_rank_gaussian,
    make_question_mark,
    make_ring,
)

Z_MAX = 5
SEEDS = range(5)
MIXTURES = {  # dataset: (number of components, number of features, std)
    make_question_mark: (30, 3, 0.2),
    make_grid: (25, 2, 0.3),
    make_ring: (5, 2, 0.5),
    make_clusters: (12, 10, 1.0),
}
every_mixture = pytest.mark.parametrize("make", MIXTURES, ids=lambda make: make.__name__)
every_dataset = pytest.mark.parametrize("name", datasets.__all__)
every_seed = pytest.mark.parametrize("seed", SEEDS)


def draw(make, n_samples, seed, **params):
    """Return X, labels and centers of a mixture."""
    return make(n_samples, return_labels=True, return_centers=True, random_state=seed, **params)


def pair_distances(centers):
    """Return the distances between all pairs of centres, once each."""
    distances = np.linalg.norm(centers[:, None] - centers, axis=-1)
    return distances[np.triu_indices(len(centers), 1)]


# --- every data set -------------------------------------------------------------------------------


@every_dataset
def test_seed_decides_every_bit(name):
    """Same seed, same bits; another seed, no row in common; and rows are float64."""
    make = getattr(datasets, name)
    X = make(100, random_state=0)
    np.testing.assert_array_equal(X, make(100, random_state=0))
    np.testing.assert_array_equal(X, make(100, random_state=np.random.RandomState(0)))
    assert not np.isin(X, make(100, random_state=1)).any()
    assert X.dtype == np.float64
    assert make(1, random_state=0).shape == (1, X.shape[1])


@every_dataset
def test_a_shared_generator_moves_on(name):
    """Two draws from one RandomState are different rows."""
    make, rng = getattr(datasets, name), np.random.RandomState(0)
    assert not np.isin(make(100, random_state=rng), make(100, random_state=rng)).any()


# --- mixtures -------------------------------------------------------------------------------------


@every_mixture
def test_shapes_and_defaults(make):
    """K components, d features and the flags that ask for labels and centres."""
    n_components, n_features, _ = MIXTURES[make]
    X, labels, centers = draw(make, 200, 0)
    assert X.shape == (200, n_features)
    assert labels.shape == (200,)
    assert centers.shape == (n_components, n_features)
    np.testing.assert_array_equal(make(200, random_state=0), X)
    np.testing.assert_array_equal(make(200, return_labels=True, random_state=0)[1], labels)
    np.testing.assert_array_equal(make(200, return_centers=True, random_state=0)[1], centers)


@every_mixture
def test_centers_are_the_distribution_not_the_draw(make):
    """Neither the seed nor the number of rows changes the centres, and nobody can spoil them."""
    centers = draw(make, 10, 0)[2]
    expected = centers.copy()
    centers += 1
    for seed in SEEDS:
        np.testing.assert_array_equal(draw(make, 10 + seed, seed)[2], expected)


@every_seed
@every_mixture
def test_component_means(make, seed):
    """The mean of a component's n_k rows is its centre, up to s / √n_k."""
    std = MIXTURES[make][2]
    X, labels, centers = draw(make, 4000, seed)
    z = [
        (X[labels == k].mean(axis=0) - center) / (std / np.sqrt(np.sum(labels == k)))
        for k, center in enumerate(centers)
    ]
    assert np.abs(z).max() < Z_MAX  # seen: 3.8


@every_seed
@every_mixture
def test_component_variances(make, seed):
    """The mean square of a component's residuals is s², up to s² √(2 / n_k) per feature."""
    std = MIXTURES[make][2]
    X, labels, centers = draw(make, 4000, seed)
    z = [
        (np.mean((X[labels == k] - center) ** 2, axis=0) / std**2 - 1)
        / np.sqrt(2 / np.sum(labels == k))
        for k, center in enumerate(centers)
    ]
    assert np.abs(z).max() < Z_MAX  # seen: 3.7


@every_seed
@every_mixture
def test_residuals_are_standard_normal(make, seed):
    """(X - c) / s has variance 1, a normal distribution and uncorrelated features."""
    n_samples, (_, n_features, std) = 4000, MIXTURES[make]
    X, labels, centers = draw(make, n_samples, seed)
    residuals = (X - centers[labels]) / std
    z = (np.mean(residuals**2) - 1) / np.sqrt(2 / residuals.size)
    assert abs(z) < Z_MAX  # seen: 1.5
    assert kstest(residuals.ravel(), "norm").pvalue > 1e-5  # seen: 0.03
    z = np.corrcoef(residuals.T)[np.triu_indices(n_features, 1)] * np.sqrt(n_samples)
    assert np.abs(z).max() < Z_MAX  # seen: 3.2


@every_mixture
def test_shares_are_drawn_not_dealt(make):
    """Counts are multinomial: each near n / K, and as unequal as chance makes them."""
    n_samples, n_components = 4000, MIXTURES[make][0]
    share = 1 / n_components
    counts = np.array(
        [np.bincount(draw(make, n_samples, s)[1], minlength=n_components) for s in SEEDS]
    )
    z = (counts - n_samples * share) / np.sqrt(n_samples * share * (1 - share))
    assert np.abs(z).max() < Z_MAX  # seen: 3.5
    # Pearson's statistic, summed over the seeds, is chi² with mean dof and variance 2 dof.
    # Equal counts would give 0, that is z = -√(dof / 2): -3.2 for the ring, beyond -5 elsewhere.
    dof = len(SEEDS) * (n_components - 1)
    chi2 = np.sum((counts - n_samples * share) ** 2 / (n_samples * share))
    assert abs(chi2 - dof) / np.sqrt(2 * dof) < 3  # seen: 1.2


@every_seed
@every_mixture
def test_order_of_rows_means_nothing(make, seed):
    """Neighbouring rows share their component with probability 1/K, as independent rows do."""
    n_pairs, share = 4000, 1 / MIXTURES[make][0]
    labels = draw(make, n_pairs + 1, seed)[1]
    equal = np.mean(labels[1:] == labels[:-1])
    assert abs(equal - share) / np.sqrt(share * (1 - share) / n_pairs) < Z_MAX  # seen: 2.7


@every_mixture
def test_std_only_scales_the_noise(make):
    """With one seed X(s) = c + s ε, so std=0 is the centres and X(3s) - c = 3 (X(s) - c)."""
    X_0, labels, centers = draw(make, 200, 0, std=0)
    np.testing.assert_array_equal(X_0, centers[labels])
    X_1, X_3 = (draw(make, 200, 0, std=std)[0] for std in (0.2, 0.6))
    # Rounding of sums no larger than 30.
    np.testing.assert_allclose(X_3 - X_0, 3 * (X_1 - X_0), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("make", "scale"), [(make_grid, "spacing"), (make_ring, "radius"), (make_clusters, "spread")]
)
def test_scaling_every_length_scales_the_rows(make, scale):
    """Doubling the layout and the std doubles every row exactly (2 is a power of two)."""
    X = make(50, **{scale: 3.0}, std=0.7, random_state=0)
    np.testing.assert_array_equal(make(50, **{scale: 6.0}, std=1.4, random_state=0), 2 * X)


def test_question_mark_is_one_even_stroke_and_a_dot():
    """Consecutive centres are equally far apart; the dot stands clear below the stem."""
    centers = draw(make_question_mark, 1, 0)[2]
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    # A chord of a bend of radius r is shorter than its arc a by a²/24r²: 0.2 % for 0.37 on 1.7.
    np.testing.assert_allclose(steps[:-1], steps[0], rtol=5e-3)  # seen: 0.2 %
    assert steps[-1] > 4 * steps[0]
    np.testing.assert_allclose(np.ptp(centers[:, 2]), 7, atol=0.05)


def test_question_mark_turns_clockwise_then_back():
    """Seen from the front the stroke bends right from the hook's tip on, then left, then ends."""
    centers = draw(make_question_mark, 1, 0)[2]
    stroke = centers[:-1, [0, 2]]
    (ax, ay), (bx, by) = np.diff(stroke, axis=0)[:-1].T, np.diff(stroke, axis=0)[1:].T
    bends = np.sign(np.round(ax * by - ay * bx, 3))  # 0.37² · 0.37 / 1.7 = 0.03 on both arcs
    turns = bends[np.r_[True, np.diff(bends) != 0]]
    assert turns.tolist() == [-1, 1, 0]
    assert stroke[0, 0] < -1.5  # the hook opens to the left
    np.testing.assert_allclose(stroke[-3:, 0], 0, atol=1e-3)  # the stem stands above the dot


def test_question_mark_fills_three_dimensions():
    """No plane holds the centres: the best one misses them by more than the noise."""
    centers = draw(make_question_mark, 1, 0)[2]
    thickness = np.linalg.svd(centers - centers.mean(axis=0), compute_uv=False)[-1] / np.sqrt(30)
    assert thickness > 0.2  # seen: 0.29, against std = 0.2


def test_grid_centers():
    """The centres are spacing · {-2, …, 2}², centred; an even side works as well."""
    centers = draw(make_grid, 1, 0)[2]
    assert sorted(map(tuple, centers)) == [
        (4.0 * i, 4.0 * j) for i in range(-2, 3) for j in range(-2, 3)
    ]
    centers = draw(make_grid, 1, 0, n_side=2, spacing=1.0)[2]
    assert sorted(map(tuple, centers)) == [(-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)]


@pytest.mark.parametrize("n_modes", [1, 2, 5, 8])
def test_ring_centers(n_modes):
    """The centres are the K-th roots of unity, times the radius."""
    centers = draw(make_ring, 1, 0, n_modes=n_modes, radius=3.0)[2]
    roots = centers @ [1, 1j]
    assert len(set(np.round(roots, 6))) == n_modes
    # Error of a power of modulus one: n_modes roundings of cos and sin.
    np.testing.assert_allclose((roots / 3.0) ** n_modes, 1, rtol=0, atol=1e-14)


def test_clusters_are_well_separated_and_spread_as_told():
    """The default centres are 8 std apart at least; over many, S is their standard deviation."""
    assert pair_distances(draw(make_clusters, 1, 0)[2]).min() > 8  # seen: 8.05
    centers = draw(make_clusters, 1, 0, n_clusters=1000, n_features=20, spread=4.0)[2]
    z = (np.mean(centers**2) / 16 - 1) / np.sqrt(2 / centers.size)
    assert abs(z) < Z_MAX  # seen: 0.02
    assert abs(np.mean(centers)) / (4 / np.sqrt(centers.size)) < Z_MAX  # seen: 0.5


def test_clusters_seed_of_the_centers():
    """Another centers_random_state is another distribution; the rows' noise stays the same."""
    X_0, labels_0, centers_0 = draw(make_clusters, 100, 3, centers_random_state=0)
    X_1, labels_1, centers_1 = draw(make_clusters, 100, 3, centers_random_state=1)
    assert not np.isin(centers_0, centers_1).any()
    np.testing.assert_array_equal(labels_0, labels_1)
    # Rounding of sums no larger than 30.
    np.testing.assert_allclose(
        X_0 - centers_0[labels_0], X_1 - centers_1[labels_1], rtol=0, atol=1e-13
    )


# --- the low-rank Gaussian ------------------------------------------------------------------------


@every_seed
def test_low_rank_mean_and_covariance(seed):
    """The moments of n rows are μ and B Bᵀ, up to √(Σ_ii / n) and √((Σ_ii Σ_jj + Σ_ij²) / n)."""
    n_samples = 3000
    X, B, mu = make_low_rank_gaussian(n_samples, return_parameters=True, random_state=seed)
    covariance = B @ B.T
    variances = np.diag(covariance)
    z_mean = (X.mean(axis=0) - mu) / np.sqrt(variances / n_samples)
    assert np.abs(z_mean).max() < Z_MAX  # seen: 2.9
    error = (X - mu).T @ (X - mu) / n_samples - covariance
    z = error / np.sqrt((np.outer(variances, variances) + covariance**2) / n_samples)
    assert np.abs(z).max() < Z_MAX  # seen: 3.8


def test_low_rank_rows_lie_in_the_span_of_B():
    """X - μ = ξ Bᵀ has exactly rank 25, and ξ is standard normal."""
    X, B, mu = make_low_rank_gaussian(200, return_parameters=True, random_state=0)
    xi, *_ = np.linalg.lstsq(B, (X - mu).T, rcond=None)
    # Rounding of numbers of size 10, times the condition number of B (about 5).
    np.testing.assert_allclose(B @ xi, (X - mu).T, rtol=0, atol=1e-12)
    assert np.linalg.matrix_rank(X - mu, tol=1e-9) == 25
    assert kstest(xi.ravel(), "norm").pvalue > 1e-5  # seen: 0.49


def test_low_rank_parameters():
    """B_ij has mean 0 and variance 1/4, μ_i has mean 10 and variance 1."""
    draws = [
        make_low_rank_gaussian(1, parameters_random_state=seed, return_parameters=True)[1:]
        for seed in range(100)
    ]
    B, mu = (np.concatenate([np.ravel(pair[i]) for pair in draws]) for i in range(2))
    for values, mean, variance in [(B, 0, 0.25), (mu, 10, 1)]:
        n = len(values)
        assert abs(values.mean() - mean) / np.sqrt(variance / n) < Z_MAX  # seen: 0.7
        spread = np.mean((values - mean) ** 2)
        assert abs(spread / variance - 1) / np.sqrt(2 / n) < Z_MAX  # seen: 0.7


def test_low_rank_parameters_are_the_distribution_not_the_draw():
    """B and μ depend on parameters_random_state and on nothing else of a draw."""
    _, B, mu = make_low_rank_gaussian(3, return_parameters=True, random_state=0)
    _, B_again, mu_again = make_low_rank_gaussian(5, return_parameters=True, random_state=1)
    np.testing.assert_array_equal(B, B_again)
    np.testing.assert_array_equal(mu, mu_again)
    _, B_other, _ = make_low_rank_gaussian(3, parameters_random_state=1, return_parameters=True)
    assert not np.isin(B, B_other).any()


@every_seed
def test_equal_seeds_do_not_share_a_stream(seed):
    """The rows' noise is no copy of the parameters, even where both seeds are the same number."""
    X, B, mu = make_low_rank_gaussian(
        50, return_parameters=True, parameters_random_state=seed, random_state=seed
    )
    xi = np.linalg.lstsq(B, (X - mu).T, rcond=None)[0].T  # (50, 25), as B
    assert abs(np.corrcoef(xi.ravel(), B.ravel())[0, 1]) * np.sqrt(B.size) < Z_MAX  # seen: 2.5
    X, labels, centers = draw(make_clusters, 12, seed, centers_random_state=seed)
    noise = X - centers[labels]
    z = np.corrcoef(noise.ravel(), centers.ravel())[0, 1] * np.sqrt(centers.size)
    assert abs(z) < Z_MAX  # seen: 1.9


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, 2.5, "5", None])
@pytest.mark.parametrize(
    ("make", "name"),
    [(getattr(datasets, name), "n_samples") for name in datasets.__all__]
    + [
        (make_grid, "n_side"),
        (make_ring, "n_modes"),
        (make_clusters, "n_clusters"),
        (make_clusters, "n_features"),
        (make_low_rank_gaussian, "n_features"),
        (make_low_rank_gaussian, "rank"),
    ],
)
def test_bad_count(make, name, value):
    """A count that is no positive integer is refused by name, value and remedy."""
    with pytest.raises(ValueError, match=f"{name} must be .* got {value!r}; pass {name}=1"):
        make(**{name: value})


@pytest.mark.parametrize("value", [-0.1, np.inf, np.nan, "1", None])
@pytest.mark.parametrize(
    ("make", "name"),
    [(make, "std") for make in MIXTURES]
    + [(make_grid, "spacing"), (make_ring, "radius"), (make_clusters, "spread")],
)
def test_bad_scale(make, name, value):
    """A length that is negative, infinite or no number is refused by name, value and remedy."""
    with pytest.raises(ValueError, match=f"{name} must be .* got {value!r}; pass {name}=0"):
        make(**{name: value})


def test_rank_above_n_features():
    """A Gaussian in R¹⁰ cannot have rank 25."""
    with pytest.raises(
        ValueError, match=r"rank must be at most n_features=10, got 25; pass rank=10"
    ):
        make_low_rank_gaussian(n_features=10)


def test_numpy_scalars_are_numbers():
    """Integers and floats of numpy are taken like Python's own."""
    X = make_grid(np.int64(7), n_side=np.int32(3), spacing=np.float32(4), random_state=0)
    np.testing.assert_array_equal(X, make_grid(7, n_side=3, spacing=4.0, random_state=0))


@every_dataset
def test_bad_seed(name):
    """A seed that is no seed is refused."""
    with pytest.raises(ValueError, match="cannot be used to seed"):
        getattr(datasets, name)(5, random_state="zero")
