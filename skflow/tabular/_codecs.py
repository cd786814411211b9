r"""Codecs: one column, to a block of coordinates and back.

===========  ==============================================  ==================================
codec        encode                                          decode
===========  ==============================================  ==================================
`Number`     ``(b(x) - mean) / std``, and whether missing    the target's quantiles, rank by rank
`Category`   corner of a regular simplex (one-hot, rotated)  nearest corner, by the target's shares
===========  ==============================================  ==================================

``fit(column)`` learns the target's column, ``encode(column, rng)`` returns an array of shape
(n_rows, width), ``match(block)`` learns from moved rows how to give them the target's marginal
distribution, and ``decode(block, match)`` returns values of the target's dtype. A match is a
function of single rows, so that rows can be decoded each on its own.

*Atoms*, values that many rows share, are spread out (dithered) before the flow, which moves
densities, and gathered again after it: numbers on a common grid by uniform noise of one grid step,
categories by noise that leaves every row nearest to its own corner. So decoding what was encoded
gives the same column back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from skflow.tabular._plain import PlainState

if TYPE_CHECKING:
    import pandas

    from skflow.tabular._noise import Uniform

__all__ = ["CATEGORY_DITHER", "Codec"]

# One-hot units either way, times (k - 1)^(-1/4); 0.5 would reach the border between two categories.
# The noise's length grows with the number of coordinates: undiminished it drowned 30 categories
# (shares off by 0.27), diminished by the square root it left them bare (copy ratio 0.3), both at
# 0.25. The noise sets the nearest-neighbour distance, and so the last bandwidth, which has to
# resolve two corners: at 0.25 and today's bandwidth shares were off by 0.15 to 0.18, at 0.16 by
# 0.06.
CATEGORY_DITHER = 0.16


class Codec(PlainState, ABC):
    """One column as a block of coordinates; its ``width`` is known after ``fit``."""

    width: int

    @abstractmethod
    def encode(self, column: pandas.Series, rng: Uniform | None = None) -> NDArray:
        """Return the coordinates of plain values, dithered if there is something to draw from."""

    @abstractmethod
    def match(self, block: NDArray) -> Any:
        """Learn from moved rows how to give them the target's distribution."""

    @abstractmethod
    def decode(self, block: NDArray, match: Any = None) -> pandas.Series:
        """Return the plain values that rows stand for."""
