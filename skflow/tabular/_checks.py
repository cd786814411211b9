"""Tables and their columns: what is asked of them, and errors that name what is amiss."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow.tabular._frames import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = [
    "as_list",
    "check_complete",
    "check_finite",
    "check_frame",
    "check_known",
    "check_labels",
    "groups_of",
    "quoted",
    "shortened",
]

LONGEST_MESSAGE, SHOWN = 320, 8  # characters of a message, and names that it lists


def check_frame(X: Any, name: str) -> None:
    """Raise an error unless X is a DataFrame with rows and unique columns."""
    pandas = import_pandas()
    if not isinstance(X, pandas.DataFrame):
        raise TypeError(
            f"{name} must be a pandas DataFrame, got {type(X).__name__}: wrap an array in "
            "pandas.DataFrame(array, columns=[...]), convert another frame with .to_pandas()."
        )
    if not X.columns.is_unique:
        twice = list(dict.fromkeys(X.columns[X.columns.duplicated()]))
        raise ValueError(f"{name} has the column(s) {quoted(twice)} twice: rename or drop one.")
    if not len(X):
        raise ValueError(f"{name} has no rows.")


def check_finite(X: pandas.DataFrame, columns: list, name: str, start: int = 0) -> None:
    """Raise an error if a column has infinite values; ``start`` rows precede those of X.

    Examples
    --------
    >>> import pandas
    >>> from skflow.tabular import check_finite
    >>> table = pandas.DataFrame({"age": [31.0, None], "rate": [0.1, float("inf")]})
    >>> check_finite(table, ["age"], "target")
    >>> check_finite(table, ["rate"], "target")
    Traceback (most recent call last):
    ValueError: target has infinite values in 'rate' (1), the first in row 2: make them missing, or
    drop those rows.
    """
    found = {c: _infinite(X[c]) for c in columns}
    _refuse(found, f"{name} has infinite values", "make them missing, or drop those rows", start)


def check_complete(X: pandas.DataFrame, columns: list, name: str, start: int = 0) -> None:
    """Raise an error if a column has missing or infinite values; see `check_finite`.

    Examples
    --------
    >>> import pandas
    >>> from skflow.tabular import check_complete
    >>> table = pandas.DataFrame({"age": [31.0, None], "sex": ["f", "m"]})
    >>> check_complete(table, ["sex"], "target")
    >>> check_complete(table, ["age"], "target")
    Traceback (most recent call last):
    ValueError: target has missing or infinite values in 'age' (1), the first in row 2: drop those
    rows (dropna) or fill them in (fillna).
    """
    found = {c: X[c].isna().to_numpy(bool) | _infinite(X[c]) for c in columns}
    advice = "drop those rows (dropna) or fill them in (fillna)"
    _refuse(found, f"{name} has missing or infinite values", advice, start)


def _refuse(found: Mapping[Hashable, NDArray], complaint: str, advice: str, start: int) -> None:
    """Raise an error that names the columns with such values, how many, and the first one's row."""
    bad = {column: np.flatnonzero(rows) for column, rows in found.items()}
    bad = {column: rows for column, rows in bad.items() if len(rows)}
    if bad:
        listed = _listed([f"{column!r} ({len(rows)})" for column, rows in bad.items()])
        first = start + 1 + min(int(rows[0]) for rows in bad.values())
        raise ValueError(f"{complaint} in {listed}, the first in row {first}: {advice}.")


def _infinite(column: pandas.Series) -> NDArray:
    """Which values are infinite."""
    if column.dtype.kind != "f":
        return np.zeros(len(column), bool)
    return np.isinf(column.to_numpy(np.float64, na_value=np.nan))


def shortened(message: str) -> str:
    """A message that fits on a screen, whatever it lists."""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 4]} ..."


def quoted(names: Sequence) -> str:
    """Return names in quotes, between commas, as errors list them: the first of many."""
    return _listed([repr(name) for name in names])


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(texts[:SHOWN])
    return shown if len(texts) <= SHOWN else f"{shown} and {len(texts) - SHOWN} others"


def as_list(names: Any) -> list:
    """Names in a list, each once; a single name is one."""
    if names is None:
        return []
    if isinstance(names, str) or not isinstance(names, Iterable):
        return [names]
    return list(dict.fromkeys(names))


def groups_of(table: pandas.DataFrame, by: list) -> dict[tuple, NDArray]:
    """Positions of every group's rows, groups in order of appearance; without ``by`` one of all."""
    if not by:
        return {(): np.arange(len(table))}
    rows: dict[tuple, list[int]] = {}
    for position, group in enumerate(zip(*(table[c].tolist() for c in by), strict=True)):
        rows.setdefault(group, []).append(position)
    return {group: np.array(positions) for group, positions in rows.items()}


def check_labels(X_source: Any, y_source: ArrayLike | None) -> NDArray | None:
    """Return the source's classes, one a row; None stays None."""
    if y_source is None:
        return None
    if X_source is None:
        raise ValueError("y_source was given without X_source: give the rows that it labels.")
    labels = np.asarray(y_source)
    if labels.shape != (len(X_source),):
        raise ValueError(
            f"y_source has shape {labels.shape}, but X_source has {len(X_source)} rows: give one "
            "label a row."
        )
    return labels


def check_known(X: pandas.DataFrame, *, columns: list, by: list, condition_on: list) -> None:
    """Raise an error unless a table has the columns that parameters name, each by one of them."""
    named = {"columns": columns, "by": by, "condition_on": condition_on}
    for parameter, names in named.items():
        unknown = [name for name in names if name not in X.columns]
        if unknown:
            raise ValueError(
                f"{parameter} names {quoted(unknown)}, which the target does not have. Known: "
                f"{quoted(list(X.columns))}."
            )
    both = [name for name in columns if name in by]
    if both:
        raise ValueError(
            f"{quoted(both)} is in columns and also in by: name each column in one of them only."
        )
    both = [name for name in condition_on if name in (*columns, *by)]
    if both:
        raise ValueError(
            f"{quoted(both)} is in condition_on and also in columns or by: name each column in "
            "one of them only."
        )
    if not columns:
        raise ValueError("target has no column to move.")
