r"""Gradient flows of f-divergences: the score difference times a factor of every row.

.. math:: F(q) = E_p f(r), \quad r = q/p, \qquad
          v = -σ² ∇ f'(r) = r f''(r) \, σ² (∇ \log p - ∇ \log q)

====================  ============================  ==============
name                  f(r)                          r f''(r)
====================  ============================  ==============
kl                    r log r                       1
reverse_kl            -log r                        1 / r
chi2                  (r - 1)²                      2 r
jensen_shannon        r log r - (r+1) log((r+1)/2)  1 / (r + 1)
squared_hellinger     (√r - 1)²                     1 / (2 √r)
====================  ============================  ==============

Where moving rows crowd, r is large: "chi2" sends them away fast, but leaves those where the target
has few rows to themselves; "reverse_kl" does the opposite.

A step of η takes a row near its place from a distance of one to one of \|1 - η r f''(r)\|, so what
is fast at one ratio overshoots at others. Steps are those of the score difference at r = 1, and the
factor is bounded by its value there: no row goes further than along the score difference.

References
----------
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, table 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skflow._utils import check_scale, check_switch, check_tolerance, lookup
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits
from skflow.fields._kernel import KernelField
from skflow.fields._score_difference import DEFAULTS
from skflow.fields._terms import DifferenceState, Mean

__all__ = ["DIVERGENCES", "FDivergence"]


def _kl(log_r: NDArray) -> NDArray:
    return np.ones_like(log_r)


def _reverse_kl(log_r: NDArray) -> NDArray:
    return np.exp(-log_r)


def _chi2(log_r: NDArray) -> NDArray:
    return 2 * np.exp(log_r)


def _squared_hellinger(log_r: NDArray) -> NDArray:
    return np.exp(-log_r / 2) / 2


def _jensen_shannon(log_r: NDArray) -> NDArray:
    return expit(-log_r)


# r f''(r) as a function of log r
DIVERGENCES: dict[str, Callable[[NDArray], NDArray]] = {
    "kl": _kl,
    "reverse_kl": _reverse_kl,
    "chi2": _chi2,
    "jensen_shannon": _jensen_shannon,
    "squared_hellinger": _squared_hellinger,
}


@dataclass(frozen=True)
class _Factor:
    """r f''(r), r being clipped to [1/c, c]; and its value at r = 1, which may bound it."""

    of: Callable[[NDArray], NDArray]
    log_clip: float
    is_bounded: bool

    @property
    def at_rest(self) -> float:
        return float(self.of(np.zeros(1))[0])

    def __call__(self, log_r: NDArray) -> NDArray:
        factor = self.of(np.clip(log_r, -self.log_clip, self.log_clip))
        return np.minimum(factor, self.at_rest) if self.is_bounded else factor


@dataclass(frozen=True)
class _SecondDerivative:
    f: Callable[[NDArray], NDArray]

    def __call__(self, log_r: NDArray) -> NDArray:
        r = np.exp(log_r)
        factor = r * np.asarray(self.f(r), float)
        if factor.shape != r.shape or not (factor >= 0).all():
            raise ValueError(
                f"divergence={self.f!r} must return the second derivative of a convex function at "
                f"every ratio: {len(r)} non-negative numbers, got {factor!r}."
            )
        return factor


def _scaled_steps(scale: float, n_steps: int) -> NDArray:
    return scale * DEFAULTS["row"].step_size(n_steps)


@dataclasses.dataclass(eq=False, repr=False)
class FDivergence(KernelField):
    r"""Gradient of an f-divergence between moving rows and target, ``r f''(r) (D_p - D_q)``.

    Parameters
    ----------
    divergence : str or callable, default="kl"
        "kl", "reverse_kl", "chi2", "jensen_shannon" or "squared_hellinger"; or the second
        derivative f'' of another convex function, of an array of ratios. With "kl", the
        Kullback-Leibler divergence of the moving rows from the target, the velocity is the score
        difference itself.
    clip : float, default=10.0
        The ratio ``q(z;σ) / p(z;σ)`` of the two kernel densities is clipped to between 1/clip and
        clip. "auto" step sizes are those of the score difference at r = 1.
    bounded : bool, default=True
        Whether the factor is at most its value at r = 1, so that no row goes further in a step than
        along the score difference. False is the formula as it stands.
    tol : float, default=1e-6
        Share of a kernel sum that may be neglected where it saves time: rows far away, and from
        1e-6 on digits beyond single precision. 0 sums all, in the precision of the rows.

    References
    ----------
    Franceschi et al. (2023), arXiv:2305.16150, table 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import FDivergence
    >>> X, Y = np.array([[0.0]]), np.array([[1.0]])
    >>> field = FDivergence("chi2", bounded=False).fit(X, sigmas=np.array([1.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 1.0).round(3)  # r = exp(1/2)
    array([[-3.297]])
    """

    divergence: Any = "kl"
    clip: float = 10.0
    bounded: bool = True
    tol: float = 1e-6

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches."""
        weight = self._factor()
        return DifferenceState(
            self.target_, rng, limits, Mean(), Mean(), weight=weight, tol=self.tol
        )

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_tolerance(self.tol)
        at_rest = self._factor().at_rest  # slow divergences take long steps
        if at_rest == 0:
            raise ValueError(
                f"divergence={self.divergence!r} is zero at the ratio 1, where source and target "
                "agree: nothing is left to scale steps by. Give one that is strictly convex there."
            )
        steps = partial(_scaled_steps, 1 / at_rest)
        return replace(DEFAULTS["row"], step_size=steps)

    def _factor(self) -> _Factor:
        if check_scale(self.clip, name="clip") < 1:
            raise ValueError(f"clip must be at least 1, got {self.clip!r}.")
        check_switch(self.bounded, name="bounded")
        if callable(self.divergence):
            factor: Callable[[NDArray], NDArray] = _SecondDerivative(self.divergence)
        else:
            factor = lookup(DIVERGENCES, self.divergence, name="divergence")
        return _Factor(factor, np.log(self.clip), self.bounded)
