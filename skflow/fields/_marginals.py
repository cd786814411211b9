r"""The target's marginal distributions, for samples.

.. math:: y_{ij} ← F_j^{-1}(\hat G_j(y_{ij}))

F_j is the target's distribution function of column j, G_j the samples' own. The flow decides how
the columns go together; this puts right what a bandwidth cannot resolve in a single column: values
that many rows share, rounding, bounds, sharp edges and tails. Ranks stay as they are, so the
copula of the samples is that of the flow.

References
----------
Sklar, A. (1959). Fonctions de répartition à n dimensions et leurs marges. Publications de
l'Institut de Statistique de l'Université de Paris 8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["match_marginals", "unlike_marginals"]

TIES = 0.95  # share of distinct values below which rows are taken to share values
CRITICAL = 1.63  # of the Kolmogorov-Smirnov statistic times sqrt(n): exceeded once in a hundred


def match_marginals(Y: NDArray, X: NDArray, weight: NDArray) -> NDArray:
    """Give every column of Y, rank by rank, the quantiles of the same column of X.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Samples.
    X : ndarray of shape (n_target_rows, n_features)
        Target rows.
    weight : ndarray of shape (n_target_rows,)
        Their weights, summing to one.

    Returns
    -------
    matched : ndarray of shape (n_rows, n_features)
        Values between two neighbouring values of X are interpolated; those that several rows of X
        share come back as often.
    """
    level = (np.arange(len(Y)) + 0.5) / len(Y)
    matched = np.empty_like(Y)
    for j in range(Y.shape[1]):
        order = np.argsort(X[:, j], kind="stable")
        middle = np.cumsum(weight[order]) - weight[order] / 2
        matched[np.argsort(Y[:, j], kind="stable"), j] = np.interp(level, middle, X[order, j])
    return matched


def unlike_marginals(Y: NDArray, X: NDArray, weight: NDArray) -> NDArray:
    """Say in which columns rows do not have the target's marginal distribution.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Many more samples than target rows.
    X : ndarray of shape (n_target_rows, n_features)
        Target rows.
    weight : ndarray of shape (n_target_rows,)
        Their weights, summing to one.

    Returns
    -------
    unlike : ndarray of bool, shape (n_features,)
        Whether target rows share values in the column, or the Kolmogorov-Smirnov statistic says
        at the level of one per cent that the two distributions differ.
    """
    level, n = (np.arange(len(Y)) + 0.5) / len(Y), 1 / np.sum(weight**2)
    unlike = np.empty(Y.shape[1], bool)
    for j in range(Y.shape[1]):
        order = np.argsort(X[:, j], kind="stable")
        x, share = X[order, j], np.concatenate([[0.0], np.cumsum(weight[order])])
        statistic = np.abs(share[np.searchsorted(x, np.sort(Y[:, j]))] - level).max()
        has_ties = len(np.unique(x)) < TIES * len(x)
        unlike[j] = has_ties or statistic > CRITICAL / np.sqrt(n)
    return unlike
