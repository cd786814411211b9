"""Whether two tables differ by more than chance, and what that says for not moving rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skflow.advice import say_alike, say_apart
from skflow.metrics import holm_correction, outlying_share, two_sample_test

__all__ = ["pvalues", "sentences"]


def pvalues(Z: NDArray, Y: NDArray, blocks: Sequence[slice], seed: int) -> NDArray:
    """P-values of two tables and of each of their columns, the latter adjusted by Holm's method.

    Parameters
    ----------
    Z, Y : ndarray of shape (n_rows, n_coordinates)
        The encoded tables.
    blocks : sequence of slice
        Coordinates of each column.
    seed : int
        Chooses the rows of large tables, and the permutations.

    Returns
    -------
    pvalues : ndarray of shape (1 + n_columns,)
        Of the whole table, and of its columns.
    """
    whole = two_sample_test(Z, Y, random_state=seed).pvalue
    columns = [two_sample_test(Z[:, b], Y[:, b], random_state=seed).pvalue for b in blocks]
    return np.array([whole, *holm_correction(columns)])


def sentences(Z: NDArray, Y: NDArray, pvalue: float) -> list[str]:
    """Sentences on what speaks against moving one table onto another.

    Parameters
    ----------
    Z, Y : ndarray of shape (n_rows, n_coordinates)
        The encoded tables.
    pvalue : float
        Of the hypothesis that they do not differ.

    Returns
    -------
    sentences : list of str
        None, one or two.
    """
    said = [say_alike(pvalue), say_apart(outlying_share(Z, Y))]
    return [f"{sentence[0].upper()}{sentence[1:]}." for sentence in said if sentence]
