r"""Codecs: one column, to a block of coordinates and back.

===========  ==============================================  ==================================
codec        encode                                          decode
===========  ==============================================  ==================================
`Number`     ``(x - mean) / std``                            inverse, snapped to the grid
`Category`   corner of a regular simplex (one-hot, rotated)  nearest corner (argmax)
===========  ==============================================  ==================================

``fit(column)`` learns the target's column, ``encode(column, rng)`` returns an array of shape
(n_rows, width) of total variance one, ``decode(block)`` values of the target's dtype.

*Atoms*, values that many rows share, are spread out (dithered) before the flow, which moves
densities, and gathered again after it: numbers on a common grid by uniform noise of one grid step,
categories by noise that leaves every row nearest to its own corner. So decoding what was encoded
gives the same column back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert

if TYPE_CHECKING:
    import pandas

    from skflow.tabular._noise import Uniform

__all__ = ["CODECS", "Category", "Number", "common_step", "dtype_kind", "import_pandas"]

# Steps either way; half a step would let rounding carry a row into the next cell.
GRID_DITHER = 0.499
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
MAX_CATEGORIES = 1000  # beyond that a column is no category, and its corners a burden on memory


def import_pandas() -> Any:
    """Return pandas, or say how to install it."""
    try:
        import pandas
    except ImportError:
        raise ImportError(
            'tables need pandas, which is not installed: pip install "scikit-sdflow[table]".'
        ) from None
    return pandas


class Number:
    """Integers, floats, dates and durations: ``(x - mean) / std``.

    A constant column has no coordinates. Where the target's values share a grid, rows are spread
    over its cells before the flow and snapped to it afterwards. Where several target rows share the
    least (greatest) value, it is taken for a bound, which no moved row passes: counts stay counts.
    """

    def fit(self, column: pandas.Series, *, other: bool = False) -> Number:
        self.dtype = column.dtype
        self._kind = dtype_kind(column)
        self._storage = np.dtype(np.int64) if self._kind in "mM" else _numpy_dtype(self.dtype)
        x = self._numbers(column)
        values, counts = np.unique(x, return_counts=True)
        self._origin = values[0]  # all else is relative to it, and exact where integers are
        with np.errstate(over="ignore", invalid="ignore"):  # judged below
            offsets = (values - self._origin).astype(np.float64)
            self._mean = float(np.average(offsets, weights=counts))
            self._scale = float(np.sqrt(np.average((offsets - self._mean) ** 2, weights=counts)))
        if not np.isfinite(self._scale):
            raise OverflowError(f"values up to {np.abs(values).max():.3g}, too large to be squared")
        self.width = int(len(values) > 1 and self._scale > 0)
        self.step = self._find_step(values, offsets, has_ties=len(values) < len(x))
        self._low = offsets[0] if counts[0] > 1 else -np.inf
        self._high = offsets[-1] if counts[-1] > 1 else np.inf
        self._decimals = _decimals(values.astype(self._storage))
        return self

    def encode(self, column: pandas.Series, rng: Uniform | None = None) -> NDArray:
        offsets = (self._numbers(column) - self._origin).astype(np.float64)
        if rng is not None:
            offsets += self.step * rng.uniform(-GRID_DITHER, GRID_DITHER, len(offsets))
        return ((offsets - self._mean) / (self._scale or 1))[:, None][:, : self.width]

    def decode(self, block: NDArray) -> Any:
        offsets = np.zeros(len(block))
        if self.width:
            offsets = np.clip(block[:, 0] * self._scale + self._mean, self._low, self._high)
        if self.step:
            offsets = np.rint(offsets / self.step) * self.step
        return self._restore(self._origin + offsets.astype(np.longdouble))

    def _numbers(self, column: pandas.Series) -> NDArray:
        """Values in extended precision, where the 64 bits of integers and dates have room."""
        kind = dtype_kind(column)
        if self._kind in "mM":
            if kind != self._kind:
                raise TypeError(f"{column.dtype} cannot become {self.dtype}")
            column = column.astype(self.dtype).astype("int64")
        elif kind not in "biuf":
            raise TypeError(f"{column.dtype} cannot become {self.dtype}")
        return column.to_numpy(_numpy_dtype(column.dtype)).astype(np.longdouble)

    def _find_step(self, values: NDArray, offsets: NDArray, *, has_ties: bool) -> float:
        if not self.width or not (has_ties or len(values) >= GRID_VALUES):
            return 0.0
        rounding = 0.0
        if self._kind == "f":
            rounding = float(np.spacing(np.abs(values).max().astype(self._storage)))
        return common_step(offsets, rounding)

    def _restore(self, x: NDArray) -> Any:
        if self._kind == "f":
            x = x if self._decimals is None else np.round(x, self._decimals)
            limits: Any = np.finfo(self._storage)
        else:
            x, limits = np.rint(x), np.iinfo(self._storage)
        values = np.clip(x, limits.min, limits.max).astype(self._storage)
        return import_pandas().Series(values).astype(self.dtype)


class Category:
    r"""Categories, text and booleans: corner c of a regular simplex, ``e_c / sqrt(Σ p (1 - p))``.

    The k corners span k - 1 dimensions; one-hot rows, rotated into their own plane, have the same
    distances and no coordinate too many. A value that the target does not have starts from the
    target's mean, or (``other``) lies at one corner more.
    """

    def fit(self, column: pandas.Series, *, other: bool = False) -> Category:
        pandas = import_pandas()
        self.dtype = column.dtype
        codes, self._values = pandas.factorize(column, sort=True)
        self._known = pandas.Index(self._values, dtype=object)
        self._other = other
        if len(self._values) > MAX_CATEGORIES:
            raise ValueError(
                f"target's column {column.name!r} has {len(self._values)} different values, too "
                "many for a category: leave it out, or convert it to numbers."
            )
        k = len(self._values) + other
        self.width = k - 1
        self._share = np.bincount(codes, minlength=k) / len(codes)
        self._scale = np.sqrt(np.sum(self._share * (1 - self._share))) or 1.0
        # (k, k - 1): rows orthonormal to (1, …, 1), turned into corners
        self._corners = helmert(k).T / self._scale if k > 1 else np.zeros((1, 0))
        return self

    def encode(self, column: pandas.Series, rng: Uniform | None = None) -> NDArray:
        codes = self.codes(column)
        one_hot = np.eye(len(self._share))[codes]
        if not self._other:  # or else -1 is the last corner
            one_hot[codes < 0] = self._share
        if rng is not None:
            reach = CATEGORY_DITHER / max(self.width, 1) ** 0.25
            one_hot += rng.uniform(-reach, reach, one_hot.shape)
        # one_hot @ corners, written out: a matrix product may round by position
        i = np.arange(1, len(self._share))
        rotated = np.cumsum(one_hot, axis=1)[:, :-1] - i * one_hot[:, 1:]
        return rotated / (np.sqrt(i * (i + 1)) * self._scale)

    def decode(self, block: NDArray) -> Any:
        pandas = import_pandas()
        nearest = np.argmax(block @ self._corners[: len(self._values)].T, axis=1)
        return pandas.Series(self._values.take(nearest), dtype=self.dtype)

    def codes(self, column: pandas.Series) -> NDArray:
        """Position of every value among the target's categories; -1 where it is not one."""
        return self._known.get_indexer(import_pandas().Index(column, dtype=object))


CODECS: Mapping[str, type[Number] | type[Category]] = {  # by numpy's kind of a dtype
    "b": Category,
    "O": Category,
    "U": Category,
    "i": Number,
    "u": Number,
    "f": Number,
    "M": Number,
    "m": Number,
}


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


def dtype_kind(column: pandas.Series) -> str:
    """Letter of numpy for the kind of a column's values; "O" for text and categories."""
    return str(column.dtype.kind)


def _numpy_dtype(dtype: Any) -> np.dtype:
    """Numpy's counterpart of a numeric dtype of pandas, nullable or not."""
    return np.dtype(getattr(dtype, "numpy_dtype", dtype))


def _decimals(values: NDArray) -> int | None:
    """Fewest decimals that write all values exactly, if there are any."""
    if values.dtype.kind != "f":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        fits = (np.array_equal(np.round(values, d), values) for d in range(MAX_DECIMALS))
        return next((d for d, exact in enumerate(fits) if exact), None)
