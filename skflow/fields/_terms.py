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
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.fields._base import Frozen, Run
from skflow.fields._kernel import KernelRun, Places, Queries, log_gaussian
from skflow.kernels import KernelSum

__all__ = [
    "Answer",
    "DifferenceRun",
    "Itself",
    "Mean",
    "Observed",
    "Term",
    "WeightedMean",
]

PROBES = 128  # rows whose velocities tell how much of all is noise
EMPTY = 1e-6  # share of a kernel sum below which nothing is left of it

# D at the queries, and the log of the kernel sum there (None where there is no such sum)
Answer = tuple[NDArray, NDArray | None]
FrozenTerm = Callable[[NDArray, NDArray, NDArray], Answer]


class Term(ABC):
    """One side of a difference; it belongs to a run, and may keep what carries over."""

    @abstractmethod
    def __call__(
        self, queries: Queries, rows: KernelSum, sigma: float, tol: float
    ) -> tuple[Answer, FrozenTerm]:
        """Answer at the queries, and the same as a function ``(Z, like, Y)`` of new rows.

        Parameters
        ----------
        queries : Queries
            Where to answer.
        rows : KernelSum
            The rows of this side.
        sigma : float
            Bandwidth.
        tol : float
            Share of a kernel sum that may be neglected.

        Returns
        -------
        answer : tuple
            D and the log of the kernel sum, or None.
        frozen : callable
            See `skflow.fields.Run.frozen`.
        """

    def renew(self) -> None:  # noqa: B027 (nothing to forget is a fair default)
        """Forget what belongs to single rows."""

    def resume(self, before: Term) -> None:  # noqa: B027 (most terms learn nothing)
        """Go on with what the same term of an earlier run has learnt."""

    def divergence(self, Z: NDArray) -> NDArray:
        """Divergence of the last answer, as a function of any queries."""
        raise TypeError(f"{type(self).__name__} has no divergence.")

    def variance(self, Z: NDArray, answer: Answer, axes: NDArray, tol: float) -> NDArray | None:
        """Variance of an answer over draws of the rows, along axes; None if not known."""
        return None


@dataclass(frozen=True)
class _Itself:
    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> Answer:
        return Z, None


class Itself(Term):
    """The query: what is left of a difference from it is a score, ``D_p(z) - z = σ² ∇ log p``."""

    def __call__(
        self, queries: Queries, rows: KernelSum, sigma: float, tol: float
    ) -> tuple[Answer, FrozenTerm]:
        """Return the queries; see `Term`."""
        return (queries.every.rows, None), _Itself()

    def divergence(self, Z: NDArray) -> NDArray:
        """Divergence of z: the number of columns."""
        return np.full(len(Z), float(Z.shape[1]))


@dataclass(frozen=True)
class _Observed:
    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> Answer:
        return Y, None


class Observed(Term):
    """The row that was perturbed, in place of the mean of all that may have been."""

    def __call__(
        self, queries: Queries, rows: KernelSum, sigma: float, tol: float
    ) -> tuple[Answer, FrozenTerm]:
        """Return the rows that the queries belong to; see `Term`."""
        return (queries.rows, None), _Observed()


@dataclass(frozen=True)
class WeightedMean:
    """Kernel mean under log-weights g; f is what the log of its sum was at each recorded row."""

    rows: KernelSum
    sigma: float
    g: NDArray | None = None
    f: NDArray | None = None

    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> Answer:
        return self.answer(Z, like)

    def log_kernel(self, Z: NDArray, rows: NDArray) -> NDArray:
        return log_gaussian(self.sigma, Z, rows)

    def answer(
        self, Z: NDArray | KernelSum, like: Any, tol: float = 0.0
    ) -> tuple[NDArray, NDArray]:
        scale = None if self.f is None else self.f[like]
        return self.rows.sums(Z, self.sigma, log_weight=self.g, log_scale=scale, tol=tol)


@dataclass(frozen=True)
class _InPlace:
    """The mean over q after every new row has taken the place of one of its rows.

    Otherwise q would pull at a new row from where other rows are, never from where it is itself,
    and add up the same displacement step by step.
    """

    mean: WeightedMean
    places: Places

    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> Answer:
        D, log_sum = self.mean.answer(Z, like)
        q, g = self.mean.rows, self.mean.g
        bias = q.log_weight if g is None else q.log_weight + g
        y, log_own, log_other = self.places.terms(q, bias, Z, like, Y, self.mean.log_kernel)
        log_own, log_other = log_own - log_sum, log_other - log_sum
        top = np.where(log_own > 1, log_own, 0)  # a row far from all others is alone with itself
        rest, own, other = (np.exp(log - top)[:, None] for log in (0 * top, log_own, log_other))
        total = rest + (own - other)
        mean = (rest * D + (own * Y - other * y)) / np.maximum(total, EMPTY)
        left = total[:, 0] > EMPTY
        log_total = np.log(np.maximum(total[:, 0], EMPTY)) + top + log_sum
        return np.where(left[:, None], mean, D).astype(D.dtype), np.where(left, log_total, log_sum)


