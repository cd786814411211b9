"""How good is a result: fit, copying and scrambling, as an aligned table of plain text.

A flow is always nearer to the rows that it was fitted to than to fresh ones. So the figures for a
result come from runs of their own, each fitted without the target rows that it is measured against.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skflow._utils import progress
from skflow.cli._shell import visible
from skflow.generators import BaseGenerator
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.tabular import TableEncoder, TableTransport

if TYPE_CHECKING:
    import pandas

__all__ = ["MIN_ROWS", "compare_report", "of_groups", "quality_report"]

MAX_ROWS = 5000  # rows of a table that a report looks at
MIN_ROWS = 60  # rows of a target that can spare some of them
RUNS = (3, 20)  # least and most runs; small tables get more, because chance rules their splits

CONSTANT = "No report: all columns are constant in the target."

Strata = list[tuple[NDArray, NDArray]]  # positions of rows that are compared with each other


def quality_report(
    transport: TableTransport,
    target: pandas.DataFrame,
    source: pandas.DataFrame | None = None,
    *,
    n_samples: int = MAX_ROWS,
    is_frozen: bool = False,
    seed: int = 0,
) -> str:
    """Say how well the settings of a transport do on target rows that they were not fitted to.

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
    seed : int, default=0
        Chooses the rows that are held out.

    Returns
    -------
    report : str
        Several lines.
    """
    for name, table in {"target": target, "source": source if is_frozen else None}.items():
        if table is not None and len(table) < MIN_ROWS:
            return _wrap(f"No report: {len(table)} {name} rows are too few to hold any out.")
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
    figures = {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}
    method = (
        f"Means of {n_runs} further runs, each fitted to a random 2/3 of the target's rows and "
        "measured against the other 1/3."
    )
    if is_frozen:
        method += " What was made of 2/3 of the source's rows moved the other 1/3."
    if transport.by_:
        method += f" Distances are within the groups of {', '.join(map(visible, transport.by_))}."
    clouds = ["after"] if source is None else ["before", "after"]
    return _format(encoder, clouds, figures, f"{method} {_capped(target, source)}")


def _run(
    transport: TableTransport,
    target: pandas.DataFrame,
    source: pandas.DataFrame | None,
    n_samples: int,
    is_frozen: bool,
    rng: np.random.Generator,
) -> dict[str, NDArray]:
    """Fit to some target rows, and measure against others."""
    by = transport.by_
    train, test = _split(_some(target, rng), by)
    model, strata, before = clone(transport).set_params(verbose=0), None, None
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
    return _measure(transport.encoder_, before, Z, X, Y, strata, rng)


def _split(table: pandas.DataFrame, by: list) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Hold out a third of every group's rows."""
    rank = table.groupby(by, observed=True).cumcount() if by else np.arange(len(table))
    held_out = np.asarray(rank) % 3 == 2
    return table[~held_out], table[held_out]


def of_groups(table: pandas.DataFrame, other: pandas.DataFrame, by: list) -> pandas.DataFrame:
    """Rows of the groups that another table has: no other can be moved."""
    return table[table.set_index(by).index.isin(other.set_index(by).index)] if by else table


def compare_report(
    columns: list,
    first: pandas.DataFrame,
    second: pandas.DataFrame,
    after: pandas.DataFrame | None = None,
    *,
    seed: int = 0,
) -> str:
    """Say how far apart two tables are, and what moving the first one changed.

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
    report : str
        Several lines.
    """
    encoder = TableEncoder(second, columns, other=True)
    if encoder.width == 0:
        return CONSTANT
    rng = np.random.default_rng(seed)
    kept = rng.permutation(len(first))[:MAX_ROWS]
    Y = encoder.encode(_some(second, rng), name="B")
    Z = encoder.encode(first.iloc[kept], name="A")
    capped = _capped(first, second)
    if after is None:
        figures = {"distances": _distances(encoder, [Z], Y)}
        return _format(encoder, ["distance"], figures, capped)
    moved = encoder.encode(after.iloc[kept], name="C")
    figures = _measure(encoder, Z, moved, Y, None, None, rng)
    advice = "If C was fitted to these very rows of B, it is nearer to them than to fresh ones."
    return _format(encoder, ["before", "after"], figures, f"{advice} {capped}")


