"""Kinds of columns: read plain, written back as they were."""

import datetime as dt
import pickle
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skflow.tabular._glances import almost_numbers, looks_like_dates
from skflow.tabular._kinds import KINDS, kind_of

pa = pytest.importorskip("pyarrow")

DAY, NOON = dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 0, 0, 5)
PARIS = dt.timezone(dt.timedelta(hours=1), "Paris")
LEVELS = pd.CategoricalDtype(["unused", "low", "high"], ordered=True)


def arrow(kind):
    return pd.ArrowDtype(kind)


def whole(name):
    limits = np.iinfo(name.lower())
    return [limits.min, 3, limits.max]


# the kind, the dtype, values
COLUMNS = {
    **{d: ("integer", d, whole(d)) for d in ["int8", "uint16", "int32", "int64", "uint64"]},
    **{d: ("integer", d, whole(d)) for d in ["Int8", "UInt8", "Int64", "UInt64"]},
    **{f"{d} arrow": ("integer", f"{d}[pyarrow]", whole(d)) for d in ["int8", "int64", "uint64"]},
    "whole objects": ("integer", object, [1, -5, 2**63 - 1]),
    "sparse whole": ("integer", pd.SparseDtype("int64", 0), [0, 7, 0]),
    **{d: ("float", d, [0.1, -2.5, 1e4]) for d in ["float16", "float32", "float64", "Float32"]},
    **{d: ("float", d, [0.1, -2.5, 1e9]) for d in ["Float64", "float[pyarrow]", "double[pyarrow]"]},
    "objects": ("float", object, [0.1, 2.5, 3.5]),
    "whole and fractions": ("float", object, [1, 2.5, 3]),
    "sparse": ("float", pd.SparseDtype("float64"), [0.5, 7, 0]),
    "decimals": ("decimal", object, [Decimal("0.10"), Decimal("-12.34"), Decimal("7.00")]),
    "decimals arrow": (
        "decimal",
        arrow(pa.decimal128(6, 2)),
        [Decimal("0.10"), Decimal("9999.99")],
    ),
    **{
        f"datetime {u}": ("instant", f"datetime64[{u}]", [pd.Timestamp(DAY), pd.Timestamp(0)])
        for u in ["s", "ms", "us", "ns"]
    },
    "zone": ("instant", "datetime64[us, Europe/Berlin]", [pd.Timestamp(NOON, tz="UTC")] * 2),
    "timestamp arrow": ("instant", "timestamp[us][pyarrow]", [NOON, NOON]),
    "zone arrow": ("instant", arrow(pa.timestamp("ms", "Asia/Tokyo")), [pd.Timestamp(1, tz="UTC")]),
    "datetimes": ("instant", object, [NOON, dt.datetime(1, 1, 1), dt.datetime.max]),
    "aware datetimes": ("instant", object, [NOON.replace(tzinfo=PARIS)] * 2),
    "timestamps": ("instant", object, [pd.Timestamp(NOON), pd.Timestamp(0)]),
    "dates": ("date", object, [DAY, dt.date.min, dt.date.max, dt.date(1969, 12, 31)]),
    "dates arrow": ("date", arrow(pa.date32()), [DAY, dt.date(1969, 12, 31)]),
    "dates arrow 64": ("date", arrow(pa.date64()), [DAY, dt.date(1969, 12, 31)]),
    **{
        f"timedelta {u}": ("duration", f"timedelta64[{u}]", [pd.Timedelta(9, "s")] * 2)
        for u in ["s", "ns"]
    },
    "timedeltas": ("duration", object, [dt.timedelta(1, 2, 3), dt.timedelta(-1)]),
    "duration arrow": ("duration", "duration[us][pyarrow]", [dt.timedelta(1, 2, 3)]),
    "months": ("period", "period[M]", [pd.Period("2020-01", "M"), pd.Period("1969-01", "M")]),
    "bool": ("category", "bool", [True, False]),
    "bool, one": ("category", "bool", [True, True]),
    "boolean": ("category", "boolean", [True, False]),
    "bool arrow": ("category", "bool[pyarrow]", [True, False]),
    "bool objects": ("category", object, [True, False]),
    "sparse bool": ("category", pd.SparseDtype("bool"), [True, False]),
    **{d: ("category", d, ["a", "1", "", "é"]) for d in ["object", "string", "string[pyarrow]"]},
    "str": ("category", pd.Series(["a"]).dtype, ["a", "b"]),
    "arrow text": ("category", arrow(pa.string()), ["a", "b"]),
    "large arrow text": ("category", arrow(pa.large_string()), ["a", "b"]),
    "dictionary": ("category", arrow(pa.dictionary(pa.int32(), pa.string())), ["a", "b", "a"]),
    "bytes": ("category", object, [b"a", b"b"]),
    "times": ("category", arrow(pa.time64("us")), [dt.time(1), dt.time(2, 3)]),
    "levels": ("category", LEVELS, ["high", "low"]),
    "categories of numbers": ("category", pd.CategoricalDtype([3, 1, 2]), [1, 3]),
    "categories of dates": ("category", pd.CategoricalDtype([pd.Timestamp(0)]), [pd.Timestamp(0)]),
    "intervals": ("category", pd.interval_range(0.0, 3.0).dtype, list(pd.interval_range(0.0, 3.0))),
    "int and text": ("category", object, [1, "x", 2]),
    "bool and text": ("category", object, [True, "unknown", False]),
    "float and text": ("category", object, [1.5, "none"]),
    "tuples": ("category", object, [(1, 2), (3, 4)]),
    "bytes and text": ("category", object, [b"a", "a"]),
    "equal values": ("category", object, [1, True, "1", 1.0, "True", 0, False]),
}
SPARSE = {"Sparse[int64, 0]", "Sparse[bool, False]"}
HOLDS_NO_MISSING = re.compile("u?int\\d+|bool")

