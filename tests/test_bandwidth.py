"""Bandwidths: closed forms, weights as repetitions, equivariance, errors."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from skflow._utils import distinct_rows
from skflow.bandwidth import BANDWIDTHS, intrinsic_dimension, resolve_bandwidth


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(5, [1, 2, 3], (101, 3))


def test_closed_forms(X):
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=2).fit(X).kneighbors(X)[0][:, 1]
    s, n, d = X.std(axis=0), 101, 3
    per_feature = np.sqrt((s**2).mean())
    expected = {
        "nn": np.median(nearest),
        "nn_column": np.median(nearest) / np.sqrt(d),
        "median": np.median(pdist(X)),
        "rms": np.sqrt((s**2).sum()),
        "scott": per_feature * n ** (-1 / (d + 4)),
        "silverman": per_feature * (n * (d + 2) / 4) ** (-1 / (d + 4)),
    }
    assert expected.keys() == BANDWIDTHS.keys()
    for name, value in expected.items():
        assert resolve_bandwidth(name, X) == pytest.approx(value, rel=1e-10)
        assert resolve_bandwidth(f"1.5*{name}", X) == pytest.approx(1.5 * value, rel=1e-10)
        assert resolve_bandwidth(f" 2 * {name} ".strip(), X) == pytest.approx(2 * value, rel=1e-10)
        variance = resolve_bandwidth(f"sqrt(10*{name})", X) ** 2
        assert variance == pytest.approx(10 * value, rel=1e-10)
    assert resolve_bandwidth(0.3, X) == 0.3
    with pytest.raises(ValueError, match=r"sigma='near' is not known. Known: 'nn'"):
        resolve_bandwidth("sqrt(10*near)", X, name="sigma")


@pytest.mark.parametrize("name", BANDWIDTHS)
def test_weights_are_repetitions_and_units_scale(name, X):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    repeated = np.repeat(X, weight, axis=0)
    weighted = resolve_bandwidth(name, X, sample_weight=weight)
    assert weighted == pytest.approx(resolve_bandwidth(name, repeated), rel=1e-12)
    assert resolve_bandwidth(name, 7 * X + 3) == pytest.approx(
        7 * resolve_bandwidth(name, X), rel=1e-9
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("d", [1, 2, 5])
def test_intrinsic_dimension_counts_what_is_filled_not_the_columns(d, seed):
    rng = np.random.default_rng(seed)
    bent = rng.uniform(size=(1000, d))
    bent = np.column_stack([bent, np.sin(3 * bent[:, 0]), bent[:, -1] ** 2, np.zeros(1000)])
    X = bent @ np.linalg.qr(rng.normal(size=(30, d + 3)))[0].T
    weight = np.full(1000, 1 / 1000)
    # measured off by at most 0.05 d, 0.10 d and 0.12 d
    assert intrinsic_dimension(X, weight) == pytest.approx(d, rel=0.2)
    assert intrinsic_dimension(7 * X + 3, weight) == pytest.approx(
        intrinsic_dimension(X, weight),
        rel=1e-5,  # seen: 1.7e-6, where squares cancel
    )


def test_intrinsic_dimension_is_at_most_the_number_of_columns():
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    assert intrinsic_dimension(grid, np.full(100, 0.01)) == 2.0  # every ratio is one
    assert intrinsic_dimension(grid[:2], np.full(2, 0.5)) == 2.0


def test_distinct_rows_merge_weights():
    rows, weight = distinct_rows(np.array([[2.0], [1.0], [2.0], [3.0]]), np.array([1, 1, 2, 0.0]))
    np.testing.assert_array_equal(rows, [[1.0], [2.0]])
    np.testing.assert_allclose(weight, [0.25, 0.75])


@pytest.mark.parametrize(
    ("bandwidth", "message"),
    [
        ("wide", "bandwidth='wide' is not known. Known: 'nn', 'nn_column'"),
        ("2*wide", "'2\\*wide'|'wide' is not known"),
        ("x*nn", "factor before"),
        ("-1*nn", "factor before"),
        (0, "must be a positive"),
        (None, "not known"),
    ],
)
def test_bad_bandwidths(bandwidth, message, X):
    with pytest.raises(ValueError, match=message):
        resolve_bandwidth(bandwidth, X)


def test_equal_rows_have_no_scale():
    with pytest.raises(ValueError, match=r"all its rows are equal. Give a number instead"):
        resolve_bandwidth("nn", np.ones((5, 2)))
