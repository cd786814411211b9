"""Rows in the order of a k-d tree, cut into its leaves, each in a box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KDTree

__all__ = ["Leaves", "corners"]

LEAF_ROWS = 24  # a leaf has up to twice as many


@dataclass(frozen=True)
class Leaves:
    """Rows in the order of a k-d tree, cut into its leaves.

    Parameters
    ----------
    numbers : ndarray of shape (n_leaves, size)
        Numbers of the rows; a leaf with one row less than others repeats its last.
    is_row : ndarray of shape (n_leaves, size)
        False where a number is repeated.
    low, high : ndarray of shape (n_leaves, n_features)
        Corners of the leaves' boxes.
    """

    numbers: NDArray
    is_row: NDArray
    low: NDArray
    high: NDArray

    @classmethod
    def of(cls, x: NDArray) -> Leaves:
        """Build the tree of the rows x, (n_rows, n_features)."""
        _, order, nodes, _ = KDTree(x, leaf_size=LEAF_ROWS).get_arrays()
        nodes = np.sort(np.asarray(nodes[["idx_start", "idx_end"]][nodes["is_leaf"] == 1]))
        start, stop = nodes["idx_start"], nodes["idx_end"]
        place = start[:, None] + np.arange((stop - start).max())
        is_row = place < stop[:, None]
        numbers = np.asarray(order)[np.minimum(place, stop[:, None] - 1)]
        return cls(numbers, is_row, *map(np.asfortranarray, corners(x[numbers])))

    def merged(self, n: int) -> tuple[NDArray, NDArray]:
        """Numbers and ``is_row`` of n neighbours each, as one leaf; a tree has 2ᵏ leaves."""
        shape = max(1, len(self.numbers) // n), -1
        return self.numbers.reshape(shape), self.is_row.reshape(shape)

    def squared_distances(self, low: NDArray, high: NDArray) -> NDArray:
        """Squared distances of the leaves' boxes to another box."""
        gap = np.maximum(self.low - high, low - self.high)
        np.square(np.maximum(gap, 0, out=gap), out=gap)
        return np.asarray(gap.sum(axis=1))


def corners(leaves: NDArray) -> tuple[NDArray, NDArray]:
    """Corners of the boxes of leaves, (n_leaves, size, n_features)."""
    return leaves.min(axis=1), leaves.max(axis=1)
