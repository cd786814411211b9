r"""Gradient of the squared maximum mean discrepancy.

.. math:: v(z) = Σ_i w_i K(z, x_i) \frac{x_i - z}{σ²} - Σ_j u_j K(z, y_j) \frac{y_j - z}{σ²}

over target rows x and moving rows y, weights summing to one [Weber 2023, eqs. 44-46; Arbel et al.
2019]. It is minus half the gradient of ``MMD²(q, p)`` in a row's position, per unit of its weight.
Dividing each sum by its own ``Σ K`` gives the score difference; without that the pull of the target
fades like K where source and target are bandwidths apart, while the rows still repel each other.

v has the unit of one over a length, so a step has that of a length squared. A gradient flow
descends in steps of at most two over the largest curvature of what it descends. That of the pull is
at most ``S_p / σ²`` at a row, S being the kernel sums, because ``-∇²K ≤ K/σ²``. That of the
repulsion, in which two rows take part, is at most 2/σ² by Gershgorin's theorem, and about
``2 S_q / σ²`` where the rows that matter are within √2 σ. So η = 2σ²/3 always descends. Steps by
default are

.. math:: η = \frac{2 σ²}{\max_i \, (S_p + 2 S_q)(y_i)},

which is longer, as S is at most 1. That it descends is not proven, but tested: in 1 to 30 columns,
at any distance and bandwidth tried.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
Arbel, M. et al. (2019). Maximum Mean Discrepancy Gradient Flow. arXiv:1906.04370.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_tolerance
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits
from skflow.fields._kernel import Formula, KernelField, KernelState
from skflow.fields._population import Means, MovingRows, Population
from skflow.kernels import KernelSum
from skflow.schedules import LinearSchedule

__all__ = ["MMDGradient"]

FIRST_BANDWIDTH = "2*rms"  # first bandwidth: the outermost rows of a Gaussian feel the others, too
LAST_PLACES = 64  # units in the last place of a term that count as rounding


@dataclasses.dataclass(eq=False, repr=False)
class MMDGradient(KernelField):
    r"""Gradient of the squared maximum mean discrepancy with a Gaussian kernel.

    .. math:: v(z) = ∇_z \left[ Σ_i w_i K(z, x_i; σ) - Σ_j u_j K(z, y_j; σ) \right]

    Parameters
    ----------
    tol : float, default=1e-6
        Share of a kernel sum that may be neglected where it saves time: rows far away, and from
        1e-6 on digits beyond single precision. 0 sums all, in the precision of the rows.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eqs. 44-46; Arbel et al. (2019), arXiv:1906.04370.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import MMDGradient
    >>> X, Y = np.array([[1.0]]), np.array([[0.0]])
    >>> field = MMDGradient().fit(X, sigmas=np.array([1.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 1.0).round(4)
    array([[0.6065]])
    """

    tol: float = 1e-6

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches."""
        return _MMDState(self.target_, rng, limits, self.tol)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_tolerance(self.tol)
        return FlowDefaults(schedule=LinearSchedule(sigma_max=FIRST_BANDWIDTH))

    @property
    def is_normalized(self) -> bool:
        """Whether attraction is a mean of target rows: no, it is a sum that fades."""
        return False

    @property
    def pulls_lone_rows(self) -> bool:
        """Whether a lone row is attracted as strongly as others: no, it feels no target row."""
        return False

    @property
    def has_unit_step(self) -> bool:
        """Whether η = 1 is a full step: no, v has the unit of one over a length."""
        return False


class _Gradient(Formula):
    def __call__(self, Z: KernelSum, p: Population, q: MovingRows, sigma: float) -> NDArray:
        return self.of(p.gradient(Z, sigma), q.gradient(Z, sigma), q, sigma)

    def of(self, at_p: Means, at_q: Means, q: MovingRows, sigma: float) -> NDArray:
        """The velocity, given gradients and sums of both sides."""
        (pull, S_p), (push, S_q) = at_p, at_q
        v = pull - push
        # What rounding leaves of two equal terms is no velocity: a long step would magnify it.
        rounding = LAST_PLACES * np.finfo(v.dtype).eps * (S_p + S_q) * q.rows.radius / sigma**2
        v[np.linalg.norm(v, axis=1) <= rounding] = 0
        return v


class _MMDState(KernelState):
    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        queries, p, q = self._populations(Z, Y, sigma)
        at_p, at_q = p.gradient(queries, sigma), q.gradient(queries, sigma)
        v, felt = _Gradient(), float((at_p[1] + 2 * at_q[1]).max())
        self._keep(v, p, q, sigma, full_step=2 * sigma**2 / felt if felt else 0.0)
        return v.of(at_p, at_q, q, sigma)
