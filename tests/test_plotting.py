"""Displays draw what the flow gives: the data in their artists, not only that there are some."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.neighbors import KernelDensity

from skflow import MMDFlowSampler, SDFlowGenerator, SDFlowSampler, TableTransport
from skflow.datasets import make_question_mark, make_ring
from skflow.metrics import (
    energy_distance,
    energy_floor,
    maximum_mean_discrepancy,
    nearest_neighbor_ratio,
)
from skflow.plotting import (
    ConvergenceDisplay,
    CorrelationDisplay,
    FlowPathDisplay,
    MarginalsDisplay,
    NearestNeighborDisplay,
    ScheduleDisplay,
    animate,
)
from skflow.schedules import KarrasSchedule

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def normal(*shape, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(size=shape) + shift


@pytest.fixture(scope="module")
def ring():
    return SDFlowSampler(n_steps=8, random_state=0).fit(make_ring(150, random_state=0))


@pytest.fixture(scope="module")
def path(ring):
    return [normal(60, 2), *ring.staged_transform(normal(60, 2))]


def frame(n, seed, shift=0.0):
    """Numbers, whole numbers, categories, dates, and missing values among the first and third."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "size": rng.normal(shift, 1, n),
            "count": rng.poisson(2, n),
            "kind": rng.choice(["ale", "bock", "<b>$5 & $6</b>"], n),
            "day": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
        }
    )
    table.loc[::10, "size"] = np.nan
    table.loc[::8, "kind"] = None
    return table


# ----------------------------------------------------------------------------------- flow paths
def test_path_panels_hold_the_rows_of_their_steps(ring, path):
    display = FlowPathDisplay.from_estimator(ring, normal(60, 2), steps=[0, 3, 8])
    for line, target, step in zip(display.rows_, display.target_, [0, 3, 8], strict=True):
        np.testing.assert_array_equal(np.column_stack(line.get_data()), path[step])
        np.testing.assert_array_equal(np.column_stack(target.get_data()), ring.target_)
    titles = [ax.get_title() for ax in display.ax_]
    assert titles == ["source", *(f"step {k}, σ = {ring.sigmas_[k - 1]:.2g}" for k in (3, 8))]
    assert display.figure_ is display.ax_[0].figure


def test_path_is_a_box_where_the_data_are():
    flow = SDFlowSampler(n_steps=3, random_state=0).fit(make_question_mark(100, random_state=0))
    source = normal(50, 3)
    display = FlowPathDisplay.from_estimator(flow, source, steps=[3], arrows=True)
    assert display.ax_.name == "3d"
    moved = flow.transform(source)
    np.testing.assert_array_equal(np.column_stack(display.rows_[0].get_data_3d()), moved)
    flat = FlowPathDisplay.from_estimator(flow, source, steps=[3], columns=[2, 0])
    np.testing.assert_array_equal(np.column_stack(flat.rows_[0].get_data()), moved[:, [2, 0]])


def test_path_of_many_columns_is_drawn_along_the_targets_principal_axes():
    scale = np.array([1.0, 5.0, 2.0, 0.5])
    target, source = normal(300, 4) * scale, normal(40, 4, seed=1, shift=1.0)
    display = FlowPathDisplay.from_tables([source], target, steps=[0])
    drawn = np.column_stack(display.target_[0].get_data())
    # the variances along them are the greatest eigenvalues of the covariance
    greatest = np.linalg.eigvalsh(np.cov(target.T))[::-1][:2]
    np.testing.assert_allclose(drawn.var(axis=0, ddof=1), greatest, rtol=1e-9)
    # and the source is shifted by the same center: its mean differs as the projected means do
    rows = np.column_stack(display.rows_[0].get_data())
    assert np.linalg.norm(rows.mean(axis=0)) < np.linalg.norm(source.mean(0) - target.mean(0))
    assert np.linalg.norm(rows.mean(axis=0)) > 0.8


