r"""Two-sided (Sinkhorn) weights of a score difference, and the potentials that carry over.

With one-sided weights ``K(z, x_j)`` every query shares out one unit of attraction, but a target row
may attract few queries or many. Two-sided weights ``K(z_i, x_j) exp(g_j)`` make the columns even
too:

.. math:: g_j = -\log Σ_i a_i e^{f_i} K(z_i, x_j), \qquad f_i = -\log Σ_j b_j e^{g_j} K(z_i, x_j)

The same is done to D_q, with potentials of its own, so that v = 0 when source and target agree. One
such update a step is enough if the next one begins with good potentials. The debiased potential

.. math:: F = f_p - f_q, \qquad v = -σ² ∇F

is a cost of transport over σ²: while σ falls, it grows as 1/σ². And it is paid for by moving. A row
that moved by Δ has

.. math:: F(z + Δ) = F(z) - \frac{v · Δ}{σ²} + \frac{‖Δ‖²}{2σ²}

left of it, which is ``F - ‖v‖²/2σ²`` after a full step (the formula of Hopf and Lax: target rows
keep their potentials while moving rows approach them). Of the rest a half is kept: what the kernels
no longer connect cannot be corrected, and would grow from step to step. f_q belongs to a population
and itself, where the means of both updates, ``(f_q + g_q)/2``, converge at once.

References
----------
Feydy, J. et al. (2019). Interpolating between Optimal Transport and MMD using Sinkhorn
Divergences. arXiv:1810.08278.
Villani, C. (2009). Optimal Transport: Old and New. Springer, chapter 7 (Hopf-Lax formula).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skflow.fields._base import Limits
from skflow.fields._population import MovingRows, Population
from skflow.fields._terms import Answer, DifferenceState, Mean
from skflow.kernels import KernelSum

__all__ = ["SinkhornState", "TwoSidedMean"]

# Share of a debiased potential that the next step begins with; nothing where each step draws other
# rows. With all of it populations with heavy tails ended up to 500 floors away (docs/quality.md).
CARRIED = 0.5


class TwoSidedMean(Mean):
    """Kernel mean with Sinkhorn weights: one update of both, from the queries' potential on."""

    def updated(
        self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float
    ) -> tuple[TwoSidedMean, Answer]:
        """Balance the weights, and answer under them; see `Term`."""
        f = np.zeros(Z.n_rows) if self.potential is None else self.potential
        drawn = q.drawn(Z)
        g, *answer = rows.balance(drawn, sigma, f[q.numbers])
        mean = replace(self, log_weight=g, potential=f)
        if drawn is Z:
            return mean, (answer[0], answer[1])
        D, log_sum = np.empty_like(Z.rows), np.empty(Z.n_rows)
        D[q.numbers], log_sum[q.numbers] = answer
        others = np.delete(np.arange(Z.n_rows), q.numbers)
        # whose weights are not known, so they do not count themselves in
        drawn_only = Population(rows.rows, rows.tol, rows.scale)
        D[others], log_sum[others] = drawn_only.mean(
            KernelSum(Z.rows[others]), sigma, log_weight=g, log_scale=f[others]
        )
        return mean, (D, log_sum)


class SinkhornState(DifferenceState):
    """A flow along the difference of two two-sided means.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    limits : Limits
        How many rows to use.
    tol : float
        Share of a kernel sum that may be neglected.
    """

    def __init__(
        self, target: KernelSum, rng: np.random.Generator, limits: Limits, tol: float
    ) -> None:
        super().__init__(target, rng, limits, TwoSidedMean(), TwoSidedMean(), tol=tol)
        self._begins = True

    def renew(self) -> None:
        """Forget what belongs to single rows; see `FieldState.renew`."""
        super().renew()
        self.D_p, self.D_q, self._begins = TwoSidedMean(), TwoSidedMean(), True

    def _begin_step(self, Z: NDArray, sigma: float) -> None:
        if not self._begins:
            f_p, f_q = self._carried_over(Z, sigma)
            self.D_p, self.D_q = TwoSidedMean(potential=f_p), TwoSidedMean(potential=f_q)
        self._begins = False

    def _carried_over(self, Z: NDArray, sigma: float) -> tuple[NDArray, NDArray]:
        """The potentials that a step begins with, from those that the last one ended with."""
        last, D_q = self.step, self.step.formula.D_q
        assert isinstance(D_q, TwoSidedMean)
        (_, log_p), (_, log_q) = last.answers
        assert log_p is not None
        assert log_q is not None
        f_p, f_q, v = -log_p, -log_q, last.formula.of(*last.answers)
        delta = (Z - last.Z).astype(np.float64) / last.sigma
        way = np.einsum("ij,ij->i", delta, delta / 2 - v.astype(np.float64) / last.sigma)
        carried = CARRIED if self.is_whole else 0.0
        F = carried * (last.sigma / sigma) ** 2 * (f_p - f_q + way)
        f_q[last.q.numbers] += D_q.log_weight
        f_q[last.q.numbers] /= 2
        # a row that was not drawn counts as if it had been, and were alone with itself
        alone = np.log(last.q.rows.n_rows) / 2
        if self.limits.weight is not None and self.is_whole:
            alone = -last.q.rows.log_weight / 2
        f_q = np.minimum(f_q, alone)
        return f_q + F, f_q