every_column = pytest.mark.parametrize("name", COLUMNS)


def column(name, *, missing=False):
    _, dtype, values = COLUMNS[name]
    if missing and (HOLDS_NO_MISSING.fullmatch(str(dtype)) or str(dtype) in SPARSE):
        pytest.skip("the dtype has no missing values")
    values = [None, *values, None] if missing else values
    index = pd.Index([f"r{i}" for i in range(len(values))], name="row")
    return pd.Series(values, index=index, name="x", dtype=dtype)


def same(first, second):
    pd.testing.assert_series_equal(first, second, check_exact=True)
    if first.dtype == object:
        assert list(map(type, first.dropna())) == list(map(type, second.dropna())) or (
            set(map(type, first.dropna())) <= {int, float}
        )


def check_round_trip(values):
    before, kind = values.copy(), kind_of(values)
    plain = kind.read(values)
    assert plain.index.equals(values.index)
    assert plain.isna().tolist() == values.isna().tolist()
    same(kind.write(plain), values)
    stored = pickle.loads(pickle.dumps(kind))
    same(stored.write(plain), values)
    same(stored.read(values), plain)
    same(values, before)
    return kind, plain


# -------------------------------------------------------------------------------------- round trips
@every_column
@pytest.mark.parametrize("missing", [False, True], ids=["complete", "missing"])
def test_what_is_read_is_written(name, missing):
    kind, plain = check_round_trip(column(name, missing=missing))
    assert kind.name == COLUMNS[name][0]
    assert kind.is_number == (kind.name not in ("category", "missing"))
    plainest = re.compile(r"int64|uint64|float64|datetime64\[.?s\]|timedelta64\[.?s\]|object")
    nullable = re.compile(plainest.pattern + "|Int64|UInt64")
    assert (nullable if missing else plainest).fullmatch(str(plain.dtype))
    if not kind.is_number:
        assert all(v is None for v in plain[plain.isna()])


@every_column
def test_one_row(name):
    check_round_trip(column(name).iloc[:1])


@every_column
def test_no_rows(name):
    values = column(name).iloc[:0]
    same(kind_of(values).write(kind_of(values).read(values)), values)
    fitted = kind_of(column(name))
    same(fitted.write(fitted.read(values)), values)


