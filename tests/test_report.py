"""Reports: figures that are right, words that follow from them, text that stays text."""

import dataclasses
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from skflow import TableTransport
from skflow.cli import main
from skflow.metrics import energy_distance, energy_floor, nearest_neighbor_ratio
from skflow.plotting._columns import Column
from skflow.tabular._measures import NOTHING, Quality
from skflow.tabular._report import _target_of
from skflow.tabular._report_parts import MOST_COLUMNS, _number, fit_lines, pictures
from skflow.tabular._tells import Telling, tell_apart
from skflow.tabular._verdict import verdict_on

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

EVIL = "<script>document.title = '$x$ & y'</script>"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
QUICK = ["--steps", "3"]


def table(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            EVIL: rng.normal(shift, 1, n),
            "kind": rng.choice([EVIL, "plain", '" onerror="document.title = 1'], n),
            "spend": np.where(rng.random(n) < 0.4, 0.0, rng.exponential(10, n)).round(2),
            "day": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
        }
    )
    frame.loc[::10, "spend"] = np.nan
    return frame


@pytest.fixture(scope="module")
def target():
    return pd.concat([table(80, 0), table(80, 0)[:20]], ignore_index=True)  # with repeated rows


@pytest.fixture(scope="module")
def source():
    return table(70, 1, shift=2.0).assign(note="untouched").set_index(np.arange(70) + 500)


@pytest.fixture(scope="module")
def transport(target):
    return TableTransport(random_state=0).set_params(flow__n_steps=3).fit(target)


@pytest.fixture(scope="module")
def moved(transport, source):
    return transport.transform(source)


@pytest.fixture(scope="module")
def report(transport, source, moved):
    return transport.report(source, moved)


