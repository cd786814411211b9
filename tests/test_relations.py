"""Columns that others determine, in tables as people have them."""

import numpy as np
import pandas as pd
import pytest

from skflow.tabular import TableEncoder


def decoded(table, **params):
    """The encoder of a table, and its rows after they have been encoded and decoded."""
    encoder = TableEncoder(table, **params)
    return encoder, encoder.decode(encoder.encode(table))


def test_effects_are_those_of_all_rows():
    """A part of the rows has not all levels: one in four of such rows has a single one."""
    level = np.arange(80_000) % 4
    level[:40] = np.repeat(np.arange(4, 14), 4)
    price = np.array([1.0, 5, 7, 20, *range(30, 40)])
    rng = np.random.default_rng(0)
    x = rng.normal(size=len(level))
    table = pd.DataFrame({"shop": level.astype(str), "price": price[level], "x": x})
    encoder, rows = decoded(table)
    assert encoder.trends["price"].scale == 0
    np.testing.assert_array_equal(rows["price"], table["price"])


def test_rows_without_weight_have_no_effects():
    level = np.arange(300) % 6
    table = pd.DataFrame({"kind": level.astype(str), "price": 2.0 * level, "x": np.arange(300.0)})
    weight = (level < 5).astype(float)
    encoder, rows = decoded(table, weight=weight)
    assert list(encoder.trends) == ["price"]
    np.testing.assert_array_equal(rows["price"][level < 5], table["price"][level < 5])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_long_codes_determine_categories(dtype):
    """Their sum is no whole number of 64 bits, and their difference none of a float's 53."""
    code = (dtype(2**63 - 100) if dtype == np.int64 else dtype(2**64 - 100)) + np.arange(
        6, dtype=dtype
    )
    place = np.repeat(np.arange(6), 50)
    x = np.random.default_rng(0).normal(size=300)
    table = pd.DataFrame({"id": code[place], "city": np.array([*"aabbca"])[place], "x": x})
    encoder, rows = decoded(table)
    assert encoder.dependencies["city"].name == "id"
    pd.testing.assert_frame_equal(rows[["id", "city"]], table[["id", "city"]])
