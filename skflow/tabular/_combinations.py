r"""Columns of numbers of which few combinations occur, as the rates of a county that rows are from.

.. math:: y ↦ c_{\arg\max_k \, (⟨y, c_k⟩ - ‖c_k‖² / 2 + o_k)}

c are the combinations of the target, in coordinates. The offsets o are found so that moved rows
reach the shares of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._draws import draw_rows
from skflow._utils import count_draws, normalize_weights
from skflow.tabular._categories import MAX_CATEGORIES, best_levels, offsets_of
from skflow.tabular._numbers import Number
from skflow.tabular._plain import PlainState

__all__ = ["Combinations", "combinations"]

MOST_RATES = 300  # of a column
SEVERAL = 1.5  # rows that a combination stands for, from which on several share it
NEARLY_ALL = 0.9  # share of the rows that have their combination with others
# Combinations, of those that would occur by chance. The rates of college's counties have 0.46 and
# 0.5 on 471 and 400 rows, counts that depend on each other, as rooms and bedrooms, 0.75.
FAR_FEWER = 0.65
OFFSET_ROWS = 2000  # rows that offsets are found on


class Combinations(PlainState):
    """The combinations of some columns.

    Parameters
    ----------
    names : sequence of names
        The columns.
    codes : ndarray of shape (n_rows,)
        The combination of every row.
    Y : ndarray of shape (n_rows, n_names)
        The columns' coordinates.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, summing to one.
    """

    def __init__(self, names: Sequence[Any], codes: NDArray, Y: NDArray, weight: NDArray) -> None:
        self.names = list(names)
        self.values = Y[np.unique(codes, return_index=True)[1]]
        self._share = np.bincount(codes, weight)
        self._bias = -0.5 * np.sum(self.values**2, axis=1)

    def match(self, Y: NDArray) -> NDArray:
        """Learn from moved rows what to add to the scores of the combinations."""
        rows = draw_rows(Y, min(len(Y), OFFSET_ROWS), np.random.default_rng(0))
        return offsets_of(rows @ self.values.T + self._bias, self._share)

    def nearest(self, Y: NDArray, offset: Any = 0.0) -> NDArray:
        """The coordinates of the combination with the best score, of every row."""
        return self.values[best_levels(Y, self.values, self._bias + offset)]


def combinations(
    codecs: Mapping[Any, Any],
    plain: Mapping[Any, Any],
    numbers: Sequence[Any],
    weight: NDArray | None,
) -> list[Combinations]:
    """Find columns of which far fewer combinations occur than would by chance.

    Parameters
    ----------
    codecs : mapping of name to codec
        Of all columns.
    plain : mapping of name to Series
        Their values.
    numbers : sequence of names
        The numbers that are looked at; those with missing values are not.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    found : list of Combinations
        Every column is in one of them at most.
    """
    codes: dict[Any, NDArray] = {}
    for c in numbers:
        assert isinstance(codecs[c], Number)
        if codecs[c].n_values and not plain[c].isna().any():
            codes[c] = np.unique(plain[c], return_inverse=True)[1]
    if not codes:
        return []
    n = len(next(iter(codes.values())))
    w, n_draws = normalize_weights(weight, n), count_draws(weight, n)
    codes = {c: k for c, k in codes.items() if k.max() < MOST_RATES and _shared(k, w, n_draws)}
    groups: list[tuple[list[Any], NDArray]] = []
    for c in sorted(codes, key=lambda c: -codes[c].max()):
        for i, (names, code) in enumerate(groups):
            both = _both(code, codes[c])
            if _shared(both, w, n_draws) and any(
                _is_few(codes[c], codes[name], w, n_draws) for name in names
            ):
                groups[i] = [*names, c], both
                break
        else:
            groups.append(([c], codes[c]))
    return [
        Combinations(
            names, code, np.column_stack([codecs[c].encode(plain[c])[:, 0] for c in names]), w
        )
        for names, code in groups
        if len(names) > 1
    ]


def _shared(codes: NDArray, weight: NDArray, n_draws: float) -> bool:
    """Whether most rows have their code with others."""
    share = np.bincount(codes, weight)
    is_shared = share[share * n_draws > SEVERAL].sum() > NEARLY_ALL
    return bool(is_shared and len(share) <= MAX_CATEGORIES)


def _both(a: NDArray, b: NDArray) -> NDArray:
    """The combination of two codes."""
    return np.unique(a * (b.max() + 1) + b, return_inverse=True)[1]


def _is_few(a: NDArray, b: NDArray, weight: NDArray, n_draws: float) -> bool:
    """Whether two columns have few combinations, though enough for chance to be told."""
    rows = n_draws * np.outer(np.bincount(a, weight), np.bincount(b, weight))
    return bool(_both(a, b).max() + 1 <= FAR_FEWER * np.sum(-np.expm1(-rows)))
