"""Alignment: the optimal map between two Gaussians."""

import numpy as np
import pytest

from skflow.alignment import (
    _covariance,
    _moments,
    affine_map,
    apply_affine,
    gaussian_base,
    uniform_base,
)
from skflow.metrics import transport_cost_ratio


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(4, 4))
    return rng.normal(2, 1, (300, 4)) @ mix, rng.normal(-5, [1, 2, 3, 4], (200, 4))


def test_moments_of_the_target_arrive(tables):
    X, Y = tables
    m_p, C_p = _covariance(X, None)
    moved = apply_affine(Y, affine_map(Y, X))
    np.testing.assert_allclose(moved.mean(axis=0), m_p, atol=1e-12)
    # the map takes the shrunk source covariance to the shrunk target covariance, exactly
    m_q, C_q = _covariance(Y, None)
    A = np.linalg.lstsq(Y - m_q, moved - m_p, rcond=None)[0]
    np.testing.assert_allclose(A.T @ C_q @ A, C_p, atol=1e-10 * np.abs(C_p).max())
    # from columns of the target's spread on the gradient of a convex function: the optimal map
    B = A / np.sqrt(np.diag(C_p) / np.diag(C_q))[:, None]
    np.testing.assert_allclose(B, B.T, atol=1e-10)
    assert np.linalg.eigvalsh(B).min() > 0
    rescaled = (Y - m_q) * np.sqrt(np.diag(C_p) / np.diag(C_q))
    assert transport_cost_ratio(rescaled, moved) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("n_rows", [8, 40])
def test_correlations_are_shrunk_by_the_oracle_approximating_amount(n_rows):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_rows, 12)) @ rng.normal(size=(12, 12))
    d, R = 12, np.corrcoef(X.T)
    signal, spread = (1 - 2 / d) * (R**2).sum() + d**2, (n_rows + 1 - 2 / d) * ((R**2).sum() - d)
    shrinkage = min(1, signal / spread)
    _, std, shrunk = _moments(X, None)
    np.testing.assert_allclose(std, X.std(axis=0))
    np.testing.assert_allclose(shrunk, (1 - shrinkage) * R + shrinkage * np.eye(d), atol=1e-12)
    assert np.linalg.eigvalsh(shrunk)[0] > 1e-3  # of eight rows in twelve columns as well


@pytest.mark.parametrize("reach", [3, 6, 12])
def test_moments_arrive_whatever_the_units_of_the_targets_columns(tables, reach):
    # one matrix of all columns loses the narrow ones to rounding, from a ratio of 1e4 on
    X, Y = (Z * 10.0 ** np.linspace(-reach, reach, 4) for Z in tables)
    moved = apply_affine(Y, affine_map(Y, X))
    C_p, C_q = _covariance(X, None)[1], _covariance(Y, None)[1]
    A = affine_map(Y, X)[1]
    scale = np.sqrt(np.outer(np.diag(C_p), np.diag(C_p)))
    np.testing.assert_allclose(A.T @ C_q @ A / scale, C_p / scale, atol=1e-5)
    np.testing.assert_allclose(moved.mean(axis=0), X.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("gain", [1e-9, 1e-3, 1e3, 1e6, 1e9])
def test_the_unit_of_a_source_column_does_not_matter(tables, gain):
    X, Y = tables
    moved = apply_affine(Y, affine_map(Y, X))
    gains = np.array([1, gain, 1, 1])
    other = apply_affine(Y * gains, affine_map(Y * gains, X))
    np.testing.assert_allclose(other, moved, atol=1e-9)


def test_nearly_equal_columns_are_aligned_all_the_same():
    """Correlations of which one axis has a millionth of the variance are not degenerate."""
    rng = np.random.default_rng(2)
    mix = np.array([[1, 1], [0, 2e-3]])
    X, Y = rng.normal(size=(500_000, 2)) @ mix, rng.normal(size=(500_000, 2)) @ [[1, -0.4], [0, 1]]
    moved = apply_affine(Y, affine_map(Y, X))
    assert np.linalg.eigvalsh(np.corrcoef(X.T))[0] < 1e-5
    assert np.corrcoef(moved.T)[0, 1] > 0.9999


def test_one_far_off_value_leaves_the_other_rows_their_spread(tables):
    X, Y = tables
    far = Y.copy()
    far[0, 1] = 1e6
    moved = apply_affine(far, affine_map(far, X))[1:]
    # 0.4 and more of the target's; without limits the column would be 1e-4 as wide
    assert (moved.std(axis=0) > 0.3 * X.std(axis=0)).all()


def test_identity_at_rest(tables):
    X, _ = tables
    np.testing.assert_allclose(apply_affine(X, affine_map(X.copy(), X)), X, atol=1e-12)


@pytest.mark.parametrize("degenerate", ["target", "source"])
def test_constant_columns_are_only_shifted(tables, degenerate):
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
    mean, C = _covariance(X, None)
    scale = np.sqrt(np.abs(C).max())
    np.testing.assert_allclose(base.mean(axis=0), mean, atol=0.02 * scale)  # 9 standard errors
    np.testing.assert_allclose(np.cov(base.T), C, atol=0.03 * scale**2)
    box = uniform_base(1000, X, None, rng)
    assert (box >= X.min(axis=0)).all()
    assert (box <= X.max(axis=0)).all()


@pytest.mark.parametrize("d", [2, 3, 20])
@pytest.mark.parametrize("n", [2, 50, 5000])
def test_correlations_of_columns_that_are_one_are_not_degenerate(n, d):
    """They are shrunk by more than 1/(n + 1), which is then their smallest eigenvalue."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 1)) * rng.normal(size=d) + 3
    R = _moments(X, None)[2]
    assert np.linalg.eigvalsh(R)[0] > 1 / (n + 1)
    Y = rng.normal(size=(n, d))
    for here, there in ((Y, X), (X, Y)):
        assert np.isfinite(affine_map(here, there)[1]).all()
