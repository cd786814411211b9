r"""Codecs: one column, to a block of coordinates and back.

===========  ==============================================  ==================================
codec        encode                                          decode
===========  ==============================================  ==================================
`Number`     ``(b(x) - mean) / std``, and whether missing    the target's quantiles, rank by rank
`Category`   corner of a regular simplex (one-hot, rotated)  nearest corner, by the target's shares
===========  ==============================================  ==================================

``fit(column)`` learns the target's column, ``encode(column, rng)`` returns an array of shape
(n_rows, width), ``match(block)`` learns from moved rows how to give them the target's marginal
distribution, and ``decode(block, match)`` returns values of the target's dtype. A match is a
function of single rows, so that rows can be decoded each on its own.

*Atoms*, values that many rows share, are spread out (dithered) before the flow, which moves
densities, and gathered again after it: numbers on a common grid by uniform noise of one grid step,
categories by noise that leaves every row nearest to its own corner. So decoding what was encoded
gives the same column back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert
from scipy.special import softmax
from scipy.stats import skew, yeojohnson_normmax

from skflow._utils import normalize_weights
from skflow.flow import Marginal, MonotoneMap
from skflow.tabular._frames import import_pandas
from skflow.tabular._plain import PlainState

if TYPE_CHECKING:
    import pandas

    from skflow.tabular._noise import Uniform

__all__ = ["Category", "Number", "common_step", "linear_relations"]

# Steps either way; half a step would let rounding carry a row into the next cell.
GRID_DITHER = 0.499
ATOM_DITHER = 0.02  # standard deviations by which a value is spread that has no grid
# One-hot units either way, times (k - 1)^(-1/4); 0.5 would reach the border between two categories.
# The noise's length grows with the number of coordinates: undiminished it drowned 30 categories
# (shares off by 0.27), diminished by the square root it left them bare (copy ratio 0.3), both at
# 0.25. The noise sets the nearest-neighbour distance, and so the last bandwidth, which has to
# resolve two corners: at 0.25 and today's bandwidth shares were off by 0.15 to 0.18, at 0.16 by
# 0.06.
CATEGORY_DITHER = 0.16

GRID_TOLERANCE = 1e-3  # steps by which a value may miss the grid
GRID_CELLS = 10**6  # a grid finer than this fraction of the range is as good as none
GRID_VALUES = 10  # distinct values that are evidence of a grid without any ties
MAX_DECIMALS = 12
MAX_CATEGORIES = 1000  # beyond that a column is no category
CORNER_WIDTH = 32  # coordinates of more categories than that, whose corners are nearly orthogonal
SKEWED = 1.0  # skewness from which on a column of numbers is bent
ATOM_TOLERANCE = 1e-9  # standard deviations by which a number may miss a value of the target
UNUSED = 1e-3  # standard deviations that a column without a part in a combination may seem to add
LINKED = 1e-7  # share of a column's variance that a combination of others may leave
MATCH_ROWS = 2000  # rows that the offsets of categories are found on
CHUNK_CELLS = 2**22  # scores of rows for categories that are in memory at a time


@dataclass(frozen=True)
class Bend:
    r"""Power scale of a skewed column: Yeo and Johnson's, with a power from 0 (logarithm) to 1.

    .. math:: b(u) = ((1 + u)^λ - 1) / λ \;(u ≥ 0), \quad
              -((1 - u)^{2 - λ} - 1) / (2 - λ) \;(u < 0), \quad u = (x - x_0) / s

    Medians x_0 and spreads s of the column make it the same in any unit. A negative skewness is
    mirrored before and after, by a negative s, so that the scale always increases.

    References
    ----------
    Yeo, I.-K. and Johnson, R. (2000). A New Family of Power Transformations to Improve Normality or
    Symmetry. Biometrika 87.
    """

    center: float
    scale: float
    power: float = 1.0

    @classmethod
    def of(cls, x: NDArray) -> Bend:
        """Learn the scale of a column."""
        center = float(np.median(x))
        spread = float(np.median(np.abs(x - center))) or float(np.std(x))
        lean = float(skew(x / spread)) if spread > 0 else 0.0
        if not abs(lean) > SKEWED:
            return cls(0.0, 1.0)
        scale = float(np.copysign(spread, lean))
        power = yeojohnson_normmax((x - center) / scale)
        # to two digits, which do not depend on the column's unit
        return cls(center, scale, float(np.clip(np.round(power, 2), 0.0, 1.0)))

    def __call__(self, x: NDArray) -> NDArray:
        """Bend values."""
        if self.power == 1.0:
            return x
        u = (x - self.center) / self.scale
        up, down = np.maximum(u, 0), np.maximum(-u, 0)
        power, other = self.power, 2 - self.power
        bent = np.log1p(up) if power == 0 else np.expm1(power * np.log1p(up)) / power
        bent = np.where(u >= 0, bent, -np.expm1(other * np.log1p(down)) / other)
        return np.copysign(1.0, self.scale) * bent  # increasing, mirrored or not

    def inverse(self, y: NDArray) -> NDArray:
        """Bend values back."""
        if self.power == 1.0:
            return y
        y = np.copysign(1.0, self.scale) * y
        up, down = np.maximum(y, 0), np.maximum(-y, 0)
        power, other = self.power, 2 - self.power
        with np.errstate(over="ignore"):
            back = np.expm1(up if power == 0 else np.log1p(power * up) / power)
        u = np.where(y >= 0, back, -np.expm1(np.log1p(other * down) / other))
        return u * self.scale + self.center


@dataclass(frozen=True)
class NumberMatch:
    """What gives moved numbers the target's distribution.

    Parameters
    ----------
    values : MonotoneMap or None
        From coordinates to coordinates of the target; None leaves them.
    missing : float
        Coordinate of absence from which on a value is missing.
    """

    values: MonotoneMap | None
    missing: float


class Number(PlainState):
    """Integers, floats, dates and durations: ``(b(x) - mean) / std``, b being a `Bend`.

    A constant column has no such coordinate. Where the target's values share a grid, rows are
    spread over its cells before the flow and snapped to it afterwards. A column with missing values
    has one coordinate more, which says so; its missing values lie at the mean.
    """

    def fit(self, column: pandas.Series, weight: NDArray | None = None) -> Number:
        self.dtype = column.dtype
        x, missing = _numbers(column)
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
        self._decimals = _decimals(values.astype(np.float64)) if self.dtype.kind == "f" else None

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
        x, missing = _numbers(column)
        offsets = (np.where(missing, self._origin, x) - self._origin).astype(np.float64)
        noise = 0.0 if rng is None else rng.uniform(-GRID_DITHER, GRID_DITHER, len(offsets))
        block = np.zeros((len(offsets), self.width))
        if self.n_values:
            y = self._coordinate(offsets + self.step * noise)
            known = self._marginal.values
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
        limit = float(np.quantile(block[:, -1], 1 - self._share)) if self.has_missing else np.inf
        is_there = self._is_there(block, limit)
        if not self.n_values or not is_there.any():
            return NumberMatch(None, limit)
        return NumberMatch(self._marginal.map_from(block[is_there, 0]), limit)

    def _is_there(self, block: NDArray, limit: float) -> NDArray:
        return block[:, -1] <= limit if self.has_missing else np.ones(len(block), bool)

    def decode(self, block: NDArray, match: NumberMatch | None = None) -> pandas.Series:
        y = block[:, 0] if self.n_values else np.zeros(len(block))
        if match is not None and match.values is not None:
            y = match.values(y)
        values = self._restored(self._decoded(y))
        if not self.has_missing:
            return values if self._share == 0 else values.where(np.zeros(len(values), bool))
        middle = (0.5 - self._share) / self._deviation
        is_there = self._is_there(block, middle if match is None else match.missing)
        return values.where(is_there)

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
        if self.step:
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


@dataclass(frozen=True)
class Relation:
    """A column of numbers that is a linear combination of others, up to rounding.

    Parameters
    ----------
    names : list
        The other columns.
    coefficients : ndarray of shape (n_names + 1,)
        Theirs, and a constant.
    """

    names: list
    coefficients: NDArray

    def __call__(self, columns: Mapping[Any, pandas.Series]) -> NDArray:
        """Compute the column from the others."""
        terms = [_numbers(columns[name])[0] for name in self.names]
        return np.column_stack([*terms, np.ones_like(terms[0])]) @ self.coefficients


def linear_relations(columns: Mapping[Any, pandas.Series]) -> dict[Any, Relation]:
    """Columns that those before them determine, such as a total after its parts.

    Parameters
    ----------
    columns : mapping of name to Series
        Plain columns of integers and floats.

    Returns
    -------
    relations : dict of name to Relation
        What makes them.
    """
    free: dict[Any, NDArray] = {}
    relations = {}
    for name, column in columns.items():
        x, missing = _numbers(column)
        x = x.astype(np.float64)
        if missing.any() or np.ptp(x) == 0:
            continue
        if free and len(x) > 2 * len(free) + 2:  # fewer rows are always on a plane
            A = np.column_stack([*free.values(), np.ones(len(x))])
            norms = np.linalg.norm(A, axis=0)
            coefficients = np.linalg.lstsq(A / norms, x, rcond=None)[0] / norms
            if np.mean((x - A @ coefficients) ** 2) < LINKED * x.var():
                used = np.abs(coefficients[:-1]) * A[:, :-1].std(axis=0) > UNUSED * x.std()
                A = A[:, np.append(used, True)]
                coefficients = np.linalg.lstsq(A, x, rcond=None)[0]
                names = [n for n, u in zip(free, used, strict=True) if u]
                relations[name] = Relation(names, coefficients)
                continue
        free[name] = x
    return relations


def _numbers(column: pandas.Series) -> tuple[NDArray, NDArray]:
    """Values in extended precision, where 64 bits have room, and which are missing."""
    missing = column.isna().to_numpy(bool)
    present = column[~missing]
    if present.dtype.kind in "mM":
        present = present.astype("int64")
    x = np.zeros(len(missing), np.longdouble)
    x[~missing] = np.asarray(present.to_numpy())
    return x, missing


class Category(PlainState):
    r"""Categories, text and booleans: corner c of a regular simplex, ``e_c / sqrt(Σ p (1 - p))``.

    The k corners span k - 1 dimensions; one-hot rows, rotated into their own plane, have the same
    distances and no coordinate too many. More than 33 corners are random directions in 32
    dimensions instead, which are nearly as far from each other. A value that the target does not
    have starts from the target's mean, or (``other``) lies at one corner more. A missing value is a
    category like the others.
    """

    def fit(
        self, column: pandas.Series, weight: NDArray | None = None, *, other: bool = False
    ) -> Category:
        pandas = import_pandas()
        missing = column.isna().to_numpy(bool)
        # in an order that does not depend on the rows', of types that need not know each other's
        values = sorted(column[~missing].unique(), key=lambda v: (type(v).__name__, repr(v)))
        if len(values) > MAX_CATEGORIES:
            raise ValueError(
                f"target's column {column.name!r} has {len(values)} different values, too "
                "many for a category: leave it out, or convert it to numbers."
            )
        self._known, self._has_missing = pandas.Index(values, dtype=object), bool(missing.any())
        self._values = pandas.Series([*values, *[None] * self._has_missing], dtype=object)
        self.n_levels = len(self._values)
        k = self.n_levels + other
        self._other = other
        self._share = np.bincount(
            self.codes(column), weights=normalize_weights(weight, len(column)), minlength=k
        )
        self._scale = np.sqrt(max(np.sum(self._share * (1 - self._share)), 0)) or 1.0
        self._corners = _corners(k) / self._scale
        self.width = self._corners.shape[1]
        return self

    def encode(self, column: pandas.Series, rng: Uniform | None = None) -> NDArray:
        codes = self.codes(column)
        # unknown ones lie at the mean, or at the last corner
        middle = self._corners[-1] if self._other else self._share @ self._corners
        block = np.where(codes[:, None] < 0, middle, self._corners[codes])
        if rng is None or not self.width:
            return block
        reach = CATEGORY_DITHER / self.width**0.25 / self._scale
        dithered = block + rng.uniform(-reach, reach, block.shape)
        strays = (self._nearest(dithered, 0.0) != codes) & (codes >= 0)
        return np.where(strays[:, None], block, dithered)

    def match(self, block: NDArray) -> NDArray:
        """Learn from moved rows what to add to every category's score, to reach its share.

        The smallest potentials of the semi-discrete optimal transport from rows to categories, by
        Sinkhorn updates at a falling temperature.
        """
        stride = -(-len(block) // MATCH_ROWS)
        scores = (block[::stride] @ self._corners[: self.n_levels].T).astype(np.float64)
        share, offset = self._share[: self.n_levels], np.zeros(self.n_levels)
        drawn = np.bincount(scores.argmax(axis=1), minlength=self.n_levels) / len(scores)
        if self.n_levels < 2 or np.abs(drawn - share).max() < 1 / len(scores):
            return offset
        for temperature in np.geomspace(1, 0.01, 25) * max(float(scores.std()), 1e-12):
            for _ in range(2):
                drawn = softmax((scores + offset) / temperature, axis=1).mean(axis=0)
                offset += temperature * (np.log(share) - np.log(np.maximum(drawn, 1e-12)))
        return offset

    def decode(self, block: NDArray, match: NDArray | None = None) -> pandas.Series:
        nearest = self._nearest(block, 0.0 if match is None else match)
        return self._values.iloc[nearest].reset_index(drop=True)

    def _nearest(self, block: NDArray, offset: Any) -> NDArray:
        """The corner with the best score of every row, a part of the rows at a time."""
        corners, size = self._corners[: self.n_levels].T, max(1, CHUNK_CELLS // self.n_levels)
        parts = [block[i : i + size] for i in range(0, max(len(block), 1), size)]
        return np.concatenate([np.argmax(part @ corners + offset, axis=1) for part in parts])

    def codes(self, column: pandas.Series) -> NDArray:
        """Position of every value among the target's categories; -1 where it is not one."""
        codes = self._known.get_indexer(import_pandas().Index(column, dtype=object))
        if self._has_missing:
            codes[column.isna().to_numpy(bool)] = self.n_levels - 1
        return codes