def test_arrows_point_along_the_next_step(ring, path):
    display = FlowPathDisplay.from_estimator(ring, normal(60, 2), steps=[2, 8], arrows=60)
    (arrows,) = display.arrows_  # there is no step after the last
    np.testing.assert_array_equal(arrows.get_offsets(), path[2])
    drawn, step = np.column_stack([arrows.U, arrows.V]), path[3] - path[2]
    lengths = np.linalg.norm(drawn, axis=1), np.linalg.norm(step, axis=1)
    np.testing.assert_allclose(np.sum(drawn * step, axis=1), np.prod(lengths, axis=0), rtol=1e-9)
    short = lengths[1] < np.quantile(lengths[1], 0.9)
    ratio = lengths[0][short] / lengths[1][short]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    longest = 0.15 * np.ptp(ring.target_, axis=0).max()
    np.testing.assert_allclose(lengths[0][~short], longest, rtol=1e-9)


def test_arrows_of_three_columns_point_along_the_next_step():
    start, end = normal(20, 3), normal(20, 3, seed=1)
    display = FlowPathDisplay.from_tables([start, end], end, steps=[0], arrows=True)
    shafts = np.array(display.arrows_[0]._segments3d[:20])  # both ends, either first
    tip = np.linalg.norm(shafts - start[:, None], axis=2).argmax(axis=1)
    drawn = shafts[np.arange(20), tip] - start
    cosine = np.sum(drawn * (end - start), axis=1)
    cosine /= np.linalg.norm(drawn, axis=1) * np.linalg.norm(end - start, axis=1)
    np.testing.assert_allclose(cosine, 1, rtol=1e-9)
    display.figure_.canvas.draw()


def test_lines_are_the_ways_of_rows(ring, path):
    display = FlowPathDisplay.from_estimator(ring, normal(60, 2), steps=[0, 4], paths=60)
    for row, line in enumerate(display.lines_[1]):
        way = np.array([rows[row] for rows in path[:5]])
        np.testing.assert_array_equal(np.column_stack(line.get_data()), way)


def ratio_at(image, point):
    """The value of the pixel at a point."""
    left, right, bottom, top = image.get_extent()
    ratio = image.get_array()
    share = (np.asarray(point) - [left, bottom]) / [right - left, top - bottom]
    column, row = (share * ratio.shape[::-1]).astype(int)
    return ratio[row, column]


def test_background_is_dark_where_rows_are_lacking(ring):
    source = normal(200, 2) * 0.3 + ring.target_.mean(axis=0)  # the ring is empty, its middle full
    display = FlowPathDisplay.from_tables([source], ring.target_, steps=[0], background=True)
    (tint,) = display.background_
    assert tint.norm.vmin == 0  # white where there are too many rows
    assert np.mean([ratio_at(tint, point) > 0 for point in ring.target_]) > 0.95
    assert ratio_at(tint, ring.target_.mean(axis=0)) < 0


def test_background_is_as_dark_under_wide_bandwidths(ring):
    source = normal(200, 2) * 0.3 + ring.target_.mean(axis=0)
    for sigmas in (None, [100.0]):  # of the flow, under which all densities would be alike
        display = FlowPathDisplay.from_tables(
            [source, source], ring.target_, sigmas=sigmas, steps=[0], background=True
        )
        assert np.median([ratio_at(display.background_[0], x) for x in ring.target_]) > 1


def test_background_takes_weights_into_account():
    target = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 1.0], [2.0, -1.0]])
    rows, weight = np.array([[2.0, 0.0], [2.5, 0.1]]), np.array([5.0, 1.0, 1.0, 1.0])
    display = FlowPathDisplay.from_tables(
        [rows], target, target_weight=weight, steps=[0], background=True
    )
    (tint,) = display.background_
    sigma = 4 ** (-1 / 6) * np.sqrt(target.var(axis=0).mean())
    for point in target:
        log_p, log_q = (
            KernelDensity(bandwidth=sigma).fit(t, sample_weight=w).score_samples(point[None])[0]
            for t, w in ((target, weight), (rows, None))
        )
        assert ratio_at(tint, point) == pytest.approx(log_p - log_q, abs=0.1)  # half a pixel


