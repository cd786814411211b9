"""Ways through the code that few calls take: what holds there is what holds on the others."""

import runpy
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.neural_network import MLPClassifier

from skflow import SDFlowGenerator, SDFlowSampler, TableTransport
from skflow.bandwidth import resolve_bandwidth
from skflow.cli import main
from skflow.cli._columns import Column, with_groups
from skflow.cli._written import marks_of
from skflow.fields import CriticGradient, DenoiserDifference, KernelScoreDifference, LearnedDenoiser
from skflow.fields._base import Limits
from skflow.fields._terms import DifferenceState, Mean
from skflow.fields._training import SWALLOWED, FallingRate, WeightAverage, taught
from skflow.flow._groups import Groups
from skflow.flow._marginals import Marginal
from skflow.kernels import KernelSum, RadialKernel, kernel_mean
from skflow.kernels._rows import Rows
from skflow.kernels._tiles import exponential
from skflow.model_selection._circular import _reweight
from skflow.plotting import FlowPathDisplay, ScheduleDisplay
from skflow.schedules import make_schedule
from skflow.tabular import TableEncoder
from skflow.tabular._frames import from_numbers
from skflow.tabular._grids import decimals_of
from skflow.tabular._measures import Quality
from skflow.tabular._report_parts import fit_lines
from skflow.tabular._verdict import verdict_on

SEEDS = pytest.mark.parametrize("seed", range(2))


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(60, 2))


def quick(**params):
    return TableTransport(random_state=0, **params).set_params(flow__n_steps=3)


