"""New rows for rare classes: how many, of what, in which tables; imbalanced-learn's protocol."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skflow import MMDFlowSampler, SDFlowOverSampler, SDFlowSampler, TableTransport
from skflow.metrics import energy_distance, energy_floor, two_sample_test
from skflow.samplers._over_sampler import SAMPLING_STRATEGIES, _cast, resolve_strategy

LABELS = np.repeat(["a", "b", "c"], [50, 20, 30])


def quick(**params):
    return SDFlowOverSampler(SDFlowSampler(n_steps=15, n_reference=100), random_state=0, **params)


@pytest.fixture
def table():
    """Columns of unlike units, the rare classes elsewhere than the common one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3)) * [1, 1000, 1e-3]
    X[LABELS == "b"] += [5, 0, 0]
    X[LABELS == "c"] -= [5, 0, 0]
    return X, LABELS


@parametrize_with_checks([SDFlowOverSampler(random_state=0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# ------------------------------------------------------------------------------------- how many
@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("auto", {"b": 30, "c": 20}),
        ("not majority", {"b": 30, "c": 20}),
        ("minority", {"b": 30}),
        ("not minority", {"c": 20}),
        ("all", {"b": 30, "c": 20}),
        ({"b": 21}, {"b": 1}),
        ({"a": 60, "b": 20}, {"a": 10}),
        (lambda y: {"c": np.int64(2 * (y == "c").sum())}, {"c": 30}),
    ],
)
def test_strategies(strategy, expected):
    assert resolve_strategy(strategy, LABELS) == expected


def test_strategies_are_those_of_imbalanced_learn():
    imblearn = pytest.importorskip("imblearn.utils")
    for labels in (LABELS, LABELS[LABELS != "c"]):
        for strategy in [*SAMPLING_STRATEGIES, {"b": 44}, *([0.6] if "c" not in labels else [])]:
            theirs = imblearn.check_sampling_strategy(strategy, labels, "over-sampling")
            assert resolve_strategy(strategy, labels) == {c: n for c, n in theirs.items() if n}


def test_a_ratio_of_two_classes():
    assert resolve_strategy(0.9, LABELS[LABELS != "c"]) == {"b": 25}


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("majority", "sampling_strategy='majority' is not known. Known: 'auto'"),
        (0.5, "sampling_strategy=0.5 is a ratio of two classes, but y has 3"),
        ({"b": 19}, "19 rows of the class 'b', which has 20 rows"),
        ({"d": 19}, "19 rows of the class 'd', which is not in y"),
        ({"b": 30.5}, r"sampling_strategy\['b'\] must be an integer"),
    ],
)
def test_strategies_that_cannot_be(strategy, message, table):
    with pytest.raises(ValueError, match=message):
        quick(sampling_strategy=strategy).fit_resample(*table)
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]"):
        resolve_strategy(1.2, LABELS[LABELS != "c"])


# ------------------------------------------------------------------------------------ of what
def test_old_rows_come_first_and_new_ones_are_like_their_class(table):
    X, y = table
    sampler = quick()
    X_new, y_new = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_new[:100], X)
    np.testing.assert_array_equal(y_new[:100], y)
    assert Counter(y_new) == {"a": 50, "b": 50, "c": 50}
    assert sampler.sampling_strategy_ == {"b": 30, "c": 20}
    scale = np.array([1, 1000, 1e-3])
    for c in "bc":
        new, old = X_new[100:][y_new[100:] == c] / scale, X[y == c] / scale
        assert len(np.unique(np.concatenate([new, old]), axis=0)) == len(new) + len(old)
        assert energy_distance(new, old) < 2.5 * energy_floor(old, len(new))  # measured 0.25
    again = quick().fit_resample(X, y)[0]
    np.testing.assert_array_equal(again, X_new)


def test_units_do_not_matter(table):
    X, y = table
    unit = 2.0 ** np.array([0, -10, 10])  # no rounding
    new = quick().fit_resample(X, y)[0]
    np.testing.assert_array_equal(quick().fit_resample(X * unit, y)[0], new * unit)


