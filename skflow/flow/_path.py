"""The way of a source, kept: what each step of a flow did to its reference rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skflow.flow._marginals import MonotoneMap

__all__ = ["Path"]


@dataclass
class Path:
    """Reference rows and what the steps of their flow were made of.

    Parameters
    ----------
    start : ndarray of shape (n_reference, n_features)
        The reference rows before the first step.
    affine : tuple of ndarrays or None
        The alignment.
    step_sizes : ndarray of shape (n_steps,) or None
        The step sizes.
    tapes : list of lists
        For every step its noise and frozen velocities, in order.
    maps : list of MonotoneMap or None
        For every column what the end of the way still misses.
    """

    start: NDArray
    affine: tuple[NDArray, NDArray, NDArray] | None = None
    step_sizes: NDArray | None = None
    tapes: list[list[Any]] = field(default_factory=list)
    maps: list[MonotoneMap | None] = field(default_factory=list)

    def nearest(self, Y: NDArray) -> NDArray:
        """Return for every row the number of the reference row nearest to it at the start.

        Parameters
        ----------
        Y : ndarray of shape (n_rows, n_features)
            Rows before the first step.

        Returns
        -------
        like : ndarray of shape (n_rows,)
            Numbers of reference rows.
        """
        return np.asarray(cKDTree(self.start).query(Y)[1])