class Page(HTMLParser):
    """What a browser makes of a page: its elements, attributes, text and the rows of its tables."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text, self.rows = set(), [], "", []
        self.is_cell = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.is_cell = True

    def handle_endtag(self, tag):
        self.is_cell = self.is_cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.is_cell:
            self.rows[-1][-1] += data.strip()

    def lines(self, name):
        return [row[1:] for row in self.rows if row and row[0] == name]


# ------------------------------------------------------------------------------------- the page
def test_text_of_a_table_stays_text(report):
    page = Page(report.html)
    assert page.tags.isdisjoint({"script", "iframe", "object", "link", "embed"})
    assert EVIL in page.text
    assert not [name for name, _ in page.attributes if name.startswith("on")]


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_text_of_a_table_stays_text_in_a_browser(report, tmp_path):
    page = report.save(tmp_path / "report.html").as_uri()
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "<title>Rows moved onto a target table</title>" in run.stdout
    assert Page(run.stdout).tags.isdisjoint({"script"})


def test_a_page_loads_nothing(report):
    links = [value for name, value in Page(report.html).attributes if name in ("src", "href")]
    assert len(links) == 4 + 2  # columns, correlations and neighbours
    assert all(link.startswith("data:image/svg+xml;base64,") for link in links)
    assert "@import" not in report.html
    assert "url(" not in report.html


def test_a_report_is_saved_and_shown(report, tmp_path):
    path = report.save(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == report.html
    frame = Page(report._repr_html_())
    assert frame.tags == {"iframe"}
    attributes = dict(frame.attributes)
    assert attributes["srcdoc"] == report.html  # unescaped once
    assert "sandbox" in attributes


def test_a_report_is_the_same_again(source, target):
    transport = TableTransport(columns=["spend"], random_state=0).fit(target)
    first, second = (transport.report(source, source) for _ in range(2))
    assert first.html == second.html


def test_shares_means_zeros_and_missing_values(report, source, moved, target):
    page, tables = Page(report.html), (source, moved, target)
    assert [f"{(t['kind'] == 'plain').mean():.1%}" for t in tables] in page.lines("plain")
    assert [f"{t['spend'].isna().mean():.1%}" for t in tables] in page.lines("missing")
    assert [f"{(t['spend'] == 0).mean():.1%}" for t in tables] in page.lines("zeros")
    means = page.lines("mean")
    assert [f"{t[EVIL].mean():.4g}" for t in tables] in means
    assert [str(t["day"].mean().date()) for t in tables] in means


def test_distances_are_those_of_the_metrics(report, transport, source, moved, target):
    Z, after, Y = (transport.encode(t) for t in (source, moved, target))
    blocks = {"whole table": slice(None), "spend": transport.encoder_.blocks["spend"]}
    for name, block in blocks.items():
        line, floor = Page(report.html).lines(name)[0], energy_floor(Y[:, block], len(Z))
        assert float(line[0]) == pytest.approx(floor, rel=1e-3)
        for shown, ratio, rows in [(*line[1:3], Z), (*line[3:5], after)]:
            distance = energy_distance(rows[:, block], Y[:, block])
            assert float(shown) == pytest.approx(distance, rel=1e-3)
            assert float(ratio) == pytest.approx(distance / floor, abs=0.006)
    copy = Page(report.html).lines("nearest-neighbour ratio")[0][0]
    assert float(copy) == pytest.approx(nearest_neighbor_ratio(after, Y), abs=0.006)


def test_the_target_is_known_from_its_distinct_rows(transport, target):
    rows = _target_of(transport, np.random.default_rng(0))
    back, there = (t.sort_values([EVIL, "day"]).reset_index(drop=True) for t in (rows, target))
    pd.testing.assert_frame_equal(back, there)


def test_notes_name_unknown_categories_and_groups(target, source):
    strange = source.assign(kind=["other", "plain"] * 35, g=list("ab") * 35)
    transport = TableTransport(by="g", columns=["kind"], random_state=0).set_params(flow__n_steps=2)
    transport.fit(target.assign(g=list("ab") * 50))
    with pytest.warns(UserWarning, match="other"):
        moved = transport.transform(strange)
    text = Page(transport.report(strange, moved).html).text
    assert "The target has no kind 'other'" in text
    assert "Rows stayed in their groups of g." in text


@pytest.mark.parametrize("how", ["by", "condition_on"])
def test_a_report_knows_which_columns_rows_kept(how, target, source):
    target, given = target.assign(g=list("ab" * 50)), source.assign(g=list("a" * 15 + "b" * 55))
    target.loc[target["g"] == "a", EVIL] += 5.0  # so rows of other shares have another mean
    transport = TableTransport(columns=[EVIL, "day"], random_state=0, **{how: "g"})
    moved = transport.set_params(flow__n_steps=5).fit(target).transform(given)
    text = Page(transport.report(given, moved).html).text
    assert "differ from the target as a whole, which may be right" in text
    assert "Rows kept “g”." in text


def test_tables_of_another_length_are_refused(transport, source, moved):
    with pytest.raises(ValueError, match="moved has 69 rows, but source has 70"):
        transport.report(source, moved[1:])


def test_without_jinja2(transport, source, moved, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"scikit-sdflow\[table,plot\]"):
        transport.report(source, moved)


# ------------------------------------------------------------------------------- the classifier
def test_equal_distributions_are_not_told_apart():
    # of one draw in 740 the area is more than three standard errors above 1/2
    for seed in range(3):
        rng = np.random.default_rng(seed)
        Z, Y = rng.normal(size=(2, 100, 3))
        telling = tell_apart([(Z, Y)], {"a": slice(0, 1), "b": slice(1, 3)}, rng)
        assert abs(telling.auc - 0.5) < 3 * telling.error
        assert not telling.is_clear
        assert telling.columns == {}


def test_the_column_that_gives_rows_away_is_named():
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(2, 300, 3))
    Z[:, 1] += 1.5
    telling = tell_apart([(Z, Y)], {"a": slice(0, 1), "b": slice(1, 2), "c": slice(2, 3)}, rng)
    # the best there is: Φ(1.5/√2) = 0.856
    assert 0.80 < telling.auc < 0.88
    assert next(iter(telling.columns)) == "b"
    assert telling.columns["b"] > 0.2


def test_rows_that_only_go_together_otherwise_are_told_apart_by_both_columns():
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(2, 600, 2))
    Z[:, 1] = np.abs(Z[:, 1]) * np.sign(Z[:, 0])  # the marginals are the same
    telling = tell_apart([(Z, Y)], {"a": slice(0, 1), "b": slice(1, 2)}, rng)
    assert telling.auc > 0.65  # at best 0.75
    assert set(telling.columns) == {"a", "b"}


def test_too_few_rows_are_not_judged():
    rng = np.random.default_rng(0)
    assert tell_apart([(np.zeros((29, 1)), np.zeros((90, 1)))], {"a": slice(0, 1)}, rng) is None
    assert tell_apart([(np.zeros((90, 1)), np.zeros((90, 1)))], {}, rng) is None


def test_numbers_are_written_out_up_to_a_billion():
    numbers = [0.123456, 1234.5, 38571.4, -123456789.0, 2.5e12, np.nan]
    expected = ["0.1235", "1234", "38571", "-123456789", "2.5e+12", "–"]
    assert [_number(x) for x in numbers] == expected


def test_a_distance_that_only_rounding_left_is_zero():
    figures = {"distances": np.array([[0.1, 0.2], [1e-32, 2e-31]])}
    (_, whole), (_, constant) = fit_lines(Quality("", ["a"], [], ["after"], figures))
    assert whole == ["0.1", "0.2", "2.00"]
    assert constant == ["0", "0", "–"]


# ---------------------------------------------------------------------------------- the verdict
def quality(before, after, copy=1.0, scramble=1.0, fresh=1.0):
    figures = {
        "distances": np.array([[0.1, 0.1 * before, 0.1 * after]]),
        "copy": np.array([copy, fresh]),
        "scramble": np.array([scramble, 2.0]),
    }
    return Quality("", [], [], ["before", "after"], figures, is_held_out=True)


@pytest.mark.parametrize(
    ("figures", "telling", "level", "headline"),
    [
        (quality(30, 1.1), Telling(0.52, 0.02, {}), "good", "are distributed like the target"),
        (quality(30, 1.1), None, "good", "are distributed like the target"),
        (quality(30, 2.0), Telling(0.52, 0.02, {}), "fair", "a difference is left"),
        (quality(30, 9.0), None, "poor", "are not distributed like the target"),
        (quality(30, 1.1), Telling(0.9, 0.02, {"x": 0.3}), "poor", "are not distributed like"),
        (quality(30, 1.1, copy=0.01), None, "poor", "are nearly copies of rows of the target"),
        (quality(30, 1.1, copy=0.4), None, "fair", "are partly copies"),
        (quality(30, 1.1, copy=0.4, fresh=0.5), None, "good", "are distributed like the target"),
        (quality(30, 1.1, copy=0.4, fresh=np.nan), None, "fair", "are partly copies"),
        (quality(30, 1.1, copy=0.4, fresh=0.0), None, "fair", "are partly copies"),
    ],
)
def test_the_verdict_is_the_worst_of_its_figures(figures, telling, level, headline):
    verdict = verdict_on(figures, telling, "the moved rows", "the target")
    assert verdict.level == level
    assert headline in verdict.headline


def test_of_many_columns_those_farthest_from_the_target_have_a_picture():
    names = [f"c{i}" for i in range(MOST_COLUMNS + 6)]
    columns = {
        c: {"target": Column(np.arange(4.0), "number", np.zeros(4, bool), np.full(4, 0.25))}
        for c in names
    }
    ratios = np.r_[1.0, np.linspace(0.9, 0.1, MOST_COLUMNS + 2)]  # the last four are constant
    distances = np.column_stack([np.ones(len(ratios)), ratios, ratios])
    measured = Quality("", names[:-4], names[-4:], ["before", "after"], {"distances": distances})
    assert list(pictures(columns, measured)) == names[:MOST_COLUMNS]


def test_what_has_no_floor_has_no_multiple_of_it():
    rounding = {"distances": np.array([[NOTHING, 0.2], [0.0, 0.3], [0.1, 0.2]])}
    ratios = Quality("", ["x", "y"], [], ["distance"], rounding).ratios
    np.testing.assert_array_equal(ratios, [[np.nan], [np.nan], [2.0]])


def test_the_verdict_gives_its_reasons():
    telling = Telling(0.81, 0.02, {"a": 0.2, "b": 0.1})
    verdict = verdict_on(quality(30, 1.14, scramble=2.0), telling, "the moved rows", "the target")
    fit, told, copy, cost = verdict.reasons
    assert "are 1.1 times as far from rows of the target" in fit
    assert "had not seen" in fit
    assert "before the move they were 30 times as far" in fit
    assert "by “a” and “b”: given one row of each, it is right in 81% of cases" in told
    assert "not copies" in copy
    assert "scrambled" in cost


@pytest.mark.parametrize("ratio", [2.0, 9.0])
def test_rows_that_keep_columns_are_not_blamed_for_what_these_ask_for(ratio):
    figures, telling = quality(30, ratio, scramble=2.0), Telling(0.9, 0.02, {"a": 0.2})
    verdict = verdict_on(figures, telling, "the moved rows", "the target", kept=["age", "sex"])
    assert verdict.level == "fair"
    assert verdict.headline == (
        "The moved rows differ from the target as a whole, which may be right."
    )
    assert "kept “age” and “sex”" in verdict.reasons[0]
    assert "or kept “age” and “sex” where the shortest way does not" in verdict.reasons[-1]


def test_rows_that_keep_columns_are_blamed_for_copies_and_praised_for_their_fit():
    words = "the moved rows", "the target"
    copies, fit = quality(30, 9.0, copy=0.01), quality(30, 1.1)
    assert verdict_on(copies, None, *words, kept=["age"]).level == "poor"
    assert verdict_on(fit, None, *words, kept=["age"]) == verdict_on(fit, None, *words)


def test_a_verdict_on_rows_that_were_fitted_to_says_so():
    figures = dataclasses.replace(quality(30, 1.1), is_held_out=False)
    verdict = verdict_on(figures, None, "the moved rows", "the target")
    assert "had not seen" not in verdict.reasons[0]
    assert "fitted to these very rows" in verdict.reasons[-1]


# ---------------------------------------------------------------------------------- the command
@pytest.fixture
def csv(tmp_path, monkeypatch, source, target):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("skflow.cli._report.RUNS", (2, 2))
    renamed = target.assign(kind=target["kind"].replace("plain", "simple"))
    for name, frame in {"source": source, "target": renamed}.items():
        # as objects: writing nan among floats warns in old releases of NumPy and pandas
        frame.astype({"spend": object}).to_csv(f"{name}.csv", index=False)
    return tmp_path


def run(*args):
    return main([str(arg) for arg in args])


def test_transport_writes_a_page(csv, capsys):
    args = ["transport", "source.csv", "target.csv", "-o", "out.csv", *QUICK]
    assert run(*args, "--report", "page.html", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    page = Page((csv / "page.html").read_text(encoding="utf-8"))
    assert EVIL in page.text
    assert "script" not in page.tags
    assert page.lines("source") == [["source.csv (70 rows)"]]
    assert page.lines("untouched") == [["note"]]
    assert "the target has no kind 'plain'" in page.text
    assert "target that the flow had not seen" in page.text
    assert page.lines("command")[0][0].startswith("skflow transport source.csv target.csv")
    assert page.lines("seed") == [["0"]]
    assert "Rows kept" not in page.text
    result, target = pd.read_csv("out.csv"), pd.read_csv("target.csv")
    assert [f"{(t['kind'] == 'simple').mean():.1%}" for t in (result, target)] == page.lines(
        "simple"
    )[0][1:]


def test_compare_writes_a_page(csv, capsys):
    args = ["compare", "source.csv", "target.csv", "--columns", f"{EVIL},spend"]
    assert run(*args, "--report", "page.htm") == 0
    page = Page((csv / "page.htm").read_text(encoding="utf-8"))
    assert "The rows of A are not distributed like B." in page.text
    assert ["", "A", "B"] in page.rows
    terminal = capsys.readouterr().out
    *_, ratio, p = page.lines("whole table")[0]
    line = next(line for line in terminal.splitlines() if line.startswith("whole table"))
    assert line.split()[-2:] == [ratio, p]


def test_sample_writes_a_page(csv):
    args = ["sample", "target.csv", "-n", "50", "-o", "new.csv", "--report", "page.html", *QUICK]
    assert run(*args, "--columns", "spend") == 0
    page = Page((csv / "page.html").read_text(encoding="utf-8"))
    assert "The new rows" in page.text
    assert page.lines("new rows") == [["50"]]
    assert ["", "new", "target"] in page.rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--report", "page.pdf"], "a page ends in .html"),
        (["--report", "source.csv"], "a page ends in .html"),
        (["--report", "no/page.html"], "cannot write no/page.html"),
        (["--report", "page.html", "--no-report"], "not allowed with"),
    ],
)
def test_a_page_that_cannot_be_is_found_out_first(csv, capsys, options, message):
    assert run("transport", "source.csv", "target.csv", "-o", "out.csv", *options) == 2
    assert message in capsys.readouterr().err
    assert not (csv / "out.csv").exists()


def test_the_command_without_jinja2(csv, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    args = ["transport", "source.csv", "target.csv", "-o", "out.csv", "--report", "page.html"]
    assert run(*args) == 2
    assert "scikit-sdflow[table,plot]" in capsys.readouterr().err
    assert not (csv / "out.csv").exists()
