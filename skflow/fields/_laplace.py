r"""Mean shifts of Laplace kernels: the attract-minus-repel means of drifting models.

.. math:: v(z) = \frac1m Σ_{l=1}^m \left[ D_p(z; τ_l) - D_q(z; τ_l) \right], \qquad
          D_p(z; τ) = \frac{Σ_i w_i e^{-‖z - x_i‖/τ} x_i}{Σ_i w_i e^{-‖z - x_i‖/τ}},
          \qquad τ_l = c_l σ

over target rows x, and the same over moving rows. The kernel falls with the distance itself, not
with its square: rows far away are still felt, and several τ see coarse and fine at once. Unlike a
Gaussian kernel's this is not the difference of two scores, but it is zero where p and q agree.

References
----------
Generative Modeling via Drifting (2026). arXiv:2602.04770.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_scale
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits
from skflow.fields._kernel import KernelField
from skflow.fields._sum import SumState
from skflow.fields._terms import DifferenceState, Mean
from skflow.kernels import RadialKernel

__all__ = ["LaplaceMeanShift"]


@dataclasses.dataclass(eq=False, repr=False)
class LaplaceMeanShift(KernelField):
    r"""Difference of Laplace kernel means, averaged over several kernel widths.

    .. math:: v(z) = \frac1m Σ_l \left[ D_p(z; c_l σ) - D_q(z; c_l σ) \right]

    Parameters
    ----------
    factors : sequence of float, default=(0.5, 1.0, 2.0)
        c: the widths τ of the kernels, in units of the step's bandwidth.

    References
    ----------
    arXiv:2602.04770.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import LaplaceMeanShift
    >>> X, Y = np.array([[0.0], [2.0]]), np.array([[5.0], [6.0]])
    >>> field = LaplaceMeanShift(factors=[1.0]).fit(X, sigmas=np.array([1.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 1.0).round(3)
    array([[-3.507],
           [-3.969]])
    """

    factors: Sequence[float] = (0.5, 1.0, 2.0)

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches."""
        share = 1 / len(self.factors)
        terms = [Mean(LAPLACE, factor) for factor in self.factors]
        parts = [DifferenceState(self.target_, rng, limits, term, term) for term in terms]
        return SumState([(share, part) for part in parts])

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        if np.ndim(self.factors) != 1 or len(self.factors) == 0:
            raise ValueError(f"factors must be a sequence of numbers, got {self.factors!r}.")
        for factor in self.factors:
            check_scale(factor, name="factors")
        return FlowDefaults(schedule="geometric")


def _log_laplace(square: NDArray) -> NDArray:
    root = np.sqrt(square, out=square)
    return np.negative(root, out=root)


LAPLACE = RadialKernel(_log_laplace)
