"""A table that is moved onto itself stays as it is, up to rounding, whatever its columns hold."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from skflow import TableTransport

ROUNDING = 1e-8  # standard deviations; a value is taken for the target's within 1e-9 of one

LEVELS = ["low", "mid", "high"]
ANY = st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-100)  # squares do not underflow
DAY = st.dates(dt.date(1950, 1, 1), dt.date(2050, 1, 1))
INSTANT = st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2050, 1, 1))


def column(dtype=None):
    """Make a column of values."""
    return lambda values: pd.Series(values, dtype=dtype)


def zoned(values):
    return (
        pd.Series(values, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    )


COLUMNS = {  # the values, and what makes a column of them
    "numbers": (ANY, column("float64")),
    "skewed": (st.floats(-3, 12).map(lambda v: float(np.exp(v))), column("float64")),
    "zero-inflated": (st.just(0.0) | st.floats(0.1, 1e4), column("float64")),
    "float32": (st.floats(-10, 10, width=32), column("float32")),
    "cents": (st.integers(0, 10**5).map(lambda v: v / 100), column("float64")),
    "integers": (st.integers(-(10**6), 10**6), column("int64")),
    "small integers": (st.integers(-128, 127), column("int8")),
    "codes with gaps": (st.sampled_from([-1, 1, 2, 7, 999]), column("int64")),
    "booleans": (st.booleans(), column("bool")),
    "categories": (st.sampled_from(LEVELS), column(pd.CategoricalDtype(LEVELS))),
    "ordered": (st.sampled_from(LEVELS), column(pd.CategoricalDtype(LEVELS, ordered=True))),
    "days": (DAY, column(object)),
    "instants": (INSTANT, column("datetime64[us]")),
    "time zone": (INSTANT, zoned),
    "durations": (st.timedeltas(dt.timedelta(-99), dt.timedelta(99)), column("timedelta64[us]")),
    "decimals": (st.integers(-(10**6), 10**6).map(lambda v: Decimal(v) / 100), column(object)),
    "nullable": (st.none() | st.integers(0, 50), column("Int64")),
    "gaps": (st.none() | ANY, column("float64")),
    "booleans with gaps": (st.none() | st.booleans(), column("boolean")),
    "text with gaps": (st.none() | st.sampled_from("xyz"), column(object)),
    "text codes": (st.integers(0, 99).map("{:05d}".format), column("str")),
    "many levels": (st.integers(0, 10**4).map("shop {}".format), column("str")),
}


@st.composite
def tables(draw):
    """A few columns, of too few rows to match marginals, or of more."""
    n = draw(st.sampled_from([5, 40]))
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
    return pd.DataFrame({name: draw_column(draw, name, n) for name in names})


def draw_column(draw, name, n):
    values, make = COLUMNS[name]
    return make(draw(st.lists(values, min_size=n, max_size=n)))


def moved_onto_itself(table, *, is_frozen):
    transport = TableTransport(random_state=0).fit(table, X_source=table if is_frozen else None)
    return transport.transform(table)


def check_same(moved, table):
    for name in table:
        if table[name].dtype.kind == "f" and name != "nullable":
            assert moved[name].dtype == table[name].dtype
            assert moved[name].isna().equals(table[name].isna())
            x, y = (t[name].dropna().to_numpy(np.float64) for t in (table, moved))
            np.testing.assert_allclose(y, x, rtol=0, atol=ROUNDING * np.std(x) if len(x) else 0)
        else:
            pd.testing.assert_series_equal(moved[name], table[name], check_exact=True)


bounded = settings(
    max_examples=30,
    derandomize=True,
    phases=[Phase.generate],  # to shrink a failure takes minutes
    deadline=None,
    database=None,
)


@pytest.mark.parametrize("name", COLUMNS)
@settings(bounded, max_examples=6)
@given(data=st.data())
def test_every_kind_of_column_rests(name, data):
    table = pd.DataFrame({name: draw_column(data.draw, name, 40)})
    check_same(moved_onto_itself(table, is_frozen=False), table)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of five rows, which are few
@bounded
@given(table=tables(), is_frozen=st.booleans())
def test_columns_rest_together(table, is_frozen):
    check_same(moved_onto_itself(table, is_frozen=is_frozen), table)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(bounded, max_examples=15)
@given(table=tables())
def test_frames_of_polars_rest(table):
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(table)
    moved = moved_onto_itself(frame, is_frozen=False)
    assert moved.schema == frame.schema
    # old polars tells pandas only of the categories that occur
    text = polars.col(polars.Categorical).cast(polars.String)
    check_same(*(table.with_columns(text).to_pandas() for table in (moved, frame)))


@pytest.mark.parametrize(
    "values",
    [
        [*[0.0] * 38, 1.0, 4.6e-27],  # of which two have one coordinate
        [*[1.0] * 20, 1 + 2e-16, 1 + 1e-12, 1.002, *np.geomspace(2, 1e5, 17)],
        [0.0, 0.0, 0.0, 1.0, 32.03125],  # a grid that values miss by a thousandth of a step
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_that_are_hard_to_tell_apart_rest(values):
    table = pd.DataFrame({"numbers": values})
    check_same(moved_onto_itself(table, is_frozen=False), table)