def _corners(k: int) -> NDArray:
    """Directions of k categories, of length one from their middle in the one-hot sense."""
    if k == 1:
        return np.zeros((1, 0))
    if k <= CORNER_WIDTH + 1:
        return helmert(k).T  # (k, k - 1): rows orthonormal to (1, …, 1), turned into corners
    directions = np.random.default_rng(0).standard_normal((k, CORNER_WIDTH))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def common_step(values: NDArray, rounding: float = 0.0) -> float:
    """Find the greatest step of which all differences are multiples, or 0 if there is none.

    Euclid's algorithm on the gaps between neighbours: whatever remains of a gap that is not a
    multiple of the step is a smaller step. Continuous values run into steps too fine to matter.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Distinct values in ascending order, at least two.
    rounding : float, default=0.0
        Error of a single value.

    Returns
    -------
    step : float
        The step, in the units of the values.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.tabular import common_step
    >>> round(common_step(np.array([0.1, 0.3, 0.7, 1.6])), 12)
    0.1
    >>> common_step(np.sqrt([2.0, 3.0, 5.0, 7.0, 11.0]))
    0.0
    """
    gaps, width = np.diff(values), float(values[-1] - values[0])
    finest = max(width / GRID_CELLS, rounding / GRID_TOLERANCE)
    step = float(gaps.min())
    while step > finest:
        whole = width / round(width / step)  # a true step divides the width, which has less error
        if _misfit(gaps, whole).max() <= GRID_TOLERANCE * whole + 2 * rounding:
            return whole
        rest = _misfit(gaps, step)
        step = float(min(rest[rest > GRID_TOLERANCE * step], default=0.0))
    return 0.0


def _misfit(gaps: NDArray, step: float) -> NDArray:
    return np.abs(gaps - step * np.rint(gaps / step))


def _decimals(values: NDArray) -> int | None:
    """Fewest decimals that write all values exactly, if there are any."""
    if values.dtype.kind != "f":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        fits = (np.array_equal(np.round(values, d), values) for d in range(MAX_DECIMALS))
        return next((d for d, exact in enumerate(fits) if exact), None)
