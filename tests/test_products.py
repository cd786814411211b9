"""Totals that are products of quantity and price, and rates that are quotients."""

import numpy as np
import pandas as pd
import pytest

from skflow import TableTransport
from skflow.tabular import TableEncoder

every_seed = pytest.mark.parametrize("seed", range(3))


def make_sales(n, seed, more=0.0):
    """Orders whose total is exact, whose freight nearly is, and a rate that divides."""
    rng = np.random.default_rng(seed)
    quantity = rng.poisson(2 + more, n) + 1
    price = rng.choice([2.5, 9.99, 15.0, 49.9, 120.0], n)
    hours = rng.gamma(3, 2, n).round(1) + 0.5
    weight = (quantity * rng.gamma(5, 1, n)).round(2) + 1
    return pd.DataFrame(
        {
            "total": (quantity * price).round(2),  # before what it is made of
            "quantity": quantity,
            "price": price,
            "hours": hours,
            "weight": weight,
            "speed": (weight / hours).round(3),
            "freight": (2 * weight * price * np.exp(0.01 * rng.normal(size=n))).round(2),
        }
    )


@every_seed
@pytest.mark.parametrize("is_frozen", [False, True])
def test_products_and_quotients_hold_after_moving(seed, is_frozen):
    target, source = make_sales(600, seed), make_sales(500, 100 + seed, more=2.0)
    given = {"X_source": source} if is_frozen else {}
    transport = TableTransport(random_state=seed).fit(target, **given)
    for rows in (transport.transform(source), transport.sample(500)):
        exact = rows["quantity"] * rows["price"]
        np.testing.assert_allclose(rows["total"], exact, atol=0.0051)
        np.testing.assert_allclose(rows["speed"], rows["weight"] / rows["hours"], atol=0.00051)
        error = np.log(rows["freight"] / (2 * rows["weight"] * rows["price"]))
        # its deviation is the same in coordinates, not in logarithms: measured 0.010 to 0.018
        assert 0.005 < error.std() < 0.025


@every_seed
def test_what_is_found_and_what_is_not(seed):
    encoder = TableEncoder(make_sales(600, seed))
    both = encoder.trends | encoder.relations
    found = {c: (set(p.names), p.power, p.scale > 0) for c, p in both.items()}
    assert found == {
        "total": ({"quantity", "price"}, 1, False),
        "speed": ({"weight", "hours"}, -1, False),
        "freight": ({"weight", "price"}, 1, True),
    }
    rng = np.random.default_rng(seed)
    numbers = pd.DataFrame(np.exp(rng.normal(size=(400, 6))), columns=list("abcdef"))
    numbers["g"] = numbers["a"] * numbers["b"] * np.exp(0.3 * rng.normal(size=400))
    assert not TableEncoder(numbers).trends


@every_seed
def test_the_target_stays_where_it_is(seed):
    target = make_sales(300, seed)
    pd.testing.assert_frame_equal(TableTransport().fit(target).transform(target), target)


def test_factors_that_are_missing_or_zero_in_the_source_make_no_missing_total():
    target, source = make_sales(400, 0), make_sales(300, 1, more=1.0)
    source.loc[:5, "price"] = np.nan
    source.loc[3:9, "hours"] = 0.0
    moved = TableTransport(random_state=0).fit(target).transform(source)
    assert moved.notna().all().all()
    np.testing.assert_allclose(moved["total"], moved["quantity"] * moved["price"], atol=0.0051)
