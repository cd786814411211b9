"""How good is a result: fit, copying and scrambling, measured and as a table of plain text.

A flow is always nearer to the rows that it was fitted to than to fresh ones. So the figures for a
result come from runs of their own, each fitted without the target rows that it is measured against.
"""

from __future__ import annotations

import textwrap
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skflow._utils import progress
from skflow.cli._differences import pvalues, sentences
from skflow.cli._shell import visible
from skflow.generators import BaseGenerator
from skflow.tabular import TableEncoder, TableTransport
from skflow.tabular._measures import (
    MAX_ROWS,
    NOTHING,
    Quality,
    Strata,
    blocks_of,
    distances_to,
    measure,
    quality_of,
)
from skflow.tabular._tells import tell_apart

if TYPE_CHECKING:
    import pandas

__all__ = ["MIN_ROWS", "as_text", "compare_quality", "groups_to_reach", "transport_quality"]

MIN_ROWS = 60  # rows of a target that can spare some of them
CLASSIFIED = 3  # of the runs, by a classifier
RUNS = (3, 20)  # least and most runs; small tables get more, because chance rules their splits

CONSTANT = Quality("No report: all columns are constant in the target.")


def transport_quality(
    transport: TableTransport,
    target: pandas.DataFrame,
    source: pandas.DataFrame | None = None,
    *,
    n_samples: int = MAX_ROWS,
    is_frozen: bool = False,
    ask_classifier: bool = False,
    seed: int = 0,
) -> Quality:
    """Measure how well the settings of a transport do on target rows that they were not fitted to.

    Parameters
    ----------
    transport : TableTransport
        A fitted transport.
    target : DataFrame
        The target.
    source : DataFrame, default=None
        The source; without it samples are looked at.
    n_samples : int, default=5000
        The number of samples.
    is_frozen : bool, default=False
        Whether source rows are moved each on its own, through the flow of others.
    ask_classifier : bool, default=False
        Whether a classifier is to tell rows from those that are held out.
    seed : int, default=0
        Chooses the rows that are held out.

    Returns
    -------
    quality : Quality
        The figures, or why there are none.
    """
    for name, table in {"target": target, "source": source if is_frozen else None}.items():
        if table is not None and len(table) < MIN_ROWS:
            return Quality(f"No report: {len(table)} {name} rows are too few to hold any out.")
    rng = np.random.default_rng(seed)
    encoder = transport.encoder_
    if encoder.width == 0:
        return CONSTANT
    n_runs = int(np.clip(MAX_ROWS // max(len(target), 0 if source is None else len(source)), *RUNS))
    if isinstance(transport.flow, BaseGenerator):
        n_runs = RUNS[0]  # it takes its time to train
    steps = progress(range(n_runs), total=n_runs, verbose=transport.verbose, label="report")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of these runs there is nothing new to say
        runs = [_run(transport, target, source, n_samples, is_frozen, rng) for _ in steps]
    figures = {name: np.mean([run[name] for run, _ in runs], axis=0) for name in runs[0][0]}
    telling = None
    if ask_classifier:
        pairs = [pair for _, pair in runs[:CLASSIFIED]]
        telling = tell_apart(pairs, blocks_of(encoder), rng)
    clouds = ["after"] if source is None else ["before", "after"]
    method = _method(transport, n_runs, is_frozen, target, source)
    return quality_of(encoder, clouds, figures, method, is_held_out=True, telling=telling)


def _method(transport: TableTransport, n_runs: int, is_frozen: bool, *tables: Any) -> str:
    """How the figures of some runs came about."""
    parts = [
        f"Means of {n_runs} further runs, each fitted to a random 2/3 of the target's rows and "
        "measured against the other 1/3."
    ]
    if is_frozen:
        parts.append("What was made of 2/3 of the source's rows moved the other 1/3.")
    if transport.by_:
        groups = ", ".join(map(visible, transport.by_))
        parts.append(f"Distances are within the groups of {groups}.")
    return " ".join([*parts, _capped(*tables)])


def _run(
    transport: TableTransport,
    target: pandas.DataFrame,
    source: pandas.DataFrame | None,
    n_samples: int,
    is_frozen: bool,
    rng: np.random.Generator,
) -> tuple[dict[str, NDArray], tuple[NDArray, NDArray]]:
    """Fit to some target rows, and measure against others; also return what was measured."""
    by = transport.by_
    train, test = _split(_some(target, rng), by)
    model, strata, before = _again(transport), None, None
    if is_frozen and source is not None:
        reference, source = _split(_some(source, rng), by)
        train = of_groups(train, reference, by)
        model.fit(train, X_source=of_groups(reference, train, by))
    else:
        model.fit(train)
    if source is None:
        after = model.sample(min(max(n_samples, len(test)), MAX_ROWS))
    else:
        source = _some(source, rng)
        if by:
            source = of_groups(source, train, by)
            strata = _strata(source, test, by)
        after = model.transform(source)
        before = transport.encode(source)
    Z, X, Y = (transport.encode(table) for table in (after, train, test))
    figures = measure(transport.encoder_, before, Z, X, Y, strata, rng)
    return figures, (Z, Y) if strata is None else _balanced(Z, Y, strata)


def _again(transport: TableTransport) -> TableTransport:
    """The same, not fitted; where there are no groups, with the last bandwidth that it found."""
    model = clone(transport).set_params(verbose=0)
    if not transport.by_:
        (flow,) = map(clone, transport.flows_.values())
        quiet = {"verbose": 0} if "verbose" in flow.get_params() else {}
        model.set_params(flow=flow.set_params(**quiet))
    return model


def _balanced(Z: NDArray, Y: NDArray, strata: Strata) -> tuple[NDArray, NDArray]:
    """As many rows of either table in every group: a classifier must not see its share."""
    counts = [min(len(i), len(j)) for i, j in strata]
    kept = [(i[:n], j[:n]) for n, (i, j) in zip(counts, strata, strict=True)]
    here, there = (np.concatenate(rows) for rows in zip(*kept, strict=True))
    return Z[here], Y[there]


def _split(table: pandas.DataFrame, by: list) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Hold out a third of every group's rows."""
    rank = table.groupby(by, observed=True).cumcount() if by else np.arange(len(table))
    held_out = np.asarray(rank) % 3 == 2
    return table[~held_out], table[held_out]


def of_groups(table: pandas.DataFrame, other: pandas.DataFrame, by: list) -> pandas.DataFrame:
    """Rows of the groups that another table has: no other can be moved."""
    return table[table.set_index(by).index.isin(other.set_index(by).index)] if by else table


def groups_to_reach(
    target: pandas.DataFrame, source: pandas.DataFrame, by: list
) -> pandas.DataFrame:
    """Target rows of the groups that the source has; all if it has none, which is an error later.

    Groups without a source have nothing to move, and a flow that is made of both sides needs both.

    Parameters
    ----------
    target, source : DataFrame
        The tables.
    by : list
        The columns that make groups.

    Returns
    -------
    rows : DataFrame
        Some of the target's.
    """
    kept = of_groups(target, source, by)
    return kept if len(kept) else target


def compare_quality(
    columns: list,
    first: pandas.DataFrame,
    second: pandas.DataFrame,
    after: pandas.DataFrame | None = None,
    *,
    seed: int = 0,
) -> tuple[TableEncoder, Quality]:
    """Measure how far apart two tables are, and what moving the first one changed.

    Parameters
    ----------
    columns : list
        The columns that count.
    first, second : DataFrame
        The tables.
    after : DataFrame, default=None
        The first table, moved.
    seed : int, default=0
        Chooses the rows of large tables.

    Returns
    -------
    encoder : TableEncoder
        The columns as coordinates.
    quality : Quality
        The figures, or why there are none.
    """
    encoder = TableEncoder(second, columns, other=True)
    if encoder.width == 0:
        return encoder, CONSTANT
    rng = np.random.default_rng(seed)
    kept = rng.permutation(len(first))[:MAX_ROWS]
    Y = encoder.encode(_some(second, rng), name="B")
    Z = encoder.encode(first.iloc[kept], name="A")
    capped = _capped(first, second)
    if after is None:
        p = pvalues(Z, Y, list(blocks_of(encoder).values()), seed)
        figures = {"distances": distances_to(encoder, [Z], Y), "pvalues": p}
        method = " ".join([*sentences(Z, Y, p[0]), capped])
        return encoder, quality_of(encoder, ["distance"], figures, method)
    moved = encoder.encode(after.iloc[kept], name="C")
    figures = measure(encoder, Z, moved, Y, None, None, rng)
    advice = "If C was fitted to these very rows of B, it is nearer to them than to fresh ones."
    quality = quality_of(encoder, ["before", "after"], figures, f"{advice} {capped}")
    return encoder, quality


def _strata(source: pandas.DataFrame, test: pandas.DataFrame, by: list) -> Strata:
    """Positions of every group's rows in both tables, where there are enough."""
    here, there = (table.groupby(by, observed=True).indices for table in (source, test))
    shared = [group for group in here if len(there.get(group, ())) > 1]
    return [(np.asarray(here[group]), np.asarray(there[group])) for group in shared]


def _some(table: pandas.DataFrame, rng: np.random.Generator) -> pandas.DataFrame:
    return table.iloc[rng.permutation(len(table))[:MAX_ROWS]]


# -------------------------------------------------------------------------------------------- text
def as_text(quality: Quality) -> str:
    """Return what was measured as several lines.

    Parameters
    ----------
    quality : Quality
        The figures, or why there are none.

    Returns
    -------
    text : str
        An aligned table, and sentences below it.
    """
    figures = quality.figures
    if not figures:
        return _wrap(quality.method)
    names = ["whole table", *(f"  {visible(name)}" for name in quality.columns)]
    lines = ["", *_table(names, quality), ""]
    if "copy" in figures:
        copy, *fresh = figures["copy"]
        known = f"{fresh[0]:.2f}" if fresh else "about 1"
        lines.append(f"copy     {copy:5.2f}   0 for copies of target rows, {known} for fresh rows")
    if "scramble" in figures:
        ratio, random = figures["scramble"]
        known = f"{random:.2f}" if random < 100 else "more"  # infinite where nothing has moved
        lines.append(f"scramble {ratio:5.2f}   1 for the shortest way, {known} at random")
    if quality.constant:
        constant = ", ".join(map(visible, quality.constant))
        lines.append(_wrap(f"Constant in the target: {constant}."))
    return "\n".join([*lines, _wrap(quality.method)]).rstrip()


def _table(names: list[str], quality: Quality) -> list[str]:
    """Lines of floors, distances and their ratios, and of p-values if there are any."""
    distances = quality.figures["distances"]
    floors = distances[distances[:, 0] > NOTHING, 0]
    decimals = int(np.clip(2 - np.floor(np.log10(min(floors, default=1.0))), 4, 8))
    width = min(max(map(len, ["energy distance", *names])), 30)
    titles = ["floor", *(title for cloud in quality.clouds for title in (cloud, "x floor"))]
    lines = ["energy distance".ljust(width) + "".join(f"{title:>11}" for title in titles)]
    for name, (floor, *line), ratios in zip(names, distances, quality.ratios, strict=True):
        name = name if len(name) <= width else f"{name[: width - 1]}~"
        multiples = ["-" if np.isnan(ratio) else _cell(ratio, 2).strip() for ratio in ratios]
        cells = [f"{_cell(v, decimals)}{r:>11}" for v, r in zip(line, multiples, strict=True)]
        lines.append(f"{name:{width}}{_cell(floor, decimals)}{''.join(cells)}")
    if "pvalues" in quality.figures:
        cells = [f"{'p':>9}", *(f"{p:9.3f}" for p in quality.figures["pvalues"])]
        lines = [f"{line}{cell}" for line, cell in zip(lines, cells, strict=True)]
    return lines


def _cell(value: float, decimals: int) -> str:
    """Eleven characters, of which the first is blank."""
    cell = f"{value:11.{decimals}f}"
    return cell if cell[0] == " " else f"{value:11.3g}"


def _wrap(text: str) -> str:
    return textwrap.fill(text, 80)


def _capped(*tables: Any) -> str:
    if all(table is None or len(table) <= MAX_ROWS for table in tables):
        return ""
    return f"All figures are of at most {MAX_ROWS} rows of a table, chosen at random."
