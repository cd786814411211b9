"""Alignment: the optimal map between two Gaussians."""

import numpy as np
import pytest

from skflow.fields._align import _moments, affine_map, apply_affine, gaussian_base, uniform_base
from skflow.metrics import transport_cost_ratio


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(4, 4))
    return rng.normal(2, 1, (300, 4)) @ mix, rng.normal(-5, [1, 2, 3, 4], (200, 4))


def test_moments_of_the_target_arrive(tables):
    X, Y = tables
    m_p, C_p = _moments(X, None)
    moved = apply_affine(Y, affine_map(Y, X))
    np.testing.assert_allclose(moved.mean(axis=0), m_p, atol=1e-12)
    # the map takes the shrunk source covariance to the shrunk target covariance, exactly
    m_q, C_q = _moments(Y, None)
    A = np.linalg.lstsq(Y - m_q, moved - m_p, rcond=None)[0]
    np.testing.assert_allclose(A.T @ C_q @ A, C_p, atol=1e-10 * np.abs(C_p).max())
    np.testing.assert_allclose(A, A.T, atol=1e-10)  # the gradient of a convex function:
    assert np.linalg.eigvalsh(A).min() > 0  # the optimal map
    assert transport_cost_ratio(Y, moved) == pytest.approx(1, abs=1e-9)


def test_shrinkage_fades_with_rows_and_is_near_the_true_covariance():
    rng = np.random.default_rng(1)
    C = np.diag([1.0, 4.0, 9.0])
    for n, tolerance in ((30, 0.5), (100_000, 0.02)):  # measured 0.22 and 0.007
        _, estimate = _moments(rng.multivariate_normal(np.zeros(3), C, n), None)
        assert np.abs(estimate - C).max() / 9 < tolerance


def test_identity_at_rest(tables):
    X, _ = tables
    np.testing.assert_allclose(apply_affine(X, affine_map(X.copy(), X)), X, atol=1e-12)


@pytest.mark.parametrize("degenerate", ["target", "source"])
def test_a_degenerate_covariance_means_a_pure_shift(tables, degenerate):
    X, Y = tables
    if degenerate == "target":
        X = np.tile(X[:1], (10, 1))
    else:
        Y = Y[:1]
    moved = apply_affine(Y, affine_map(Y, X))
    np.testing.assert_allclose(moved, Y - Y.mean(axis=0) + X.mean(axis=0), atol=1e-12)


def test_bases(tables):
    X, _ = tables
    rng = np.random.default_rng(3)
    base = gaussian_base(200_000, X, None, rng)
    mean, C = _moments(X, None)
    scale = np.sqrt(np.abs(C).max())
    np.testing.assert_allclose(base.mean(axis=0), mean, atol=0.02 * scale)  # 9 standard errors
    np.testing.assert_allclose(np.cov(base.T), C, atol=0.03 * scale**2)
    box = uniform_base(1000, X, None, rng)
    assert (box >= X.min(axis=0)).all()
    assert (box <= X.max(axis=0)).all()
