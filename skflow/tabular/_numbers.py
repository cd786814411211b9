r"""Codec of numbers: ``(b(x) - mean) / std`` with a power scale b, and whether a value is missing.

Where the target's values share a grid, rows are spread over its cells before the flow and snapped
to it afterwards. An atom of a column without a grid, such as the zeros among amounts of rain, is
spread out a little, by less than half the way to the next value, so that rows keep their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import normalize_weights
from skflow.flow import Marginal, MonotoneMap
from skflow.tabular._bend import Bend
from skflow.tabular._codecs import CATEGORY_DITHER, Codec
from skflow.tabular._frames import extended, import_pandas
from skflow.tabular._grids import GRID_TOLERANCE, common_step, decimals_of

if TYPE_CHECKING:
    import pandas

    from skflow.tabular._noise import Uniform

__all__ = ["Number"]

# Steps either way; half a step would let rounding carry a row into the next cell.
GRID_DITHER = 0.499
ATOM_DITHER = 0.02  # standard deviations by which a value is spread that has no grid
GRID_VALUES = 10  # distinct values that are evidence of a grid without any ties
ATOM_TOLERANCE = 1e-9  # standard deviations by which a number may miss a value of the target


@dataclass(frozen=True)
class NumberMatch:
    """What gives moved numbers the target's distribution.

    Parameters
    ----------
    values : MonotoneMap or None
        From coordinates to coordinates of the target; None leaves them.
    absence : MonotoneMap or None
        The same for the coordinate that says whether a value is missing.
    """

    values: MonotoneMap | None
    absence: MonotoneMap | None


class Number(Codec):
    """Integers, floats, dates and durations: ``(b(x) - mean) / std``, b being a `Bend`.

    A constant column has no such coordinate. Where the target's values share a grid, rows are
    spread over its cells before the flow and snapped to it afterwards. A column with missing values
    has one coordinate more, which says so; its missing values lie at the mean.
    """

    def fit(self, column: pandas.Series, weight: NDArray | None = None) -> Number:
        self.dtype = column.dtype
        x, missing = extended(column)
        weight = normalize_weights(weight, len(x))
        self._share = float(weight[missing].sum())
        if missing.all():  # as in a group whose rows have no values
            x, missing, weight = np.zeros(1, np.longdouble), np.zeros(1, bool), np.ones(1)
        self._learn_values(x[~missing], weight[~missing])
        self.has_missing = 0 < self._share < 1
        self.width = self.n_values + self.has_missing
        self._deviation = float(np.sqrt(max(self._share * (1 - self._share), 0)))
        return self

    def _learn_values(self, x: NDArray, weight: NDArray) -> None:
        values, counts = np.unique(x, return_counts=True)
        self._origin = values[0]  # all else is relative to it, and exact where integers are
        with np.errstate(over="ignore", invalid="ignore"):  # judged below
            self._offsets = (values - self._origin).astype(np.float64)
            if not np.isfinite(np.square(self._offsets).sum()):
                raise OverflowError(f"values up to {np.abs(values).max():.3g}, too large to square")
        offsets = (x - self._origin).astype(np.float64)
        self._bend = Bend.of(offsets)
        bent = self._bend(offsets)
        self._mean = float(np.average(bent, weights=weight))
        self._scale = float(np.sqrt(np.average((bent - self._mean) ** 2, weights=weight)))
        self.n_values = int(len(values) > 1 and self._scale > 0)
        self.step = self._find_step(values, has_ties=len(values) < len(x))
        self._marginal = Marginal.of(self._coordinate(offsets), weight / weight.sum(), len(x))
        # of values that have one coordinate, as 0 and 1e-30 may, the commonest stands for all
        common = np.argsort(-counts, kind="stable")
        first = np.unique(self._coordinate(self._offsets)[common], return_index=True)[1]
        self._values = values[common[first]]
        self._cells = np.rint(self._offsets[common[first]] / (self.step or 1))
        self._reach = self._find_reach()
        self._low = self._offsets[0] if counts[0] > 1 or self._origin >= 0 else -np.inf
        self._high = self._offsets[-1] if counts[-1] > 1 or values[-1] <= 0 else np.inf
        self._decimals = decimals_of(values.astype(np.float64)) if self.dtype.kind == "f" else None

    def _find_reach(self) -> NDArray:
        """How far each value is spread before the flow if it has no grid: an atom, within its gap.

        To the next value that can be told from it; so rows that rest keep their order.
        """
        y = self._marginal.values
        padded = np.concatenate([[-np.inf], y, [np.inf]])
        above = padded[np.searchsorted(y, y + ATOM_TOLERANCE, side="right") + 1]
        below = padded[np.searchsorted(y, y - ATOM_TOLERANCE)]
        room = np.minimum(np.minimum(above - y, y - below), ATOM_DITHER)
        return np.where(self._marginal.is_atom & (self.step == 0), room, 0.0)

    def _coordinate(self, offsets: NDArray) -> NDArray:
        return (self._bend(offsets) - self._mean) / (self._scale or 1)

    def encode(self, column: pandas.Series, rng: Uniform | None = None) -> NDArray:
        x, missing = extended(column)
        offsets = (np.where(missing, self._origin, x) - self._origin).astype(np.float64)
        noise = 0.0 if rng is None else rng.uniform(-GRID_DITHER, GRID_DITHER, len(offsets))
        block = np.zeros((len(offsets), self.width))
        if self.n_values:
            y = self._coordinate(offsets + self.step * noise)
            known = self._marginal.values
            if rng is not None and self._reach.any():
                place = np.minimum(np.searchsorted(known, y), len(known) - 1)
                y += np.where(known[place] == y, self._reach[place], 0.0) * noise
            block[:, 0] = np.where(missing, 0.0, y)
        if self.has_missing:
            absence = missing.astype(float)
            if rng is not None:
                absence += rng.uniform(-CATEGORY_DITHER, CATEGORY_DITHER, len(absence))
            block[:, -1] = (absence - self._share) / self._deviation
        return block

    def match(self, block: NDArray) -> NumberMatch:
        """Learn from moved rows how to give them the target's distribution."""
        absence = self._absence.map_from(block[:, -1]) if self.has_missing else None
        is_there = self._is_there(block, absence)
        if not self.n_values or not is_there.any():
            return NumberMatch(None, absence)
        return NumberMatch(self._marginal.map_from(block[is_there, 0]), absence)

    def matched(self, block: NDArray, match: NumberMatch | None) -> NDArray:
        """Coordinates of values, which have the target's distribution."""
        y = block[:, 0] if self.n_values else np.zeros(len(block))
        return y if match is None or match.values is None else match.values(y)

    @property
    def _absence(self) -> Marginal:
        """Distribution of the coordinate that says whether a value is missing."""
        values, share = np.array([0.0, 1.0]), np.array([1 - self._share, self._share])
        return Marginal((values - self._share) / self._deviation, share, np.ones(2, bool))

    def _is_there(self, block: NDArray, absence: MonotoneMap | None) -> NDArray:
        if not self.has_missing:
            return np.ones(len(block), bool)
        flag = block[:, -1] if absence is None else absence(block[:, -1])
        return flag < (0.5 - self._share) / self._deviation

    def decode(self, block: NDArray, match: NumberMatch | None = None) -> pandas.Series:
        match = NumberMatch(None, None) if match is None else match
        values = self._restored(self._decoded(self.matched(block, match)))
        if not self.has_missing:
            return values if self._share == 0 else values.where(np.zeros(len(values), bool))
        return values.where(self._is_there(block, match.absence))

    def _decoded(self, y: NDArray) -> NDArray:
        """Values at some coordinates: the target's own where only rounding tells them from one."""
        if not self.n_values:
            return np.full(len(y), self._values[0])
        offsets = self._bend.inverse(y * self._scale + self._mean)
        offsets = np.clip(offsets, self._low, self._high)
        place, known = y, self._marginal.values
        tolerance = np.maximum(ATOM_TOLERANCE, self._reach / 2)
        if self.step:
            # what lies half-way between two cells goes to the lower one, whatever it rounds to
            place = np.ceil(offsets / self.step - 0.5 - GRID_TOLERANCE)
            known, tolerance, offsets = self._cells, np.full(len(known), 0.5), place * self.step
        above = np.minimum(np.searchsorted(known, place), len(known) - 1)
        below = np.maximum(above - 1, 0)
        nearest = np.where(known[above] - place <= place - known[below], above, below)
        is_known = np.abs(known[nearest] - place) < tolerance[nearest]
        # NumPy < 2 takes a sum with a scalar in the precision of the array
        others = self._origin + offsets.astype(np.longdouble)
        return np.where(is_known, self._values[nearest], others)

    def computed(self, x: NDArray) -> pandas.Series:
        """Values that other columns determine, written as the target's are."""
        is_decimal = self._decimals is not None and np.isclose(self.step, 10.0**-self._decimals)
        if self.step and not is_decimal:  # decimals are rounded as tables round them, ties too
            x = self._origin + np.rint((x - self._origin) / self.step) * self.step
        return self._restored(x)

    def _find_step(self, values: NDArray, *, has_ties: bool) -> float:
        if not self.n_values or not (has_ties or len(values) >= GRID_VALUES):
            return 0.0
        rounding = 0.0
        if self.dtype.kind == "f":
            rounding = float(np.spacing(np.abs(values).max().astype(np.float64)))
        return common_step(self._offsets, rounding)

    def _restored(self, x: NDArray) -> pandas.Series:
        pandas, kind = import_pandas(), self.dtype.kind
        if kind == "f":
            x = x if self._decimals is None else np.round(x, self._decimals)
            limits: Any = np.finfo(np.float64)
            return pandas.Series(np.clip(x, limits.min, limits.max).astype(np.float64))
        storage = np.dtype(np.uint64 if kind == "u" else np.int64)
        limits = np.iinfo(storage)
        whole = np.clip(np.rint(x), limits.min, limits.max).astype(storage)
        if kind in "mM":
            return pandas.Series(whole.astype(self.dtype))
        return pandas.Series(whole, dtype=self.dtype)
