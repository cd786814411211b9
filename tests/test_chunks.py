"""Tables larger than memory: no chunk is seen in the result, and none is left of a failure."""

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skflow import SDFlowSampler, TableTransport
from skflow.cli import main
from skflow.cli._chunks import ParquetRows
from skflow.model_selection import whole

# old pandas and pyarrow, one with the other
pytestmark = pytest.mark.filterwarnings("ignore:Passing a BlockManager:DeprecationWarning")

COLUMNS = ["x", "small", "n", "kind", "size", "ok", "day", "score"]
QUICK = ["--steps", "4", "--no-report", "--quiet"]
CHOSEN = [*QUICK, "--columns", ",".join(COLUMNS)]


def make_table(n, shift, seed):
    """A table with every kind of column, of which text, categories and holes are not moved."""
    rng = np.random.default_rng(seed)
    hole = pd.Series(rng.integers(0, 9, n), dtype="float64").where(np.arange(n) >= n / 2)
    return pd.DataFrame(
        {
            "name": [f"row {i}" for i in range(n)],
            "x": rng.normal(shift, 1, n),
            "small": rng.normal(-shift, 2, n).astype(np.float32),
            "n": rng.poisson(3 + shift, n),
            "kind": rng.choice(["bun", "roll", "bagel"], n),
            "size": pd.Categorical(rng.choice(["S", "L"], n), ["S", "L", "XL"], ordered=True),
            "ok": rng.random(n) < 0.3,
            "day": pd.Timestamp("2024-05-01") + pd.to_timedelta(rng.integers(0, 40, n), unit="D"),
            "score": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "shop": pd.Categorical(rng.choice(["north", "south"], n), ["south", "north"]),
            "hole": hole,  # the first chunks have no value
        }
    )


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    """Source and target, in files of several row groups that no chunk size divides."""
    monkeypatch.chdir(tmp_path)
    source, target = make_table(230, 2, 0), make_table(150, 0, 1)
    source.to_parquet("source.parquet", row_group_size=70)
    target.to_parquet("target.parquet", row_group_size=40)
    return source, target


def run(*args, out="out.parquet"):
    """Run the command on the two files; return its exit code."""
    files = ["source.parquet", "target.parquet"]
    if args and str(args[0]).endswith((".parquet", ".csv")):
        files, args = args[:2], args[2:]
    return main(["transport", *files, "-o", out, *map(str, args)])


def files():
    return {path.name for path in Path().iterdir()}


# ------------------------------------------------------------------------------------------ results
def test_no_chunk_size_is_seen():
    """A row is moved on its own: the same file, bit for bit, in few rows or all at once."""
    bits = set()
    for size in (9, 100, 230, 10**6):
        assert run("--chunk-rows", size, "--reference-rows", 60, *CHOSEN) == 0
        bits.add(Path("out.parquet").read_bytes())
    assert len(bits) == 1


def test_it_is_what_python_does():
    """Where all rows are drawn: TableTransport's result, with its dtypes, categories and index."""
    source, target = (pd.read_parquet(f"{name}.parquet") for name in ("source", "target"))
    flow = SDFlowSampler(n_steps=4, step_size=1.0, n_reference=500)
    transport = TableTransport(flow, columns=COLUMNS, random_state=3)
    moved = transport.fit(target, X_source=source).transform(source)
    assert run("--chunk-rows", 50, "--reference-rows", 500, "--seed", 3, *CHOSEN) == 0
    pd.testing.assert_frame_equal(pd.read_parquet("out.parquet"), moved, check_exact=True)
    assert moved["x"].mean() < 0.5 < 1.5 < source["x"].mean()


def test_groups():
    """Rows stay in their group; a group that only the target has is left out."""
    source, target = make_table(200, 2, 0), make_table(200, 0, 1)
    source = source[source["kind"] != "bagel"].reset_index(drop=True)
    for name, table in {"source": source, "target": target}.items():
        table.to_parquet(f"{name}.parquet", row_group_size=30)
    chosen = [*QUICK, "--columns", "x,n", "--by", "kind,shop", "--reference-rows", 500]
    bits = set()
    for size in (33, 1000):
        assert run("--chunk-rows", size, *chosen) == 0
        bits.add(Path("out.parquet").read_bytes())
    assert len(bits) == 1
    flow = SDFlowSampler(n_steps=4, step_size=1.0, n_reference=500)
    transport = TableTransport(flow, columns=["x", "n"], by=["kind", "shop"], random_state=0)
    transport.fit(target[target["kind"] != "bagel"], X_source=source)
    moved = pd.read_parquet("out.parquet")
    pd.testing.assert_frame_equal(moved, transport.transform(source), check_exact=True)


