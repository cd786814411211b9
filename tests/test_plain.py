"""What is stored of a fitted table: nothing that only pickle could write, and nothing is lost."""

import datetime as dt
import pickle
import re
from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from skflow import TableTransport
from skflow.tabular._plain import plain, restored

OSLO = ZoneInfo("Europe/Oslo")
VALUES = [
    {"a": 1, ("type", "state"): [None, {}]},
    {"type": "date", "state": [2024, 1, 1]},
    [1, (2.5, "x", b"y", True)],
    dt.date(2024, 2, 29),
    dt.time(23, 59, 1, 7, tzinfo=dt.timezone.utc),
    dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=OSLO),
    dt.timedelta(-1, 2, 3),
    dt.timezone(dt.timedelta(hours=2), "two"),
    Decimal("1.50"),
    OSLO,
    pd.NA,
    pd.NaT,
    pd.Timestamp("2024-10-27 00:30", tz="UTC").tz_convert(OSLO).as_unit("ms"),
    pd.Timestamp(1),
    pd.Timedelta(5, "s").as_unit("s"),
    pd.Interval(pd.Timestamp(0), pd.Timestamp(1), "left"),
    pd.Period("2024-03", "M"),
    pd.offsets.MonthEnd(),
    np.dtype("datetime64[ms]"),
    pd.CategoricalDtype([3.5, 1.0], ordered=True),
    pd.interval_range(pd.Timestamp(0), periods=2).dtype,
    pd.StringDtype("python"),
    pd.Series(["a"]).dtype,
    pd.Series([1], dtype="Float32").dtype,
    pd.DatetimeTZDtype("ms", OSLO),
    pd.PeriodDtype("Q"),
    pd.SparseDtype("int64", 7),
    pd.ArrowDtype(pa.decimal128(10, 2)),
    pd.ArrowDtype(pa.timestamp("us", "Europe/Oslo")),
]


def leaves(state) -> Iterator:
    """Whatever a state is made of at last."""
    if isinstance(state, dict):
        state = [*state, *state.values()]
    elif type(state).__module__.startswith("skflow."):
        own = getattr(state, "__getstate__", None)
        state = vars(state) if own is None else own()
        state = list(state.values())
    elif not isinstance(state, list | tuple):
        yield state
        return
    for part in state:
        yield from leaves(part)


def assert_plain(state):
    for leaf in leaves(state):
        is_array = isinstance(leaf, np.ndarray | np.generic | np.random.RandomState)
        assert is_array or leaf is None or type(leaf) in (bool, int, float, str, bytes), repr(leaf)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back(value):
    state = plain(value)
    assert_plain(state)
    back = restored(state)
    assert type(back) is type(value)
    assert repr(back) == repr(value)
    if value is not pd.NA and value is not pd.NaT:
        assert back == value


def test_what_has_no_rule_stays():
    """Pickle may still know it."""

    class Own:
        pass

    own = Own()
    assert plain([own])[0] is own
    assert restored([own])[0] is own


def test_time_zones_of_pytz():
    pytz = pytest.importorskip("pytz")
    zone = pytz.timezone("Europe/Oslo")
    assert_plain(plain(zone))
    assert restored(plain(zone)) is zone


def make_table(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    rates, county = np.random.default_rng(9).integers(1, 20, (20, 2)), rng.integers(20, size=n)
    x, midnight = rng.normal(shift, 1, n), pd.Timestamp("2024-03-30", tz=OSLO)
    return pd.DataFrame(
        {
            "group": pd.Categorical(rng.choice(["a", "b"], n)),
            "x": x,
            "count": rng.poisson(np.exp(x / 2)),
            "price": np.where(rng.random(n) < 0.2, np.nan, np.exp(x).round(2)),
            "state": pd.Categorical(rng.choice(["low", "high"], n), ["low", "high"], ordered=True),
            "type": rng.choice(list("uvw"), n),
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
            "time": (midnight + pd.to_timedelta(3600 * x, "s")).floor("s"),
            "amount": [Decimal(f"{v:.2f}") for v in x],
            "sum": x + 2,
            "area": np.exp(x).round(1) + 1,
            "rate": rates[county, 0],
            "wage": rates[county, 1],
            "cost": (np.exp(x).round(1) + 1) * rates[county, 0],
        }
    )


def fitted(by=None, is_frozen=False, library="pandas"):
    target, source = make_table(160, 0), make_table(120, 1, shift=1.0)
    if library == "polars":
        polars, _ = pytest.importorskip("polars"), pytest.importorskip("narwhals")
        target, source = polars.from_pandas(target), polars.from_pandas(source)
    transport = TableTransport(by=by, random_state=0).set_params(flow__n_steps=3)
    return transport.fit(target, X_source=source if is_frozen else None), source


every_way = pytest.mark.parametrize(
    ("by", "is_frozen", "library"),
    [(None, False, "pandas"), ("group", False, "pandas"), ("group", True, "pandas"),
     (None, False, "polars"), ("group", True, "polars")],
)  # fmt: skip


def check_same(first, second):
    assert type(first) is type(second)
    if isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    else:
        assert first.schema == second.schema
        assert first.equals(second)


def check_again(again, transport, source):
    check_same(again.transform(source), transport.transform(source))
    check_same(again.sample(20), transport.sample(20))
    assert list(again.encoders_) == list(transport.encoders_)


@every_way
def test_a_fitted_transport_is_plain(by, is_frozen, library):
    transport, source = fitted(by, is_frozen, library)
    for part in (transport, transport._groups):
        state = part.__getstate__().items()
        assert_plain({k: v for k, v in state if k not in ("flow", "_groups", "flows")})
    check_again(pickle.loads(pickle.dumps(transport)), transport, source)


@every_way
def test_skops_stores_a_fitted_transport(by, is_frozen, library):
    """With few other types to be trusted than skflow's own, and the same bits."""
    io = pytest.importorskip("skops.io")
    transport, source = fitted(by, is_frozen, library)
    data = io.dumps(transport)
    unknown = set(io.get_untrusted_types(data=data))
    assert all(name.startswith("skflow.") for name in unknown - {"numpy.dtype"}), unknown
    listed = re.findall(r"``(\w*\.?\w+)``", TableTransport.__doc__.partition("in ``unknown``")[2])
    of_tables = [name for name in unknown if name.startswith("skflow.tabular")]
    for name in of_tables:  # each is documented
        module, own = name.split(".")[-2:]
        assert f"{module}.{own}" in listed or (module == "_kinds" and own in listed), name
    check_again(io.loads(data, trusted=sorted(unknown)), transport, source)
