"""Input that is rare: parameters that are refused, and tables that go other ways than most."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

import skflow
from skflow import SDFlowGenerator, SDFlowOverSampler, SDFlowSampler, TableTransport
from skflow.bandwidth import resolve_bandwidth as resolve
from skflow.cli import main
from skflow.cli._shell import join
from skflow.cli._written import find_form, marks_of
from skflow.fields import DenoiserDifference, LaplaceMeanShift, LearnedDenoiser
from skflow.fields._training import rate_name, set_learning_rate, snapshot
from skflow.kernels import kernel_mean
from skflow.plotting import CorrelationDisplay, FlowPathDisplay, MarginalsDisplay

# old pandas and pyarrow, one with the other
pytestmark = pytest.mark.filterwarnings("ignore:Passing a BlockManager:DeprecationWarning")


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(60, 2))


# --------------------------------------------------------------------------------------- parameters
REFUSED = {
    "factors": (LaplaceMeanShift(factors=[]), "factors must be a sequence of numbers"),
    "weights": (DenoiserDifference(weights=(1.0,)), "weights must be two finite numbers"),
}


@pytest.mark.parametrize(("field", "message"), REFUSED.values(), ids=REFUSED)
def test_parameters_of_fields(rows, field, message):
    with pytest.raises(ValueError, match=message):
        SDFlowSampler(field, n_steps=2, random_state=0).fit(rows)


def test_a_denoiser_that_is_fitted_at_once(rows):
    field = DenoiserDifference(LearnedDenoiser(Ridge(), n_updates="auto"))
    flow = SDFlowSampler(field, n_steps=2, random_state=0).fit(rows)
    moved = flow.transform(rows + 5)
    assert np.abs(moved.mean(axis=0) - rows.mean(axis=0)).max() < 1


@pytest.mark.parametrize(("d", "expected"), [(2, 3), (40, 5)])
def test_a_denoiser_learns_longer_in_many_columns(d, expected, monkeypatch):
    monkeypatch.setattr("skflow.fields._denoisers.UPDATES", (3, 5))
    rows = np.random.default_rng(0).normal(size=(60, d))
    seen = []

    class Counting(Ridge):
        def partial_fit(self, X, y):
            seen.append(len(X))
            return self.fit(X, y)

    denoiser = LearnedDenoiser(Counting(), n_updates="auto", batch_size=64)
    SDFlowSampler(DenoiserDifference(denoiser), n_steps=2, random_state=0).fit(rows)
    assert seen[-expected:] == [64] * expected
    assert len([n for n in seen if n == 64]) == expected  # besides a probe of its outputs


def test_a_denoiser_that_diverged(rows):
    class Lost(Ridge):
        def predict(self, X):
            return np.full((len(X), 2), np.inf)

    flow = SDFlowSampler(DenoiserDifference(LearnedDenoiser(Lost())), n_steps=2, random_state=0)
    with pytest.raises(ValueError, match=r"the denoiser Lost .* not finite: its training diverged"):
        flow.fit(rows).transform(rows + 1)


def test_a_critic_that_cannot_learn_on_the_way(rows):
    with pytest.raises(TypeError, match="has no partial_fit, by which a critic learns"):
        skflow.DiscriminatorFlowSampler(critic=LogisticRegression(), n_rounds=2).fit(rows)


def test_what_has_no_learning_rate(rows):
    tree = DecisionTreeRegressor().fit(rows, rows[:, 0])
    assert rate_name(tree) is None
    with pytest.raises(ValueError, match="has no learning rate"):
        set_learning_rate(tree, 0.1)
    assert np.array_equal(snapshot(tree).predict(rows), tree.predict(rows))


def test_validation_keeps_rows_to_learn_from(rows):
    weight = np.linspace(1, 2, len(rows))
    flow = SDFlowGenerator(n_epochs=1, n_steps=3, early_stopping=True, random_state=0)
    assert len(flow.fit(rows, sample_weight=weight).validation_scores_) == 1
    with pytest.raises(ValueError, match=r"leaves no row of 1 to learn from: give more rows"):
        flow.fit(rows[:1])


def test_errors_of_a_regressor_are_its_own(rows):
    """Only numbers that are not finite are a divergence."""

    class Broken(DecisionTreeRegressor):
        def predict(self, X, check_input=True):
            raise ValueError("the tree is felled")

    with pytest.raises(ValueError, match="the tree is felled"):
        SDFlowGenerator(Broken(), n_epochs=1, n_steps=3, random_state=0).fit(rows)


@pytest.mark.parametrize("field", ["sum", "critic"])
def test_a_training_goes_on_whatever_the_field_remembers(rows, field):
    flow = SDFlowGenerator(field=field, n_epochs=1, n_steps=3, warm_start=True, random_state=0)
    first = flow.fit(rows).sample(50)
    assert not np.array_equal(flow.fit(rows).sample(50), first)


REFRESHED = DenoiserDifference(LearnedDenoiser(n_updates=20), source="learned")


@pytest.mark.parametrize("field", ["kernel", "critic", "sum", REFRESHED])
def test_another_field_remembers_nothing_of_the_one_before(rows, field):
    flow = SDFlowGenerator(field="mmd", n_epochs=1, n_steps=3, warm_start=True, random_state=0)
    flow.fit(rows).set_params(field=field)
    assert np.isfinite(flow.fit(rows).sample(50)).all()


def test_batches_of_a_generator_that_move_in_groups(rows):
    flow = SDFlowGenerator(n_epochs=2, n_steps=2, batch_size=2500, random_state=0)
    assert np.isfinite(flow.fit(rows).sample(50)).all()


def test_parameters_that_may_be_switches_or_lengths(rows):
    """A length by its name, and a progress bar by True; both are checked where they are not."""
    for first in ("nn", 0.5):
        flow = SDFlowSampler(first_step_norm=first, n_steps=2, verbose=False, random_state=0)
        assert flow.fit(rows).first_step_norm_ > 0
    with pytest.raises(ValueError, match="first_step_norm='near' is not known"):
        SDFlowSampler(first_step_norm="near").fit(rows)
    with pytest.raises(ValueError, match="verbose must be an integer of at least 0, got -1"):
        SDFlowSampler(verbose=-1).fit(rows)


# ---------------------------------------------------------------------------------------- numbers
def test_queries_and_rows_of_two_precisions_are_summed_in_double(rows):
    queries = rows[:5].astype(np.float32)
    expected = kernel_mean(queries.astype(np.float64), rows, 1.0)
    assert np.array_equal(kernel_mean(queries, rows, 1.0), expected)


def test_the_median_distance_of_many_rows_is_that_of_some():
    """4000 rows drawn of 6000; a median of distances of 8 million pairs is off by less than 2 %."""
    X = np.random.default_rng(0).normal(size=(6000, 2))
    assert resolve("median", X) == pytest.approx(resolve("median", X[:2000]), rel=0.03)


def test_numbers_with_a_point_alone():
    form, strays = find_form(["1,234.5", "2,000.0"], marks_of(";", "."))
    assert (form.thousands, form.decimal, strays) == (",", ".", [])
    with pytest.raises(ValueError, match=r"'x' is not written like '1,234.5'"):
        form.parse("x")
    assert form.write(None) == ""


def test_long_lists_are_cut():
    assert join([f"a column with a long name {i}" for i in range(9)]).endswith(" others")


# ----------------------------------------------------------------------------------------- tables
def test_an_array_is_no_table(rows):
    with pytest.raises(TypeError, match=r"got ndarray: wrap an array in pandas\.DataFrame"):
        TableTransport().fit(rows)


def test_labels_in_a_frame_of_one_column_stay_one(rows):
    labels = pd.DataFrame({"class": np.repeat([0, 1], [45, 15]).astype(np.int8)})
    y = labels["class"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the shape of a column of labels
        _, drawn = SDFlowOverSampler(random_state=0).fit_resample(rows, labels)
    assert drawn["class"].dtype == y.dtype
    assert (drawn["class"].value_counts() == 45).all()


def test_more_source_rows_than_a_frozen_table_keeps():
    rng = np.random.default_rng(0)
    target = pd.DataFrame({"x": rng.normal(size=300), "n": rng.poisson(4, 300)})
    source = pd.DataFrame({"x": rng.normal(2, 1, 2500), "n": rng.poisson(6, 2500)})
    transport = TableTransport(random_state=0).set_params(flow__n_steps=5)
    moved = transport.fit(target, X_source=source).transform(source)
    assert abs(moved["x"].mean()) < 0.3 < 1.5 < source["x"].mean()


# ------------------------------------------------------------------------------------ the command
@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_columns_of_parquet_have_names_of_their_own(folder, capsys):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = arrow.Table.from_arrays([arrow.array([1.0, 2.0])] * 2, names=["x", "x"])
    parquet.write_table(table, "twins.parquet")
    assert main(["compare", "twins.parquet", "twins.parquet"]) == 2
    assert "two of its columns are called 'x'" in capsys.readouterr().err


def test_columns_that_look_like_dates_are_named_together(folder, capsys):
    days = 20240100 + np.random.default_rng(0).integers(1, 29, (80, 2))
    pd.DataFrame(days, columns=["from", "to"]).to_csv("days.csv", index=False)
    assert main(["compare", "days.csv", "days.csv"]) == 0
    assert "from and to are moved as whole numbers, but look like" in capsys.readouterr().err


def test_nothing_that_varies_has_no_distance(folder, capsys):
    table = pd.DataFrame({"x": [1.0] * 80, "k": ["a"] * 80})
    table.to_csv("still.csv", index=False)
    assert main(["compare", "still.csv", "still.csv", "--columns", "x,k"]) == 0
    out = capsys.readouterr().out
    assert "Constant in the target: x." in out
    assert "nothing to move" in out
    args = ["transport", "still.csv", "still.csv", "-o", "out.csv", "--steps", "2"]
    assert main(args) == 0
    assert pd.read_csv("out.csv").equals(table)


def test_empty_lines_before_names(folder):
    lines = "\n".join(f"{i}.5,{i % 7}" for i in range(60))
    Path("late.csv").write_text(f"\n,\nx,n\n{lines}\n")
    assert main(["sample", "late.csv", "-n", "5", "-o", "new.csv", "--steps", "2", "--quiet"]) == 0
    assert list(pd.read_csv("new.csv")) == ["x", "n"]


def test_words_for_truth_with_gaps(folder):
    values = ["True", "", "False", "True"] * 20
    pd.DataFrame({"ok": values, "x": np.arange(80.0)}).to_csv("gaps.csv", index=False)
    args = ["sample", "gaps.csv", "-n", "40", "-o", "new.csv", "--steps", "2", "--no-report"]
    assert main(args) == 0
    new = pd.read_csv("new.csv", dtype=str, keep_default_na=False)
    assert set(new["ok"]) <= {"True", "False", ""}


def test_rows_that_are_all_wider_than_the_first_line(folder, capsys):
    Path("wide.csv").write_text("x,y\n" + "1,2,3,4\n" * 60)
    assert main(["compare", "wide.csv", "wide.csv"]) == 2
    err = capsys.readouterr().err
    assert "more" in err
    assert "than its first line has names" in err


def test_codes_with_gaps_stay_codes(folder):
    """Whole numbers that begin with zeros are names, also where some are missing."""
    codes = ["007", "", "012", "007"] * 20
    pd.DataFrame({"code": codes, "x": np.arange(80.0)}).to_csv("codes.csv", index=False)
    args = ["sample", "codes.csv", "-n", "40", "-o", "new.csv", "--steps", "2", "--no-report"]
    assert main(args) == 0
    assert set(pd.read_csv("new.csv", dtype=str, keep_default_na=False)["code"]) <= set(codes)


def test_an_output_that_may_not_be_changed(folder, capsys, monkeypatch):
    pd.DataFrame({"x": np.arange(80.0)}).to_csv("in.csv", index=False)
    Path("out.csv").write_text("kept")
    monkeypatch.setattr("os.access", lambda path, mode: False)  # whoever runs the tests
    assert main(["sample", "in.csv", "-n", "5", "-o", "out.csv"]) == 2
    assert "cannot write out.csv: Permission denied." in capsys.readouterr().err
    assert Path("out.csv").read_text() == "kept"


def test_a_command_without_a_standard_output(folder, monkeypatch):
    """As programs without a console are started."""
    pd.DataFrame({"x": np.arange(80.0)}).to_csv("in.csv", index=False)
    args = ["sample", "in.csv", "-n", "5", "-o", "out.csv", "--steps", "2", "--quiet"]
    monkeypatch.setattr("sys.stdout", None)
    assert main(args) == 0
    assert len(pd.read_csv("out.csv")) == 5


def test_reports_say_that_long_tables_were_sampled(folder, capsys, monkeypatch):
    pd.DataFrame({"x": np.arange(80.0)}).to_csv("in.csv", index=False)
    assert main(["compare", "in.csv", "in.csv"]) == 0
    assert "chosen at random" not in capsys.readouterr().out
    monkeypatch.setattr("skflow.cli._report.MAX_ROWS", 50)
    assert main(["compare", "in.csv", "in.csv"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "All figures are of at most 50 rows of a table, chosen at random." in out


# ---------------------------------------------------------------------------------------- figures
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_figures_of_three_columns_and_of_times():
    matplotlib = pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    flow = SDFlowSampler(n_steps=3, random_state=0).fit(X)
    display = FlowPathDisplay.from_estimator(flow, X + 2)
    assert len(display.plot(steps=2).figure_.axes) == 2
    with pytest.raises(ValueError, match="background=True draws two columns"):
        display.plot(background=True)
    day = pd.Timestamp("2024-01-01")
    numbers = rng.integers(0, 3, 60)
    table = pd.DataFrame(
        {
            "day": day + pd.to_timedelta(numbers, unit="D"),
            "span": pd.to_timedelta(numbers, unit="D"),
            "flag": numbers > 1,
        }
    )
    MarginalsDisplay.from_tables(table, target=table).plot()
    CorrelationDisplay.from_tables(table, target=table).plot()
    matplotlib.pyplot.close("all")
