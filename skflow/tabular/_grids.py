"""Grids: the step that all values of a column of numbers are multiples of, and their decimals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRID_TOLERANCE", "common_step", "decimals_of"]

GRID_TOLERANCE = 1e-3  # steps by which a value may miss the grid
GRID_CELLS = 10**6  # a grid finer than this fraction of the range is as good as none
MAX_DECIMALS = 12


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


def decimals_of(values: NDArray) -> int | None:
    """Fewest decimals that write all values exactly, if there are any."""
    if values.dtype.kind != "f":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        fits = (np.array_equal(np.round(values, d), values) for d in range(MAX_DECIMALS))
        return next((d for d, exact in enumerate(fits) if exact), None)
