r"""Columns that others determine: ``total = a + b``, up to rounding.

.. math:: x_j = c_0 + Σ_k c_k x_k

Such a column has no coordinates of its own; it is computed from the others after they have moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skflow.tabular._frames import extended

if TYPE_CHECKING:
    import pandas

__all__ = ["Relation", "linear_relations"]

UNUSED = 1e-3  # standard deviations that a column without a part in a combination may seem to add
LINKED = 1e-7  # share of a column's variance that a combination of others may leave


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
        terms = [extended(columns[name])[0] for name in self.names]
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
        x, missing = extended(column)
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
