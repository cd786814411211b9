r"""Stein's direction: scores of the target, smoothed over the moving rows, and repulsion.

.. math:: v(z) = E_{y \sim q} \left[ k(z, y) \, σ² ∇ \log p(y;σ) + σ² ∇_y k(z, y) \right],
          \qquad k(z, y) = \exp(-‖z - y‖² / 2b²)

It is the direction, in the unit ball of the kernel's space of vector fields, in which KL(q‖p) falls
fastest: Stein variational gradient descent (SVGD). ``b² = med²/(2 log(n + 1))`` by default, med
being the median distance between moving rows. In units of a displacement: σ² times the usual.

Scores are averaged with weights that sum to the mean of the kernel, ``k(z) = E k(z, y)``, far below
one in many columns. So steps by default are ``η = 1 / (2 max_i k(z_i))``: no row goes further than
half the way of its score, because rows that repel each other both move.

References
----------
Liu, Q. and Wang, D. (2016). Stein Variational Gradient Descent. arXiv:1608.04471.
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, eq. 17.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_tolerance
from skflow.bandwidth import resolve_bandwidth
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits
from skflow.fields._denoisers import make_denoiser
from skflow.fields._kernel import Formula, KernelField, KernelState
from skflow.fields._population import MovingRows, Population
from skflow.fields._scores import NARROW
from skflow.fields._terms import Term
from skflow.kernels import KernelSum
from skflow.schedules import GeometricSchedule

__all__ = ["Stein"]

PAIRED_ROWS = 500  # moving rows that the median distance is taken from


@dataclasses.dataclass(eq=False, repr=False)
class Stein(KernelField):
    r"""Direction of Stein variational gradient descent.

    .. math:: v(z) = σ² \, E_{y \sim q} \left[ k(z, y) ∇ \log p(y;σ) + ∇_y k(z, y) \right]

    Parameters
    ----------
    denoiser : {"kernel", "learned"}, regressor or callable, default="kernel"
        What the score ``∇ log p(z;σ) = (D_p(z;σ) - z) / σ²`` comes from, see `TargetScore`.
    bandwidth : float, str or "median", default="median"
        b: a number in the units of the data, or the name of a bandwidth, resolved on the moving
        rows at every step. "median" is the usual rule above.
    tol : float, default=1e-6
        Share of a kernel sum over the target that may be neglected where it saves time: rows far
        away, and from 1e-6 on digits beyond single precision. 0 sums all, in the precision of the
        rows.

    References
    ----------
    Liu and Wang (2016), arXiv:1608.04471.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import Stein
    >>> Y = np.array([[3.0]])
    >>> field = Stein().fit(np.array([[1.0]]), sigmas=np.array([1.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 1.0)  # one row follows the score
    array([[-2.]])
    """

    denoiser: Any = "kernel"
    bandwidth: Any = "median"
    tol: float = 1e-6

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"denoiser": make_denoiser}

    def _learn(self, sigmas: NDArray, origin: NDArray, rng: np.random.Generator) -> None:
        self.denoiser_ = make_denoiser(self.denoiser).fit(self.target_, sigmas, origin, rng)

    @property
    def has_unit_step(self) -> bool:
        """Whether η = 1 is a full step: no, v is a mean of scores times kernel values below one."""
        return False

    @property
    def pulls_lone_rows(self) -> bool:
        """Whether a lone row is attracted as strongly as others: no, rows nearby lend scores."""
        return False

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are."""
        return False

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches."""
        term = self.denoiser_.term()
        return _SteinState(self.target_, rng, limits, self.tol, term, self.bandwidth)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_tolerance(self.tol)
        resolve_bandwidth(self.bandwidth, np.arange(3.0)[:, None], name="bandwidth")
        make_denoiser(self.denoiser)
        return FlowDefaults(schedule=GeometricSchedule(sigma_min=NARROW))


@dataclass(frozen=True)
class _Direction(Formula):
    D_p: Term
    pull: NDArray  # (n_drawn, n_features): σ² ∇log p at the rows of q
    b: float

    def __call__(self, Z: KernelSum, p: Population, q: MovingRows, sigma: float) -> NDArray:
        return self.of(Z, p, q, sigma)[0]

    def of(
        self, Z: KernelSum, p: Population, q: MovingRows, sigma: float
    ) -> tuple[NDArray, NDArray]:
        """The velocity, and the mean of the kernel at the queries."""

        def own_values() -> NDArray:
            own = KernelSum(q.own)
            return np.hstack([self.D_p(own, p, q, sigma)[0] - q.own, q.own])

        values = np.hstack([self.pull, q.rows.rows])
        mean, log_sum = q.average(Z, self.b, values, own_values)
        d, k = Z.n_features, np.exp(log_sum)[:, None]
        v = k * (mean[:, :d] + (sigma / self.b) ** 2 * (Z.rows - mean[:, d:]))
        return v.astype(Z.dtype), k


class _SteinState(KernelState):
    def __init__(
        self,
        target: KernelSum,
        rng: np.random.Generator,
        limits: Limits,
        tol: float,
        D_p: Term,
        bandwidth: Any,
    ) -> None:
        super().__init__(target, rng, limits, tol)
        self.D_p, self.bandwidth = D_p, bandwidth

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        queries, p, q = self._populations(Z, Y, sigma)
        pull = self.D_p(q.rows, p, q, sigma)[0] - q.rows.rows
        direction = _Direction(self.D_p, pull, self._bandwidth(q.rows.rows, q.n_rows))
        v, k = direction.of(queries, p, q, sigma)
        felt = 2 * float(k.max())
        self._keep(direction, p, q, sigma, full_step=1 / felt if felt else 0.0)
        return v

    def _bandwidth(self, Y: NDArray, n_rows: int) -> float:
        if len(Y) < 2 or not np.ptp(Y, axis=0).any():
            return 1.0  # rows at one place have no distance, and none is needed
        if self.bandwidth != "median":
            return resolve_bandwidth(self.bandwidth, Y, name="bandwidth")
        some = Y[:: -(-len(Y) // PAIRED_ROWS)]
        return resolve_bandwidth("median", some) / np.sqrt(2 * np.log(n_rows + 1))
