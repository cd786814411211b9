"""Tests of what every room of the package shares."""

import numpy as np
import pytest

from skflow._utils import distinct_rows, lexicographic_order


def table(kind):
    rng = np.random.default_rng(0)
    return {
        "continuous": rng.standard_normal((300, 3)),
        "whole numbers": rng.integers(0, 3, (300, 4)).astype(float),
        "one column": rng.integers(0, 9, (300, 1)).astype(np.float32),
        "ties of the first column": np.column_stack([rng.integers(0, 2, 300), rng.random(300)]),
        "signed zeros": np.where(rng.random((300, 2)) < 0.5, 0.0, -0.0),
        "extremes": np.array([[-1.7e308, 1], [1.7e308, 0], [1.7e308, -1], [0, 5e-324], [0, 0]]),
        "one row": np.ones((1, 2)),
        "equal rows": np.ones((5, 2)),
    }[kind]


KINDS = [
    "continuous",
    "whole numbers",
    "one column",
    "ties of the first column",
    "signed zeros",
    "extremes",
    "one row",
    "equal rows",
]


@pytest.mark.parametrize("kind", KINDS)
def test_lexicographic_order_is_that_of_all_columns(kind):
    X = table(kind)
    np.testing.assert_array_equal(lexicographic_order(X), np.lexsort(X.T[::-1]))


@pytest.mark.parametrize("kind", KINDS)
def test_distinct_rows_are_those_of_unique_and_keep_the_weight(kind):
    X = table(kind)
    weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    weight[0] = 2
    rows, share = distinct_rows(X, weight)
    expected, index = np.unique(X[weight > 0], axis=0, return_inverse=True)
    np.testing.assert_array_equal(rows, expected)
    total = np.bincount(index.ravel(), weights=weight[weight > 0])
    np.testing.assert_allclose(share, total / weight.sum(), rtol=1e-12)
