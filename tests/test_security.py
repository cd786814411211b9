"""What a table may hold stays data: in files, on a terminal, in a report."""

import contextlib
import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skflow import TableTransport
from skflow.cli import main
from skflow.cli._cells import escaped
from skflow.cli._shell import visible

FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+cmd",
    "-2+3+cmd|' /C calc'!A0",
    "\t=1",
    " =1",
    "＝1",
    "-A1",
    "+(1)",
]
DATA = ["", "a", "1", "-1", "+1.5", "-1,234.50", "-12 %", "-$3", "-1e-05", "a=b", "'=1", "x-1"]
# what terminals obey: colours, titles, clearing, a bell, one line over another, other directions
CONTROLS = ["\x1b[31m", "\x1b]0;title\x07", "\x9b2J", "\r", "\b", "\x7f", "\u202e", "\u2066"]


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(path, name, words, shift=0.0):
    """A file with a column of words that moves, and one that stays."""
    rng = np.random.default_rng(len(path))
    x = rng.normal(shift, 1, 20 * len(words)).round(2)
    table = pd.DataFrame({"x": x, name: words * 20, "=rest": words * 20})
    table.to_csv(path, index=False, quoting=csv.QUOTE_ALL)


def run(*args):
    return main([*args, "--steps", "2", "--no-report"])


@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("option", [[], ["--escape-formulas"]])
@pytest.mark.parametrize("command", ["transport", "sample"])
def test_formulas_are_data_and_escaped_on_request(command, option, separator):
    words, suffix = FORMULAS + DATA[1:], "csv" if separator == "," else "tsv"
    make("source.csv", "word", words, 2)
    make("target.csv", "word", words)
    if command == "transport":
        args = ["transport", "source.csv", "target.csv", "--ignore", "=rest"]
    else:
        args = ["sample", "target.csv", "-n", "500"]
    assert run(*args, "-o", f"out.{suffix}", *option) == 0
    out = pd.read_csv(f"out.{suffix}", sep=separator, dtype=str, keep_default_na=False)
    expected = {escaped(word) if option else word for word in words}
    assert set(out["word"]) <= expected  # those that moved
    assert len(set(out["word"])) > len(words) / 2
    name = "'=rest" if option else "=rest"
    if command == "transport":  # and those that stayed, in their order
        assert out[name].tolist() == [escaped(w) if option else w for w in words * 20]
    else:
        assert name in out
    assert (out["x"].astype(float) < 0).any()  # a negative number is none


def test_what_is_a_formula():
    assert [escaped(word) for word in FORMULAS] == [f"'{word}" for word in FORMULAS]
    assert [escaped(word) for word in DATA] == DATA
    assert escaped(-1.5) == -1.5


def test_parquet_knows_no_formulas(capsys):
    make("target.csv", "word", DATA[1:])
    assert run("sample", "target.csv", "-n", "9", "-o", "out.parquet", "--escape-formulas") == 2
    assert "--escape-formulas is for text, which out.parquet is not" in capsys.readouterr().err
    assert not Path("out.parquet").exists()


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_no_table_commands_the_terminal(control, capsys):
    """Names and values, in results, in notes and in errors."""
    name, word = f"a{control}b", f"v{control}w"
    make("source.csv", name, [word, "only here", "c"], 2)
    make("target.csv", name, [word, "c", "d"])
    quick = ["-o", "out.csv", "--steps", "2"]
    assert main(["transport", "source.csv", "target.csv", *quick, "--ignore", "=rest"]) == 0
    assert main(["compare", "source.csv", "target.csv", "--columns", f'x,"{name}"']) == 0
    for wrong in (["--columns", f"no{control}"], ["--by", name], ["--schedule", control]):
        assert main(["transport", "source.csv", "target.csv", *quick, *wrong]) == 2
    assert main(["compare", f"{control}.csv", "target.csv"]) == 2
    printed = "".join(capsys.readouterr())
    assert not set(control) & set(printed) - set("[]0123456789;titleJm")
    assert visible(name).split("b")[0] in printed
    source, out = (pd.read_csv(f"{stem}.csv") for stem in ("source", "out"))
    assert list(out) == list(source)  # the files keep them
    assert out["=rest"].equals(source["=rest"])


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=1>', "&lt;"])
def test_reports_escape_names_and_values(text):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({text: rng.choice([text, "b"], 200), "x": rng.normal(size=200)})
    moved = TableTransport(random_state=0).set_params(flow__n_steps=2).fit(table)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # there is nothing to move
        page = moved.report(table, moved.transform(table)).html
    assert text not in page
    assert "<script" not in page.lower()
