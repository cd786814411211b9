"""Two-sample tests: statistics against their definitions, p-values against chance, power."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from skflow.metrics import (
    energy_distance,
    holm_correction,
    maximum_mean_discrepancy,
    two_sample_test,
)
from skflow.metrics._two_sample import STATISTICS

TURN = np.linalg.cholesky([[1, 0.8], [0.8, 1]])


def pvalues(draw, n_runs, statistic, n_permutations=199):
    """One p-value a seed; ``draw(rng)`` makes two tables."""
    generators = [np.random.default_rng(seed) for seed in range(n_runs)]
    results = [
        two_sample_test(
            *draw(rng), statistic, n_permutations=n_permutations, random_state=rng
        ).pvalue
        for rng in generators
    ]
    return np.array(results)


def test_statistics_are_the_distances():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(0, 1, (90, 3)) + 1e6, rng.normal(0.5, 2, (70, 3)) + 1e6
    energy = two_sample_test(X, Y, n_permutations=1).statistic
    assert energy == pytest.approx(energy_distance(X - 1e6, Y - 1e6), rel=1e-6)  # 1e6 rounds
    both = np.concatenate([X, Y]) - 1e6
    sigma = np.median(pdist(both))
    mmd = maximum_mean_discrepancy(X - 1e6, Y - 1e6, bandwidth=float(sigma)) ** 2
    # every distance counts twice in the matrix, so that its median is that of the pairs
    assert two_sample_test(X, Y, "mmd", n_permutations=1).statistic == pytest.approx(mmd, rel=1e-6)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_p_is_the_share_of_all_orders(statistic):
    # 3 of 8 rows can be chosen in 56 ways, and so many random orders come near their shares
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(8, 2))
    Z[:3] += 0.1

    def value(chosen):
        rest = [i for i in range(8) if i not in chosen]
        return two_sample_test(Z[list(chosen)], Z[rest], statistic, n_permutations=1).statistic

    values = np.array([value(chosen) for chosen in combinations(range(8), 3)])
    share = np.mean(values >= values[0] * (1 - 1e-9))
    p = two_sample_test(Z[:3], Z[3:], statistic, n_permutations=9999, random_state=0).pvalue
    assert 0.02 < share < 0.8
    assert p == pytest.approx(share, abs=0.02)  # 4 standard errors of 9999 draws


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize(("n", "m", "d"), [(40, 30, 2), (12, 60, 6)])
def test_p_is_uniform_where_tables_do_not_differ(statistic, n, m, d):
    def draw(rng):
        return rng.standard_t(3, (n, d)), rng.standard_t(3, (m, d))

    p = pvalues(draw, 300, statistic)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert (p <= 0.05).mean() < 0.09  # 3 standard errors above 0.05


def test_ties_never_make_p_too_small():
    # statistics of few values are often equal: rounding must not decide between them
    def draw(rng):
        return rng.integers(0, 2, (30, 1)) / 3, rng.integers(0, 2, (40, 1)) / 3

    p = pvalues(draw, 300, "energy")
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() <= level + 0.03
    assert two_sample_test(np.ones((5, 1)), np.ones((4, 1))).pvalue == 1
    assert two_sample_test(np.ones((5, 1)), np.ones((4, 1)), "mmd").pvalue == 1


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("shift", lambda Y: Y + np.array([0.8, 0.0])),
        ("scale", lambda Y: 1.7 * Y),
        ("dependence", lambda Y: Y @ TURN.T),
    ],
)
def test_differences_are_seen(statistic, name, change):
    def draw(rng):
        return rng.normal(size=(150, 2)), change(rng.normal(size=(150, 2)))

    power = (pvalues(draw, 30, statistic, 99) <= 0.05).mean()
    assert power >= 0.7  # measured: at least 0.83


def test_long_tables_are_compared_on_a_part_of_their_rows():
    rng = np.random.default_rng(0)
    X = np.full((50_000, 2), 3.0)
    X[:, 1] = rng.normal(size=50_000)
    Y = X + np.array([0.0, 1.0])
    result = two_sample_test(X, Y, max_rows=200, n_permutations=99, random_state=0)
    assert result.pvalue == 0.01
    assert result == two_sample_test(X, Y, max_rows=200, n_permutations=99, random_state=0)


def test_holm():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm_correction(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_correction([0.9, 0.8]).tolist() == [1, 1]
    assert holm_correction([]).shape == (0,)
    # of 5 true hypotheses one or more is rejected in at most 5 % of all cases
    u = np.random.default_rng(0).uniform(size=(4000, 5))
    wrong = np.mean([holm_correction(row).min() <= 0.05 for row in u])
    assert 0.04 < wrong < 0.06


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], [[1.0], [2.0]]), "X has 1 row"),
        (([[1.0], [2.0]], [[1.0, 2.0]]), "Y has 2 features, but 1"),
        (([[1.0], [2.0]], [[1.0], [2.0]], "t"), "statistic='t' is not known. Known: 'energy'"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        two_sample_test(*arguments)
    with pytest.raises(ValueError, match="max_rows must be an integer of at least 2, got 1"):
        two_sample_test([[1.0], [2.0]], [[1.0], [2.0]], max_rows=1)
    with pytest.raises(ValueError, match="pvalues must be a list of numbers between 0 and 1"):
        holm_correction([0.5, 1.5])