# ----------------------------------------------------------------------------------- kernel sums
@SEEDS
def test_many_slabs_of_queries_are_summed_like_one(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    Z, X = rng.normal(size=(700, 3)), rng.normal(size=(90, 3))
    expected = kernel_mean(Z, X, 0.7)
    monkeypatch.setattr("skflow.kernels._dense.SLAB_ROWS", 32)
    np.testing.assert_allclose(kernel_mean(Z, X, 0.7), expected, rtol=1e-12)


@SEEDS
def test_divergences_of_rows_in_single_precision(seed):
    """A difference of squares is taken in double: only the rows themselves are rounded."""
    rng = np.random.default_rng(seed)
    X, Z = rng.normal(size=(80, 3)), rng.normal(size=(20, 3))
    single = KernelSum(X.astype(np.float32)).divergence(Z.astype(np.float32), 0.7)
    np.testing.assert_allclose(single, KernelSum(X).divergence(Z, 0.7), rtol=1e-4)


def test_pruned_sums_without_means_are_those_with_them():
    rng = np.random.default_rng(0)
    X, Z = rng.uniform(size=(4500, 2)), rng.uniform(size=(4500, 2))
    both, alone = (KernelSum(X).sums(Z, 0.01, moment=m, tol=1e-6) for m in (True, False))
    np.testing.assert_allclose(alone[1], both[1], atol=2e-6)  # the tolerance of each
    assert alone[0].shape == (4500, 0)


@pytest.mark.parametrize("by_numpy", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponentials_by_numpy_and_by_compiled_loops(by_numpy, dtype, monkeypatch):
    if by_numpy:
        monkeypatch.setattr("skflow.kernels._tiles.compiled", lambda: None)
    x = np.linspace(-60, 3, 1001)
    error = np.abs(exponential(x.copy(), np.dtype(dtype)) / np.exp(x) - 1)
    assert np.max(error / (1 + np.abs(x))) < 2 * np.finfo(dtype).eps  # an exponent is rounded, too


def test_what_is_computed_once_has_its_description():
    assert "k-d tree" in Rows.leaves.__doc__


# ---------------------------------------------------------------------------- fields and training
def log_cauchy(square):
    return -np.log1p(square)


def test_noise_of_a_kernel_whose_variance_nobody_wrote_is_not_known(rows):
    cauchy = Mean(RadialKernel(log_cauchy))
    state = DifferenceState(KernelSum(rows), np.random.default_rng(0), Limits(), cauchy, cauchy)
    assert np.isfinite(state.velocity(rows + 1, rows + 1, 1.0)).all()
    assert state.noise_to_signal() is None


def test_a_copy_of_a_critic_learns_no_more(rows):
    field = CriticGradient(MLPClassifier((8,), random_state=0)).fit(rows, np.ones(1))
    state = field.start(np.random.default_rng(0))
    state.velocity(rows + 1, rows + 1, 1.0)
    copy = state.critic.copy()
    before = copy.velocity(rows)
    state.velocity(rows + 1, rows + 1, 1.0)
    np.testing.assert_array_equal(copy.velocity(rows), before)
    assert not np.array_equal(state.critic.velocity(rows), before)


@SEEDS
def test_a_critic_is_shown_rows_by_their_weights(seed):
    """Of rows on both sides of the target those on the right alone count: all go to the left."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(200, 2)), rng.normal(size=(200, 2))
    Y[:, 0] += np.repeat([-5, 5], 100)
    field = CriticGradient(LogisticRegression()).fit(X, np.ones(1))
    weight = np.repeat([1e-9, 1.0], 100)
    state = field.start(np.random.default_rng(0), Limits(weight=weight))
    assert (state.velocity(Y, Y, 1.0)[:, 0] < 0).all()


@pytest.mark.parametrize(
    "later",
    [
        DenoiserDifference(LearnedDenoiser(n_updates=5), source="learned"),
        DenoiserDifference(LearnedDenoiser(Ridge()), source="learned"),
    ],
    ids=["perceptron", "ridge"],
)
@pytest.mark.parametrize(
    "first",
    ["kernel", DenoiserDifference(LearnedDenoiser(LinearRegression()), source="learned")],
    ids=["kernel", "linear"],
)
def test_a_denoiser_starts_afresh_after_a_field_without_or_with_another(rows, first, later):
    params = {"n_epochs": 1, "n_steps": 2, "random_state": 0}
    flow = SDFlowGenerator(Ridge(), field=first, warm_start=True, **params).fit(rows)
    flow.set_params(field=later).fit(rows)
    assert np.isfinite(flow.sample(30)).all()


def test_what_is_taught_in_another_thread_learns_the_same(rows):
    y = rows[:, 0] > 0
    with ThreadPoolExecutor(1) as other:
        there = other.submit(taught, LogisticRegression().fit, rows, y).result()
    here = taught(LogisticRegression().fit, rows, y)
    np.testing.assert_array_equal(there.coef_, here.coef_)


def test_warnings_of_an_estimator_are_its_own():
    def fit(message):
        warnings.warn(message, UserWarning, stacklevel=2)

    with pytest.raises(UserWarning, match="the tree is small"):  # warnings are errors here
        taught(fit, "the tree is small")
    with pytest.raises(KeyboardInterrupt):
        taught(fit, f"{SWALLOWED} the user")


def test_only_perceptrons_have_rates_that_fall_and_weights_to_average(rows):
    linear = SGDClassifier(loss="log_loss", random_state=0).fit(rows, rows[:, 0] > 0)
    before, params = linear.coef_.copy(), linear.get_params()
    average = WeightAverage()
    FallingRate(linear, 0.1).set(1.0)
    average.add(linear)
    average.give(linear)
    assert linear.get_params() == params
    np.testing.assert_array_equal(linear.coef_, before)


# ------------------------------------------------------------------------------------------ flows
def test_groups_forget_what_each_of_them_knows_of_single_rows(rows):
    field = KernelScoreDifference().fit(rows, np.ones(1))
    groups = Groups(field, 2, np.random.default_rng(0), Limits())
    first = groups.velocity(rows + 1, rows + 1, 1.0)
    groups.renew()
    other = rows[::-1] * 2 + 1  # other rows at the same places
    expected = Groups(field, 2, np.random.default_rng(0), Limits()).velocity(other, other, 1.0)
    np.testing.assert_allclose(groups.velocity(other, other, 1.0), expected, atol=1e-2)
    assert np.abs(first - expected).max() > 0.5


def test_rows_that_have_all_that_an_atom_may_leave_it_nothing():
    marginal = Marginal.of(np.repeat([0.0, 1.0], 3))
    held, left = marginal.left_by(np.array([0.0, 0, 0, 1, 1, 1, 0.5]))
    assert not held.any()
    assert left is marginal
    held, left = marginal.left_by(np.array([0.0, 0, 0, 0.2, 0.3, 0.5]))
    np.testing.assert_array_equal(held, [True] * 3 + [False] * 3)
    assert (left.values.tolist(), left.share.tolist()) == ([1.0], [1.0])


def test_rows_that_are_too_close_for_a_bandwidth():
    with pytest.raises(ValueError, match=r"'rms' is 0.0 here: the rows of X are too close"):
        resolve_bandwidth("rms", np.array([[0.0], [1e-200], [2e-200]]))


def test_a_target_of_one_column_as_y_is_no_source(rows):
    SDFlowSampler(n_steps=1).fit(rows[:, :1], rows[:, :1])  # warnings are errors here
    with pytest.warns(UserWarning, match=r"y has the shape of X, \(60, 2\), and is ignored"):
        SDFlowSampler(n_steps=1).fit(rows, rows)


def test_a_progress_bar_changes_nothing_and_is_not_drawn_in_a_pipe(rows, capsys):
    pytest.importorskip("tqdm")
    moved = [
        SDFlowSampler(n_steps=2, verbose=v, random_state=0).fit(rows).transform(rows + 1)
        for v in (0, 1)
    ]
    np.testing.assert_array_equal(*moved)
    assert capsys.readouterr() == ("", "")


def test_names_that_a_generator_gives_without_any_of_its_own(rows):
    flow = SDFlowGenerator(Ridge(), n_epochs=1, n_steps=2, random_state=0).fit(rows)
    assert flow.get_feature_names_out().tolist() == ["x0", "x1"]
    assert flow.get_feature_names_out(["a", "b"]).tolist() == ["a", "b"]
    assert flow.get_feature_names_out(["a"]).tolist() == ["x0", "x1"]  # names of other columns


def test_bandwidths_of_the_users_are_set_anew(rows):
    schedule = make_schedule([2.0, 1.0]).set_params(schedule=[3.0, 1.0])
    assert schedule.fit(rows).sigmas(3).tolist() == [3.0, 2.0, 1.0]
    with pytest.raises(ValueError, match="schedule__sigma_min has nothing to set"):
        schedule.set_params(sigma_min=1.0)


def test_a_class_of_one_row_leaves_the_shares_as_they_are(rows):
    labels = np.array([0] * 59 + [1])
    Z, y = _reweight(LogisticRegression(), None, rows, labels, rows)
    np.testing.assert_array_equal(y, labels)
    np.testing.assert_array_equal(Z, rows)


# ----------------------------------------------------------------------------------------- tables
def test_numbers_of_python_have_the_narrowest_dtype_that_holds_them():
    like = pd.Series([0, 0])
    cases = {
        "int64": [-(2**63), 2**63 - 1],
        "uint64": [0, 2**64 - 1],
        "float64": [-1, 2**64 - 1],
        "Int64": [1, None],
        "UInt64": [2**63, None],
    }
    for dtype, numbers in cases.items():
        column = from_numbers(numbers, like)
        assert column.dtype == dtype
        assert [None if pd.isna(v) else v for v in column.tolist()] == pytest.approx(numbers)
    assert decimals_of(np.array([1, 2])) is None  # whole numbers have none to keep


def test_an_encoder_is_of_frames():
    with pytest.raises(TypeError, match=r"target must be a pandas DataFrame, got ndarray"):
        TableEncoder(np.eye(3))


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=240), "y": rng.normal(size=240)})
    table["g"] = np.repeat(["a", "b", "c"], 80)
    table.loc[table["g"] == "b", "x"] = np.nan
    return table


def test_a_group_without_values_stays_without(groups):
    transport = quick(by="g").fit(groups)
    source = groups.assign(y=groups["y"] + 3, x=groups["x"].fillna(0) + 3)
    moved = transport.transform(source)
    assert moved["x"].isna().equals(groups["g"] == "b")
    assert abs(moved["y"].mean()) < 0.5
    assert len(transport.sample(1)) == 1  # two groups get no row


def test_the_score_of_groups_is_the_mean_of_theirs(groups):
    groups = groups.drop(columns="x")
    held_out = groups.assign(y=groups["y"] + 0.5).iloc[:200]  # of the last group half as many
    transport = quick(by="g").fit(groups)
    assert -0.1 < transport.score(groups) < 0  # those of the target itself; measured -0.0001
    weight = np.random.default_rng(1).integers(0, 3, len(held_out))
    for w in (np.ones(len(held_out)), weight):
        parts = [held_out["g"] == g for g in "abc"]
        scores = [transport.score(held_out[p], sample_weight=w[p]) for p in parts]
        expected = np.average(scores, weights=[w[p].sum() for p in parts])
        assert transport.score(held_out, sample_weight=w) == pytest.approx(expected, rel=1e-6)


def test_labels_of_the_source_of_a_table(groups):
    target, labels = groups[["y"]], np.repeat([0, 1], 120)
    with pytest.raises(ValueError, match="y_source was given without X_source"):
        quick().fit(target, y_source=labels)
    with pytest.raises(ValueError, match=r"y_source has shape \(240,\), but X_source has 9 rows"):
        quick().fit(target, X_source=target[:9], y_source=labels)


def test_what_is_given_must_leave_a_column(groups):
    transport = quick().fit(groups[["y"]])
    with pytest.raises(ValueError, match="given has values of all columns: none is left"):
        transport.sample(3, given={"y": 0.0})


def test_a_long_target_is_kept_in_double_precision(groups, monkeypatch):
    monkeypatch.setattr("skflow.tabular._group_flow.SINGLE_ROWS", 50)
    transport = quick().fit(groups[["y"]])
    target, weight = transport._groups.flows[()].target()
    np.testing.assert_allclose(np.sort(target["y"]), np.sort(groups["y"]), rtol=1e-9)
    np.testing.assert_array_equal(weight, np.ones(240))


def test_output_that_is_not_chosen_stays(groups):
    transport = quick().set_output(transform="pandas")
    assert transport.set_output() is transport
    assert isinstance(transport.fit(groups[["y"]]).transform(groups[["y"]]), pd.DataFrame)


# ---------------------------------------------------------------------------------------- reports
def test_reports_of_constant_tables_and_of_long_ones(monkeypatch):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    still = pd.DataFrame({"x": np.ones(40)})
    assert "All columns are constant in the target." in quick().fit(still).report(still, still).html
    monkeypatch.setattr("skflow.tabular._report.MAX_ROWS", 30)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"k": rng.choice([*"abcdefgh"], 60), "x": rng.normal(size=60)})
    html = quick().fit(table).report(table, table).html
    assert "Pictures and shares are those of 30 rows of a table" in html
    assert "2 other values" in html


def test_a_verdict_on_what_could_not_be_measured():
    nothing = Quality("All columns are constant in the target.")
    assert verdict_on(nothing, None, "the rows", "the target").level == "good"
    assert fit_lines(nothing) == []
    figures = {"distances": np.array([[0.0, 0.2, 0.3]])}  # a floor of zero
    rounding = Quality("", [], [], ["before", "after"], figures)
    assert (
        "an unknown number of times as far"
        in verdict_on(rounding, None, "the rows", "B").reasons[0]
    )


def test_figures_without_labels_have_no_legend(rows):
    plt = pytest.importorskip("matplotlib.pyplot")
    assert ScheduleDisplay(np.array([2.0, 1.0])).plot().ax_.get_legend() is None
    display = FlowPathDisplay.from_tables([rows, rows], rows, column_names=["u", "v"], steps=[0, 1])
    assert [panel.get_xlabel() for panel in display.ax_] == ["u", "u"]
    assert [panel.get_ylabel() for panel in display.ax_] == ["v", ""]
    plt.close("all")


# ------------------------------------------------------------------------------------ the command
@pytest.mark.parametrize("is_run", [True, False])
def test_the_command_is_run_as_a_module_and_not_by_importing_it(is_run, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["skflow", "--help"])
    if is_run:
        with pytest.raises(SystemExit) as stopped:
            runpy.run_module("skflow.__main__", run_name="__main__")
        assert stopped.value.code == 0
    else:
        runpy.run_module("skflow.__main__", run_name="imported")
    assert ("usage: skflow" in capsys.readouterr().out) == is_run


def test_thousands_where_decimals_have_commas():
    marks = marks_of(";", ",")

    def read(*cells):
        column = with_groups(Column(pd.Series([*map(float, cells)])), pd.Series(cells), marks)
        return column.values.tolist()

    assert read("1.234", "12.500") == [1234, 12500]
    assert read("1.25", "3.5") == [1.25, 3.5]  # no groups of three: points


def test_a_table_that_is_constant_and_one_in_an_encoding_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"x": np.ones(80)}).to_csv("still.csv", index=False)
    assert main(["compare", "still.csv", "still.csv"]) == 0
    assert "No report: all columns are constant in the target." in capsys.readouterr().out
    assert main(["transport", "still.csv", "still.csv", "-o", "out.csv", "--steps", "2"]) == 0
    numbers = pd.DataFrame({"größe": np.arange(80.0)})
    numbers.to_csv("wide.csv", index=False, encoding="utf-16")  # whose mark says so
    args = ["sample", "wide.csv", "-n", "5", "-o", "new.csv", "--steps", "2", "--quiet"]
    assert main([*args, "--encoding", "latin-1"]) == 0
    assert len(pd.read_csv("new.csv", encoding="utf-8")["größe"]) == 5