def test_new_rows_of_enough_rows_cannot_be_told_from_fresh_ones():
    # a test of 60 new rows of 60 old ones against 60 fresh rows, dependence included
    rejected = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        turn = np.linalg.cholesky([[1, 0.8], [0.8, 1]])
        rare, fresh = (rng.normal(size=(60, 2)) @ turn.T for _ in range(2))
        X, y = np.concatenate([rng.normal(size=(120, 2)), rare]), np.repeat([0, 1], [120, 60])
        new = quick().fit_resample(X, y)[0][180:]
        rejected += two_sample_test(new, fresh, n_permutations=99, random_state=0).pvalue < 0.05
    assert rejected <= 3  # measured 0; half a one is to be expected


def test_any_flow_that_draws(table):
    for flow in (MMDFlowSampler(n_steps=20), SDFlowSampler("score", n_steps=20, random_state=7)):
        X_new, _ = SDFlowOverSampler(flow, random_state=0).fit_resample(*table)
        assert X_new.shape == (150, 3)
        assert np.isfinite(X_new).all()


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_rows_are_enough_for_some_new_ones(n):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30 + n, 4)), np.repeat([0, 1], [30, n])
    new = quick().fit_resample(X, y)[0][30 + n :]
    old = X[30:]
    assert np.isfinite(new).all()
    assert (new >= old.min(axis=0) - 3).all()
    assert (new <= old.max(axis=0) + 3).all()


def test_it_needs_classes():
    """And says so, so that scikit-learn's tools do not try it without."""
    tags = get_tags(SDFlowOverSampler())
    assert (tags.estimator_type, tags.target_tags.required) == ("sampler", True)
    with pytest.raises(ValueError, match="y"):
        SDFlowOverSampler().fit(np.eye(4), None)


def test_single_rows_are_refused():
    X, y = np.arange(10.0).reshape(5, 2), [0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match=r"the class 1 has 1 row, but .* at least 2: leave it out"):
        SDFlowOverSampler().fit_resample(X, y)
    with pytest.raises(ValueError, match="y needs to have more than 1 class"):
        SDFlowOverSampler().fit_resample(X, [1] * 5)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        SDFlowOverSampler().fit_resample(X, [0.5, 0.1, 0.2, 0.3, 0.4])


# --------------------------------------------------------------------------------- kinds of table
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint8, bool])
def test_dtypes_of_arrays_stay(dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 9, (60, 2)).astype(dtype)
    y = np.repeat([3, 1], [45, 15]).astype(np.int8)
    X_new, y_new = quick().fit_resample(X, y)
    assert (X_new.dtype, y_new.dtype) == (X.dtype, y.dtype)
    assert len(X_new) == 90
    if X.dtype.kind in "iub":  # whole numbers of the class's own
        assert set(np.unique(X_new[60:])) <= set(np.unique(X))


def test_casts_round_and_stay_in_range():
    drawn = np.array([-0.7, 0.4, 0.6, 254.8, 300.0])
    assert _cast(drawn, np.dtype("uint8")).tolist() == [0, 0, 1, 255, 255]
    assert _cast(drawn, np.dtype("int8")).tolist() == [-1, 0, 1, 127, 127]
    assert _cast(pd.Series(drawn), pd.Int8Dtype()).tolist() == [-1, 0, 1, 127, 127]
    assert _cast(drawn, np.dtype(bool)).tolist() == [False, False, True, True, True]


