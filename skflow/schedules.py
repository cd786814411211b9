r"""Noise schedules: the bandwidth σ_k of every step, from σ_max down to σ_min.

With s = k/(n-1) the fraction of the way,

=========  ============================================  ==========================================
name       σ_k                                           source
=========  ============================================  ==========================================
constant   σ                                             --
linear     σ_max + s (σ_min - σ_max)                     --
cosine     σ_max sqrt(cos(s arccos(σ²_min/σ²_max)))      Weber 2023, D.1.1 (on the variance)
geometric  σ_max (σ_min/σ_max)^s                         Song & Ermon 2019
karras     (σ_max^(1/ρ) + s (σ_min^(1/ρ) - σ_max^(1/ρ)))^ρ  Karras et al. 2022, eq. 5
=========  ============================================  ==========================================

Both ends may be numbers, or names of bandwidths (`skflow.bandwidth`) that ``fit`` resolves on the
target; "auto" is the RMS radius for σ_max and a multiple of the nearest-neighbour distance for
σ_min, unless the other end is named and lies beyond that: then both are equal. Wherever a schedule
is taken, the bandwidths themselves may be given: in an array, or as a function of s.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
Song, Y. and Ermon, S. (2019). Generative Modeling by Estimating Gradients of the Data
Distribution. arXiv:1907.05600.
Karras, T. et al. (2022). Elucidating the Design Space of Diffusion-Based Generative Models.
arXiv:2206.00364.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skflow._utils import (
    check_count,
    check_rows,
    check_scale,
    check_weights,
    distinct_rows,
    from_registry,
    is_auto,
)
from skflow.bandwidth import intrinsic_dimension, named_bandwidth, resolve_bandwidth

__all__ = [
    "SCHEDULES",
    "ConstantSchedule",
    "CosineSchedule",
    "GeometricSchedule",
    "KarrasSchedule",
    "LinearSchedule",
    "Schedule",
    "make_schedule",
    "resolve_bandwidth",
]


# "auto" for a target that is a single point, which has no scale: at so small a bandwidth a moving
# row sees nothing of the others, and goes straight to the point.
POINT = 1e-30
GROWTH = 1e-9  # by which bandwidths of the user's may grow
# "auto" for sigma_min is (AUTO_FACTOR + AUTO_SLOPE / dimension) nearest-neighbour distances.
AUTO_FACTOR, AUTO_SLOPE = 1.0, 4.5


class Schedule(BaseEstimator, ABC):
    """Base class: two ends resolved by ``fit``, and a curve between them.

    A schedule of one's own has two parameters, ``sigma_max`` and ``sigma_min``, and a ``_curve``.
    ``sigmas(n_steps)`` evaluates it.

    Examples
    --------
    >>> from skflow.schedules import LinearSchedule, Schedule
    >>> schedule = LinearSchedule(sigma_max=1.0, sigma_min=0.5)
    >>> isinstance(schedule, Schedule)
    True
    >>> schedule.fit([[0.0], [1.0]]).sigmas(3)
    array([1.  , 0.75, 0.5 ])
    """

    sigma_max: Any
    sigma_min: Any

    def fit(
        self,
        X: ArrayLike,
        X_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Schedule:
        """Resolve "auto" and named bandwidths on the target rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Target rows.
        X_source : array-like of shape (n_source_rows, n_features), default=None
            Source rows, where they are known. The present rules do not use them.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows.

        Returns
        -------
        self : Schedule
            With ``sigma_max_`` and ``sigma_min_``, lengths in the units of X.

        Raises
        ------
        ValueError
            If an end is not positive, its name unknown, or a sigma_min exceeds a sigma_max, neither
            of them "auto".
        """
        X = check_rows(X, name="X")
        rows, weight = distinct_rows(X, check_weights(sample_weight, X))
        self.sigma_max_, self.sigma_min_ = self._resolve_ends(rows, weight)
        if self.sigma_min_ > self.sigma_max_:
            raise ValueError(
                f"sigma_min={self.sigma_min_:.6g} exceeds sigma_max={self.sigma_max_:.6g}: "
                "noise must not grow along the flow. Lower sigma_min or raise sigma_max."
            )
        return self

    def sigmas(self, n_steps: int) -> NDArray:
        """Bandwidths of all steps.

        Parameters
        ----------
        n_steps : int
            Number of steps.

        Returns
        -------
        sigmas : ndarray of shape (n_steps,)
            Non-increasing, from ``sigma_max_`` to ``sigma_min_``, both included (one step has
            ``sigma_max_``).
        """
        check_is_fitted(self, "sigma_max_")
        n_steps = check_count(n_steps, name="n_steps")
        sigmas = self._curve(np.linspace(0, 1, n_steps))
        sigmas[0] = self.sigma_max_  # the ends are exact, whatever the curve rounds to
        if n_steps > 1:
            sigmas[-1] = self.sigma_min_
        return np.minimum.accumulate(np.clip(sigmas, self.sigma_min_, self.sigma_max_))

    def _resolve_ends(self, rows: NDArray, weight: NDArray) -> tuple[float, float]:
        sigma_max = _resolve(self.sigma_max, "sigma_max", rows, weight)
        sigma_min = _resolve(self.sigma_min, "sigma_min", rows, weight)
        if is_auto(self.sigma_min):  # gives way to the end that was asked for
            sigma_min = min(sigma_min, sigma_max)
        elif is_auto(self.sigma_max):
            sigma_max = max(sigma_min, sigma_max)
        return sigma_max, sigma_min

    @abstractmethod
    def _curve(self, s: NDArray) -> NDArray:
        """Bandwidth at the fractions s of the way."""


@dataclasses.dataclass(eq=False, repr=False)
class ConstantSchedule(Schedule):
    """The same bandwidth at every step.

    Parameters
    ----------
    sigma : float, str or "auto", default="auto"
        The bandwidth: a number in the units of the data, or a name such as "nn" or "1.5*nn";
        "auto" is the RMS radius of the target.
    sigma_max, sigma_min : float, str or "auto", default="auto"
        Other names of ``sigma``, so that a grid search can set the ends of all schedules alike. Of
        several, ``sigma`` comes first, then ``sigma_min``, with which other schedules end.

    Examples
    --------
    >>> from skflow.schedules import ConstantSchedule
    >>> ConstantSchedule(sigma=0.5).fit([[0.0], [1.0]]).sigmas(3)
    array([0.5, 0.5, 0.5])
    """

    sigma: Any = "auto"
    _: dataclasses.KW_ONLY
    sigma_max: Any = "auto"
    sigma_min: Any = "auto"

    def _resolve_ends(self, rows: NDArray, weight: NDArray) -> tuple[float, float]:
        names = "sigma", "sigma_min", "sigma_max"  # what rows end with comes before the beginning
        name = next((name for name in names if not is_auto(getattr(self, name))), "sigma")
        end = _resolve(getattr(self, name), name, rows, weight)
        return end, end

    def _curve(self, s: NDArray) -> NDArray:
        return np.full(s.shape, self.sigma_max_)


@dataclasses.dataclass(eq=False, repr=False)
class LinearSchedule(Schedule):
    """Bandwidth falling linearly, ``σ_max + s (σ_min - σ_max)``.

    Parameters
    ----------
    sigma_max : float, str or "auto", default="auto"
        First bandwidth: a number in the units of the data, or a name such as "rms"; "auto" is the
        RMS radius of the target.
    sigma_min : float, str or "auto", default="auto"
        Last bandwidth: a number, or a name such as "nn" or "1.5*nn"; "auto" is a multiple of the
        target's nearest-neighbour distance.

    Examples
    --------
    >>> from skflow.schedules import LinearSchedule
    >>> LinearSchedule(sigma_max=2.0, sigma_min=1.0).fit([[0.0], [1.0]]).sigmas(3)
    array([2. , 1.5, 1. ])
    """

    sigma_max: Any = "auto"
    sigma_min: Any = "auto"

    def _curve(self, s: NDArray) -> NDArray:
        return self.sigma_max_ + s * (self.sigma_min_ - self.sigma_max_)


@dataclasses.dataclass(eq=False, repr=False)
class CosineSchedule(Schedule):
    r"""Variance falling along a cosine, ``σ²_max cos(s arccos(σ²_min/σ²_max))``.

    Slow at first and fast at the end: it spends most of its steps at wide bandwidths.

    Parameters
    ----------
    sigma_max : float, str or "auto", default="auto"
        First bandwidth: a number in the units of the data, or a name such as "rms"; "auto" is the
        RMS radius of the target.
    sigma_min : float, str or "auto", default="auto"
        Last bandwidth: a number, or a name such as "nn" or "1.5*nn"; "auto" is a multiple of the
        target's nearest-neighbour distance.

    References
    ----------
    Weber (2023), arXiv:2304.12906, appendix D.1.1.

    Examples
    --------
    >>> from skflow.schedules import CosineSchedule
    >>> CosineSchedule(sigma_max=2.0, sigma_min=0.5).fit([[0.0], [1.0]]).sigmas(3).round(3)
    array([2.   , 1.707, 0.5  ])
    """

    sigma_max: Any = "auto"
    sigma_min: Any = "auto"

    def _curve(self, s: NDArray) -> NDArray:
        last = np.arccos((self.sigma_min_ / self.sigma_max_) ** 2)
        return self.sigma_max_ * np.sqrt(np.cos(s * last))


@dataclasses.dataclass(eq=False, repr=False)
class GeometricSchedule(Schedule):
    """Bandwidth falling by a constant factor, ``σ_max (σ_min/σ_max)^s``.

    Parameters
    ----------
    sigma_max : float, str or "auto", default="auto"
        First bandwidth: a number in the units of the data, or a name such as "rms"; "auto" is the
        RMS radius of the target.
    sigma_min : float, str or "auto", default="auto"
        Last bandwidth: a number, or a name such as "nn" or "1.5*nn"; "auto" is a multiple of the
        target's nearest-neighbour distance.

    References
    ----------
    Song and Ermon (2019), arXiv:1907.05600.

    Examples
    --------
    >>> from skflow.schedules import GeometricSchedule
    >>> GeometricSchedule(sigma_max=4.0, sigma_min=1.0).fit([[0.0], [1.0]]).sigmas(3)
    array([4., 2., 1.])
    """

    sigma_max: Any = "auto"
    sigma_min: Any = "auto"

    def _curve(self, s: NDArray) -> NDArray:
        return self.sigma_max_ * (self.sigma_min_ / self.sigma_max_) ** s


@dataclasses.dataclass(eq=False, repr=False)
class KarrasSchedule(Schedule):
    """Linear in ``σ^(1/ρ)``: between linear (ρ = 1) and geometric (ρ → ∞).

    Parameters
    ----------
    sigma_max : float, str or "auto", default="auto"
        First bandwidth: a number in the units of the data, or a name such as "rms"; "auto" is the
        RMS radius of the target.
    sigma_min : float, str or "auto", default="auto"
        Last bandwidth: a number, or a name such as "nn" or "1.5*nn"; "auto" is a multiple of the
        target's nearest-neighbour distance.
    rho : float, default=7.0
        The exponent ρ > 0.

    References
    ----------
    Karras et al. (2022), arXiv:2206.00364, eq. 5.

    Examples
    --------
    >>> from skflow.schedules import KarrasSchedule
    >>> KarrasSchedule(sigma_max=4.0, sigma_min=1.0).fit([[0.0], [1.0]]).sigmas(3).round(3)
    array([4.  , 2.07, 1.  ])
    """

    sigma_max: Any = "auto"
    sigma_min: Any = "auto"
    rho: float = 7.0

    def _curve(self, s: NDArray) -> NDArray:
        power = 1 / check_scale(self.rho, name="rho")
        high, low = self.sigma_max_**power, self.sigma_min_**power
        return (high + s * (low - high)) ** self.rho


class _GivenSchedule(Schedule):
    """Bandwidths of the user's: a curve through values, or a function of s."""

    def __init__(self, schedule: Any, name: str) -> None:
        self.schedule = schedule
        self.name = name

    def set_params(self, **params: Any) -> _GivenSchedule:
        """Refuse parameters: there are no ends to be set, nor any other."""
        if params.keys() - {"schedule", "name"}:
            raise ValueError(
                f"{self.name}={self.schedule!r} says every bandwidth itself, so {self.name}__"
                f"{next(iter(params))} has nothing to set. A search over arrays and over ends of "
                "named schedules takes a list of two grids."
            )
        super().set_params(**params)
        return self

    def _resolve_ends(self, rows: NDArray, weight: NDArray) -> tuple[float, float]:
        n = 2
        if not callable(self.schedule):
            ends = (named_bandwidth(end, rows, weight, name=self.name) for end in self.schedule)
            self._values = np.array([*ends])
            n = max(n, len(self._values))
        sigmas = self._curve(np.linspace(0, 1, n))
        return float(sigmas[0]), float(sigmas[-1])

    def _curve(self, s: NDArray) -> NDArray:
        if callable(self.schedule):
            name = f"{self.name}(s)"
            sigmas = np.array([check_scale(self.schedule(x), name=name) for x in s.tolist()])
        else:
            sigmas = np.interp(s, np.linspace(0, 1, len(self._values)), self._values)
        growing = np.flatnonzero(np.diff(sigmas) > GROWTH * sigmas[1:])
        if len(growing):
            k = growing[0]
            raise ValueError(
                f"{self.name} grows from {sigmas[k]:.6g} to {sigmas[k + 1]:.6g}: noise must not "
                "grow along the flow. Give bandwidths from wide to narrow."
            )
        return sigmas


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": ConstantSchedule,
    "linear": LinearSchedule,
    "cosine": CosineSchedule,
    "geometric": GeometricSchedule,
    "karras": KarrasSchedule,
}


