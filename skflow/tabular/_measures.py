"""How well did rows arrive: distances above their floor, copying and scrambling, column by column.

What the terminal's report and the page have in common.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._tells import Telling

__all__ = [
    "MAX_ROWS",
    "NOTHING",
    "Quality",
    "Strata",
    "blocks_of",
    "distances_to",
    "measure",
    "quality_of",
]

MAX_ROWS = 5000  # rows of a table that are looked at
NOTHING = 1e-12  # a distance between coordinates of order one that is but rounding

Strata = list[tuple[NDArray, NDArray]]  # positions of rows that are compared with each other


@dataclass(frozen=True)
class Quality:
    """What was measured, or why nothing was.

    Parameters
    ----------
    method : str
        How it was measured; or the reason why it was not.
    columns : list, default=[]
        The columns that are not constant in the target.
    constant : list, default=[]
        Those that are.
    clouds : list of str, default=[]
        What was measured: "before" and "after", or "distance".
    figures : dict of str to ndarray, default={}
        "distances" : floor and energy distances, of all columns and of each; "copy" : the
        nearest-neighbour ratio, and that of fresh rows if there were any; "scramble" : the
        transport cost ratio, and that of the same rows in random order; "pvalues" : of the
        hypothesis that two tables do not differ, of all columns and of each.
    is_held_out : bool, default=False
        Whether rows are compared with target rows that the flow was not fitted to.
    telling : Telling, default=None
        What a classifier found, if one was asked.
    """

    method: str
    columns: list[Hashable] = field(default_factory=list)
    constant: list[Hashable] = field(default_factory=list)
    clouds: list[str] = field(default_factory=list)
    figures: Mapping[str, NDArray] = field(default_factory=dict)
    is_held_out: bool = False
    telling: Telling | None = None

    @property
    def ratios(self) -> NDArray:
        """Distances as multiples of the floor, nan where that is zero up to rounding."""
        floor, distances = self.figures["distances"][:, :1], self.figures["distances"][:, 1:]
        return np.divide(
            distances, floor, out=np.full_like(distances, np.nan), where=floor > NOTHING
        )


def quality_of(
    encoder: TableEncoder,
    clouds: list[str],
    figures: Mapping[str, NDArray],
    method: str,
    *,
    is_held_out: bool = False,
    telling: Telling | None = None,
) -> Quality:
    """Return figures with the names of what they are about."""
    columns = list(blocks_of(encoder))
    constant = [name for name in encoder.blocks if name not in columns]
    return Quality(method, columns, constant, clouds, figures, is_held_out, telling)


def measure(
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
    figures = {"distances": distances_to(encoder, clouds, X if fresh is None else fresh, strata)}
    if len(np.unique(X, axis=0)) > 1:
        copy = [nearest_neighbor_ratio(Z, X) for Z in (after, fresh) if Z is not None]
        figures["copy"] = np.array(copy)
    if before is not None:
        pairings = (after, rng.permutation(after))
        figures["scramble"] = np.array([transport_cost_ratio(before, Z) for Z in pairings])
    return figures


def distances_to(
    encoder: TableEncoder, clouds: list[NDArray], Y: NDArray, strata: Strata | None = None
) -> NDArray:
    """Floor and energy distances to Y, of all columns and of each.

    With strata, means over them, weighted by the clouds' rows: their shares are not compared.
    """
    strata = strata or [(np.arange(len(clouds[0])), np.arange(len(Y)))]
    total = sum(len(i) for i, _ in strata)
    blocks = [slice(None), *blocks_of(encoder).values()]
    figures = np.zeros((len(blocks), 1 + len(clouds)))
    for line, block in zip(figures, blocks, strict=True):
        for i, j in strata:
            floor = max(energy_floor(Y[j, block], len(i)), 0.0)  # of one value: rounding
            distances = [energy_distance(Z[i, block], Y[j, block]) for Z in clouds]
            line += np.array([floor, *distances]) * len(i) / total
    return figures


def blocks_of(encoder: TableEncoder) -> dict[Any, slice]:
    """Coordinates of the columns that are not constant."""
    return {c: block for c, block in encoder.blocks.items() if block.stop > block.start}
