"""State of fitted tables as lists, numbers, text and arrays, which need no pickle to be stored.

``plain`` writes what pandas and Python's calendar have classes for, such as dtypes, time zones and
dates, as ``{"type": name, "state": …}``, and ``restored`` reads it. A file of skops can then be
loaded with no other type to be trusted than those of skflow. What has no `Rule` stays as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from skflow.tabular._frames import import_pandas

__all__ = ["PlainState", "plain", "restored"]


@dataclass(frozen=True)
class Rule:
    """How the objects of a class are written, and read again.

    Parameters
    ----------
    fits : callable
        Whether an object is one of them.
    write : callable
        From the object to its state.
    read : callable
        From the state to the object.
    """

    fits: Callable[[Any], bool]
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _exactly(cls: type, write: Callable, read: Callable) -> Rule:
    """Rule for a class, but none that is derived from it."""
    return Rule(lambda value: type(value) is cls, write, read)


def _by_arguments(cls: Any, *names: str) -> Rule:
    """Rule for a class whose arguments are attributes of its objects."""
    return _exactly(cls, lambda v: [getattr(v, name) for name in names], lambda s: cls(*s))


def _by_name(cls: type, write: Callable[[Any], str], read: Callable[[str], Any]) -> Rule:
    """Rule for those objects of a class, or derived from it, whose names tell all."""

    def fits(value: Any) -> bool:
        try:
            return isinstance(value, cls) and bool(read(write(value)) == value)
        except (TypeError, ValueError):  # it is no name
            return False

    return Rule(fits, write, read)


class PlainState:
    """Base class of what is stored by its attributes, all of them plain."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes."""
        own = getattr(super(), "__getstate__", None)  # of objects from Python 3.11 on
        state = vars(self) if own is None else own()
        return {name: plain(value) for name, value in (state or {}).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes."""
        state = {name: restored(value) for name, value in state.items()}
        own = getattr(super(), "__setstate__", vars(self).update)
        own(state)


def plain(value: Any) -> Any:
    """Write an object, and whatever it holds.

    Parameters
    ----------
    value : object
        Any object.

    Returns
    -------
    state : object
        Its state, or the object itself if it has no rule.
    """
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    for name, rule in _rules().items():
        if rule.fits(value):
            return {"type": name, "state": plain(rule.write(value))}
    return value


def restored(state: Any) -> Any:
    """Read what `plain` has written.

    Parameters
    ----------
    state : object
        The state.

    Returns
    -------
    value : object
        The object.
    """
    if type(state) in (list, tuple):
        return type(state)(map(restored, state))
    if type(state) is dict:
        return _rules()[state["type"]].read(restored(state["state"]))
    return state


@cache
def _rules() -> dict[str, Rule]:
    """Rules by their names; the first that fits counts."""
    return {
        "dict": _exactly(
            dict, lambda v: [[*v], [*v.values()]], lambda s: dict(zip(*s, strict=True))
        ),
        "slice": _by_arguments(slice, "start", "stop", "step"),
        **_calendar_rules(),
        **_value_rules(),
        **_dtype_rules(),
    }


def _calendar_rules() -> dict[str, Rule]:
    """Dates, times and their zones, of Python."""
    return {
        "zone": Rule(
            lambda v: isinstance(v, ZoneInfo) and v.key is not None, lambda v: v.key, ZoneInfo
        ),
        "offset": _exactly(timezone, lambda v: v.__getinitargs__(), lambda s: timezone(*s)),
        "pytz zone": Rule(
            _is_of_pytz, lambda v: v.zone, lambda s: import_module("pytz").timezone(s)
        ),
        "timedelta": _by_arguments(timedelta, "days", "seconds", "microseconds"),
        "date": _by_arguments(date, "year", "month", "day"),
        "time": _exactly(time, _parts_of_time, lambda s: _timed(time, s)),
        "datetime": _exactly(
            datetime,
            lambda v: [[v.year, v.month, v.day], *_parts_of_time(v)],
            lambda s: _timed(datetime, s[1:], s[0]),
        ),
        "decimal": _exactly(Decimal, str, Decimal),
    }


def _is_of_pytz(value: Any) -> bool:
    is_of_pytz = type(value).__module__.partition(".")[0] == "pytz"
    return is_of_pytz and getattr(value, "zone", None) is not None


def _parts_of_time(value: Any) -> list:
    return [[value.hour, value.minute, value.second, value.microsecond], value.tzinfo, value.fold]


def _timed(cls: Any, state: list, day: Any = ()) -> Any:
    parts, zone, fold = state
    return cls(*day, *parts, tzinfo=zone, fold=fold)


def _value_rules() -> dict[str, Rule]:
    """Values and columns of pandas."""
    pandas = import_pandas()
    to_offset = pandas.tseries.frequencies.to_offset
    return {
        "NA": Rule(lambda v: v is pandas.NA, lambda _: None, lambda _: pandas.NA),
        "NaT": Rule(lambda v: v is pandas.NaT, lambda _: None, lambda _: pandas.NaT),
        "Timestamp": _exactly(
            pandas.Timestamp,
            lambda v: [int(v.asm8.astype("int64")), v.unit, v.tzinfo],
            lambda s: _timestamp(*s),
        ),
        "Timedelta": _exactly(
            pandas.Timedelta,
            lambda v: [int(v.asm8.astype("int64")), v.unit],
            lambda s: pandas.Timedelta(np.timedelta64(*s)),
        ),
        "Interval": _by_arguments(pandas.Interval, "left", "right", "closed"),
        "Period": _exactly(
            pandas.Period,
            lambda v: [v.ordinal, v.freq],
            lambda s: pandas.Period(ordinal=s[0], freq=s[1]),
        ),
        "frequency": _by_name(pandas.offsets.BaseOffset, lambda v: v.freqstr, to_offset),
        "Index": Rule(
            lambda v: isinstance(v, pandas.Index) and v.nlevels == 1,
            lambda v: [v.tolist(), v.dtype],
            lambda s: pandas.Index(s[0], dtype=s[1]),
        ),
        "Series": _exactly(
            pandas.Series,
            lambda v: [v.tolist(), v.dtype],
            lambda s: pandas.Series(s[0], dtype=s[1]),
        ),
    }


def _timestamp(count: int, unit: Any, zone: Any) -> Any:
    stamp = import_pandas().Timestamp(np.datetime64(count, unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def _dtype_rules() -> dict[str, Rule]:
    """Dtypes of NumPy and pandas."""
    pandas = import_pandas()
    of_text = inspect.signature(pandas.StringDtype).parameters  # one more from pandas 3 on
    return {
        "array": Rule(lambda v: isinstance(v, np.dtype), lambda v: v.str, np.dtype),
        "category": _by_arguments(pandas.CategoricalDtype, "categories", "ordered"),
        "text": _by_arguments(pandas.StringDtype, *of_text),
        "instant": _by_arguments(pandas.DatetimeTZDtype, "unit", "tz"),
        "sparse": _by_arguments(pandas.SparseDtype, "subtype", "fill_value"),
        "interval": _by_arguments(pandas.IntervalDtype, "subtype", "closed"),
        "arrow": _exactly(
            pandas.ArrowDtype,
            lambda v: _schema_bytes(v.pyarrow_dtype),
            lambda s: pandas.ArrowDtype(_arrow_type(s)),
        ),
        "dtype": _by_name(pandas.api.extensions.ExtensionDtype, str, pandas.api.types.pandas_dtype),
    }


def _schema_bytes(kind: Any) -> bytes:
    return import_module("pyarrow").schema([("x", kind)]).serialize().to_pybytes()


def _arrow_type(state: bytes) -> Any:
    pyarrow, ipc = map(import_module, ("pyarrow", "pyarrow.ipc"))
    return ipc.read_schema(pyarrow.py_buffer(state)).field(0).type