@every_column
def test_all_missing(name):
    values = column(name, missing=True).iloc[[0, -1]]
    kind, _ = check_round_trip(values)
    assert kind.name == "missing"
    assert kind.read(pd.Series([1, 2, 3])).isna().all()
    fitted = kind_of(column(name, missing=True))
    same(fitted.write(fitted.read(values)), values)


@every_column
def test_one_kind_accepts_a_column(name):
    assert [kind.name for kind in KINDS if kind.accepts(column(name))] == [COLUMNS[name][0]]


@pytest.mark.parametrize("dtype", ["null[pyarrow]", object, "float64"])
def test_nothing_is_known_of_a_column_of_nothing(dtype):
    dtype = arrow(pa.null()) if dtype == "null[pyarrow]" else dtype
    assert check_round_trip(pd.Series([None] * 3, dtype=dtype))[0].name == "missing"


# ------------------------------------------------------------------------------------ what is plain
def test_integers_are_exact_to_64_bits():
    for dtype in ["Int64", "int64[pyarrow]", object]:
        values = pd.Series([2**63 - 1, None, -(2**63)], dtype=dtype)
        assert check_round_trip(values)[1].tolist() == [2**63 - 1, pd.NA, -(2**63)]


def test_smaller_floats_keep_their_decimals():
    values = pd.Series([0.1, 50.3, 1e-12, 3e38], dtype="float32")
    plain = kind_of(values).read(values)
    assert plain.iloc[:2].tolist() == [0.1, 50.3]
    same(kind_of(values).write(plain), values)


@pytest.mark.parametrize(
    ("values", "beyond", "written"),
    [
        (pd.Series([1, 2], dtype="uint8"), [-7, 300], [0, 255]),
        (pd.Series([1, 2], dtype="Int8"), [-700, 300], [-128, 127]),
        (pd.Series([1, 2], dtype="int16[pyarrow]"), [-7e5, 1.6], [-(2**15), 2]),
        (pd.Series([1.0], dtype="float16"), [1e9, -1e9], [65504, -65504]),
        (pd.Series([Decimal("0.5")]), [1.04, -0.04], [Decimal("1.0"), Decimal("0.0")]),
        (
            pd.Series([Decimal("9.99")], dtype=arrow(pa.decimal128(3, 2))),
            [12.0, -12.0],
            [Decimal("9.99"), Decimal("-9.99")],
        ),
    ],
)
def test_moved_values_stay_within_the_dtype(values, beyond, written):
    moved = kind_of(values).write(pd.Series(beyond, index=[5, 6]))
    same(moved, pd.Series(written, index=[5, 6], dtype=values.dtype))


def test_moved_dates_are_whole_days_and_within_the_calendar():
    kind = kind_of(pd.Series([DAY, DAY]))
    plain = np.array(["2024-01-01T13:00", "20000-01-01"], dtype="datetime64[s]")
    assert kind.write(pd.Series(plain)).tolist() == [dt.date(2024, 1, 2), dt.date.max]


def test_mixtures_tell_equal_values_apart():
    values = column("equal values")
    plain = kind_of(values).read(values)
    assert len(pd.unique(plain)) == len(values)
    assert len(pd.factorize(plain)[1]) == len(values)
    assert repr(plain.iloc[1]) == "True"
    same(kind_of(values).write(plain.iloc[::-1]), values.iloc[::-1])