def make_schedule(schedule: Any, name: str = "schedule") -> Schedule:
    """Return a schedule given by its name, as an object, by bandwidths or as a function.

    Parameters
    ----------
    schedule : str, Schedule, array-like or callable
        A name in ``SCHEDULES``; a schedule, which is returned as it is; bandwidths from wide to
        narrow, numbers or names, between which other numbers of steps are interpolated linearly;
        or a function ``schedule(s)`` that returns the bandwidth, a number in the units of the data,
        at the fraction s of the way, 0 at the first step and 1 at the last.
    name : str, default="schedule"
        What to call the argument in an error.

    Returns
    -------
    schedule : Schedule
        The schedule.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from skflow.schedules import make_schedule
    >>> make_schedule("karras")
    KarrasSchedule()
    >>> make_schedule([4.0, 2.0, 1.0]).fit([[0.0], [1.0]]).sigmas(3)
    array([4., 2., 1.])
    >>> make_schedule(lambda s: 4.0 * 0.25**s).fit([[0.0], [1.0]]).sigmas(3)
    array([4., 2., 1.])
    """
    is_array = np.ndim(schedule) == 1 and len(schedule) > 0
    if is_array or (callable(schedule) and not isinstance(schedule, type)):
        return _GivenSchedule(schedule, name)
    return from_registry(SCHEDULES, schedule, Schedule, name=name)


def _resolve(end: Any, name: str, rows: NDArray, weight: NDArray) -> float:
    if not is_auto(end):
        return named_bandwidth(end, rows, weight, name=name)
    if len(rows) < 2:
        return POINT
    if name != "sigma_min":
        return named_bandwidth("rms", rows, weight, name=name)
    # Rows blurred by c·nn stay apart from the target's like fresh rows if c falls with the number
    # of dimensions that the target fills (docs/quality.md).
    factor = AUTO_FACTOR + AUTO_SLOPE / intrinsic_dimension(rows, weight)
    return named_bandwidth(f"{factor}*nn", rows, weight, name=name)
