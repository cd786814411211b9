"""Frames of other libraries: to pandas and back, dtypes and untouched columns as they were."""

import datetime as dt
import pickle
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skflow.tabular._frames import to_pandas
from skflow.tabular._kinds import kind_of

pa = pytest.importorskip("pyarrow")
NOON = dt.datetime(2024, 2, 29, 12, 0, 0, 5)


@pytest.fixture(scope="module")
def polars():
    pytest.importorskip("narwhals")
    return pytest.importorskip("polars")


@pytest.fixture(scope="module")
def frame(polars):
    """One column of every dtype, each with a missing value."""
    pl = polars
    series = [
        *(pl.Series(str(t), [1, None, 3], t) for t in [pl.Int8, pl.Int64, pl.UInt8, pl.UInt64]),
        pl.Series("beyond", [2**63 - 1, None, -(2**63)]),
        *(pl.Series(str(t), [0.1, None, -2.5], t) for t in [pl.Float32, pl.Float64]),
        pl.Series("bool", [True, None, False]),
        pl.Series("text", ["a", None, "b"]),
        pl.Series("category", ["a", None, "b"], pl.Categorical),
        pl.Series("enum", ["a", None, "b"], pl.Enum(["unused", "b", "a"])),
        pl.Series("date", [NOON.date(), None, dt.date(1969, 1, 1)]),
        *(pl.Series(u, [NOON, None, NOON], pl.Datetime(u)) for u in ["ms", "us", "ns"]),
        pl.Series("zone", [NOON, None, NOON]).dt.replace_time_zone("Europe/Berlin"),
        pl.Series("duration", [dt.timedelta(1), None, dt.timedelta(0, 1)]),
        pl.Series("decimal", [Decimal("1.20"), None, Decimal("-3.45")], pl.Decimal(10, 2)),
        pl.Series("time", [dt.time(1), None, dt.time(2, 3)]),
        pl.Series("nothing", [None, None, None]),
    ]
    return pl.DataFrame(series)


def moved_like(table, source):
    """What a transport does: every column read and written by the kind of the target's."""
    columns = {c: kind_of(table[c]).write(kind_of(table[c]).read(source[c])) for c in table}
    return pd.DataFrame(columns)


# ------------------------------------------------------------------------------------------ pandas
def test_pandas_is_returned_as_it_is_and_needs_nothing_else(monkeypatch):
    monkeypatch.setitem(sys.modules, "narwhals", None)
    table = pd.DataFrame({"a": [1, 2], 3: ["x", "y"]}, index=[7, 8])
    same, restore = to_pandas(table, "target")
    assert same is table
    assert restore(table, keep=["a"]) is table
    assert restore.without_rows()(table) is table


# ------------------------------------------------------------------------------------------ polars
def test_every_dtype_of_polars_survives(frame):
    table, restore = to_pandas(frame, "target")
    assert isinstance(table, pd.DataFrame)
    assert table.shape == frame.shape
    back = restore(moved_like(table, table))
    assert back.schema == frame.schema
    assert back.equals(frame)


def test_missing_values_are_seen(frame):
    table, _ = to_pandas(frame, "target")
    assert table.isna().sum().tolist() == list(frame.null_count().row(0))


def test_untouched_columns_are_the_frame_s_own(frame, polars):
    further = frame.with_columns(
        list=polars.Series([[1], None, [2, 3]]), struct=polars.struct("text", "bool")
    )
    table, restore = to_pandas(further, "source")
    keep = ["list", "struct", "Int8"]
    moved = table.iloc[:, ::-1].assign(Int64=np.array([7, 8, 9]))
    back = restore(moved, keep=keep)
    assert back.columns == list(moved.columns)
    assert back.select(keep).equals(further.select(keep))
    assert back.schema["Int64"] == polars.Int64
    assert back["Int64"].to_list() == [7, 8, 9]


def test_moved_columns_get_the_target_s_dtypes(polars):
    pl = polars
    target = pl.DataFrame(
        {"level": ["low", "high"], "n": [1, 2], "day": [dt.date(2024, 1, 1)] * 2},
        schema={"level": pl.Enum(["low", "high"]), "n": pl.Int8, "day": pl.Date},
    )
    source = pl.DataFrame({"n": [1.0, 2.0], "id": [5, 6], "day": [NOON] * 2, "level": ["low"] * 2})
    table, of_target = to_pandas(target, "target")
    other, restore = to_pandas(source, "source")
    moved = other.assign(**moved_like(table, other))
    like = pickle.loads(pickle.dumps(of_target.without_rows()))
    back = restore(moved, keep=["id"], like=like)
    assert back.columns == source.columns
    assert {c: back.schema[c] for c in target.columns} == dict(target.schema)
    assert back["id"].equals(source["id"])
    sample = like(moved_like(table, table).iloc[[0, 1, 0]])
    assert sample.schema == target.schema
    assert len(sample) == 3


def test_the_target_may_be_of_another_library(polars):
    target = pd.DataFrame({"k": ["a", "b"], "x": [0.5, 1.5]})
    source = polars.DataFrame({"x": [1, 2], "k": ["b", "a"]})
    table, restore = to_pandas(source, "source")
    moved = table.assign(**moved_like(target, table))
    back = restore(moved, like=to_pandas(target, "target")[1])
    assert back.equals(polars.DataFrame({"x": [1.0, 2.0], "k": ["b", "a"]}))


def test_tables_of_arrow():
    pytest.importorskip("narwhals")
    pandas = pd.DataFrame({"a": [1, 2]}, index=pd.Index([5, 6], name="i"))  # named in metadata
    frame = pa.Table.from_pandas(pandas).append_column("d", pa.array([NOON.date()] * 2))
    table, restore = to_pandas(frame, "target")
    assert list(table.columns) == ["a", "i", "d"]
    back = restore(moved_like(table, table), keep=["a"])
    assert back.equals(frame)


# ---------------------------------------------------------------------------------------- bad input
class Other:
    columns = ("a",)

    def to_pandas(self):
        return pd.DataFrame({"a": [1.0]})


@pytest.mark.parametrize("given", [Other(), np.ones((2, 2)), [[1]], None, pd.Series([1])])
def test_what_is_no_frame(given):
    message = f"source must be a pandas or polars DataFrame, got {type(given).__name__}: wrap an "
    with pytest.raises(TypeError, match=message + r"array in .*columns=.*convert .* \.to_pandas\("):
        to_pandas(given, "source")


def test_lazy_frames_and_series_of_polars(frame):
    with pytest.raises(TypeError, match=r"got LazyFrame: call \.collect\(\) on it\.$"):
        to_pandas(frame.lazy(), "target")
    with pytest.raises(TypeError, match="got Series: wrap"):
        to_pandas(frame["bool"], "target")


def test_narwhals_is_asked_for_when_it_is_needed(frame, monkeypatch):
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(ImportError, match=r"target is a frame of polars.*pip install .*polars"):
        to_pandas(frame, "target")