def test_types_come_from_the_whole_file():
    """Other categories in every row group, whole numbers with holes, lists and decimals."""
    words = pa.dictionary(pa.int8(), pa.string())
    schema = pa.schema(
        [
            ("x", pa.float64()),
            ("kind", words),
            ("count", pa.int64()),
            ("shop", words),
            ("pair", pa.list_(pa.int32())),
            ("price", pa.decimal128(9, 2)),
        ]
    )
    rng = np.random.default_rng(0)
    for name, kinds in {"source": "ab cd bd", "target": "da bc ca"}.items():
        with pq.ParquetWriter(f"{name}.parquet", schema) as writer:
            for g, pair in enumerate(kinds.split()):
                columns = [
                    rng.normal(size=40),
                    pa.array(list(pair) * 20).dictionary_encode(),
                    pa.array([None if g == 1 else i for i in range(40)]),
                    pa.array([None, f"shop {g}"] * 20).dictionary_encode(),
                    pa.array([[i, g] if g else None for i in range(40)]),
                    [Decimal(g)] * 40,
                ]
                arrays = [pa.array(c).cast(f.type) for c, f in zip(columns, schema, strict=True)]
                writer.write_table(pa.table(arrays, schema=schema))
    bits = set()
    for size in (1, 33, 200):
        assert run("--chunk-rows", size, "--columns", "x,kind", *QUICK) == 0
        bits.add(Path("out.parquet").read_bytes())
    assert len(bits) == 1
    source, target, out = (pq.read_table(f"{n}.parquet") for n in ("source", "target", "out"))
    for name in ("count", "pair", "price"):
        assert out[name].equals(source[name])
    assert out["shop"].to_pylist() == source["shop"].to_pylist()
    assert pa.types.is_dictionary(out["shop"].type)
    moved, whole_target = (t["kind"].to_pandas() for t in (out, target))
    assert moved.dtype == whole_target.dtype
    assert set(moved) == set("abcd")
    assert not out["x"].equals(source["x"])


@pytest.mark.parametrize("name", [None, "code"])
def test_an_index_is_cached_and_a_named_one_is_a_column(tables, name):
    source = tables[0].set_index(pd.Index([f"{i:03d}" for i in range(230)], name=name))
    source.to_parquet("source.parquet", row_group_size=70)
    assert run("--chunk-rows", 100, *CHOSEN) == 0
    out = pd.read_parquet("out.parquet")
    if name is None:
        assert out.index.equals(source.index)
        assert list(out) == list(source)
    else:
        assert out["code"].tolist() == source.index.tolist()
        assert out.index.equals(pd.RangeIndex(230))


def test_a_source_without_notes_of_pandas(tables):
    table = pq.read_table("source.parquet")
    pq.write_table(table.replace_schema_metadata(None), "source.parquet")
    assert run("--chunk-rows", 100, *CHOSEN) == 0
    out = pd.read_parquet("out.parquet")
    pd.testing.assert_series_equal(out["name"], pd.read_parquet("source.parquet")["name"])
    assert (out["score"].dtype, out["small"].dtype) == (np.int64, np.float32)