# ----------------------------------------------------------------------------------------- figures
def _measure(
    encoder: TableEncoder,
    before: NDArray | None,
    after: NDArray,
    X: NDArray,
    fresh: NDArray | None,
    strata: Strata | None,
    rng: np.random.Generator,
) -> dict[str, NDArray]:
    """Fit to fresh rows, copying of X, and scrambling; the last two beside what they should be."""
    clouds = [after] if before is None else [before, after]
    figures = {"distances": _distances(encoder, clouds, X if fresh is None else fresh, strata)}
    if len(np.unique(X, axis=0)) > 1:
        copy = [nearest_neighbor_ratio(Z, X) for Z in (after, fresh) if Z is not None]
        figures["copy"] = np.array(copy)
    if before is not None:
        pairings = (after, rng.permutation(after))
        figures["scramble"] = np.array([transport_cost_ratio(before, Z) for Z in pairings])
    return figures


def _distances(
    encoder: TableEncoder, clouds: list[NDArray], Y: NDArray, strata: Strata | None = None
) -> NDArray:
    """Floor and energy distances to Y, of all columns and of each.

    With strata, means over them, weighted by the clouds' rows: their shares are not compared.
    """
    strata = strata or [(np.arange(len(clouds[0])), np.arange(len(Y)))]
    total = sum(len(i) for i, _ in strata)
    blocks = [slice(None), *_blocks(encoder).values()]
    figures = np.zeros((len(blocks), 1 + len(clouds)))
    for line, block in zip(figures, blocks, strict=True):
        for i, j in strata:
            floor = energy_floor(Y[j, block], len(i))
            distances = [energy_distance(Z[i, block], Y[j, block]) for Z in clouds]
            line += np.array([floor, *distances]) * len(i) / total
    return figures


def _blocks(encoder: TableEncoder) -> dict[str, slice]:
    """Coordinates of the columns that are not constant."""
    return {visible(c): block for c, block in encoder.blocks.items() if block.stop > block.start}


def _strata(source: pandas.DataFrame, test: pandas.DataFrame, by: list) -> Strata:
    """Positions of every group's rows in both tables, where there are enough."""
    here, there = (table.groupby(by, observed=True).indices for table in (source, test))
    shared = [group for group in here if len(there.get(group, ())) > 1]
    return [(np.asarray(here[group]), np.asarray(there[group])) for group in shared]


def _some(table: pandas.DataFrame, rng: np.random.Generator) -> pandas.DataFrame:
    return table.iloc[rng.permutation(len(table))[:MAX_ROWS]]


# -------------------------------------------------------------------------------------------- text
def _format(
    encoder: TableEncoder, clouds: list[str], figures: Mapping[str, NDArray], method: str
) -> str:
    names = ["whole table", *(f"  {name}" for name in _blocks(encoder))]
    lines = ["", *_table(names, clouds, figures["distances"]), ""]
    if "copy" in figures:
        copy, *fresh = figures["copy"]
        known = f"{fresh[0]:.2f}" if fresh else "about 1"
        lines.append(f"copy     {copy:5.2f}   0 for copies of target rows, {known} for fresh rows")
    if "scramble" in figures:
        ratio, random = figures["scramble"]
        known = f"{random:.2f}" if random < 100 else "more"  # infinite where nothing has moved
        lines.append(f"scramble {ratio:5.2f}   1 for the shortest way, {known} at random")
    constant = [visible(c) for c in encoder.blocks if visible(c) not in _blocks(encoder)]
    if constant:
        lines.append(_wrap(f"Constant in the target: {', '.join(constant)}."))
    return "\n".join([*lines, _wrap(method)]).rstrip()


def _table(names: list[str], clouds: list[str], distances: NDArray) -> list[str]:
    """Lines of floors, distances and their ratios."""
    floors = distances[distances[:, 0] > 0, 0]
    decimals = int(np.clip(2 - np.floor(np.log10(min(floors, default=1.0))), 4, 8))
    width = min(max(map(len, ["energy distance", *names])), 30)
    titles = ["floor", *(title for cloud in clouds for title in (cloud, "x floor"))]
    lines = ["energy distance".ljust(width) + "".join(f"{title:>11}" for title in titles)]
    for name, (floor, *line) in zip(names, distances, strict=True):
        name = name if len(name) <= width else f"{name[: width - 1]}~"
        ratios = [_cell(value / floor, 2).strip() if floor else "-" for value in line]
        cells = [f"{_cell(v, decimals)}{r:>11}" for v, r in zip(line, ratios, strict=True)]
        lines.append(f"{name:{width}}{_cell(floor, decimals)}{''.join(cells)}")
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
