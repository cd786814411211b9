r"""Sums over all pairs of rows along directions, by sorting.

.. math:: s(z) = Σ_j w_j \, \text{sign}(u · (x_j - z)) = 1 - 2 F_u(z)

F being the distribution function of ``u · x``, ties counted half. It is the derivative of the
kernel ``-|t - s|`` of the energy distance, summed over the rows, at the price of a sort.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["mean_signs", "project"]


def project(X: NDArray, directions: NDArray) -> NDArray:
    """Coordinates of rows along directions; a row's bits do not depend on the other rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows.
    directions : ndarray of shape (n_directions, n_features)
        Directions.

    Returns
    -------
    t : ndarray of shape (n_directions, n_rows), float64
        ``u · x``.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.kernels import project
    >>> project(np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[0.6, 0.8]]))
    array([[5. , 0.6]])
    """
    t = np.zeros((len(directions), len(X)))
    for u, x in zip(directions.T, X.astype(np.float64).T, strict=True):  # column by column
        t += u[:, None] * x
    return t


def mean_signs(t: NDArray, s: NDArray, weight: NDArray) -> NDArray:
    """Mean sign of ``s - t`` over weighted s, one direction a row.

    Parameters
    ----------
    t : ndarray of shape (n_directions, n_queries)
        Queries.
    s : ndarray of shape (n_directions, n_rows)
        Rows.
    weight : ndarray of shape (n_rows,)
        Their weights, summing to one.

    Returns
    -------
    signs : ndarray of shape (n_directions, n_queries)
        From -1 where all rows are below the query to 1 where all are above.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.kernels import mean_signs
    >>> mean_signs(np.array([[0.0, 2.0, 9.0]]), np.array([[1.0, 2.0]]), np.array([0.5, 0.5]))
    array([[ 1. , -0.5, -1. ]])
    """
    signs = np.empty_like(t)
    for out, queries, rows in zip(signs, t, s, strict=True):
        order = np.argsort(rows)
        rows, below = rows[order], np.concatenate([[0.0], np.cumsum(weight[order])])
        left, right = (np.searchsorted(rows, queries, side) for side in ("left", "right"))
        out[:] = below[-1] - below[left] - below[right]
    return signs