def test_a_far_off_source_widens_the_first_panel_only(path):
    far = [path[0] + 100, *path[1:]]
    display = FlowPathDisplay.from_tables(far, path[-1], steps=[0, 1, 8])
    width = [np.ptp(ax.get_xlim()) for ax in display.ax_]
    assert width[0] > 90
    assert width[1] == width[2] < 20


def test_sorted_tables_are_thinned_evenly():
    target = np.column_stack([np.arange(1000.0), np.zeros(1000)])
    display = FlowPathDisplay.from_tables([target], target, steps=[0], max_rows=11)
    x = display.target_[0].get_xdata()
    assert (len(x), x[0], x[-1]) == (11, 0.0, 999.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": [0, 9]}, "from 0 .* to 8"),
        ({"steps": []}, "steps="),
        ({"columns": [0]}, "two or three columns"),
        ({"columns": [0, 7]}, "columns names 7"),
        ({"columns": ["x", 0]}, "columns names 'x'"),
    ],
)
def test_path_options_that_make_no_sense(path, options, message):
    with pytest.raises(ValueError, match=message):
        FlowPathDisplay.from_tables(path, path[-1], **options)


def test_a_way_is_of_the_same_rows_at_all_times(path):
    with pytest.raises(
        ValueError, match=r"the same rows at several times.*\[\(9, 2\), \(60, 2\)\]"
    ):
        FlowPathDisplay.from_tables([path[0], path[1][:9]], path[-1])


def test_a_generator_has_no_way_to_draw():
    with pytest.raises(TypeError, match=r"SDFlowGenerator.*FlowPathDisplay\.from_tables"):
        FlowPathDisplay.from_estimator(SDFlowGenerator(), normal(60, 2))


def test_axes_are_as_many_as_panels(path):
    _, axes = plt.subplots(1, 2)
    display = FlowPathDisplay.from_tables(path, path[-1], steps=[0, 8], ax=axes)
    assert display.ax_[0] is axes[0]
    with pytest.raises(ValueError, match=r"ax holds 2 axes.*3 panel"):
        display.plot(axes, steps=[0, 1, 8])


