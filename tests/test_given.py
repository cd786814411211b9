"""Samples of which some columns are given."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skflow import (
    DiffusionSampler,
    DiscriminatorFlowSampler,
    LangevinSampler,
    MMDFlowSampler,
    SDFlowGenerator,
    SDFlowSampler,
    SVGDSampler,
    TableTransport,
)
from skflow.metrics import energy_distance, energy_floor

SEEDS = range(3)


def curve(c, rng):
    """Rows whose later columns depend on the first, not linearly and with noise that grows."""
    noise = rng.normal(0, 0.1, (len(c), 2)) * (0.5 + c[:, None])
    return np.column_stack([c, np.column_stack([np.sin(6 * c), c**2 / 2]) + noise])


def fitted(seed, **params):
    rng = np.random.default_rng(seed)
    return SDFlowSampler(random_state=seed, **params).fit(curve(rng.beta(4, 2, 800), rng)), rng


@pytest.mark.parametrize("seed", SEEDS)
def test_gaussians_have_their_conditional_distribution(seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(3, 3))
    X = rng.normal(size=(1000, 3)) @ A + [1, -2, 3]
    C, c = A.T @ A, 1 + np.sqrt(A[:, 0] @ A[:, 0])
    mean = [-2, 3] + C[1:, 0] / C[0, 0] * (c - 1)
    deviation = np.sqrt(np.diag(C[1:, 1:] - np.outer(C[1:, 0], C[0, 1:]) / C[0, 0]))
    Y = SDFlowSampler(random_state=seed).fit(X).sample(1000, given={0: c})[:, 1:]
    # 240 of the rows are in reach of c: a mean of theirs is known to 0.065 deviations, four of
    # which are 0.26
    assert np.abs((Y.mean(axis=0) - mean) / deviation).max() < 0.26
    assert np.abs(Y.std(axis=0) / deviation - 1).max() < 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_given_values_of_another_distribution(seed):
    flow, rng = fitted(seed)
    c = 0.3 + 0.6 * rng.beta(2, 4, 600)
    truth = curve(c, rng)
    samples = flow.sample(600, given={0: c})
    np.testing.assert_array_equal(samples[:, 0], c)
    # measured 0.6 to 0.9 floors; samples that are not given c are 40 floors away
    assert energy_distance(samples, truth) < 1.5 * energy_floor(truth, 600)


# means and standard deviations of y given x
PLACES = np.array([-1.2, -0.6, 0.0, 0.6, 1.2])
CONDITIONALS = {
    "sine, noise grows": (np.sin, lambda x: 0.1 + x**2),
    "square": (np.square, lambda x: 0.3 + 0 * x),
    "line": (lambda x: 2 * x, lambda x: 0.5 + 0 * x),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CONDITIONALS)
def test_conditional_means_and_spread_are_those_of_the_place(name, seed):
    mean, deviation = CONDITIONALS[name]
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, 1000)
    table = pd.DataFrame({"x": x, "y": mean(x) + deviation(x) * rng.normal(size=1000)})
    transport, places = TableTransport(random_state=seed).fit(table), np.repeat(PLACES, 200)
    for rows in (
        transport.sample(1000, given={"x": places}),
        transport.impute(pd.DataFrame({"x": places, "y": np.nan})),
    ):
        y = rows["y"].to_numpy().reshape(5, 200)
        # a place has about 200 rows, and 200 draws: each knows the spread to 0.05, both to 0.07,
        # and the mean to 0.1 deviations; four times that. At 0 the noise is least, between knots
        # 0.4 apart (1.2 times). A straight line with one spread had up to 1.7.
        off = y.std(axis=1) / deviation(PLACES) - 1
        assert np.abs(off).max() < 0.4
        assert np.abs(off[PLACES != 0]).max() < 0.28
        np.testing.assert_allclose((y.mean(axis=1) - mean(PLACES)) / deviation(PLACES), 0, atol=0.4)


def test_one_row_is_drawn_like_many():
    flow, rng = fitted(0, n_steps=20, n_reference=200)
    rows = np.vstack([flow.sample(1, k, given={0: 0.7}) for k in range(30)])
    truth = curve(np.full(500, 0.7), rng)
    assert np.abs(rows.mean(axis=0) - truth.mean(axis=0)).max() < 0.1  # 0.13 / √30, four times
    assert rows[:, 1:].std(axis=0).min() > 0.05  # 0.12


def test_names_frames_and_precision():
    flow, _ = fitted(0)
    X = pd.DataFrame(flow.target_.astype(np.float32), columns=["c", "sine", "square"])
    flow.fit(X)
    given = pd.DataFrame({"square": [0.1, 0.2], "c": [0.5, 0.6]})
    samples = flow.sample(2, given=given)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples[:, [2, 0]], given.to_numpy(np.float32))
    again = flow.sample(2, given={2: [0.1, 0.2], "c": np.array([0.5, 0.6])})
    np.testing.assert_array_equal(samples, again)


def test_seeds_copies_and_frozen_flows():
    flow, rng = fitted(0)
    first = flow.sample(5, 1, given={0: 0.6})
    np.testing.assert_array_equal(first, flow.sample(5, 1, given={0: 0.6}))
    assert not np.array_equal(first, flow.sample(5, 2, given={0: 0.6}))
    np.testing.assert_array_equal(
        first, pickle.loads(pickle.dumps(flow)).sample(5, 1, given={0: 0.6})
    )
    frozen = clone(flow).fit(flow.target_, X_source=rng.normal(size=(100, 3)))
    # an estimator that has another state draws alike, up to the rounding of the centre
    np.testing.assert_allclose(first, frozen.sample(5, 1, given={0: 0.6}), atol=1e-6)


@pytest.mark.parametrize("sampler", [DiffusionSampler, LangevinSampler, SVGDSampler])
def test_other_samplers(sampler):
    flow, rng = fitted(0)
    samples = sampler(random_state=0, n_steps=20).fit(flow.target_).sample(200, given={0: 0.6})
    assert (samples[:, 0] == 0.6).all()
    truth = curve(np.full(200, 0.6), rng)
    # measured at most 0.06; of rows that know nothing of c 0.4 and more
    assert np.abs(samples.mean(axis=0) - truth.mean(axis=0)).max() < 0.15


def test_critics_say_that_they_cannot():
    rows = np.random.default_rng(0).normal(size=(20, 2))
    flow = DiscriminatorFlowSampler(n_rounds=2, random_state=0).fit(rows)
    with pytest.raises(ValueError, match="critic is taught on all columns"):
        flow.sample(3, given={0: 0.0})


def test_columns_with_shared_values_keep_to_them():
    rng = np.random.default_rng(0)
    c = rng.normal(size=500)
    X = np.column_stack([c, np.round(2 * c + rng.normal(size=500)), np.ones(500)])
    samples = SDFlowSampler(random_state=0).fit(X).sample(50, given={0: 1.0})
    assert np.isin(samples[:, 1], X[:, 1]).all()
    assert abs(samples[:, 1].mean() - 2) < 0.6  # 1 / √50, four times
    assert (samples[:, 2] == 1).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": 1.0}, "given names 'x'"),
        ({3: 1.0}, "given has column 3"),
        ({0: [1.0, 2.0]}, "2 values of 0, but n_samples=5"),
        ({0: np.nan}, "NaN"),
        ({0: "a"}, "given|convert"),
        ({0: 1.0, 1: 1.0, 2: 1.0}, "keeps all 3 columns"),
        ([1.0], "must be a dict"),
        ({}, "must be a dict"),
    ],
)
def test_bad_values(given, message):
    flow, _ = fitted(0)
    with pytest.raises(ValueError, match=message):
        flow.sample(5, given=given)


def test_values_outside_of_the_target_are_told():
    flow, _ = fitted(0)
    with pytest.warns(UserWarning, match="given: 0 is 3.0, outside of the target's range"):
        assert (flow.sample(5, given={0: 3.0})[:, 0] == 3).all()


# ------------------------------------------------------------------------------------------- tables
def people(n, rng):
    age = rng.integers(20, 80, n)
    kind = np.where(rng.random(n) < age / 100, "old", "new")
    return pd.DataFrame(
        {
            "age": age,
            "kind": pd.Categorical(kind, ["new", "old", "never"]),
            "height": np.round(150 + 20 * np.log(age / 10) + rng.normal(0, 3, n), 1),
            "flag": rng.random(n) < np.where(kind == "old", 0.8, 0.1),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(age + rng.integers(0, 9, n), "D"),
        }
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_follow_what_is_given(seed):
    rng = np.random.default_rng(seed)
    table = people(800, rng)
    transport = TableTransport(random_state=seed).fit(table)
    new = transport.sample(400, given={"age": 60, "kind": "old"})
    assert list(new.columns) == list(table.columns)
    assert new.dtypes.equals(table.dtypes)
    assert (new["age"] == 60).all()
    assert (new["kind"] == "old").all()
    # 100 rows are in reach: 3 / √100, and √(0.8 · 0.2 / 100), four times
    assert abs(new["height"].mean() - 150 - 20 * np.log(6)) < 1.2
    assert abs(new["flag"].mean() - 0.8) < 0.16
    days = (new["day"] - pd.Timestamp("2020-01-01")).dt.days
    assert abs(days.mean() - 64) < 2
    assert np.allclose(new["height"], new["height"].round(1))


def test_a_class_may_be_given_to_every_row():
    rng = np.random.default_rng(0)
    table = people(600, rng)
    transport = TableTransport(random_state=0).fit(table)
    given = pd.DataFrame({"flag": np.arange(300) % 3 == 0}, index=np.arange(300)[::-1])
    new = transport.sample(300, given=given)
    assert new["flag"].tolist() == given["flag"].tolist()
    for flag, part in new.groupby("flag"):
        like = table[table["flag"] == flag]
        assert abs((part["kind"] == "old").mean() - (like["kind"] == "old").mean()) < 0.15
        assert abs(part["age"].mean() - like["age"].mean()) < 6  # 17 / √100, 3.5 times


def test_groups_kept_columns_and_frames_of_polars():
    polars = pytest.importorskip("polars")
    rng = np.random.default_rng(0)
    table = people(400, rng)
    transport = TableTransport(by="kind", condition_on=["age"], random_state=0).fit(table)
    new = transport.sample(20, given={"kind": ["new", "old"] * 10, "age": 50})
    assert new["kind"].tolist() == ["new", "old"] * 10
    assert new["kind"].dtype == table["kind"].dtype
    with pytest.raises(ValueError, match="given lacks 'kind' of by"):
        transport.sample(20, given={"age": 50})
    with pytest.raises(ValueError, match=r"given has rows of the group.*'other'"):
        transport.sample(20, given={"kind": "other"})
    frame = polars.DataFrame({"age": table["age"].to_numpy(), "flag": table["flag"].to_numpy()})
    new = TableTransport(random_state=0).fit(frame).sample(3, given=frame[:3, ["flag"]])
    assert isinstance(new, polars.DataFrame)
    assert new.schema == frame.schema
    assert new["flag"].to_list() == frame[:3]["flag"].to_list()


def test_columns_that_others_determine_may_be_given():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 50, (2, 300))
    table = pd.DataFrame({"a": a, "b": b, "sum": a + b})
    new = TableTransport(random_state=0).fit(table).sample(50, given={"sum": 60})
    assert (new["sum"] == 60).all()
    # each is drawn and rounded by itself; their deviation given the sum is 14
    assert (new["a"] + new["b"] - 60).abs().mean() < 1.5


def test_missing_values_are_values():
    rng = np.random.default_rng(0)
    table = people(400, rng).astype({"age": float})
    table.loc[table["flag"], "age"] = np.nan
    new = TableTransport(random_state=0).fit(table).sample(100, given={"age": np.nan})
    assert new["age"].isna().all()
    assert new["flag"].mean() > 0.95


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"agee": 1}, "given names 'agee'"),
        ({}, "given is empty"),
        ({"kind": "none"}, "'none'.* of 'kind', which the target does not have"),
        ({"kind": "never"}, "'never'.* of 'kind'"),
        ({"age": "a"}, "does not fit"),
        ({"age": np.inf}, "infinite"),
        ({"age": np.nan}, "missing values of 'age'"),
        ({"age": [1, 2]}, "2 values of 'age', but n_samples=5"),
        ([1], "given must be a pandas or polars DataFrame"),
    ],
)
def test_bad_values_of_tables(given, message):
    transport = TableTransport(random_state=0).fit(people(100, np.random.default_rng(0)))
    with pytest.raises((ValueError, TypeError), match=message):
        transport.sample(5, given=given)


def test_tables_tell_what_they_have_not_seen_and_what_cannot():
    table = people(100, np.random.default_rng(0))
    transport = TableTransport(random_state=0).fit(table)
    with pytest.warns(UserWarning, match="given: 'age' is 100, outside of the target's range"):
        assert (transport.sample(5, given={"age": 100})["age"] == 100).all()
    generator = SDFlowGenerator(n_steps=2, random_state=0)
    with pytest.raises(ValueError, match="flow=SDFlowGenerator cannot draw columns given others"):
        TableTransport(generator).fit(table).sample(5, given={"age": 50})


def test_a_group_can_be_all_that_is_given():
    frame = pd.DataFrame({"g": list("uv") * 60, "x": np.repeat([0.0, 5.0], 60)})
    frame["x"] = np.where(frame["g"] == "u", 0.0, 5.0) + np.random.default_rng(0).normal(size=120)
    rows = TableTransport(by="g", random_state=0).fit(frame).sample(100, given={"g": "v"})
    assert (rows["g"] == "v").all()
    assert abs(rows["x"].mean() - 5) < 0.5  # five standard errors


def test_columns_that_are_constant_are_not_drawn():
    frame = pd.DataFrame({"p": list(range(8)) * 5, "q": "c"})
    rows = TableTransport(random_state=0).fit(frame).sample(2, given={"p": 1})
    assert rows.to_dict("list") == {"p": [1, 1], "q": ["c", "c"]}


@pytest.mark.parametrize("zone", [None, "UTC", "days"])
def test_dates_may_be_given_as_text(zone):
    days = pd.Series(pd.date_range("2020-01-01", periods=40, tz=None if zone == "days" else zone))
    frame = pd.DataFrame({"day": days.dt.date if zone == "days" else days, "x": np.arange(40.0)})
    transport = TableTransport(random_state=0).fit(frame)
    text = "2020-01-20T00:00Z" if zone == "UTC" else "2020-01-20"
    rows = transport.sample(2, given={"day": text})
    pd.testing.assert_frame_equal(rows, transport.sample(2, given={"day": frame["day"][19]}))
    with pytest.raises(ValueError, match=r"'day' does not fit .*'20.1.2020' \(row 0\) is no date"):
        transport.sample(2, given={"day": "20.1.2020"})


@pytest.mark.parametrize("value", [3.7, 1000])
@pytest.mark.filterwarnings("ignore:given")
def test_given_values_that_the_dtype_cannot_hold_are_refused(value):
    frame = pd.DataFrame({"k": np.arange(40, dtype="int8") % 9, "x": np.arange(40.0)})
    with pytest.raises(ValueError, match=rf"{value}.*'k', which the target's dtype int8"):
        TableTransport(random_state=0).fit(frame).sample(2, given={"k": value})


@pytest.mark.parametrize("flow", [MMDFlowSampler(), SDFlowSampler("sliced")])
def test_flows_whose_terms_do_not_balance_refuse_given_values(flow):
    X = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(ValueError, match=r"given does not work with .* Choose SDFlowSampler\(\)"):
        flow.fit(X).sample(5, given={0: 1.0})


def test_frames_of_any_library_and_output_give_the_same():
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    flow = SDFlowSampler(n_steps=5, random_state=0).fit(frame)
    expected = flow.sample(2, given=pd.DataFrame({"a": [0.5, 1.0]}))
    rows = flow.sample(2, given=polars.DataFrame({"a": [0.5, 1.0]}))
    np.testing.assert_array_equal(rows, expected)
    rows = flow.set_output(transform="pandas").sample(2, given={"a": [0.5, 1.0]})
    np.testing.assert_array_equal(rows, expected)
