"""Noise that goes with a row: what lets a row be moved on its own, and still be dithered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skflow.tabular._frames import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = ["RowNoise", "Uniform"]


class Uniform(Protocol):
    """What draws a dither: a numpy Generator, or `RowNoise`."""

    def uniform(self, low: float, high: float, size: Any) -> NDArray:
        """Draw numbers between low and high."""


class RowNoise:
    """Uniform noise, a function of a row's label: the same in any subset, order or chunk.

    The labels have to be of one type everywhere: the number 1 and the float 1.0 are two labels.

    Rows that share a label are told apart by their order among each other.

    Parameters
    ----------
    index : pandas.Index
        The labels, one a row.
    rng : numpy.random.Generator
        Draws a key for every coordinate, with which the labels are hashed.
    """

    def __init__(self, index: pandas.Index, rng: np.random.Generator) -> None:
        pandas = import_pandas()
        labels = pandas.util.hash_pandas_object(index).to_numpy()
        repeats = pandas.Series(labels).groupby(labels).cumcount().to_numpy(np.uint64)
        self._labels, self._rng = labels + repeats, rng

    def uniform(self, low: float, high: float, size: Any) -> NDArray:
        """Return a number for every row and coordinate.

        Parameters
        ----------
        low, high : float
            The range.
        size : int or tuple of int
            The number of rows, and that of coordinates if there are several.

        Returns
        -------
        noise : ndarray of shape ``size``
            The numbers.
        """
        n_coordinates = int(np.prod(size)) // len(self._labels)
        keys = self._rng.integers(2**64, size=n_coordinates, dtype=np.uint64)
        hashed = import_pandas().util.hash_array((self._labels[:, None] ^ keys).ravel())
        return low + (high - low) * 2.0**-53 * (hashed >> np.uint64(11)).reshape(size)
