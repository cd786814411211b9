r"""Score difference by denoisers, each side one that can be exchanged.

.. math:: v(z) = D_p(z;σ) - D_q(z;σ)                                      [Weber 2023, eqs. 18-19]

D_p is trained once. D_q may be a kernel mean, a denoiser that is trained on with every step, or
*observed*: the row that was perturbed, in place of the mean of all that may have been. That is
right for small σ; for large σ the true D_q tends to the mean of the moving rows. With the observed
D_q a step is ``y ← (1-η) y + η D_p(z;σ)``. For ``η = 1 - σ_{k+1}²/σ_k²`` it is the reverse step of
a diffusion model [eqs. 34-36], if the next step's noise keeps what is left of this one's,

.. math:: ε_{k+1} = \frac{σ_{k+1}}{σ_k} ε_k + \sqrt{η} \, ε', \qquad ε' \sim N(0, I)

With fresh noise at every step it is not: rows of a normal p keep their distribution if

.. math:: \operatorname{Var}[(1-η) y + η D_p(y + σ ε)] = \operatorname{Var} y
          \quad ⇔ \quad η = 2,

whatever σ is, and shrink for every smaller η. So "auto" is η = 2, a step of Langevin dynamics
whose score is evaluated at its end.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_count, check_tolerance, lookup
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits, constant_steps
from skflow.fields._denoisers import Function, LearnedDenoiser, make_denoiser
from skflow.fields._kernel import KernelField
from skflow.fields._population import MovingRows, Population
from skflow.fields._score_difference import DEFAULTS
from skflow.fields._scores import NARROW
from skflow.fields._sum import SumState
from skflow.fields._terms import Answer, DifferenceState, Itself, Mean, Observed, Term
from skflow.kernels import KernelSum
from skflow.schedules import GeometricSchedule

__all__ = ["SOURCES", "DenoiserDifference"]

KEEPS_VARIANCE = 2.0  # step along an observed difference that keeps a normal distribution


class _Refreshed(Term):
    """A learned denoiser of the moving rows, trained on at every step."""

    def __init__(self, field: DenoiserDifference, rng: np.random.Generator) -> None:
        self.rng, self.n_updates = rng, field.n_updates
        if isinstance(field.denoiser_, LearnedDenoiser):  # what it knows is a good beginning
            self.denoiser = deepcopy(field.denoiser_)
        else:
            self.denoiser = LearnedDenoiser()
            self.denoiser.begin(field.target_, field.sigmas_, rng)

    def resume(self, before: Term) -> None:
        """Go on with the regressor of an earlier run."""
        if isinstance(before, _Refreshed):
            mine, earlier = self.denoiser, before.denoiser
            if type(mine.regressor_) is type(earlier.regressor_):  # unless another was chosen
                mine.regressor_ = earlier.regressor_

    @property
    def adversary(self) -> LearnedDenoiser:
        return self.denoiser

    def __call__(self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float) -> Answer:
        return Function(self.denoiser)(Z, rows, q, sigma)

    def updated(
        self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float
    ) -> tuple[Term, None]:
        if self.denoiser.is_updated:
            for _ in range(self.n_updates):
                self.denoiser.update(rows.rows, self.rng)
        else:  # fitted anew, to as many rows as the target's was
            self.denoiser.update(rows.rows, self.rng, n_rows=self.denoiser.n_fitted)
        return Function(self.denoiser.snapshot()), None


def _kernel(field: DenoiserDifference, rng: np.random.Generator) -> Term:
    return Mean()


def _observed(field: DenoiserDifference, rng: np.random.Generator) -> Term:
    return Observed()


SOURCES: dict[str, Callable[[DenoiserDifference, np.random.Generator], Term]] = {
    "kernel": _kernel,
    "learned": _Refreshed,
    "observed": _observed,
}


@dataclasses.dataclass(eq=False, repr=False)
class DenoiserDifference(KernelField):
    r"""Difference of two denoisers, ``D_p(z;σ) - D_q(z;σ)``.

    Parameters
    ----------
    denoiser : {"learned", "kernel"}, regressor, callable or Denoiser, default="learned"
        What answers D_p, see `TargetScore`. It is trained once, by `LearnedDenoiser`.
    source : {"kernel", "learned", "observed"}, default="kernel"
        What answers D_q: the kernel mean of the moving rows, a learned denoiser that starts as a
        copy of the target's and is trained on at every step, or the row that was perturbed itself.
    weights : tuple of two floats, default=(1.0, 1.0)
        Weights of the two scores, ``a_p σ² ∇ log p - a_q σ² ∇ log q``; (2, 1) are those of
        diffusion models.
    n_updates : int, default=10
        Batches that a learned D_q is shown in a step.
    tol : float, default=1e-6
        Share of a kernel sum that may be neglected where it saves time: rows far away, and from
        1e-6 on digits beyond single precision. 0 sums all, in the precision of the rows.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eqs. 18-19.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import DenoiserDifference
    >>> Y = np.array([[3.0]])
    >>> field = DenoiserDifference("kernel", source="observed")
    >>> run = field.fit(np.array([[1.0]]), sigmas=np.array([1.0])).start(np.random.default_rng(0))
    >>> run.velocity(Y + 0.5, Y, 1.0)  # from the row to the target, wherever the noise took it
    array([[-2.]])
    """

    denoiser: Any = "learned"
    source: str = "kernel"
    weights: tuple[float, float] = (1.0, 1.0)
    n_updates: int = 10
    tol: float = 1e-6

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"denoiser": make_denoiser}

    @property
    def sees_source(self) -> bool:
        """Whether a row's velocity depends on the other moving rows."""
        return self.source != "observed"

    @property
    def has_unit_step(self) -> bool:
        """Whether η = 1 is a full step: not of observed differences, which shrink rows up to 2."""
        return self.source != "observed"

    @property
    def supports_groups(self) -> bool:
        """Whether the rows of a long table may be moved in groups: none is learnt from them."""
        return self.source in ("kernel", "observed")

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are."""
        return self.source == "kernel" and self.denoiser == "kernel" and len(set(self.weights)) == 1

    def _learn(self, sigmas: NDArray, origin: NDArray, rng: np.random.Generator) -> None:
        self.sigmas_ = sigmas
        self.denoiser_ = make_denoiser(self.denoiser).fit(self.target_, sigmas, origin, rng)

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches, and those of a learned D_q."""
        D_p, D_q = self.denoiser_.term(), SOURCES[self.source](self, rng)
        difference = partial(DifferenceState, self.target_, rng, limits, tol=self.tol)
        if tuple(self.weights) == (1.0, 1.0):
            return difference(D_p, D_q)
        scores = difference(D_p, Itself()), difference(Itself(), D_q)
        return SumState(list(zip(self.weights, scores, strict=True)))

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_tolerance(self.tol)
        check_count(self.n_updates, name="n_updates")
        make_denoiser(self.denoiser)
        lookup(SOURCES, self.source, name="source")
        numbers = all(isinstance(weight, Real) for weight in self.weights)
        if not numbers or np.shape(self.weights) != (2,) or not np.isfinite(self.weights).all():
            raise ValueError(f"weights must be two finite numbers, got {self.weights!r}.")
        if self.source == "observed":  # two draws would be answered by a mean of two modes
            if tuple(self.weights) != (1.0, 1.0):
                raise ValueError(
                    f"weights={self.weights!r}: an observed difference keeps a distribution with "
                    "the weights (1, 1) only. Choose source='kernel' or 'learned' for others."
                )
            return FlowDefaults(
                schedule=GeometricSchedule(sigma_min=NARROW),
                n_noise=1,
                step_size=partial(constant_steps, size=KEEPS_VARIANCE),
                noise_is_fixed=True,
            )
        return DEFAULTS["row"]