def test_the_sample_is_uniform_and_bounded():
    """Every row is as likely as any other, wherever it stands, and every group has its share."""
    n = 300_000  # more than are read at a time
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"i": np.arange(n), "g": np.where(rng.random(n) < 1e-4, "rare", "many")})
    table.to_parquet("long.parquet", row_group_size=50_000)
    rows = ParquetRows(Path("long.parquet"))
    rows.sample(["i"], [], 3000, np.random.default_rng(1))
    drawn = rows.frame["i"]
    assert len(drawn) == 3000
    assert drawn.is_monotonic_increasing
    assert drawn.is_unique
    assert (drawn.index == drawn).all()
    # sixths of the file hold 500 ± 20 each: five standard deviations
    assert np.abs(np.bincount(drawn * 6 // n) - 500).max() < 100
    rows.sample(["i"], ["g"], 100, np.random.default_rng(1))
    rare = np.sum(table["g"] == "rare")
    assert rows.frame["g"].value_counts().to_dict() == {"many": 100, "rare": rare}


def test_report(capsys):
    chosen = ["--columns", "x,n,kind", "--reference-rows", 120, "--steps", 10]
    assert run("--chunk-rows", 100, *chosen) == 0
    out, err = capsys.readouterr()
    assert "out.parquet: source.parquet (230 rows), moved onto target.parquet (150 rows)" in out
    assert "  flow: 120 rows onto 120, drawn at random" in out
    whole_table = next(line.split() for line in out.splitlines() if line.startswith("whole table"))
    before, after = float(whole_table[4]), float(whole_table[6])
    assert after < 4 < 8 < before  # measured 2.4 and 19: 40 rows that the flow has not seen
    assert "2/3 of the source's rows" in " ".join(out.split())
    assert err == ""


# ------------------------------------------------------------------------------------ interruptions
@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left on device"), 2)]
)
def test_an_interrupted_run_leaves_what_was_there(monkeypatch, capsys, error, code):
    transform, calls = TableTransport.transform, []

    def fail(self, X):
        calls.append(len(X))
        if len(calls) == 3:
            assert any(name.endswith(".tmp") for name in files())
            raise error
        return transform(self, X)

    Path("out.parquet").write_text("precious\n")
    before = files()
    monkeypatch.setattr(TableTransport, "transform", fail)
    assert run("--chunk-rows", 50, *CHOSEN) == code
    assert calls == [50, 50, 50]
    assert files() == before
    assert Path("out.parquet").read_text() == "precious\n"
    assert capsys.readouterr().err.count("\n") == (code == 2)


def test_an_interrupt_at_the_end_leaves_what_was_there(monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    before = files()
    monkeypatch.setattr(os, "replace", interrupt)
    assert run("--chunk-rows", 50, *CHOSEN) == 130
    assert files() == before


# ---------------------------------------------------------------------------------------- bad input
BAD = {
    "no such file": (["gone.parquet", "target.parquet"], "cannot read gone.parquet: "),
    "not Parquet": (["text.parquet", "target.parquet"], "text.parquet is not a Parquet file"),
    "a source of text": (["source.csv", "target.parquet"], "takes Parquet, which source.csv is"),
    "a target of text": (["source.parquet", "source.csv"], "takes Parquet, which source.csv is"),
    "no rows": (["empty.parquet", "target.parquet"], "empty.parquet has no rows"),
    "cut": (["cut.parquet", "target.parquet"], "cut.parquet is not a Parquet file"),
    "damaged": (["damaged.parquet", "target.parquet"], "cannot read damaged.parquet"),
    "missing values": (
        ["holes.parquet", "target.parquet", "--by", "n"],
        r"holes.parquet \(rows 1-230\) has missing .*'n' \(1\), .* row 201: remove .*--ignore",
    ),
    "missing values in the target": (
        ["source.parquet", "holes.parquet", "--by", "n"],
        r"holes.parquet \(rows 1-230\) has missing .*'n' \(1\)",
    ),
    "text for numbers": (["words.parquet", "target.parquet"], "source's column 'x' does not fit"),
    "no rows at a time": (["--chunk-rows", "0"], "--chunk-rows: must be a whole number"),
    "few rows": (["--reference-rows", "9"], "--reference-rows: must be a whole number from 10"),
    "unknown group": (
        ["groups.parquet", "target.parquet", "--columns", "x", "--by", "kind"],
        r"group\(s\) 'pie' of by=\['kind'\]",
    ),
}


@pytest.mark.parametrize(("args", "message"), BAD.values(), ids=BAD)
def test_bad_input(tables, args, message, capsys):
    """One line on standard error, exit code 2, and no file is touched."""
    source = tables[0]
    Path("text.parquet").write_text("x,n\n1,2\n")
    Path("source.csv").write_text("x,n\n1,2\n")
    source[:0].to_parquet("empty.parquet")
    bits = Path("source.parquet").read_bytes()
    Path("cut.parquet").write_bytes(bits[:-30])
    Path("damaged.parquet").write_bytes(bits[:4] + b"\xff" * 2000 + bits[2004:])
    n = source["n"].astype("float64").where(source.index != 200)  # in the last row group only
    pq.write_table(
        pa.Table.from_pandas(source.assign(n=n), schema=pa.Schema.from_pandas(source)),
        "holes.parquet",
    )
    source.assign(x="far").to_parquet("words.parquet")
    source.assign(kind=source["kind"].replace("bun", "pie")).to_parquet("groups.parquet")
    before = files()
    chosen = [*([] if "--by" in args else ["--columns", "x,n"]), *QUICK]
    assert run(*args, *([] if "--chunk-rows" in args else ["--chunk-rows", 50]), *chosen) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("skflow: error: ")
    assert err.count("\n") == 1
    assert pd.Series([err]).str.contains(message).all(), err
    assert files() == before


def test_options_and_formats_that_do_not_go_together(capsys):
    assert run("--reference-rows", 100, *CHOSEN) == 2
    assert "--reference-rows goes with --chunk-rows" in capsys.readouterr().err
    assert run("--chunk-rows", 100, *CHOSEN, out="out.csv") == 2
    assert "--chunk-rows takes Parquet, which out.csv is not" in capsys.readouterr().err
    assert files() == {"source.parquet", "target.parquet"}


# ------------------------------------------------------------------------------------ a frozen flow
@pytest.fixture
def frozen(tables):
    flow = SDFlowSampler(n_steps=4)
    transport = TableTransport(flow, columns=COLUMNS, random_state=0)
    return transport.fit(tables[1], X_source=tables[0][:80])


def test_a_row_moves_on_its_own(frozen, tables):
    """In any subset, order or chunk, whatever its columns hold."""
    source = tables[0]
    moved = frozen.transform(source)
    rows = np.random.default_rng(0).permutation(230)
    for part in (rows, rows[:1], rows[:57], np.arange(100, 230)):
        alone = frozen.transform(source.iloc[part])
        pd.testing.assert_frame_equal(alone, moved.iloc[part], check_exact=True)


@pytest.mark.filterwarnings("ignore:source's column 'kind' has values that the target")
def test_equal_rows_are_dithered_apart():
    """Atoms of a column are spread over the target's, by the labels of their rows."""
    source = pd.DataFrame({"kind": np.repeat(["bun", "roll"], 500)})
    target = pd.DataFrame({"kind": np.tile(["pie", "tart", "flan", "cake"], 50)})
    transport = TableTransport(SDFlowSampler(n_steps=10), random_state=0)
    transport.fit(target, X_source=source)
    shares = transport.transform(source)["kind"].value_counts(normalize=True)
    assert len(shares) == 4
    assert shares.min() > 0.1
    same_label = transport.transform(source.set_index(np.zeros(1000, int)))["kind"]
    assert same_label.nunique() == 4


def test_reference_rows_arrive_where_the_flow_brought_them(tables):
    """``whole`` is taken out of its wrapping, and groups have flows of their own."""
    source, target = tables
    for by in (None, "kind"):
        columns = [name for name in COLUMNS if name != by]
        make = TableTransport(SDFlowSampler(n_steps=4), columns=columns, by=by, random_state=0)
        moved = make.fit(target, X_source=source).transform(source)
        again = make.fit(target, X_source=whole(source)).transform(source)
        pd.testing.assert_frame_equal(moved, again, check_exact=True)
        assert all(flow.source_ is not None for flow in make.flows_.values())
    pd.testing.assert_frame_equal(make.fit_transform(target, X_source=source), target)
    some = source[source["kind"] != "bun"]
    with pytest.raises(ValueError, match=r"X_source has no rows of the group\(s\) 'bun'"):
        make.fit(target, X_source=some)
    with pytest.raises(ValueError, match=r"'bun' of by=\['kind'\], which the target does not"):
        make.fit(target[target["kind"] != "bun"], X_source=source)


def test_on_dask(frozen, tables):
    dask = pytest.importorskip("dask")
    dataframe = pytest.importorskip("dask.dataframe")
    source = tables[0]
    moved = frozen.transform(source)
    with dask.config.set({"scheduler": "threads", "dataframe.convert-string": False}):
        rows = dataframe.from_pandas(source, npartitions=5)
        on_dask = rows.map_partitions(frozen.transform, meta=moved[:0]).compute()
    pd.testing.assert_frame_equal(on_dask, moved, check_exact=True)