def test_frames_of_numbers_keep_names_and_dtypes(table):
    X, y = table
    frame = pd.DataFrame(X, columns=["u", "v", "w"], index=np.arange(100)[::-1])
    frame = frame.astype({"u": "float32"}).assign(k=np.arange(100) % 7, n=np.arange(100) % 5)
    frame = frame.astype({"n": "Int8"})
    labels = pd.Series(y, index=frame.index, name="kind", dtype="category")
    X_new, y_new = quick().fit_resample(frame, labels)
    pd.testing.assert_series_equal(X_new.dtypes, frame.dtypes)
    pd.testing.assert_frame_equal(X_new[:100], frame.reset_index(drop=True))
    assert (y_new.dtype, y_new.name) == (labels.dtype, "kind")
    assert X_new["k"].between(0, 6).all()
    np.testing.assert_array_equal(quick().fit(frame, labels).feature_names_in_, frame.columns)


def test_tables_of_mixed_columns_by_table_transport(table):
    X, y = table
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": X[:, 0], "n": np.arange(100) % 4})
    frame["colour"] = pd.Categorical(np.where(y == "b", "red", rng.choice(["blue", "green"], 100)))
    frame.loc[::9, "x"] = np.nan
    with pytest.raises(ValueError, match=r"\['colour'\] of X hold no numbers: give flow=Table"):
        quick().fit_resample(frame, y)
    sampler = SDFlowOverSampler(TableTransport(SDFlowSampler(n_steps=15)), random_state=0)
    X_new, y_new = sampler.fit_resample(frame, y)
    pd.testing.assert_series_equal(X_new.dtypes, frame.dtypes)
    pd.testing.assert_frame_equal(X_new[:100], frame)
    new = X_new[100:]
    assert set(new["colour"][y_new[100:] == "b"]) == {"red"}
    assert set(new["colour"][y_new[100:] == "c"]) <= {"blue", "green"}
    assert new["x"].isna().any()
    assert new["n"].isin([0, 1, 2, 3]).all()
    with pytest.raises(TypeError, match="takes data frames of pandas, but X is a ndarray"):
        sampler.fit_resample(X, y)
    with pytest.raises(ValueError, match="y has 99 classes, but X has 100 rows"):
        sampler.fit_resample(frame, y[1:])


# ------------------------------------------------------------------------------------- pipelines
def test_imbalanced_learns_pipeline_resamples_in_fit_only():
    pipeline = pytest.importorskip("imblearn.pipeline")
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [400, 20])
    X = rng.normal(size=(420, 2)) + 1.5 * y[:, None]
    X_test, y_test = rng.normal(size=(400, 2)), np.repeat([0, 1], 200)
    X_test += 1.5 * y_test[:, None]
    plain = LogisticRegression().fit(X, y)
    model = pipeline.make_pipeline(quick(), LogisticRegression())
    assert model.fit(X, y).predict(X_test).shape == y_test.shape
    scores = [balanced_accuracy_score(y_test, m.predict(X_test)) for m in (plain, model)]
    assert scores[1] > scores[0] + 0.05  # measured: 0.76, 0.87
    grid = {"sdflowoversampler__sampling_strategy": [0.5, 1.0]}
    search = GridSearchCV(model, grid, cv=2, scoring="recall", error_score="raise")
    recall = search.fit(X, y).cv_results_["mean_test_score"]
    assert (recall > 0.5).all()


def test_clones_are_alike(table):
    first = quick(sampling_strategy="minority")
    np.testing.assert_array_equal(
        clone(first).fit_resample(*table)[0], first.fit_resample(*table)[0]
    )
    assert set(first.flows_) == {"b"}


PROTOCOL = [
    "check_target_type",
    "check_samplers_one_label",
    "check_samplers_fit",
    "check_samplers_fit_resample",
    "check_samplers_sampling_strategy_fit_resample",
    "check_samplers_pandas",
    "check_samplers_list",
    "check_samplers_preserve_dtype",
    "check_samplers_2d_target",
    "check_sampler_get_feature_names_out",
    "check_sampler_get_feature_names_out_pandas",
]  # those left out are of sparse rows, of one column a class, and of imbalanced-learn's own tags


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("name", PROTOCOL)
def test_imbalanced_learns_checks(name):
    checks = pytest.importorskip("imblearn.utils.estimator_checks")
    getattr(checks, name)("SDFlowOverSampler", quick())
