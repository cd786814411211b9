"""Missing values of tables, drawn given what is there."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skflow import SDFlowGenerator, SDFlowSampler, TableTransport
from skflow.metrics import energy_distance

SEEDS = range(3)


def gaussian(seed, n=300, d=8, share=0.2):
    """Correlated columns, those with missing cells, and the covariance."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, d)) * np.geomspace(1, 0.2, d)[:, None]
    truth = pd.DataFrame(rng.normal(size=(n, d)) @ A, columns=[f"x{j}" for j in range(d)])
    return truth, truth.mask(rng.random((n, d)) < share), A.T @ A


def expected(table, C):
    """Conditional means of a Gaussian's missing cells."""
    means = table.to_numpy(copy=True)
    for row in means:
        m = np.isnan(row)
        row[m] = C[np.ix_(m, ~m)] @ np.linalg.solve(C[np.ix_(~m, ~m)], row[~m])
    return means


@pytest.mark.parametrize("seed", SEEDS)
def test_gaussians_have_their_conditional_means_and_spread(seed):
    truth, table, C = gaussian(seed)
    assert table.isna().any(axis=1).mean() > 0.75  # hardly a row is complete
    transport = TableTransport(random_state=seed).fit(table)
    draws = np.array([transport.impute(table, k).to_numpy() for k in range(10)])
    holes, scale = table.isna().to_numpy(), truth.std().to_numpy()
    means = expected(table, C)
    error = ((truth.to_numpy() - means) / scale)[holes]
    off = ((draws.mean(axis=0) - means) / scale)[holes]
    # a tenth of the variance, of ten draws, and as much again of the estimated relations; means
    # of columns are off by 3
    assert np.mean(off**2) < 0.35 * np.mean(error**2)
    spread = (draws.std(axis=0, ddof=1) / scale)[holes]
    assert 0.8 < np.mean(spread**2) / np.mean(error**2) < 1.35
    # a value lies between the least and the greatest of ten draws like it with probability 9/11
    inside = (draws.min(axis=0) <= truth) & (truth <= draws.max(axis=0))
    assert 0.75 < inside.to_numpy()[holes].mean() < 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_missing_at_random_is_no_bias(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=600)
    truth = pd.DataFrame({"x": x, "y": x + 0.5 * rng.normal(size=600)})
    table = truth.assign(y=truth["y"].mask(rng.random(600) < np.where(x > 0, 0.8, 0.1)))
    filled = TableTransport(random_state=seed).fit(table).impute(table)
    assert abs(table["y"].mean() - truth["y"].mean()) > 0.3  # of the values that are there
    assert abs(filled["y"].mean() - truth["y"].mean()) < 0.1  # 0.5 / √270, three times
    assert abs(filled["y"].std() - truth["y"].std()) < 0.12


def test_curves_are_followed():
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, 500)
    truth = pd.DataFrame({"x": x, "y": x**2 / 3 + 0.1 * rng.normal(size=500)})
    table = truth.assign(y=truth["y"].mask(rng.random(500) < 0.3))
    filled = TableTransport(random_state=0).fit(table).impute(table)
    off = (filled["y"] - x**2 / 3)[table["y"].isna()]
    assert off.std() < 0.6  # about a line, of which regressions know alone, 0.9 and as much again


def mixed(n, rng):
    """Columns of all sorts, which depend on one number."""
    u = rng.random(n)
    return pd.DataFrame(
        {
            "number": np.round(10 * u + rng.normal(size=n), 1),
            "count": pd.array(rng.poisson(3 + 5 * u), "Int64"),
            "kind": pd.Categorical(np.where(u + rng.normal(0, 0.2, n) > 0.5, "a", "b")),
            "text": np.where(u > 0.7, "high", "low").astype(object),
            "flag": pd.array(u > 0.3, "boolean"),
            "day": pd.Timestamp("2024-02-01") + pd.to_timedelta((90 * u).round(), "D"),
            "constant": 7.0,
        },
        index=[f"row {i}" for i in range(n)],
    )


