r"""Codec of categories: corners of a regular simplex.

.. math:: c ↦ e_c / \sqrt{Σ_c p_c (1 - p_c)}, \qquad y ↦ \arg\max_c \, (⟨y, e_c⟩ + o_c)

p are the target's shares; the offsets o are found so that moved rows reach them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert
from scipy.special import softmax

from skflow._draws import draw_rows
from skflow._utils import normalize_weights
from skflow.tabular._codecs import CATEGORY_DITHER, Codec
from skflow.tabular._frames import import_pandas

if TYPE_CHECKING:
    import pandas

    from skflow.tabular._noise import Uniform

__all__ = ["MAX_CATEGORIES", "Category", "best_levels", "offsets_of"]

MAX_CATEGORIES = 1000  # beyond that a column is no category
CORNER_WIDTH = 32  # coordinates of more categories than that, whose corners are nearly orthogonal
MATCH_CELLS = 100_000  # scores of rows for categories that offsets are found on
MATCH_ROWS = 2000  # and fewest rows
TEMPERATURES = np.geomspace(1, 0.01, 25)  # of the search for offsets, in deviations of the scores
VANISHING = 1e-12  # least share of a category, and spread of the scores, that is computed with
CHUNK_CELLS = 2**22  # scores of rows for categories that are in memory at a time


class Category(Codec):
    r"""Categories, text and booleans: corner c of a regular simplex, ``e_c / sqrt(Σ p (1 - p))``.

    The k corners span k - 1 dimensions; one-hot rows, rotated into their own plane, have the same
    distances and no coordinate too many. More than 33 corners are random directions in 32
    dimensions instead, which are nearly as far from each other. A value that the target does not
    have starts from the target's mean, or (``other``) lies at one corner more. A missing value is a
    category like the others.
    """

    def fit(
        self, column: pandas.Series, weight: NDArray | None = None, *, other: bool = False
    ) -> Category:
        pandas = import_pandas()
        missing = column.isna().to_numpy(bool)
        # in an order that does not depend on the rows', of types that need not know each other's
        values = sorted(column[~missing].unique(), key=lambda v: (type(v).__name__, repr(v)))
        if len(values) > MAX_CATEGORIES:
            raise ValueError(
                f"target's column {column.name!r} has {len(values)} different values, too "
                "many for a category: leave it out, or convert it to numbers."
            )
        self._known, self._has_missing = pandas.Index(values, dtype=object), bool(missing.any())
        self._values = pandas.Series([*values, *[None] * self._has_missing], dtype=object)
        self.n_levels = len(self._values)
        k = self.n_levels + other
        self._other = other
        self._share = np.bincount(
            self.codes(column), weights=normalize_weights(weight, len(column)), minlength=k
        )
        # the variance of one level is rounding
        spread = np.sum(self._share * (1 - self._share)) if self.n_levels > 1 else 1.0
        self._scale = np.sqrt(spread)
        self._corners = _corners(k) / self._scale
        self.width = self._corners.shape[1]
        return self

    def encode(self, column: pandas.Series, rng: Uniform | None = None) -> NDArray:
        codes = self.codes(column)
        # unknown ones lie at the mean, or at the last corner
        middle = self._corners[-1] if self._other else self._share @ self._corners
        block = np.where(codes[:, None] < 0, middle, self._corners[codes])
        if rng is None or not self.width:
            return block
        reach = CATEGORY_DITHER / self.width**0.25 / self._scale
        dithered = block + rng.uniform(-reach, reach, block.shape)
        strays = (self._nearest(dithered, 0.0) != codes) & (codes >= 0)
        return np.where(strays[:, None], block, dithered)

    def match(self, block: NDArray) -> NDArray:
        """Learn from moved rows what to add to every category's score, to reach its share."""
        k, held = self.n_levels, self._held(block)
        taken = np.bincount(held[held >= 0], minlength=k) / len(block)
        share = self._share[:k] - taken
        share[(taken > 0) & (share < 1 / len(block))] = 0  # less than a row is rounding
        share = np.maximum(share, VANISHING)
        block = block[held < 0]
        if k < 2 or not len(block):
            return np.zeros(k)
        n = min(len(block), max(MATCH_CELLS // k, MATCH_ROWS))
        block = draw_rows(block, n, np.random.default_rng(0))
        return offsets_of(block @ self._corners[:k].T, share / share.sum())

    def decode(self, block: NDArray, match: NDArray | None = None) -> pandas.Series:
        codes = self._nearest(block, 0.0 if match is None else match)
        if match is not None:
            held = self._held(block)
            codes = np.where(held < 0, codes, held)
        return self.values_of(codes)

    def values_of(self, codes: NDArray) -> pandas.Series:
        """The target's values at positions among them."""
        return self._values.iloc[codes].reset_index(drop=True)

    def scores(self, block: NDArray) -> NDArray:
        """How near every category is to rows: (n_rows, n_levels), the highest is the nearest."""
        return block @ self._corners[: self.n_levels].T

    def _held(self, block: NDArray) -> NDArray:
        """Levels of the rows that are on a corner, because they were gathered there; -1 of others.

        They keep their category, and the others get what is left of the shares.
        """
        held = np.full(len(block), -1)
        if self.width:
            rows = np.flatnonzero(np.isin(block[:, 0], self._corners[:, 0]))
            codes = self._nearest(block[rows], 0.0)
            is_held = (block[rows] == self._corners[codes]).all(axis=1)
            held[rows[is_held]] = codes[is_held]
        return held

    def _nearest(self, block: NDArray, offset: Any) -> NDArray:
        """The corner with the best score of every row."""
        return best_levels(block, self._corners[: self.n_levels], offset)

    def codes(self, column: pandas.Series) -> NDArray:
        """Position of every value among the target's categories; -1 where it is not one."""
        codes = self._known.get_indexer(import_pandas().Index(column, dtype=object))
        if self._has_missing:
            codes[column.isna().to_numpy(bool)] = self.n_levels - 1
        return codes


def best_levels(rows: NDArray, places: NDArray, offset: Any) -> NDArray:
    """The level with the best score, ``⟨row, place⟩ + offset``, a part of the rows at a time."""
    size = max(1, CHUNK_CELLS // len(places))
    parts = [rows[i : i + size] for i in range(0, max(len(rows), 1), size)]
    return np.concatenate([np.argmax(part @ places.T + offset, axis=1) for part in parts])


def offsets_of(scores: NDArray, share: NDArray) -> NDArray:
    """What to add to scores of rows, (n_rows, n_levels), so that the best ones have given shares.

    The smallest potentials of the semi-discrete optimal transport from rows to levels, by Sinkhorn
    updates at a falling temperature.
    """
    scores, k = scores.astype(np.float64), len(share)
    offset, share = np.zeros(k), np.maximum(share, VANISHING)
    drawn = np.bincount(scores.argmax(axis=1), minlength=k) / len(scores)
    if np.abs(drawn - share).max() < 1 / len(scores):
        return offset
    for temperature in TEMPERATURES * max(float(scores.std()), VANISHING):
        for _ in range(2):
            drawn = softmax((scores + offset) / temperature, axis=1).mean(axis=0)
            offset += temperature * (np.log(share) - np.log(np.maximum(drawn, VANISHING)))
    return offset


def _corners(k: int) -> NDArray:
    """Directions of k categories, of length one from their middle in the one-hot sense."""
    if k == 1:
        return np.zeros((1, 0))
    if k <= CORNER_WIDTH + 1:
        return helmert(k).T  # (k, k - 1): rows orthonormal to (1, …, 1), turned into corners
    directions = np.random.default_rng(0).standard_normal((k, CORNER_WIDTH))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)
