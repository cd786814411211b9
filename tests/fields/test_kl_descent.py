"""KL(q‖p) falls along the score difference, at the Fisher rate [Weber 2023, eqs. 5-9]."""

import numpy as np
import pytest

from skflow.fields import KernelScoreDifference, Limits
from skflow.kernels import log_kernel_density

SEEDS = range(4)
SIGMA = 0.8


def velocity(Z, X, Y, w=None, u=None):
    """Score difference at each query, the same for all moving rows that it may belong to."""
    field = KernelScoreDifference("row", tol=0.0).fit(X[:, None], np.array([SIGMA]), w)
    state = field.start(np.random.default_rng(0), Limits(weight=u))
    tiles = [np.resize(Z[i : i + len(Y)], len(Y)) for i in range(0, len(Z), len(Y))]
    v = [state.velocity(z[:, None], Y[:, None], SIGMA)[:, 0] for z in tiles]
    return np.concatenate(v)[: len(Z)]


def kl_of_gaussians(m, s, mean, std):
    return np.log(std / s) + (s**2 + (m - mean) ** 2) / (2 * std**2) - 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_of_gaussians_that_move_as_a_whole(seed):
    """The blurred rows z = y + σε all move, and stay a Gaussian, whose KL is known."""
    rng = np.random.default_rng(seed)
    (mean, m), (std, s) = rng.normal(size=2), rng.uniform(0.5, 1.5, 2)
    # rows a third of σ apart: their blurred density is the Gaussian's, up to exp(-2 π² 3²)
    even = np.arange(-10, 10, SIGMA / 3)
    w, u = (np.exp(-(((even - c) / a) ** 2) / 2) + 1e-30 for c, a in ((mean, std), (m, s)))
    Z = np.linspace(-3, 3, len(even))
    v = velocity(Z, even, even, w, u)
    b, a = np.polyfit(Z, v, 1)
    np.testing.assert_allclose(v, a + b * Z, atol=1e-9)
    t_p, t_q = np.hypot(std, SIGMA), np.hypot(s, SIGMA)  # of the blurred densities
    h = 1e-5
    up, down = (
        kl_of_gaussians(m + step * (a + b * m), (1 + step * b) * t_q, mean, t_p) for step in (h, -h)
    )
    # E_q (∇log p - ∇log q)²: its slope and its value at the mean
    slope, value = 1 / t_q**2 - 1 / t_p**2, (mean - m) / t_p**2
    fisher = value**2 + (slope * t_q) ** 2
    assert (up - down) / (2 * h) == pytest.approx(-(SIGMA**2) * fisher, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_rows_that_move_without_their_noise(seed):
    """Rows y move along the mean of v over the noise: no way as long lowers KL as much."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(1, 1, 40), rng.normal(-0.5, 0.6, 30)
    line = np.linspace(-9, 9, 4001)  # σ/180 apart

    def kl(Y):
        log_p, log_q = (log_kernel_density(line[:, None], A[:, None], SIGMA) for A in (X, Y))
        return np.sum(np.exp(log_q) * (log_q - log_p)) * (line[1] - line[0])

    node, share = np.polynomial.hermite_e.hermegauss(60)  # expectations over ε
    v = [velocity(Y + SIGMA * e, X, Y) for e in node]
    mean_v, h = share @ v / share.sum(), 1e-5

    def slope(way):
        return (kl(Y + h * way) - kl(Y - h * way)) / (2 * h)

    assert slope(mean_v) == pytest.approx(-np.mean(mean_v**2) / SIGMA**2, rel=1e-6)
    for _ in range(5):
        way = rng.normal(size=30)
        assert slope(way) == pytest.approx(-np.mean(mean_v * way) / SIGMA**2, rel=1e-5, abs=1e-8)
        way *= np.sqrt(np.mean(mean_v**2) / np.mean(way**2))
        assert slope(way) > slope(mean_v)
    # the Fisher divergence bounds the rate (Jensen's inequality)
    fisher = share @ np.mean(np.square(v), axis=1) / share.sum() / SIGMA**4
    assert -slope(mean_v) < SIGMA**2 * fisher