def check_filled(filled, table):
    assert filled.columns.equals(table.columns)
    assert filled.index.equals(table.index)
    assert filled.dtypes.equals(table.dtypes)
    assert not filled.isna().to_numpy().any()
    pd.testing.assert_frame_equal(filled.where(table.notna()), table)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.floats(0.02, 0.7), st.integers(15, 120))
def test_what_is_there_stays_whatever_is_missing(seed, share, n):
    rng = np.random.default_rng(seed)
    truth = mixed(n, rng)
    holes = rng.random(truth.shape) < share
    holes[rng.permutation(n)[:2]] = False  # a value or two in every column
    table = truth.mask(holes)
    check_filled(TableTransport(random_state=0).fit(table).impute(table), table)


def test_relations_between_columns_of_all_sorts():
    rng = np.random.default_rng(0)
    truth = mixed(300, rng)
    table = truth.mask(rng.random(truth.shape) < 0.2)
    filled = TableTransport(random_state=0).fit(table).impute(table)
    drawn = table.isna()
    for column, chance in {"kind": 0.5, "text": 0.58, "flag": 0.58}.items():
        right = (filled[column] == truth[column])[drawn[column]].mean()
        assert right > chance + 0.15, column  # two draws that know of nothing agree by chance
    off = (filled["day"] - truth["day"]).dt.days[drawn["day"]]
    assert off.std() < 18  # the days' own deviation is 26, so that of a difference is 37
    assert filled["number"].round(1).equals(filled["number"])


def test_other_rows_than_those_fitted():
    truth, table, _ = gaussian(1)
    transport = TableTransport(random_state=0).fit(table.iloc[:200])
    new = table.iloc[200:].assign(note="kept")
    filled = transport.impute(new)
    check_filled(filled, new)
    scale, rest = truth.std(), truth.iloc[200:]
    mean = new[truth.columns].fillna(truth.mean())
    distances = [energy_distance(t / scale, rest / scale) for t in (filled[truth.columns], mean)]
    assert distances[0] < 0.5 * distances[1]
    one = new.iloc[[0]].assign(x0=np.nan)
    check_filled(transport.impute(one), one)
    pd.testing.assert_frame_equal(transport.impute(truth), truth)  # nothing is missing


def test_large_whole_numbers_and_objects():
    key = 2**60 + np.arange(60)
    table = pd.DataFrame({"key": pd.array(key, "Int64"), "x": np.arange(60.0)})
    table["yes"] = pd.Series([True, False] * 30, dtype=object)
    table.loc[[3, 30], "key"] = pd.NA
    table.loc[7, "yes"] = np.nan
    filled = TableTransport(random_state=0).fit(table).impute(table)
    check_filled(filled, table)
    # a number between those that are there, to the last digit
    assert all(2**60 <= value < 2**60 + 60 for value in filled["key"])
    assert filled.loc[7, "yes"] in (True, False)


def test_draws_differ_by_seed_alone():
    _, table, _ = gaussian(0, n=60, d=3)
    transport = TableTransport(random_state=0).fit(table)
    state = pickle.dumps(transport)
    first = transport.impute(table, 1)
    pd.testing.assert_frame_equal(first, transport.impute(table, 1))
    pd.testing.assert_frame_equal(first, pickle.loads(state).impute(table, 1))
    assert not first.equals(transport.impute(table, 2))
    pd.testing.assert_frame_equal(transport.impute(table), transport.impute(table))
    assert pickle.dumps(transport) == state


def test_rows_without_weight_are_absent():
    _, table, _ = gaussian(0, n=80, d=3)
    weight = np.arange(80) % 2
    weighted = TableTransport(random_state=0).fit(table, sample_weight=weight).impute(table, 0)
    alone = TableTransport(random_state=0).fit(table[weight > 0]).impute(table, 0)
    pd.testing.assert_frame_equal(weighted, alone)


