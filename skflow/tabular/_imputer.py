"""What a fitted table draws given some of its values: new rows, and missing cells."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from skflow.tabular._checks import quoted
from skflow.tabular._conditional import (
    as_in_target,
    check_given,
    draw_rows_given,
    filled,
    impute_rows,
)
from skflow.tabular._frames import import_pandas, in_library, to_pandas
from skflow.tabular._group_flow import SAMPLED_ROWS

__all__ = ["impute_table", "sample_given"]

# of the flow that draws one column, of which there are many; a kernel as wide as this does not
# follow single rows
QUICK = {"n_steps": 10, "schedule": "geometric", "schedule__sigma_min": "silverman"}


def sample_given(transport: Any, n: int, rng: np.random.Generator, given: Any) -> Any:
    """Draw rows that have given values in some columns; see `TableTransport.sample`."""
    by, groups, columns = transport.by_, transport._groups, transport._names_out()
    frame = check_given(given, n, columns)
    absent = [c for c in by if c not in frame]
    if absent:
        raise ValueError(
            f"given lacks {quoted(absent)} of by={by}: every group has a flow of its own, so the "
            "group has to be given as well."
        )
    parts, kinds = [], transport._kinds
    for group, positions in groups.rows_of(frame, "given").items():
        own = groups.flows[group]
        target, weight = own.target()
        seen = [c for c in target.columns if c in frame]
        rows = as_in_target(frame.iloc[positions][seen], target, kinds)
        flow = _make_flow(transport)
        part = draw_rows_given(flow, target, weight, rows, own.encoder, rng, SAMPLED_ROWS)
        parts.append(part.set_axis(positions))
    samples = import_pandas().concat(parts).sort_index()
    for c in by:
        samples[c] = frame[c].astype(groups.labels[c].dtype)
    return in_library(transport._restore(samples[columns]), transport._output)


def impute_table(transport: Any, X: Any, rng: np.random.Generator) -> Any:
    """Draw missing values given the values of the same row; see `TableTransport.impute`."""
    X, restore = to_pandas(X, "table")
    rows = transport._check_source(X, whole=True, complete=False)
    complete, drawn = X.copy(), []
    missing = [c for c in transport._seen if X[c].isna().any()]
    for group, positions in rows.items():
        part = X.iloc[positions]
        if not part[missing].isna().to_numpy().any():
            continue
        target, weight = transport._groups.flows[group].target()
        empty = [c for c in target.columns if target[c].isna().all()]
        if empty:
            raise ValueError(
                f"the target has no value of {quoted(empty)} to draw from: leave the column "
                "out of columns=[...]."
            )
        part = part[list(target.columns)]
        some = impute_rows(
            partial(_make_quick_flow, transport), target, weight, part, transport._kinds, rng
        )
        drawn.append(some.set_axis(positions))
    if drawn:
        values = import_pandas().concat(drawn)
        for c in missing:
            complete[c] = filled(X[c], values[c])
    untouched = [c for c in X.columns if c not in missing]
    return in_library(restore(complete, keep=untouched), transport._output)


def _make_flow(transport: Any) -> Any:
    """A flow like that of the table, for rows of which some values are given."""
    flow = transport._make_flow()
    if not {"condition_on", "random_state"} <= set(flow.get_params()):
        raise ValueError(
            f"flow={type(flow).__name__} cannot draw columns given others: choose a sampler, such "
            "as SDFlowSampler()."
        )
    return flow.set_params(verbose=0)


def _make_quick_flow(transport: Any) -> Any:
    """The flow of a single column, of which there are many."""
    flow = _make_flow(transport)
    return flow if transport.flow is not None else flow.set_params(**QUICK)