def test_names_of_columns(path):
    display = FlowPathDisplay.from_tables(
        path, path[-1], columns=["b", "$a$ $c"], column_names=["$a$ $c", "b"], steps=[8]
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("b", r"\$a\$ \$c")
    np.testing.assert_array_equal(display.rows_[0].get_xdata(), path[8][:, 1])
    display.figure_.canvas.draw()


# ------------------------------------------------------------------------------------ animation
@pytest.mark.parametrize("d", [2, 3])
def test_an_animation_has_every_step(tmp_path, d):
    target = make_ring(80, random_state=0) if d == 2 else make_question_mark(80, random_state=0)
    flow = SDFlowSampler(n_steps=4, random_state=0).fit(target)
    file = animate(flow, normal(40, d), tmp_path / "a.gif", seconds=1, hold=0.4, dpi=30)
    with Image.open(file) as film:
        frames, durations = set(), []
        for k in range(film.n_frames):
            film.seek(k)
            frames.add(film.convert("RGB").tobytes())
            durations.append(film.info["duration"])
    assert len(frames) == 5  # the source and four steps
    assert sum(durations) == 200 * (2 + 5 + 2)  # ms; five frames in a second, the ends held
    assert plt.get_fignums() == []


# ------------------------------------------------------------------------------------ marginals
def test_bars_are_shares_of_rows():
    before, after, target = frame(200, 0), frame(200, 1), frame(150, 2)
    display = MarginalsDisplay.from_tables(before, after, target, columns=["kind", "count"])
    assert [ax.get_title() for ax in display.ax_] == ["kind", "count"]
    labels, heights = display.edges_[0], display.heights_[0]
    assert labels[-1] == "(missing)"
    for name, table in {"before": before, "after": after, "target": target}.items():
        share = table["kind"].value_counts(normalize=True, dropna=False)
        expected = [share.get(label, 0.0) for label in labels[:-1]] + [table["kind"].isna().mean()]
        np.testing.assert_allclose(heights[name], expected, rtol=1e-12)
        assert heights[name].sum() == pytest.approx(1)
    drawn = [bar.get_height() for bar in display.ax_[0].patches]
    np.testing.assert_allclose(drawn, heights["target"])
    for marks in display.ax_[0].collections:
        levels = [segment[0, 1] for segment in marks.get_segments()]
        np.testing.assert_allclose(levels, heights[marks.get_label()])
    assert display.edges_[1] == sorted(display.edges_[1], key=float)  # numbers in order


def test_histograms_are_shares_of_rows_and_missing_ones_are_told():
    before, target = frame(300, 0, shift=2.0), frame(150, 2)
    display = MarginalsDisplay.from_tables(before, target=target, columns=["size"])
    edges, heights = display.edges_[0], display.heights_[0]
    for name, table in {"before": before, "target": target}.items():
        counts = np.histogram(table["size"].dropna(), edges)[0]
        np.testing.assert_allclose(heights[name], counts / len(table))
    assert display.ax_.get_xlabel() == "missing: before 10.0%, target 10.0%"
    drawn = {patch.get_label(): patch.get_data() for patch in display.ax_.patches}
    np.testing.assert_array_equal(drawn["before"].values, heights["before"])
    np.testing.assert_array_equal(drawn["before"].edges, edges)


def test_weights_count():
    target = pd.DataFrame({"x": [1, 2, 3], "k": ["a", "b", "b"]})
    display = MarginalsDisplay.from_tables(target=target, target_weight=[2, 1, 1])
    np.testing.assert_allclose(display.heights_[0]["target"], [0.5, 0.25, 0.25])
    assert display.edges_[1] == ["a", "b"]
    np.testing.assert_allclose(display.heights_[1]["target"], [0.5, 0.5])


def test_whole_numbers_fall_into_bins_evenly():
    """Bins of a width that is no multiple of the step make combs of flat distributions."""
    table = pd.DataFrame({"n": np.tile(np.arange(0, 500, 5), 3)})
    display = MarginalsDisplay.from_tables(target=table)
    assert len(np.unique(display.heights_[0]["target"][1:-1].round(12))) == 1


def test_far_off_values_do_not_hide_the_others():
    x = np.r_[normal(5000), 1e6]
    display = MarginalsDisplay.from_tables(target=x[:, None])
    assert display.edges_[0][-1] < 10
    assert display.heights_[0]["target"].sum() > 0.99


def test_many_categories_end_in_a_rest():
    names = [f"k{i:02}" for i in range(30) for _ in range(30 - i)]
    display = MarginalsDisplay.from_tables(target=pd.DataFrame({"k": names}))
    assert display.edges_[0][-1] == "(others)"
    assert len(display.edges_[0]) == 11
    assert display.heights_[0]["target"].sum() == pytest.approx(1)


def test_a_column_of_numbers_and_of_words_has_bars():
    """It is a category in every table, if it is one in any."""
    numbers, words = pd.DataFrame({"x": [1, 1, 2]}), pd.DataFrame({"x": ["one", "one", "two"]})
    _, axis = plt.subplots()
    display = MarginalsDisplay.from_tables(numbers, target=words, ax=axis)
    (heights,), (labels,) = display.heights_, display.edges_
    assert len(labels) == 4
    np.testing.assert_allclose(np.sort(heights["before"]), [0, 0, 1 / 3, 2 / 3])
    np.testing.assert_allclose(np.sort(heights["target"]), [0, 0, 1 / 3, 2 / 3])
    assert not np.any(np.multiply(heights["before"], heights["target"]))  # no value in common
    # on axes of the user's own the legend is in the panel
    assert {text.get_text() for text in axis.get_legend().get_texts()} == set(heights)


def test_dates_have_an_axis_of_dates():
    display = MarginalsDisplay.from_tables(frame(50, 0), target=frame(50, 1), columns=["day"])
    display.figure_.canvas.draw()
    assert any("Mar" in tick.get_text() for tick in display.ax_.get_xticklabels())


@pytest.mark.parametrize("seconds", [1, 600, 86400, 5 * 86400, 20 * 86400, 4e7])
def test_dates_of_any_range_have_ticks(seconds):
    days = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(40) * seconds, unit="s")
    display = MarginalsDisplay.from_tables(target=pd.DataFrame({"day": days}))
    display.figure_.canvas.draw()
    assert 2 <= len(display.ax_.get_xticks()) <= 8


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "category", "string"])
def test_dtypes_of_pandas(dtype):
    plain = pd.Series([1, 0, None, 1], dtype="Int64")
    column = plain.astype(dtype) if dtype != "string" else plain.astype("string")
    display = MarginalsDisplay.from_tables(target=pd.DataFrame({"x": column}))
    share = dict(zip(display.edges_[0], display.heights_[0]["target"], strict=True))
    assert sorted(share.values()) == [0.25, 0.25, 0.5][: len(share)]
    display.figure_.canvas.draw()