# ------------------------------------------------------------------------------------------ sources
@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        (["1", "2", "3"], [1, 2, 3, 9], ["1", "2", "3", 9]),
        (["1", "2", "3"], [1.0, np.nan, 3.0], ["1", None, "3"]),
        (["1", "2", "3"], ["1", "1.0", "2"], ["1", "1.0", "2"]),
        (["01", "02", "1"], [1, 2], ["1", "02"]),
        (["1.50", "2.25"], [1.5, 2.25], ["1.50", "2.25"]),
        (["True", "False"], [True, False], ["True", "False"]),
        (["true", "false"], [True, False], ["true", "false"]),
        (["0", "1"], [True, False], ["1", "0"]),
        ([True, False], ["True", "false", "TRUE", "0"], [True, False, True, False]),
        ([True, False], [0, 1], [False, True]),
        ([True, True], [0.0, 1.0], [False, True]),
        ([True, False], ["yes", "True"], ["yes", True]),
        ([1, "x"], ["1", "x", 1.0, "y"], [1, "x", 1, "y"]),
        ([1.5, "none"], ["1.5", "none"], [1.5, "none"]),
        ([(1, 2), (3, 4)], [(3, 4), (5, 6)], [(3, 4), (5, 6)]),
        ([b"a", "a"], ["a", b"a"], ["a", b"a"]),
        (pd.Categorical([1, 2]), ["2", 1.0, "x"], [2, 1, "x"]),
        (["a", "b"], pd.Categorical(["b", None]), ["b", None]),
        (["a", "b"], pd.Series(["b", None], dtype="string"), ["b", None]),
        (["a", "a"], ["b", "b"], ["b", "b"]),  # nothing to tell apart
    ],
)
def test_categories_are_matched_by_value(target, source, expected):
    plain = kind_of(pd.Series(target)).read(pd.Series(source))
    assert plain.dtype == object
    assert [(type(v), v) for v in plain] == [(type(v), v) for v in expected]


@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        (pd.Series([1, 2]), ["1", " 2 ", "2.5"], [1, 2, 2.5]),
        (pd.Series([1, 2]), ["1", "9007199254740993"], [1, 2**53 + 1]),
        (pd.Series([1, 2]), [1.0, 2.5], [1, 2.5]),
        (pd.Series([1.5]), pd.Categorical([2, 3]), [2, 3]),
        (pd.Series([1.5]), [True, False], [1, 0]),
        (pd.Series([1.5]), [Decimal("1.1")], [1.1]),
        (pd.Series([Decimal("1.5")]), [1.25, 2], [1.25, 2]),
        (pd.Series([Decimal("1.5")]), pd.Series(["1.25"], dtype="string"), [1.25]),
        (pd.Series([1], dtype="uint64"), pd.Series([-1, None], dtype="Int8"), [-1, pd.NA]),
    ],
)
def test_numbers_are_read_from_anything_that_says_them(target, source, expected):
    plain = kind_of(target).read(pd.Series(source))
    assert plain.dtype.kind in "iuf"
    assert plain.tolist() == expected


def test_instants_are_read_in_universal_time_and_the_target_s_unit():
    berlin = pd.Series(pd.to_datetime(["2024-07-01 12:00"])).dt.tz_localize("Europe/Berlin")
    plain = kind_of(berlin).read(berlin.dt.tz_convert("Asia/Tokyo").astype("datetime64[ns, UTC]"))
    assert plain.tolist() == [pd.Timestamp("2024-07-01 10:00")]
    assert plain.dt.unit == berlin.dt.unit
    objects = pd.Series([dt.datetime(2024, 7, 1, 11, tzinfo=PARIS)], dtype=object)
    assert kind_of(berlin).read(objects).equals(plain)
    days = kind_of(pd.Series([DAY])).read(pd.Series([pd.Timestamp(NOON)]))
    assert days.tolist() == [pd.Timestamp(2024, 2, 29, 12)]
    stamps = kind_of(pd.Series([pd.Timestamp(0)])).read(pd.Series([DAY, None]))
    assert stamps.tolist() == [pd.Timestamp(DAY), pd.NaT]


AWARE = pd.Series(pd.to_datetime([0], utc=True)).astype("datetime64[ns, UTC]")

LATE = pd.Series(np.array([0, 10**12], "datetime64[s]")).dt.tz_localize("UTC")


