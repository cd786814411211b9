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

import numpy as np
from numpy.typing import NDArray

from skflow.fields._base import Frozen
from skflow.fields._kernel import Queries
from skflow.fields._terms import Answer, DifferenceRun, FrozenTerm, Mean, WeightedMean
from skflow.kernels import KernelSum

__all__ = ["SinkhornRun", "TwoSidedMean"]

# Share of a debiased potential that the next step begins with; nothing where each step draws other
# rows. With all of it populations with heavy tails ended up to 500 floors away (docs/quality.md).
KEPT = 0.5


class TwoSidedMean(Mean):
    """Kernel mean with Sinkhorn weights: one update of both potentials, from the queries' f on.

    Attributes
    ----------
    f : ndarray of shape (n_queries,) or None
        The queries' potential; None is zero.
    """

    f: NDArray | None = None

    def __call__(
        self, queries: Queries, rows: KernelSum, sigma: float, tol: float
    ) -> tuple[Answer, FrozenTerm]:
        """Return the kernel mean, and update the potentials; see `Term`."""
        f = np.zeros(queries.every.n_rows) if self.f is None else self.f
        g, D, log_sum = rows.balance(queries.drawn, sigma, f[queries.numbers], tol=tol)
        mean = self.mean = WeightedMean(rows, sigma, g, f)
        if queries.drawn is not queries.every:
            drawn, others = (D, log_sum), queries.others
            D, log_sum = np.empty_like(queries.every.rows), np.empty(len(f))
            D[queries.numbers], log_sum[queries.numbers] = drawn
            D[others], log_sum[others] = mean.answer(queries.every.rows[others], others, tol)
        self.f = -log_sum
        return (D, log_sum), self._frozen(mean, queries)

    def renew(self) -> None:
        """Forget the potential."""
        self.f = None


class SinkhornRun(DifferenceRun):
    """A flow along the difference of two two-sided means.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    tol : float
        Share of a kernel sum that may be neglected.
    """

    D_p: TwoSidedMean
    D_q: TwoSidedMean

    def __init__(self, target: KernelSum, rng: np.random.Generator, tol: float) -> None:
        super().__init__(target, rng, tol, TwoSidedMean(), TwoSidedMean(of_source=True))
        self._last: tuple[Queries, NDArray, float] | None = None

    def renew(self) -> None:
        """Forget what belongs to single rows; see `Run.renew`."""
        super().renew()
        self._last = None

    def _evaluate(
        self, queries: Queries, p: KernelSum, q: KernelSum, sigma: float, tol: float
    ) -> tuple[NDArray, Frozen]:
        if self._last is not None:
            self._carry_over(queries.every.rows, sigma, *self._last)
        v, frozen = super()._evaluate(queries, p, q, sigma, tol)
        self._last = queries, v, sigma
        return v, frozen

    def _carry_over(
        self, Z: NDArray, sigma: float, before: Queries, v: NDArray, sigma_before: float
    ) -> None:
        """Make the last step's potentials those that this one begins with."""
        f_p, f_q = self.D_p.f, self.D_q.f
        assert f_p is not None
        assert f_q is not None
        delta = (Z - before.every.rows).astype(np.float64) / sigma_before
        way = np.einsum("ij,ij->i", delta, delta / 2 - v.astype(np.float64) / sigma_before)
        kept = KEPT if self.is_whole else 0.0
        F = kept * (sigma_before / sigma) ** 2 * (f_p - f_q + way)
        f_q = f_q.copy()
        f_q[before.numbers] += self.D_q.mean.g
        f_q[before.numbers] /= 2
        # a row that was not drawn counts as if it had been, and were alone with itself
        f_q = np.minimum(f_q, np.log(before.drawn.n_rows) / 2)
        self.D_p.f, self.D_q.f = f_q + F, f_q