def test_objects_are_what_they_all_are():
    table = pd.DataFrame(
        {
            "date": [dt.date(2024, 1, 1) + dt.timedelta(days=3 * i) for i in range(39)] + [None],
            "cents": [Decimal(i) / 100 for i in range(40)],
            "month": pd.period_range("2020-01", periods=40, freq="M"),
            "took": [dt.timedelta(hours=i) for i in range(40)],
            "zone": pd.date_range("2024-01-01", periods=40, freq="D", tz="Europe/Berlin"),
            "mixed": ["a", 1] * 20,
        }
    )
    display = MarginalsDisplay.from_tables(target=table)
    kinds = [parts["target"].kind for parts in display.columns.values()]
    assert kinds == ["date", "number", "date", "duration", "date", "category"]
    first = display.columns["date"]["target"]
    assert first.missing_share == pytest.approx(1 / 40)
    assert np.datetime64(int(first.present[-1]), "ns") == np.datetime64("2024-04-24")
    assert display.columns["took"]["target"].values[2] == 7200e9
    midnight = display.columns["zone"]["target"].values[0]
    assert np.datetime64(int(midnight), "ns") == np.datetime64("2023-12-31T23:00")  # UTC
    display.figure_.canvas.draw()


def test_a_table_moved_on_the_way():
    target, source = frame(80, 0).dropna(), frame(70, 1, shift=3.0).dropna()
    transport = TableTransport(random_state=0).fit(target)
    display = MarginalsDisplay.from_estimator(transport, source, target)
    again = MarginalsDisplay.from_tables(source, transport.transform(source), target)
    for one, other in zip(display.heights_, again.heights_, strict=True):
        np.testing.assert_array_equal(one["after"], other["after"])
    display.figure_.canvas.draw()  # a name like $5 & $6 is no formula


def test_tables_without_a_common_column():
    with pytest.raises(ValueError, match="no column in common"):
        MarginalsDisplay.from_tables(pd.DataFrame({"a": [1]}), target=pd.DataFrame({"b": [1]}))
    with pytest.raises(ValueError, match="'before' does not have"):
        MarginalsDisplay.from_tables(frame(9, 0)[["size"]], target=frame(9, 1), columns=["kind"])
    with pytest.raises(ValueError, match="nothing to draw"):
        MarginalsDisplay.from_tables()


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    table = frame(60, 0)[["size", "kind"]]
    display = MarginalsDisplay.from_tables(target=polars.from_pandas(table))
    plain = MarginalsDisplay.from_tables(target=table)
    assert display.edges_[1] == plain.edges_[1]
    np.testing.assert_allclose(display.heights_[0]["target"], plain.heights_[0]["target"])