@pytest.mark.parametrize(
    ("target", "source", "message"),
    [
        (pd.Series([1]), ["1", "big"], r"become int64: value 'big' \(row 1\) is no number"),
        (pd.Series([1.5]), [[1]], r"become float64: value \[1\] \(row 0\)"),
        (pd.Series([1.5]), ["nan"], r"value 'nan' \(row 0\) is no number"),
        (pd.Series([1.5]), [NOON], r"value 2024-02-29 12:\S+ \(row 0\) is no number"),
        (pd.Series([1.5]), ["1_000"], "'1_000'"),
        (pd.Series([NOON]), [1, 2], r"become datetime64\[.s\]: value 1 \(row 0\) is no date"),
        (pd.Series([NOON]), ["2024-01-01"], "'2024-01-01' .* is no date"),
        (pd.Series([NOON]), AWARE, r"\(row 0\) has a time zone: remove it \(.dt.tz_localize\)"),
        (AWARE, [pd.NaT, NOON], r"\(row 1\) has no time zone: add it"),
        (AWARE, [NOON.replace(tzinfo=PARIS), NOON], r"\(row 1\) has no time zone"),
        (pd.Series([DAY]), AWARE, "has a time zone"),
        (AWARE, LATE, r"\(row 1\) is out of range"),
        (pd.Series([dt.timedelta(1)]), [1.0], "value 1.0 .* is no duration"),
        (pd.Series(pd.period_range("2020", periods=2, freq="M")), [1], "no period of frequency M"),
        (
            ["a", "b"],
            [7, 8],
            r"7 \(row 0\) is not among the target's, .* rename them to 'a', 'b'$",
        ),
        (["a", "b"], [None, NOON], r"\(row 1\) is not among"),
        (["a", "b"], [["a"]], r"value \['a'\] \(row 0\) is no number, text or category"),
        (["1", "2"], [7, 8], r"dtype int64 cannot become \w+: value 7 \(row 0\) is not among"),
    ],
)
def test_what_does_not_fit_is_named(target, source, message):
    kind = kind_of(pd.Series(target))
    with pytest.raises(TypeError, match=message):
        kind.read(pd.Series(source))


def test_a_part_of_a_table_may_share_no_category():
    kind = kind_of(pd.Series(["a", "b"]))
    assert kind.read(pd.Series(["c"]), whole=False).tolist() == ["c"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Series([1j]), r"dtype complex128 cannot be moved: value 1j \(row 0\).*leave it out"),
        (pd.Series([["a"], ["b"]], index=[4, 5]), r"value \['a'\] \(row 4\) is no number, text"),
        (pd.Series([DAY, NOON], dtype=object), r"\(row 1\) has a time of day: .*to_datetime"),
    ],
)
def test_targets_that_are_of_no_kind(values, message):
    with pytest.raises(TypeError, match=message):
        kind_of(values)


# ------------------------------------------------------------------------------------ first glances
@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_text_that_pruning_paysly_all_numbers(dtype):
    values = [f"{v / 10} " for v in range(121)]
    values.insert(3, "4.2 kg")
    message = "121 of 122 distinct values are numbers; '4.2 kg' (row 3) is not"
    assert almost_numbers(pd.Series([*values, None, values[0]], dtype=dtype)) == message
    assert almost_numbers(pd.Series(values[:5], dtype=dtype)) is None  # too few
    assert almost_numbers(pd.Series(values[4:], dtype=dtype)) is None  # all of them
    assert almost_numbers(pd.Series([*values, *map(chr, range(200, 230))], dtype=dtype)) is None


def test_numbers_beside_text_count_as_numbers():
    values = pd.Series([*range(20), "none"], dtype=object, index=range(100, 121))
    assert almost_numbers(values) == "20 of 21 distinct values are numbers; 'none' (row 120) is not"
    assert almost_numbers(pd.Series([1.5, 2])) is None
    assert almost_numbers(pd.Series([[1], "a"])) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([20240229, 19991231], True),
        (pd.Series([20240229, None], dtype="Int64"), True),
        (pd.Series([20240229, None], dtype="int32[pyarrow]"), True),
        ([20240230, 19991231], False),
        ([20240229, 5], False),
        ([20240229.0], False),
        (["20240229"], False),
        ([], False),
    ],
)
def test_whole_numbers_that_are_dates(values, expected):
    assert looks_like_dates(pd.Series(values)) is expected
