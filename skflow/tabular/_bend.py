r"""A scale in which a skewed column of numbers is not all outlier.

.. math:: b(u) = ((1 + u)^λ - 1) / λ \;(u ≥ 0), \quad
          -((1 - u)^{2 - λ} - 1) / (2 - λ) \;(u < 0), \quad u = (x - x_0) / s

References
----------
Yeo, I.-K. and Johnson, R. (2000). A New Family of Power Transformations to Improve Normality or
Symmetry. Biometrika 87.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew, yeojohnson_normmax

__all__ = ["Bend"]

BEND_ROWS = 10_000  # quantiles of a longer column that tell how it is bent
SKEWED = 1.0  # skewness from which on a column of numbers is bent


@dataclass(frozen=True)
class Bend:
    """Power scale of a skewed column: Yeo and Johnson's, with a power from 0 (logarithm) to 1.

    Medians x_0 and spreads s of the column make it the same in any unit. A negative skewness is
    mirrored before and after, by a negative s, so that the scale always increases.

    Parameters
    ----------
    center, scale : float
        x_0 and s.
    power : float, default=1.0
        λ; 1 leaves values as they are.
    """

    center: float
    scale: float
    power: float = 1.0

    @classmethod
    def of(cls, x: NDArray) -> Bend:
        """Learn the scale of a column."""
        center = float(np.median(x))
        spread = float(np.median(np.abs(x - center))) or float(np.std(x))
        lean = float(skew(x / spread)) if spread > 0 else 0.0
        if not abs(lean) > SKEWED:
            return cls(0.0, 1.0)
        scale = float(np.copysign(spread, lean))
        stride = -(-len(x) // BEND_ROWS)
        some = x if stride == 1 else np.sort(x)[stride // 2 :: stride]
        with np.errstate(over="ignore", invalid="ignore"):  # of powers that a search may try
            power = yeojohnson_normmax((some - center) / scale)
        # to two digits, which do not depend on the column's unit
        return cls(center, scale, float(np.clip(np.round(power, 2), 0.0, 1.0)))

    def __call__(self, x: NDArray) -> NDArray:
        """Bend values."""
        if self.power == 1.0:
            return x
        u = (x - self.center) / self.scale
        up, down = np.maximum(u, 0), np.maximum(-u, 0)
        power, other = self.power, 2 - self.power
        bent = np.log1p(up) if power == 0 else np.expm1(power * np.log1p(up)) / power
        bent = np.where(u >= 0, bent, -np.expm1(other * np.log1p(down)) / other)
        return np.copysign(1.0, self.scale) * bent  # increasing, mirrored or not

    def inverse(self, y: NDArray) -> NDArray:
        """Bend values back."""
        if self.power == 1.0:
            return y
        y = np.copysign(1.0, self.scale) * y
        up, down = np.maximum(y, 0), np.maximum(-y, 0)
        power, other = self.power, 2 - self.power
        with np.errstate(over="ignore"):
            back = np.expm1(up if power == 0 else np.log1p(power * up) / power)
        u = np.where(y >= 0, back, -np.expm1(np.log1p(other * down) / other))
        return u * self.scale + self.center
