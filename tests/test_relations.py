"""Columns that others determine, in tables as people have them."""

import numpy as np
import pandas as pd
import pytest

from skflow import TableTransport
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


def make_shop(n, seed, more=0.0):
    """Products with a price of their own but for a little residual; two of them are free."""
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(8) < 4, 1 + more, 1.0)
    product = rng.choice(8, n, p=share / share.sum())
    price = np.array([0, 10, 50, 400, 0, 100, 200, 300])[product]
    price = (price * np.exp(0.02 * rng.normal(size=n))).round(2)
    age = rng.normal(40 + product, 8)
    return pd.DataFrame({"product": product.astype(str), "price": price, "age": age})


@pytest.mark.parametrize("seed", range(3))
def test_a_table_with_rests_moves_onto_itself(seed):
    """Dither changes the ranks of residuals; a tenth of the prices moved by a cent."""
    target = make_shop(300, seed)
    moved = TableTransport(random_state=seed).fit(target).transform(target)
    np.testing.assert_array_equal(moved["price"], target["price"])


@pytest.mark.parametrize("seed", range(3))
def test_a_level_whose_rows_share_a_value_keeps_it(seed):
    target, source = make_shop(600, seed), make_shop(500, 9 + seed, 4.0)
    transport = TableTransport(random_state=seed).fit(target)
    for rows in (transport.transform(source), transport.sample(600)):
        is_free = rows["product"].isin(["0", "4"])  # of 3 to 6 rows in a hundred only one was so
        np.testing.assert_array_equal(rows["price"] == 0, is_free)


def make_staff(n, seed, shift=0.0):
    """Shops with a day of opening, and hours that say who is at work."""
    rng = np.random.default_rng(seed)
    weight = np.exp(shift * np.arange(9) / 4)
    shop = rng.choice(9, n, p=weight / weight.sum())
    start = rng.integers(0, 6, n)
    return pd.DataFrame(
        {
            "shop": shop.astype(str),
            "opened": pd.to_datetime("2020-03-01") + pd.to_timedelta(40 * shop**2, unit="D"),
            "start": pd.to_timedelta(6 + 2 * start, unit="h"),
            "shift": np.array([*"eelldd"])[start],
            "sold": rng.normal(3 * shop + start + shift, 4),
        }
    )


@pytest.mark.parametrize("is_frozen", [False, True])
def test_dates_are_determined_and_determine(is_frozen):
    target, source = make_staff(500, 0), make_staff(400, 1, 1.0)
    transport = TableTransport(random_state=0)
    transport.fit(target, X_source=source if is_frozen else None)
    for rows in (transport.transform(source), transport.sample(500)):
        for pair in (["shop", "opened"], ["start", "shift"]):  # one row in four had another day
            assert set(map(tuple, rows[pair].values)) <= set(map(tuple, target[pair].values))


@pytest.mark.parametrize("raised", [1.0, 0.25])
def test_few_rows_keep_their_rests(raised):
    """Which were lost, or dithered with 16 times the variance of all other columns."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 20, 1000)
    price = 10.0 * level
    price[[7, 11, 500]] += raised
    table = pd.DataFrame({"kind": level.astype(str), "price": price, "x": rng.normal(size=1000)})
    encoder, rows = decoded(table)
    np.testing.assert_array_equal(rows["price"], table["price"])
    Z = encoder.encode(table, np.random.default_rng(1))
    assert 0.9 < Z[:, encoder.blocks["price"]].std() < 1.1
    moved = TableTransport(random_state=0).fit(table).transform(table)
    np.testing.assert_array_equal(moved["price"], table["price"])


@pytest.mark.parametrize("values", [("a", "b"), (0, 1), (False, True), (1.0, np.nan)])
def test_a_single_rare_row_of_a_long_table(values):
    """The rows of a trial of bandwidths may all be equal, and the fit failed."""
    common, rare = values
    target = pd.DataFrame({"c": [common] * 5999 + [rare]})
    transport = TableTransport(random_state=0).fit(target)
    assert transport.transform(target[:100])["c"].eq(common).mean() > 0.95


def make_places(n, seed):
    """Streets, of which cities are made, of which states are made, with a tax of the state."""
    rng = np.random.default_rng(seed)
    street = rng.integers(0, 16, n)
    state = street // 8
    return pd.DataFrame(
        {
            "state": np.array(["Ohio", "Iowa"])[state],
            "city": np.array([*"abcdefgh"])[street // 2],
            "street": 100 + 7 * street,
            "tax": np.array([0.05, 0.08])[state],
            "rent": rng.normal(300 + 20 * street, 30),
            "fee": rng.normal(30, 5, n).round(),
        }
    ).assign(total=lambda t: t["rent"] + t["fee"])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "given", [{"state": "Iowa"}, {"city": "c"}, {"street": 135}, {"rent": 400.0}, {"tax": 0.08}]
)
def test_rows_keep_to_what_given_values_determine(given, seed):
    target = make_places(600, seed)
    rows = TableTransport(random_state=seed).fit(target).sample(400, given=given)
    (name, value), bound = *given.items(), ["street", "city", "state", "tax"]
    assert (rows[name] == value).all()
    if name != "tax":  # a given trend is no category: the state follows the regression alone
        assert set(map(tuple, rows[bound].values)) <= set(map(tuple, target[bound].values))
    np.testing.assert_allclose(rows["total"], rows["rent"] + rows["fee"], atol=1e-6)
    like = (
        target[target[name] == value] if name != "rent" else target[abs(target["rent"] - 400) < 9]
    )
    for column in ("city", "street"):
        shares = [t[column].value_counts(normalize=True) for t in (rows, like)]
        # 300 rows of a state, of which each of four cities has a quarter, or 40 near a rent
        assert shares[0].sub(shares[1], fill_value=0).abs().max() < (0.4 if name == "rent" else 0.2)


def test_given_values_that_exclude_each_other_are_told():
    transport = TableTransport(random_state=0).fit(make_places(400, 0))
    with pytest.warns(UserWarning, match="no row with such values of 'state' and 'city'"):
        rows = transport.sample(3, given={"state": "Iowa", "city": "a"})
    assert (rows["state"] == "Iowa").all()