class Mean(Term):
    """Kernel mean with one-sided weights.

    Parameters
    ----------
    of_source : bool, default=False
        Whether it is over the moving rows, among which new rows take places.
    """

    def __init__(self, of_source: bool = False) -> None:
        self.of_source = of_source

    def __call__(
        self, queries: Queries, rows: KernelSum, sigma: float, tol: float
    ) -> tuple[Answer, FrozenTerm]:
        """Return the kernel mean; see `Term`."""
        mean = self.mean = self._mean(rows, sigma)
        return mean.answer(queries.every, slice(None), tol), self._frozen(mean, queries)

    def divergence(self, Z: NDArray) -> NDArray:
        """Divergence of the kernel mean, weights staying as they are; see `Term`."""
        return self.mean.rows.divergence(Z, self.mean.sigma, log_weight=self.mean.g)

    def variance(self, Z: NDArray, answer: Answer, axes: NDArray, tol: float) -> NDArray | None:
        """Variance of the kernel mean, weights staying as they are; see `Term`."""
        D, log_sum = answer
        assert log_sum is not None
        mean = self.mean
        return mean.rows.variance(Z, mean.sigma, D, log_sum, axes=axes, log_weight=mean.g, tol=tol)

    def _mean(self, rows: KernelSum, sigma: float) -> WeightedMean:
        return WeightedMean(rows, sigma)

    def _frozen(self, mean: WeightedMean, queries: Queries) -> FrozenTerm:
        return _InPlace(mean, queries.places) if self.of_source else mean


def _spread_out(Z: NDArray) -> NDArray:
    """Numbers of some rows, as far from the mean as others are, whatever the columns' order."""
    distance = np.linalg.norm(Z.astype(np.float64) - Z.mean(axis=0, dtype=np.float64), axis=1)
    place = np.linspace(0, len(Z) - 1, min(len(Z), PROBES)).astype(int)
    return np.argsort(distance, kind="stable")[place]


Weight = Callable[[NDArray], NDArray]


@dataclass(frozen=True)
class _FrozenDifference:
    D_p: FrozenTerm
    D_q: FrozenTerm
    weight: Weight | None

    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> NDArray:
        return _difference(self.D_p(Z, like, Y), self.D_q(Z, like, Y), self.weight)


def _difference(p: Answer, q: Answer, weight: Weight | None) -> NDArray:
    v = p[0] - q[0]
    if weight is None:
        return v
    assert p[1] is not None
    assert q[1] is not None  # only kernel terms come with a weight
    return (v * weight(q[1] - p[1])[:, None]).astype(v.dtype)


class DifferenceRun(KernelRun):
    """A flow along the difference of two terms.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    tol : float
        Share of a kernel sum that may be neglected.
    D_p, D_q : Term
        The two sides.
    weight : callable, default=None
        Factor of every row's velocity, a function of ``log q(z;σ) - log p(z;σ)``; None is 1.
    """

    def __init__(
        self,
        target: KernelSum,
        rng: np.random.Generator,
        tol: float,
        D_p: Term,
        D_q: Term,
        weight: Weight | None = None,
    ) -> None:
        super().__init__(target, rng, tol)
        self.D_p, self.D_q, self.weight = D_p, D_q, weight

    def renew(self) -> None:
        """Forget what belongs to single rows; see `Run.renew`."""
        super().renew()
        self.D_p.renew()
        self.D_q.renew()

    def resume(self, before: Run) -> None:
        """Let both terms go on; see `Run.resume`."""
        if isinstance(before, DifferenceRun):
            self.D_p.resume(before.D_p)
            self.D_q.resume(before.D_q)

    def divergence(self) -> NDArray:
        """Divergence of the last velocity; see `Run.divergence`."""
        if self.weight is not None:
            return super().divergence()
        return self.D_p.divergence(self.queries) - self.D_q.divergence(self.queries)

    def noise_share(self) -> float | None:
        """Share of the last velocity that the draw of the rows explains; see `Run.noise_share`."""
        if self.weight is not None or not self.is_whole:
            return None
        some = _spread_out(self.queries)
        v = (self.answers[0][0][some] - self.answers[1][0][some]).astype(np.float64)
        # what stands out in any direction counts; rows span no more of them than they are
        root, axes = np.linalg.svd(v, full_matrices=False)[1:]
        power, axes = root**2, axes.T
        noise, Z = np.zeros(len(power)), self.queries[some]
        for term, (D, log_sum) in zip((self.D_p, self.D_q), self.answers, strict=True):
            answer = None if log_sum is None else (D[some], log_sum[some])
            variance = None if answer is None else term.variance(Z, answer, axes, self.tol)
            if variance is None:
                return None
            noise += variance.sum(axis=0)
        moves = power > 0
        share = np.min(noise[moves] / power[moves]) if moves.any() else np.nan
        return float(share) if np.isfinite(share) else None

    def _evaluate(
        self, queries: Queries, p: KernelSum, q: KernelSum, sigma: float, tol: float
    ) -> tuple[NDArray, Frozen]:
        self.queries = queries.every.rows
        D_p, frozen_p = self.D_p(queries, p, sigma, tol)
        D_q, frozen_q = self.D_q(queries, q, sigma, tol)
        self.answers = D_p, D_q
        frozen = _FrozenDifference(frozen_p, frozen_q, self.weight)
        return _difference(D_p, D_q, self.weight), frozen
