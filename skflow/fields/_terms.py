r"""The terms of a score difference, each a module that can be swapped [Weber 2023, section 3.2].

.. math:: v(z) = w \, (D_p(z;σ) - D_q(z;σ))

A term returns a denoiser's answer D(z;σ) at the queries: the mean of what z may have been before it
was blurred, over target rows or over moving rows.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.fields._base import FieldState, Limits
from skflow.fields._kernel import Formula, KernelState
from skflow.fields._population import MovingRows, Population
from skflow.kernels import GAUSSIAN, KernelSum, RadialKernel

__all__ = ["Answer", "Difference", "DifferenceState", "Itself", "Mean", "Observed", "Term"]

UNASKED = 1e-9  # weight over the largest, of a row that is not asked
SPREAD_ROWS = 128  # rows whose velocities tell how much of all is noise

# D at the queries, and the log of the kernel sum there (None where there is no such sum)
Answer = tuple[NDArray, NDArray | None]


class Term(ABC):
    """One side of a difference: a function of the queries and of the rows of its side."""

    @abstractmethod
    def __call__(self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float) -> Answer:
        """Answer at the queries.

        Parameters
        ----------
        Z : KernelSum
            Queries.
        rows : Population
            The rows of this side.
        q : MovingRows
            The moving rows, which the queries belong to.
        sigma : float
            Bandwidth.

        Returns
        -------
        answer : tuple
            D and the log of the kernel sum, or None.
        """

    def updated(
        self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float
    ) -> tuple[Term, Answer | None]:
        """The term after it has learnt from a step, which most do not; its answer if it came up."""
        return self, None

    @property
    def adversary(self) -> Any:
        """What the term learns from the moving rows; None if nothing."""
        return None

    def resume(self, before: Term) -> None:  # noqa: B027 (most terms learn nothing)
        """Go on with what the same term of an earlier flow has learnt."""

    def divergence(self, Z: NDArray, rows: Population, sigma: float) -> NDArray | None:
        """Divergence of the answer at the queries; None says that it is not known."""
        return None

    def variance(
        self, Z: NDArray, rows: Population, sigma: float, answer: Answer, axes: NDArray
    ) -> NDArray | None:
        """Variance of the answer over draws of the rows, along axes; None if it is not known."""
        return None


class Itself(Term):
    """The query: what is left of a difference from it is a score, ``D_p(z) - z = σ² ∇ log p``."""

    def __call__(self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float) -> Answer:
        """Return the queries; see `Term`."""
        return Z.rows, None

    def divergence(self, Z: NDArray, rows: Population, sigma: float) -> NDArray:
        """Divergence of z: the number of columns."""
        return np.full(len(Z), float(Z.shape[1]))


class Observed(Term):
    """The row that was perturbed, in place of the mean of all that may have been."""

    def __call__(self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float) -> Answer:
        """Return the rows that the queries belong to; see `Term`."""
        return q.own, None


@dataclass(frozen=True)
class Mean(Term):
    """Kernel mean.

    Parameters
    ----------
    kernel : RadialKernel, default=GAUSSIAN
        The kernel.
    factor : float, default=1.0
        Its bandwidth, in units of the step's.
    log_weight : ndarray of shape (n_rows,), default=None
        Logs g of factors of the rows' weights.
    potential : ndarray of shape (n_moving_rows,), default=None
        About minus the log of the kernel sum at each moving row.
    """

    kernel: RadialKernel = GAUSSIAN
    factor: float = 1.0
    log_weight: NDArray | None = None
    potential: NDArray | None = None

    def __call__(self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float) -> Answer:
        """Return the kernel mean; see `Term`."""
        scale = None if self.potential is None else self.potential[q.at]
        return rows.mean(
            Z, self.factor * sigma, self.kernel, log_weight=self.log_weight, log_scale=scale
        )

    def divergence(self, Z: NDArray, rows: Population, sigma: float) -> NDArray | None:
        """Divergence of the kernel mean, weights staying as they are; see `Term`."""
        if self.kernel.divergence is None:
            return None
        return self.kernel.divergence(rows.rows, Z, self.factor * sigma, log_weight=self.log_weight)

    def variance(
        self, Z: NDArray, rows: Population, sigma: float, answer: Answer, axes: NDArray
    ) -> NDArray | None:
        """Variance of the kernel mean, weights staying as they are; see `Term`."""
        if self.kernel.variance is None:
            return None
        h, g, (D, log_sum) = self.factor * sigma, self.log_weight, answer
        if rows.scale is not None:
            Z, D, axes = Z * rows.scale, D * rows.scale, axes / rows.scale[:, None]
        return self.kernel.variance(
            rows.scaled, Z, h, D, log_sum, axes=axes, log_weight=g, tol=rows.tol
        )


Weight = Callable[[NDArray], NDArray]


@dataclass(frozen=True)
class Difference(Formula):
    """``w (D_p - D_q)``, w being a function of ``log q(z;σ) - log p(z;σ)``; None is 1."""

    D_p: Term
    D_q: Term
    weight: Weight | None = None

    def __call__(self, Z: KernelSum, p: Population, q: MovingRows, sigma: float) -> NDArray:
        return self.of(self.D_p(Z, p, q, sigma), self.D_q(Z, q, q, sigma))

    def of(self, p: Answer, q: Answer) -> NDArray:
        """The velocity, given the answers of both terms."""
        v = p[0] - q[0]
        if self.weight is None:
            return v
        assert p[1] is not None
        assert q[1] is not None  # only kernel terms come with a weight
        return (v * self.weight(q[1] - p[1])[:, None]).astype(v.dtype)


@dataclass(frozen=True)
class _Step:
    """What is known of the last step."""

    Z: NDArray
    p: Population
    q: MovingRows
    sigma: float
    formula: Difference
    answers: tuple[Answer, Answer]


class DifferenceState(KernelState):
    """A flow along the difference of two terms.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    limits : Limits
        How many rows to use.
    D_p, D_q : Term
        The two sides.
    weight : callable, default=None
        Factor of every row's velocity, a function of ``log q(z;σ) - log p(z;σ)``; None is 1.
    tol : float, default=0.0
        Share of a kernel sum that may be neglected.
    """

    step: _Step

    def __init__(
        self,
        target: KernelSum,
        rng: np.random.Generator,
        limits: Limits,
        D_p: Term,
        D_q: Term,
        *,
        weight: Weight | None = None,
        tol: float = 0.0,
    ) -> None:
        super().__init__(target, rng, limits, tol)
        self.D_p, self.D_q, self.weight = D_p, D_q, weight

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        """Difference of the terms' answers; see `FieldState.velocity`."""
        queries, p, q = self._populations(Z, Y, sigma)
        self._begin_step(Z, sigma)
        D_p, at_p = self.D_p.updated(queries, p, q, sigma)
        D_q, at_q = self.D_q.updated(queries, q, q, sigma)
        at_p, at_q = at_p or D_p(queries, p, q, sigma), at_q or D_q(queries, q, q, sigma)
        formula = Difference(D_p, D_q, self.weight)
        self.step = _Step(Z, p, q, sigma, formula, (at_p, at_q))
        self._keep(formula, p, q, sigma)
        return formula.of(at_p, at_q)

    def _begin_step(self, Z: NDArray, sigma: float) -> None:
        """Say what the terms begin a step with."""

    @property
    def adversary(self) -> Any:
        """What D_q learns from the moving rows; None if nothing."""
        return self.D_q.adversary

    def resume(self, before: FieldState) -> None:
        """Let both terms go on; see `FieldState.resume`."""
        if isinstance(before, DifferenceState):
            self.D_p.resume(before.D_p)
            self.D_q.resume(before.D_q)

    def divergence(self) -> NDArray:
        """Divergence of the last velocity; see `FieldState.divergence`."""
        step, formula = self.step, self.step.formula
        D_p = formula.D_p.divergence(step.Z, step.p, step.sigma)
        D_q = formula.D_q.divergence(step.Z, step.q, step.sigma)
        if self.weight is not None or D_p is None or D_q is None:
            return super().divergence()
        return D_p - D_q

    def noise_to_signal(self) -> float | None:
        """Noise of the last velocity over its power; see `FieldState.noise_to_signal`."""
        if self.weight is not None or not self.is_whole:
            return None
        step = self.step
        own = self.limits.own_bandwidths
        moves = slice(None) if own is None else own == 0
        w = np.ones(len(step.Z)) if self.limits.weight is None else self.limits.weight
        some = _spread_out(step.Z[:, moves], w)
        v = (step.answers[0][0][some] - step.answers[1][0][some]).astype(np.float64)
        if own is not None:
            v[:, own > 0] = 0
        v *= np.sqrt(w[some])[:, None]
        # what stands out in any direction counts; rows span no more of them than they are
        root, axes = np.linalg.svd(v, full_matrices=False)[1:]
        power, noise = root**2, np.zeros(len(root))
        sides = (step.formula.D_p, step.p), (step.formula.D_q, step.q)
        for (term, rows), (D, log_sum) in zip(sides, step.answers, strict=True):
            answer = D[some], None if log_sum is None else log_sum[some]
            rows = replace(rows, tol=self.tol)  # nothing here has to be repeated row by row
            variance = term.variance(step.Z[some], rows, step.sigma, answer, axes.T)
            if variance is None:
                return None
            noise += (w[some][:, None] * variance).sum(axis=0)
        heard = power > 0
        ratio = np.min(noise[heard] / power[heard]) if heard.any() else np.nan
        return float(ratio) if np.isfinite(ratio) else None


def _spread_out(Z: NDArray, weight: NDArray) -> NDArray:
    """Numbers of some rows, as far from the mean as others are, whatever the columns' order."""
    counts = np.flatnonzero(weight > UNASKED * weight.max())
    Z = Z[counts].astype(np.float64)
    distance = np.linalg.norm(Z - Z.mean(axis=0), axis=1)
    place = np.linspace(0, len(Z) - 1, min(len(Z), SPREAD_ROWS)).astype(int)
    return counts[np.argsort(distance, kind="stable")[place]]
