"""The columns of tables of any kind, as numbers or as values with shares."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "columns_of", "read_columns"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Floats, dates and durations as their numbers (ns); or objects.
    kind : {"number", "date", "duration", "category"}
        What they are.
    is_missing : ndarray of bool of shape (n_rows,)
        Which values are missing.
    weight : ndarray of shape (n_rows,)
        The rows' weights, summing to one.
    """

    values: NDArray
    kind: str
    is_missing: NDArray
    weight: NDArray

    @property
    def present(self) -> NDArray:
        """The values that are not missing."""
        return self.values[~self.is_missing]

    @property
    def present_weight(self) -> NDArray:
        """Their weights."""
        return self.weight[~self.is_missing]

    @property
    def missing_share(self) -> float:
        """The share of missing values."""
        return float(self.weight[self.is_missing].sum())

    def shares(self) -> dict[Any, float]:
        """The share of every value in all rows, the missing ones left out."""
        found: dict[Any, float] = {}
        for value, w in zip(self.present.tolist(), self.present_weight.tolist(), strict=True):
            found[value] = found.get(value, 0.0) + w
        return found


def columns_of(table: Any) -> list[Hashable]:
    """Return the names of a table's columns; those of an array are their numbers."""
    return list(table.columns) if hasattr(table, "columns") else list(range(np.shape(table)[1]))


def read_columns(
    tables: Mapping[str, Any],
    columns: Sequence[Hashable] | None,
    weights: Mapping[str, NDArray | None],
) -> dict[Hashable, dict[str, Column]]:
    """Return the columns that tables share, by name and table."""
    frames = {name: t.to_pandas() if hasattr(t, "to_pandas") else t for name, t in tables.items()}
    known = {name: columns_of(frame) for name, frame in frames.items()}
    last = list(known.values())[-1]
    chosen = [c for c in last if all(c in names for names in known.values())]
    if columns is not None:
        chosen = list(columns)
        absent = {n: [c for c in chosen if c not in names] for n, names in known.items()}
        for name, missing in absent.items():
            if missing:
                raise ValueError(f"columns names {missing}, which the table '{name}' has not.")
    if not chosen:
        raise ValueError(f"the tables {', '.join(frames)} have no column in common.")
    return {
        c: _alike({n: _read(frame, c, weights.get(n)) for n, frame in frames.items()})
        for c in chosen
    }


def _read(frame: Any, name: Hashable, weight: NDArray | None) -> Column:
    by_name: Any = frame if hasattr(frame, "columns") else np.asarray(frame).T
    column = by_name[name]
    kind = getattr(column.dtype, "kind", "O")
    n = len(column)
    share = np.full(n, 1 / n) if weight is None else np.asarray(weight) / np.sum(weight)
    if kind in "mM" and hasattr(column, "isna"):
        is_missing = column.isna().to_numpy()
        naive = column.dt.tz_convert(None) if getattr(column.dtype, "tz", None) else column
        values = naive.to_numpy().astype(f"{kind}8[ns]").astype(np.int64).astype(float)
        return Column(values, "date" if kind == "M" else "duration", is_missing, share)
    if kind in "iuf":
        number = column.to_numpy(np.float64, na_value=np.nan) if hasattr(column, "isna") else column
        values = np.asarray(number, dtype=np.float64)
        return Column(values, "number", np.isnan(values), share)
    values = np.asarray(column, dtype=object)
    is_missing = column.isna().to_numpy() if hasattr(column, "isna") else values == None  # noqa: E711
    return Column(values, "category", is_missing, share)


def _alike(parts: dict[str, Column]) -> dict[str, Column]:
    """The same column of all tables, as categories if it is one of them anywhere."""
    if len({part.kind for part in parts.values()}) == 1:
        return parts
    return {
        name: Column(part.values.astype(object), "category", part.is_missing, part.weight)
        for name, part in parts.items()
    }
