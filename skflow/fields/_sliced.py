r"""Gradient of the energy distance, one direction at a time: sliced MMD flow with a Riesz kernel.

.. math:: v(z) = σ \, \frac{2}{c_d} \, \frac1m Σ_{l=1}^m u_l \left[ Σ_i w_i \, \text{sign}(u_l ·
          (x_i - z)) - Σ_j b_j \, \text{sign}(u_l · (y_j - z)) \right], \qquad
          c_d = E|u_1| = \frac{Γ(d/2)}{\sqrt{π} \, Γ((d+1)/2)}

over target rows x and moving rows y, and random directions u. Its mean over directions is σ times
minus the gradient of the energy distance ``2E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖`` in a row's position,
per unit of its weight: the squared MMD of the kernel -‖x - y‖, which has no bandwidth, so that rows
are felt however far away they are. Along a direction the sums over all pairs are ranks: a step
costs a sort per direction, and no kernel sums.

The gradient has no unit, and its length is at most four; σ, which is no bandwidth here, is the
length of a step. Steps that fall to the distance of neighbours also average out what is random in
the directions. The authors keep σ and add momentum in place of that.

References
----------
Hertrich, J., Wald, C., Altekrüger, F. and Hagemann, P. (2024). Generative Sliced MMD Flows with
Riesz Kernels. arXiv:2305.11463.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from skflow._utils import check_count, is_auto
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits
from skflow.fields._kernel import Formula, KernelField, KernelState
from skflow.fields._population import MovingRows, Population
from skflow.kernels import KernelSum

__all__ = ["SlicedEnergyGradient"]

FEWEST = 50  # directions of "auto"


@dataclasses.dataclass(eq=False, repr=False)
class SlicedEnergyGradient(KernelField):
    r"""Gradient of the energy distance, averaged over random directions.

    .. math:: v(z) = \frac{2σ}{c_d} \, E_u \left[ u \, (Σ_i w_i \, \text{sign}(u · (x_i - z))
              - Σ_j b_j \, \text{sign}(u · (y_j - z))) \right]

    There is no bandwidth: σ is the length of a step. Far-off rows are attracted as much as others.

    Parameters
    ----------
    n_directions : int or "auto", default="auto"
        Directions that a step is averaged over, drawn anew at every step; "auto" is 50, or the
        number of features if that is larger. They come in orthogonal sets.

    Raises
    ------
    ValueError
        If ``n_directions`` is neither "auto" nor a positive integer; ``fit`` raises it.

    References
    ----------
    Hertrich et al. (2024), arXiv:2305.11463.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import SlicedEnergyGradient
    >>> X, Y = np.array([[1.0], [2.0]]), np.array([[0.0], [4.0]])
    >>> field = SlicedEnergyGradient().fit(X, sigmas=np.array([0.5]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 0.5)  # towards the target, apart
    array([[ 0.5],
           [-0.5]])
    """

    n_directions: Any = "auto"

    @property
    def is_normalized(self) -> bool:
        """Whether attraction is a mean of target rows: no, it is a sum of signs."""
        return False

    @property
    def pulls_lone_rows(self) -> bool:
        """Whether a lone row is attracted as strongly as others: no, they all push it outward."""
        return False

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches and directions."""
        auto = max(FEWEST, self.target_.n_features)
        m = auto if is_auto(self.n_directions) else self.n_directions
        return _SlicedState(self.target_, rng, limits, m)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        if not is_auto(self.n_directions):
            check_count(self.n_directions, name="n_directions")
        return FlowDefaults(schedule="linear")


@dataclass(frozen=True)
class _Gradient(Formula):
    directions: NDArray  # (n_directions, n_features)

    def __call__(self, Z: KernelSum, p: Population, q: MovingRows, sigma: float) -> NDArray:
        m, d = self.directions.shape
        signs = p.signs(Z, self.directions) - q.signs(Z, self.directions)
        c_d = np.exp(gammaln(d / 2) - gammaln((d + 1) / 2)) / np.sqrt(np.pi)
        v = np.zeros(Z.rows.shape)
        for u, s in zip(self.directions, signs, strict=True):
            v += s[:, None] * u
        return (2 * sigma / (m * c_d) * v).astype(Z.dtype)


class _SlicedState(KernelState):
    def __init__(
        self, target: KernelSum, rng: np.random.Generator, limits: Limits, n_directions: int
    ) -> None:
        super().__init__(target, rng, limits)
        self.n_directions = n_directions

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        v = _Gradient(_directions(self.n_directions, Z.shape[1], self.rng))
        return self._evaluated(v, *self._populations(Z, Y, sigma), sigma)


def _directions(m: int, d: int, rng: np.random.Generator) -> NDArray:
    """Unit vectors in all directions alike, in orthogonal sets of d."""
    sets = [np.linalg.qr(rng.standard_normal((d, min(m, d))))[0].T for _ in range(-(-m // d))]
    return np.concatenate(sets)[:m]
