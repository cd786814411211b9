r"""Coordinates in which relations between columns are seen.

.. math:: z ← W z, \qquad W = C^{-1/4}

C is the covariance of the target's coordinates. A column that is nearly a function of others leaves
a direction of little variance, in which a kernel of one bandwidth for all sees nothing; full
whitening, C^{-1/2}, would make as much of it as of all others. Half of it is a middle way
(docs/quality.md). Variances below what ``d/n`` of their mean is are not told from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._utils import moments, symmetric_root

__all__ = ["HalfWhitening"]

POWER = 0.25
BLOCK_ROWS = 512  # rows whose products stay in the cache


class HalfWhitening:
    """Half whitening by the covariance of a target.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_coordinates)
        Coordinates of the target's rows.
    weight : ndarray of shape (n_rows,), default=None
        Their weights.
    kept : ndarray of int, default=()
        Coordinates that stay as they are.
    """

    def __init__(self, Z: NDArray, weight: NDArray | None = None, kept: ArrayLike = ()) -> None:
        moved = np.delete(np.arange(Z.shape[1]), np.asarray(kept, int))
        self._there, self._back = np.eye(Z.shape[1]), np.eye(Z.shape[1])
        part = np.ix_(moved, moved)
        self._there[part], self._back[part] = _half_whitening(Z[:, moved], weight)

    def apply(self, Z: NDArray) -> NDArray:
        """Half whiten rows, each by itself."""
        return _times(Z, self._there)

    def inverse(self, Z: NDArray) -> NDArray:
        """Return rows to their coordinates, each by itself."""
        return _times(Z.astype(np.float64, copy=False), self._back)


def _half_whitening(Z: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray]:
    """The matrix and its inverse."""
    d = Z.shape[1]
    C = moments(Z, weight)[1]
    least = np.trace(C) / len(Z)
    if least > 0:
        value, vector = np.linalg.eigh(C)
        C = (vector * np.maximum(value, least)) @ vector.T / (np.trace(C) / d)
    else:
        C = np.eye(d)
    return symmetric_root(C, -POWER), symmetric_root(C, POWER)


def _times(Z: NDArray, A: NDArray) -> NDArray:
    """``Z @ A`` in blocks, without a matrix product, which may round by position."""
    product = np.zeros_like(Z)
    for start in range(0, len(Z), BLOCK_ROWS):
        part, rows = product[start : start + BLOCK_ROWS], Z[start : start + BLOCK_ROWS]
        term = np.empty_like(part)
        for column, coefficients in zip(rows.T, A, strict=True):
            part += np.multiply(column[:, None], coefficients, out=term)
    return product