def test_groups_kept_columns_and_frozen_flows():
    rng = np.random.default_rng(0)
    side = np.repeat(["left", "right"], 100)
    x = rng.normal(size=200)
    truth = pd.DataFrame({"side": side, "x": x, "y": np.where(side == "left", x, 5 - x)})
    table = truth.assign(y=truth["y"].mask(rng.random(200) < 0.3), x=truth["x"])
    table.loc[[3, 150], "x"] = np.nan
    for params in ({"by": "side"}, {"condition_on": ["side"]}, {"condition_on": ["side", "x"]}):
        transport = TableTransport(random_state=0, **params).fit(table)
        filled = transport.impute(table)
        check_filled(filled, table)
        assert (filled["y"] - truth["y"])[table["y"].isna()].std() < 1.2, params  # 2.7 in all
    frozen = TableTransport(by="side", random_state=0).fit(table, X_source=truth[::-1])
    check_filled(frozen.impute(table), table)


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    rng = np.random.default_rng(0)
    truth = mixed(80, rng).drop(columns="flag").reset_index(drop=True)
    table = polars.from_pandas(truth.mask(rng.random(truth.shape) < 0.2))
    filled = TableTransport(random_state=0).fit(table).impute(table)
    assert isinstance(filled, polars.DataFrame)
    assert filled.schema == table.schema
    assert sum(filled.null_count().row(0)) == 0
    for column in table.columns:
        known = table[column].is_not_null()
        kept, there = filled[column].filter(known), table[column].filter(known)
        assert kept.to_list() == there.to_list(), column  # old polars compares codes of categories


def test_flows_of_ones_own():
    _, table, _ = gaussian(0, n=80, d=3)
    transport = TableTransport(SDFlowSampler(n_steps=5), random_state=0).fit(table)
    check_filled(transport.impute(table), table)


def test_missing_values_may_be_refused_in_the_target_alone():
    truth, table, _ = gaussian(0, n=80, d=3)
    check_filled(TableTransport(missing="raise", random_state=0).fit(truth).impute(table), table)


def test_bad_input():
    _, table, _ = gaussian(0, n=60, d=3)
    transport = TableTransport(random_state=0).fit(table)
    with pytest.raises(ValueError, match="lacks the target's column"):
        transport.impute(table[["x0"]])
    with pytest.raises(TypeError, match="table must be a pandas or polars DataFrame"):
        transport.impute(table.to_numpy())
    empty = table.assign(x1=np.nan)
    with pytest.raises(ValueError, match="no value of 'x1' to draw from"):
        TableTransport(random_state=0).fit(empty).impute(empty)
    generator = SDFlowGenerator(n_steps=2, random_state=0)
    with pytest.raises(ValueError, match="flow=SDFlowGenerator cannot draw columns given others"):
        TableTransport(generator).fit(table).impute(table)
    kinds = pd.DataFrame({"kind": ["a", "b"] * 30, "x": range(60)})
    other = kinds.assign(kind="c", x=kinds["x"].mask(kinds["x"] > 50))
    with pytest.warns(UserWarning, match=r"'kind' has values that the target does not have"):
        TableTransport(random_state=0).fit(kinds).impute(pd.concat([kinds, other]))


def test_drawn_values_are_rounded_to_whole_numbers_of_the_table():
    rng = np.random.default_rng(0)
    target = pd.DataFrame({"v": 10 * rng.normal(size=60), "w": rng.normal(size=60)})
    table = pd.DataFrame({"v": pd.array([1, None, 2] * 5, dtype="Int64"), "w": 0.0})
    filled = TableTransport(random_state=0).fit(target).impute(table)
    assert filled["v"].dtype == "Int64"
    assert filled["v"].notna().all()
    target["v"] *= 1e6
    small = table.astype({"v": "Int8"})
    with pytest.raises(ValueError, match="column 'v' of the table has the dtype Int8, which"):
        TableTransport(random_state=0).fit(target).impute(small)


def test_new_categories_come_in_the_target_s_order():
    order = ["a", "b", "c"]
    values = pd.Categorical(order * 30, categories=order, ordered=True)
    target = pd.DataFrame({"o": values, "w": np.tile([0.0, 5.0, 10.0], 30)})
    table = target.head(30).copy()
    table["o"] = table["o"].cat.set_categories(["b", "c"])  # "a" is missing now
    filled = TableTransport(random_state=0).fit(target).impute(table)
    assert filled["o"].cat.categories.tolist() == order
    assert filled["o"].cat.ordered
