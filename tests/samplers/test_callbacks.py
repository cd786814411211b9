"""scikit-learn's fit callbacks: they see every step of a recorded flow, and may end it there."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skflow
import skflow.flow._particles
from skflow.metrics import energy_distance

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:
    ScoringMonitor = None
needs_callbacks = pytest.mark.skipif(
    ScoringMonitor is None, reason="scikit-learn has callbacks from 1.9 on"
)

N_STEPS = 6
ROWS = {
    "sd": skflow.SDFlowSampler(n_steps=N_STEPS, random_state=0),
    "sd-noise-batch": skflow.SDFlowSampler(
        n_steps=N_STEPS, align="affine", n_noise=2, batch_size=50, random_state=0
    ),
    "mmd-noise": skflow.MMDFlowSampler(
        n_steps=N_STEPS, schedule="constant", noise="linear", random_state=0
    ),
}


class Recorder:
    """Keeps what its hooks were called with; asks to stop at the end of a step."""

    def __init__(self, stop_after=None):
        self.calls, self.fitted, self.stop_after = [], [], stop_after

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name, context.task_id, context.max_subtasks))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.calls.append(("end", context.task_name, context.task_id))
        self.seen = {"X": X, "y": y, "metadata": metadata}
        self.fitted.append(fitted_estimator)
        return len(self.fitted) == self.stop_after


class PropagatedRecorder(Recorder):
    max_propagation_depth = None


def own_score(flow, X, y, **metadata):
    return {"own": flow.score(X, **metadata)}


@pytest.fixture(params=ROWS)
def sampler(request):
    return clone(ROWS[request.param])


@pytest.fixture
def flow():
    return clone(ROWS["sd"])


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    target = np.concatenate([rng.normal(-2, 0.5, (80, 3)), rng.normal(2, 0.7, (70, 3))])
    return target, rng.normal([4, 0, 0], 1.5, (120, 3)), rng.normal([4, 0, 0], 1.5, (300, 3))


# ------------------------------------------------------------------------------ with and without
def test_set_callbacks_is_there_if_scikit_learn_has_them(flow):
    assert hasattr(flow, "set_callbacks") == (ScoringMonitor is not None)


def test_verbose_shows_the_steps_of_a_recorded_fit(flow, tables, monkeypatch):
    target, source, new = tables
    bars = []

    def count(steps, *, total, verbose, label):
        bars.append([total, verbose, label, 0])
        for step in steps:
            bars[-1][-1] += 1
            yield step

    monkeypatch.setattr(skflow.flow._particles, "progress", count)
    flow.set_params(verbose=1).fit(target)
    assert bars == []  # no step is taken
    flow.fit(target, X_source=source).transform(new)
    assert bars == [[N_STEPS, 1, "SDFlowSampler", N_STEPS]] * 2


# ----------------------------------------------------------------------------- what a callback sees
@needs_callbacks
def test_every_step_of_a_recorded_flow_is_a_task(sampler, tables):
    recorder = Recorder()
    sampler.set_callbacks(recorder).fit(tables[0], X_source=tables[1])
    steps = [call for k in range(N_STEPS) for call in (("begin", "step", k, 0), ("end", "step", k))]
    assert recorder.calls == [
        ("setup", "fit"),
        ("begin", "fit", 0, N_STEPS),
        *steps,
        ("end", "fit", 0),
        ("teardown", "fit"),
    ]


@needs_callbacks
def test_a_fit_without_a_source_is_one_task(sampler, tables):
    target, _, new = tables
    recorder = Recorder()
    sampler.set_callbacks(recorder).fit(target)
    assert recorder.calls == [
        ("setup", "fit"),
        ("begin", "fit", 0, 0),
        ("end", "fit", 0),
        ("teardown", "fit"),
    ]
    np.testing.assert_array_equal(recorder.fitted[0].transform(new), sampler.transform(new))


@needs_callbacks
def test_after_step_k_the_sampler_is_fitted_with_k_steps(sampler, tables):
    target, source, new = tables
    recorder = Recorder()
    sampler.set_callbacks(recorder).fit(target, X_source=source)
    stages = [*sampler.staged_transform(new), sampler.transform(new)]  # the last is the whole fit
    assert len(recorder.fitted) == len(stages) == N_STEPS + 1
    # looked at when all is over: what a callback keeps does not change any more
    for k, (fitted, stage) in enumerate(zip(recorder.fitted, stages, strict=True), start=1):
        assert len(fitted.sigmas_) == len(fitted.noise_levels_) == min(k, N_STEPS)
        assert len(list(fitted.staged_transform(new))) == min(k, N_STEPS)
        np.testing.assert_array_equal(fitted.transform(new), stage)
        reached = energy_distance(target, fitted.transform(source))
        assert fitted.score(target) == pytest.approx(-reached, abs=1e-9)
        assert fitted.sample(5).shape == (5, 3)


@needs_callbacks
def test_hooks_see_the_table_as_it_was_given(flow, tables):
    target, source = (pd.DataFrame(table, columns=["a", "b", "c"]) for table in tables[:2])
    recorder, weight = Recorder(), np.arange(len(target))
    flow.set_callbacks(recorder).fit(target, X_source=source)
    assert recorder.seen["X"] is target
    assert recorder.seen["y"] is target  # without a y there would be no score
    assert recorder.seen["metadata"] == {}
    labels = np.zeros(len(target))
    flow.fit(target, labels, sample_weight=weight)
    assert recorder.seen["y"] is labels
    assert recorder.seen["metadata"] == {"sample_weight": weight}


# ------------------------------------------------------------------------- what a callback may do
@needs_callbacks
@pytest.mark.parametrize("k", [1, 4, N_STEPS])
def test_a_callback_ends_the_flow(sampler, tables, k):
    target, source, new = tables
    stages = list(sampler.fit(target, X_source=source).staged_transform(new))
    recorder = Recorder(stop_after=k)
    sampler.set_callbacks(recorder).fit(target, X_source=source)
    assert len(recorder.fitted) == k + 1  # the steps and the whole
    assert len(sampler.sigmas_) == len(sampler.step_sizes_) == k
    for stopped in (sampler, recorder.fitted[-1], pickle.loads(pickle.dumps(sampler))):
        np.testing.assert_array_equal(list(stopped.staged_transform(new)), stages[:k])
        np.testing.assert_array_equal(stopped.transform(new), stages[k - 1])
    sampler.set_callbacks().fit(target, X_source=source)  # the next fit goes all the way again
    np.testing.assert_array_equal(list(sampler.staged_transform(new)), stages)


@needs_callbacks
def test_watching_changes_nothing(sampler, tables):
    target, source, new = tables
    plain = clone(sampler).fit(target, X_source=source)
    monitor = ScoringMonitor(scoring=own_score)
    sampler.set_callbacks(monitor).fit(target, X_source=source)
    assert vars(sampler).keys() - vars(plain).keys() == {"_skl_callbacks"}
    np.testing.assert_array_equal(sampler.transform(new), plain.transform(new))
    assert sampler.score(target) == plain.score(target)


@needs_callbacks
def test_callbacks_are_torn_down_when_fit_fails(flow, tables):
    target, source, _ = tables
    recorder = Recorder()
    with pytest.raises(ValueError, match="X_source has 2 features"):
        flow.set_callbacks(recorder).fit(target, X_source=source[:, :2])
    assert recorder.calls[-1] == ("teardown", "fit")
    assert not hasattr(flow, "_callback_fit_ctx")
    with pytest.raises(ValueError, match="n_steps must be an integer"):
        flow.set_params(n_steps=0).fit(target, X_source=source)


@needs_callbacks
def test_clones_and_pickles_keep_their_callbacks(flow, tables):
    target, source, new = tables
    monitor = ScoringMonitor(scoring=own_score)
    flow.set_callbacks(monitor)
    moved = clone(flow).fit(target, X_source=source).transform(new)  # the same monitor
    assert len(monitor.get_logs().data) == N_STEPS + 1
    flow.fit(target, X_source=source)
    loaded = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(loaded.transform(new), moved)
    loaded.fit(target, X_source=source)
    assert len(loaded._skl_callbacks[0].get_logs("all")) == 3
    assert len(monitor.get_logs("all")) == 2


# --------------------------------------------------------------------- scikit-learn's own callbacks
@needs_callbacks
@pytest.mark.parametrize("scoring", [own_score, {"own": skflow.SDFlowSampler.score}])
def test_scoring_monitor_logs_the_score_after_every_step(flow, tables, scoring):
    names = ["a", "b", "c"]  # a warning about them, if X had lost its names, would be an error
    target, source = (pd.DataFrame(table, columns=names) for table in tables[:2])
    monitor = ScoringMonitor(scoring=scoring)
    flow.set_callbacks(monitor).fit(target, X_source=source)
    whole, *steps = monitor.get_logs().data
    stages = flow.staged_transform(source)
    expected = [-energy_distance(target.to_numpy(), moved) for moved in stages]
    assert [row["own"] for row in steps] == pytest.approx(expected, abs=1e-9)
    assert whole["own"] == steps[-1]["own"]
    assert len({row["own"] for row in steps}) == N_STEPS


@needs_callbacks
def test_scoring_monitor_scores_a_fit_without_a_source_once(flow, tables):
    target, weight = tables[0], np.random.default_rng(1).integers(0, 4, len(tables[0]))
    monitor = ScoringMonitor(scoring=own_score)
    flow.set_callbacks(monitor).fit(target, sample_weight=weight)
    (row,) = monitor.get_logs().data
    assert row["own"] == flow.score(target, sample_weight=weight) != flow.score(target)


@needs_callbacks
def test_a_pipeline_propagates(flow, tables):
    target, source, new = tables
    recorder, monitor = PropagatedRecorder(), ScoringMonitor(scoring=own_score)
    flow.set_callbacks(monitor)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), flow, transform_input=["X_source"])
        pipeline.set_callbacks(recorder).fit(target, X_source=source)
    assert recorder.calls.count(("begin", "fit", 1, N_STEPS)) == 1  # the flow, second of two
    assert [call[2] for call in recorder.calls if call[:2] == ("end", "step")] == [*range(N_STEPS)]
    assert [row["task_name"] for row in monitor.get_logs().data] == ["fit"] + ["step"] * N_STEPS
    assert flow._skl_callbacks == [monitor]  # propagated ones are taken away again
    assert np.isfinite(pickle.loads(pickle.dumps(pipeline)).transform(new)).all()


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_reports_every_fit(flow, tables, n_jobs):
    target, source, _ = tables
    # A score that the worker processes can import, which they cannot from this file.
    monitor = ScoringMonitor(scoring={"own": skflow.SDFlowSampler.score})
    search = GridSearchCV(flow.set_callbacks(monitor), {"n_steps": [2, 5]}, cv=2, n_jobs=n_jobs)
    search.fit(target, X_source=source)  # of another length than X, so that it is not split
    log = monitor.get_logs().data
    assert sum(row["task_name"] == "fit" for row in log) == 2 * 2 + 1
    best = search.best_params_["n_steps"]
    assert sum(row["task_name"] == "step" for row in log) == 2 * (2 + 5) + best
    assert all(np.isfinite(row["own"]) for row in log)


@needs_callbacks
def test_progress_bar(flow, tables, capsys):
    pytest.importorskip("rich", reason="scikit-learn draws its progress bar with rich")
    target, source, _ = tables
    flow.set_callbacks(ProgressBar()).fit(target, X_source=source)
    assert "SDFlowSampler - fit" in capsys.readouterr().out
    pipeline = make_pipeline(StandardScaler(), flow.set_callbacks())
    search = GridSearchCV(pipeline, {"sdflowsampler__n_steps": [2, 5]}, cv=2, n_jobs=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    search.fit(target, sdflowsampler__X_source=source)
    assert capsys.readouterr().out.count("SDFlowSampler - fit") >= 5