# ----------------------------------------------------------------------------------- neighbours
def test_curves_are_shares_of_distances(ring):
    fresh, moved = make_ring(90, random_state=1), ring.transform(normal(60, 2))
    display = NearestNeighborDisplay.from_estimator(ring, normal(60, 2), fresh=fresh)
    assert display.ratio == nearest_neighbor_ratio(moved, ring.target_, fresh=fresh)
    square = np.sum((moved[:, None] - ring.target_) ** 2, axis=2)
    distance = np.sort(np.sqrt(square.min(axis=1)))
    x, share = display.lines_["rows"].get_data()
    np.testing.assert_allclose(x[1:], distance, atol=1e-7)
    np.testing.assert_allclose(share[1:], np.arange(1, 61) / 60)
    assert set(display.lines_) == {"target", "fresh", "rows"}
    ratio = np.median(display.distances["rows"]) / np.median(display.distances["fresh"])
    assert ratio == pytest.approx(display.ratio, rel=1e-6)


def test_copies_rise_at_zero():
    target = normal(100, 3)
    display = NearestNeighborDisplay.from_tables(target[:40], target)
    assert display.distances["rows"].max() == 0
    assert display.ratio == 0
    assert display.distances["target"].min() > 0


def test_neighbours_of_tables():
    target, source = frame(60, 0).dropna(), frame(50, 1).dropna()
    transport = TableTransport(random_state=0).fit(target)
    display = NearestNeighborDisplay.from_estimator(transport, source)
    moved = transport.encode(transport.transform(source))
    assert display.ratio == nearest_neighbor_ratio(moved, transport.target_)


# --------------------------------------------------------------------------------------- curves
def test_the_curve_is_the_distance_of_every_step(ring, path):
    held_out = make_ring(200, random_state=1)
    display = ConvergenceDisplay.from_estimator(ring, normal(60, 2), held_out)
    steps, distances = display.line_.get_data()
    np.testing.assert_array_equal(steps, np.arange(9))
    np.testing.assert_allclose(distances, [energy_distance(rows, held_out) for rows in path])
    assert display.floor_line_.get_ydata()[0] == energy_floor(held_out, 60)
    other = ConvergenceDisplay.from_tables(
        path, held_out, steps=[0, 8], metric=maximum_mean_discrepancy, ax=display.ax_
    )
    assert other.floor_line_ is None
    assert other.line_.get_ydata()[1] == maximum_mean_discrepancy(path[8], held_out)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["SDFlowSampler", "fresh rows"]


def test_the_schedule_is_that_of_the_flow(ring):
    display = ScheduleDisplay.from_estimator(ring)
    np.testing.assert_array_equal(display.line_.get_ydata(), ring.sigmas_)
    assert display.noise_line_ is None
    schedule = KarrasSchedule().fit(ring.target_)
    again = ScheduleDisplay.from_schedule(schedule, 7, ax=display.ax_, color="black")
    np.testing.assert_array_equal(again.line_.get_ydata(), schedule.sigmas(7))


def test_a_noise_of_its_own_has_a_line_of_its_own():
    flow = MMDFlowSampler(noise="linear", n_steps=5, random_state=0).fit(normal(50, 2))
    display = ScheduleDisplay.from_estimator(flow)
    np.testing.assert_array_equal(display.noise_line_.get_ydata(), flow.noise_levels_)
    assert not np.array_equal(flow.noise_levels_, flow.sigmas_)


