"""Frozen flows: with X_source at fit, every row is moved on its own."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils import check_array
from sklearn.utils.estimator_checks import parametrize_with_checks

import skflow
from skflow.datasets import make_clusters
from skflow.fields import KernelScoreDifference
from skflow.flow._far import far_share
from skflow.metrics import energy_distance, energy_floor, nearest_neighbor_ratio

ROWS = {
    "sd": skflow.SDFlowSampler(n_steps=15, random_state=0),
    "sd-noise": skflow.SDFlowSampler(n_steps=15, n_noise=3, random_state=0),
    "sd-row": skflow.SDFlowSampler(KernelScoreDifference("row"), n_steps=15, random_state=0),
    "sd-batch": skflow.SDFlowSampler(n_steps=15, batch_size=50, random_state=0),
    "mmd": skflow.MMDFlowSampler(n_steps=60, random_state=0),
    "svgd": skflow.SVGDSampler(n_steps=40, random_state=0),
    "langevin": skflow.LangevinSampler(n_steps=40, random_state=0),
    "diffusion": skflow.DiffusionSampler(random_state=0),
    "discriminator": skflow.DiscriminatorFlowSampler(n_rounds=20, random_state=0),
    "diffusion-sde": skflow.DiffusionSampler(n_steps=15, alpha=0.5, random_state=0),
}


class Inductive(skflow.SDFlowSampler):
    """Its source is the target's distinct rows: scikit-learn's checks give one table only."""

    def fit(self, X, y=None, sample_weight=None):
        rows = check_array(X, dtype=[np.float64, np.float32])
        if sample_weight is not None and np.asarray(sample_weight).shape == (len(rows),):
            rows = rows[np.asarray(sample_weight) > 0]
        source = np.unique(rows, axis=0)
        return super().fit(X, y, X_source=source, sample_weight=sample_weight)

    def fit_transform(self, X, y=None, sample_weight=None):
        self.fit(X, y, sample_weight=sample_weight)
        return np.array(X)


@parametrize_with_checks([Inductive(n_steps=10)])  # all of them: no failure is expected
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(params=ROWS)
def sampler(request):
    return clone(ROWS[request.param])


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    target = np.concatenate([rng.normal(-2, 0.5, (80, 3)), rng.normal(2, 0.7, (70, 3))])
    return target, rng.normal([4, 0, 0], 1.5, (120, 3)), rng.normal([4, 0, 0], 1.5, (300, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_subset_order_or_chunk_gives_the_same_bits(sampler, tables, dtype):
    target, source, new = (table.astype(dtype) for table in tables)
    sampler.fit(target, X_source=source)
    whole = sampler.transform(new)
    assert whole.dtype == dtype
    # a perceptron's products round by the number of rows, and by their place
    atol = 50 * np.finfo(dtype).eps if isinstance(sampler, skflow.DiscriminatorFlowSampler) else 0
    order = np.random.default_rng(1).permutation(len(new))
    chunks = [sampler.transform(chunk) for chunk in np.array_split(new, 7)]
    for result, expected in [
        (sampler.transform(new[order]), whole[order]),
        (np.concatenate(chunks), whole),
        (sampler.transform(new[5:6]), whole[5:6]),
        (sampler.set_params(n_jobs=1).transform(new), whole),
    ]:
        np.testing.assert_allclose(result, expected, rtol=0, atol=atol)
    assert np.abs(whole - new).max() > 1


def test_reference_rows_come_out_exactly_as_the_flow_moved_them(sampler, tables):
    if isinstance(sampler, skflow.DiscriminatorFlowSampler):
        return  # the critic is taught on the source, if there is one
    target, source, _ = tables
    if getattr(sampler, "field", None) == "kernel":  # sums up to a tolerance have other bits
        sampler.set_params(field=KernelScoreDifference(tol=0))
    moved = sampler.fit(target).transform(source)
    sampler.fit(target, X_source=source)
    np.testing.assert_array_equal(sampler.transform(source), moved)
    np.testing.assert_array_equal(sampler.transform(source[::3]), moved[::3])
    stages = list(sampler.staged_transform(source))
    assert len(stages) == sampler.n_steps
    np.testing.assert_array_equal(stages[-1], moved)


def test_pickle(sampler, tables):
    target, source, new = tables
    sampler.fit(target, X_source=source)
    loaded = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(loaded.transform(new), sampler.transform(new))


def test_samples_and_score_are_those_of_the_source(sampler, tables):
    target, source, _ = tables
    sampler.fit(target, X_source=source)
    moved = sampler.transform(source)
    samples = sampler.sample(len(source))
    order = np.lexsort(moved.T), np.lexsort(samples.T)
    np.testing.assert_array_equal(samples[order[1]], moved[order[0]])
    assert sampler.score(target) == pytest.approx(-energy_distance(target, moved), abs=1e-9)


def test_n_reference_bounds_the_path(tables):
    target, source, new = tables
    sampler = skflow.SDFlowSampler(n_reference=30, random_state=0).fit(target, X_source=source)
    assert len(sampler._recording.start) == 30
    np.testing.assert_array_equal(np.isfinite(sampler.transform(new)), True)


def test_unseen_rows_arrive_near_the_floor():
    """2000 rows of 12 clusters in ten dimensions, and 2000 rows that the flow has not seen."""
    fit, copy = [], []
    for seed in range(3):
        X, held_out = (make_clusters(2000, random_state=s) for s in (seed, 100 + seed))
        rng = np.random.default_rng(seed)
        source, new = rng.normal(size=(2, 2000, 10)) + np.eye(10)[0] * 20
        sampler = skflow.SDFlowSampler(random_state=seed)
        moved = sampler.fit(X, X_source=source).transform(new)
        fit.append(energy_distance(moved, held_out) / energy_floor(held_out, len(moved)))
        copy.append(nearest_neighbor_ratio(moved, X))
    # measured 2.14, 1.29, 1.78 (optimal transport's out-of-sample rule: 8) and 1.01 to 1.03
    assert np.mean(fit) < 2.0
    assert 0.9 < np.mean(copy) < 1.15


def test_no_warning_for_a_single_row(tables):
    target, source, new = tables
    sampler = skflow.SDFlowSampler(n_steps=5).fit(target, X_source=source)
    assert sampler.transform(new[:1]).shape == (1, 3)  # warnings are errors here


def test_a_pipeline_scales_the_source_like_the_target(tables):
    target, source, new = tables
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            StandardScaler(),
            skflow.SDFlowSampler(n_steps=15, random_state=0),
            transform_input=["X_source"],
        )
        moved = pipeline.fit(target, X_source=source).transform(new)
    scaler = StandardScaler().fit(target)
    by_hand = skflow.SDFlowSampler(n_steps=15, random_state=0)
    by_hand.fit(scaler.transform(target), X_source=scaler.transform(source))
    np.testing.assert_array_equal(moved, by_hand.transform(scaler.transform(new)))


def test_bad_source(tables):
    target, source, _ = tables
    with pytest.raises(ValueError, match="X_source has 2 features, but 3 are expected"):
        skflow.SDFlowSampler().fit(target, X_source=source[:, :2])
    with pytest.raises(ValueError, match="X_source contains NaN"):
        skflow.SDFlowSampler().fit(target, X_source=source * np.nan)


def test_unseen_rows_stay_where_they_arrive():
    # In many dimensions a new row is far from all others at the narrow bandwidths of the last
    # steps. Unless it takes the place of a reference row, those pull it towards where they were
    # going themselves, again at every step: over seeds 0 to 3 it ended at 13 to 71 floors.
    for seed in range(2):
        X = scale(load_wine().data)
        rng = np.random.default_rng(seed)
        target, source, new = np.split(X[rng.permutation(178)[:177]], 3)
        mix = np.eye(13) + 0.1 * rng.normal(size=(13, 13))
        flow = skflow.SDFlowSampler(n_steps=200, random_state=seed)
        moved = flow.fit(target, X_source=source @ mix + 1).transform(new @ mix + 1)
        held_out = np.concatenate([source, new])
        ratio = energy_distance(moved, held_out) / energy_floor(held_out, len(moved))
        assert ratio < 3, ratio


def test_a_source_with_other_columns_is_refused(tables):
    target, source, _ = tables
    frame = pd.DataFrame(target, columns=list("abc"))
    flow = skflow.SDFlowSampler(n_steps=3)
    for other in (frame[list("cba")], frame.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="X_source does not fit X: The feature names should"):
            flow.fit(frame, X_source=other)
        with pytest.raises(ValueError, match="X_source does not fit X: The feature names should"):
            skflow.SDFlowGenerator(n_steps=3, n_epochs=1).fit(frame, X_source=other)
    flow.fit(frame, X_source=pd.DataFrame(source, columns=list("abc")))


def test_a_source_in_the_place_of_y_is_refused(tables):
    target, source, _ = tables
    with pytest.raises(ValueError, match=r"y has shape \(120, 3\) and would be ignored"):
        skflow.SDFlowSampler().fit(target, source)
    for flow in (skflow.SDFlowSampler(n_steps=2), skflow.SDFlowGenerator(n_steps=2, n_epochs=1)):
        for estimator in (flow, make_pipeline(StandardScaler(), flow)):
            with pytest.warns(UserWarning, match="y has the shape of X, .* is ignored") as seen:
                estimator.fit(target, np.resize(source, target.shape))
            assert seen[0].filename == __file__  # the user's own line
        flow.fit(target, target[:, :2])  # labels, of which there are two: warnings are errors here


def test_few_rows_are_warned_of_at_the_line_that_moves_them(tables):
    target, source, _ = tables
    flow = skflow.SDFlowSampler(n_steps=2).fit(target)
    for estimator in (flow, make_pipeline(StandardScaler(), flow).fit(target)):
        with pytest.warns(UserWarning, match=r"X has only 3 row\(s\)") as seen:
            estimator.transform(source[:3])
        assert seen[0].filename == __file__


def test_a_source_that_the_pipeline_has_not_transformed_is_warned_about():
    X, _ = load_wine(return_X_y=True)
    target, source = X[::2], 1.2 * X[1::2]
    flow = skflow.SDFlowSampler(n_steps=10, random_state=0)
    pipe = make_pipeline(StandardScaler(), flow)
    pipe.fit(target, sdflowsampler__X_source=source)
    with pytest.warns(UserWarning, match="100 % of the rows of X start far from every row") as seen:
        moved = pipe.transform(source)
    assert seen[0].filename == __file__
    floor = energy_floor(scale(target), len(source))
    assert energy_distance(moved, scale(target)) > 15 * floor  # 24
    with sklearn.config_context(enable_metadata_routing=True):  # what the warning recommends
        routed = make_pipeline(StandardScaler(), flow)
        routed.set_params(transform_input=["X_source"]).fit(target, X_source=source)
    assert energy_distance(routed.transform(source), scale(target)) < 3 * floor


@pytest.mark.parametrize("n_new", [1, 10, 200])
@pytest.mark.parametrize("n_reference", [30, 300])
@pytest.mark.parametrize("kind", ["cauchy", "t", "lognormal", "binary", "wide", "constant"])
def test_ordinary_new_rows_do_not_start_far(kind, n_reference, n_new):
    def draw(n):
        if kind == "lognormal":
            return rng.lognormal(0, 2, (n, 5)) * [1e-6, 1, 1e3, 1e6, 1e9]
        if kind == "binary":
            return rng.integers(0, 2, (n, 4)).astype(float)
        d, df = {"cauchy": (8, 1), "t": (8, 3), "wide": (60, 5), "constant": (2, 3)}[kind]
        return rng.standard_t(df, (n, d)) * ([1, 0] if kind == "constant" else 1)

    for seed in range(20):  # of which the largest share is 0.4
        rng = np.random.default_rng(seed)
        assert far_share(draw(n_new), draw(n_reference)) <= 0.5


@pytest.mark.parametrize("seed", range(3))
def test_rows_start_far_whatever_the_columns_units(seed):
    rng = np.random.default_rng(seed)
    start, unit = rng.normal(5, 1, (100, 4)), 10.0 ** np.arange(4)
    near, far = rng.normal(5, 1, (1000, 4)), rng.normal(0, 1, (1000, 4))
    mixed = np.concatenate([near[:250], far[:750]])  # of which 500 are looked at
    for rows, share in ((near, 0.0), (far, 1.0), (mixed, 0.75)):
        found = [far_share(rows * u, start * u) for u in (1.0, unit)]
        assert found == pytest.approx([share] * 2, abs=0.05)  # some of each are between the two