# --------------------------------------------------------------------------------- correlations
def test_numbers_have_rank_correlations():
    table = frame(150, 0)[["size", "count"]].assign(more=lambda t: t["size"] + t["count"])
    display = CorrelationDisplay.from_tables(target=table)
    # pandas leaves out incomplete pairs, too
    expected = table.corr("spearman")
    np.testing.assert_allclose(display.matrices["target"], expected, rtol=1e-9)
    np.testing.assert_array_equal(display.images_["target"].get_array(), display.matrices["target"])


def test_categories_have_cramers_v_and_correlation_ratios():
    from scipy.stats import kruskal
    from scipy.stats.contingency import association

    rng = np.random.default_rng(0)
    a = rng.choice(list("xyz"), 300)
    b = np.where(rng.random(300) < 0.6, np.char.upper(a), rng.choice(list("XYZW"), 300))
    x = rng.normal(size=300) + (a == "x")
    table = pd.DataFrame({"a": a, "b": b, "x": x})
    matrix = CorrelationDisplay.from_tables(target=table).matrices["target"]
    assert matrix[0, 1] == pytest.approx(association(pd.crosstab(a, b), method="cramer"))
    # Kruskal and Wallis's H without ties is (n - 1) η² of the ranks
    H = kruskal(*(x[a == value] for value in "xyz")).statistic
    assert matrix[0, 2] == pytest.approx(np.sqrt(H / 299))


def test_the_sign_of_many_associations_is_seen_in_grey():
    matrix = np.eye(12)
    matrix[3, 1] = matrix[1, 3] = -0.7
    matrix[5, 2] = matrix[2, 5] = 0.7
    display = CorrelationDisplay({"target": matrix}, list(range(12))).plot()
    (signs,) = display.ax_.collections
    assert sorted(signs.get_offsets().tolist()) == [[1.0, 3.0], [3.0, 1.0]]


def test_weighted_associations_are_those_of_repeated_rows():
    table = frame(40, 0)[["count", "kind"]].dropna()
    weight = np.random.default_rng(0).integers(1, 4, len(table))
    repeated = table.loc[table.index.repeat(weight)]
    a = CorrelationDisplay.from_tables(target=table, target_weight=weight).matrices["target"]
    b = CorrelationDisplay.from_tables(target=repeated).matrices["target"]
    np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize(("d", "is_numbered"), [(9, True), (10, False)])
def test_figures_stand_in_the_cells_of_small_matrices(d, is_numbered):
    display = CorrelationDisplay.from_tables(target=pd.DataFrame(normal(30, d)))
    assert len(display.ax_.texts) == is_numbered * d * (d - 1)


def test_a_single_row_goes_with_nothing():
    table = pd.DataFrame({"x": [1.0, 2.0, np.nan], "y": [1.0, np.nan, 2.0]})  # complete is one
    matrix = CorrelationDisplay.from_tables(target=table).matrices["target"]
    np.testing.assert_array_equal(matrix, [[1, np.nan], [np.nan, 1]])


def test_constants_go_with_nothing():
    table = pd.DataFrame({"x": [1.0, 2, 3], "c": [1, 1, 1], "k": ["a", "a", "a"]})
    display = CorrelationDisplay.from_tables(table, table, table)
    matrix = display.matrices["after"]
    assert np.isnan(matrix[0, 1])
    assert np.isnan(matrix[0, 2])
    display.figure_.canvas.draw()


# ------------------------------------------------------------------------------------- imports
def test_matplotlib_is_asked_for_only_when_drawing():
    code = """if True:
        import sys
        sys.modules["matplotlib"] = None
        import skflow, skflow.plotting
        try:
            skflow.plotting.ScheduleDisplay([2.0, 1.0]).plot()
        except ImportError as error:
            print(error)
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == (
        "ScheduleDisplay.plot draws with matplotlib, which is not installed: "
        'pip install "scikit-sdflow[plot]".\n'
    )
