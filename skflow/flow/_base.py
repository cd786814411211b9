r"""What samplers and generators have in common: a target, a field, and steps along it.

.. math:: y ← y + η_k \, v(z; p, q_k, σ_k), \qquad z = y + σ_k ε, \quad k = 1 … n

Every estimator applies this line, to free particles (a sampler) or to what a generator returns.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from __future__ import annotations

import dataclasses
from abc import ABC
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from skflow._draws import make_generator
from skflow._utils import (
    NamedPartsMixin,
    check_count,
    check_scale,
    check_switch,
    check_weights,
    count_draws,
    distinct_rows,
    is_auto,
    lookup,
    warn,
)
from skflow.alignment import ALIGNMENTS
from skflow.fields import Field, FlowDefaults, make_field
from skflow.fields._denoisers import make_denoiser
from skflow.flow._atoms import JointAtom, joint_atoms
from skflow.flow._callbacks import CallbackSupportMixin
from skflow.flow._marginals import Marginal, marginals_of
from skflow.flow._step import StepSizes
from skflow.kernels import compute_threads
from skflow.schedules import make_schedule, resolve_bandwidth

__all__ = ["BaseFlow"]

# A step of η takes a row near its place from a distance of one to one of |1 - η|.
OVERSHOOTING = 2.0


class BaseFlow(CallbackSupportMixin, TransformerMixin, NamedPartsMixin, ABC):
    """Base class of whatever moves rows along a field: parameters, and the target side of a fit."""

    # a source belongs to the fit: with metadata routing it is passed on without being asked for
    __metadata_request__fit = {"X_source": True}  # noqa: RUF012 (scikit-learn's own idiom)

    field: Any
    schedule: Any
    n_steps: int
    step_size: Any
    first_step_norm: Any
    align: Any
    n_noise: Any
    n_jobs: int | None
    random_state: Any
    match_marginals: bool
    verbose: int
    _precision: Any = None  # of the moving rows; None is the target's
    _are_relative: bool  # step sizes, to the velocity's full step
    center_: NDArray
    _target: NDArray
    _weight: NDArray
    _marginals: list[Marginal]
    _atoms: list[JointAtom]

    # ----------------------------------------------------------------------------- parameters
    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "field": make_field,
            "denoiser": make_denoiser,
            "schedule": self._make_schedule,
        }

    def _make_schedule(self, spec: Any) -> Any:
        return make_schedule(self._auto().schedule if is_auto(spec) else spec)

    def _check_step_parameters(self) -> None:
        check_count(self.n_steps, name="n_steps")
        defaults = self._defaults()
        if self.first_step_norm is not None:
            if not isinstance(self.first_step_norm, str):
                check_scale(self.first_step_norm, name="first_step_norm")
            if not is_auto(self.step_size):
                raise ValueError(
                    f"first_step_norm={self.first_step_norm!r} sets the step size, so it excludes "
                    f"step_size={self.step_size!r}: leave one of them at its default."
                )
        if defaults.align is not None:
            lookup(ALIGNMENTS, defaults.align, name="align")
        if self.n_jobs is not None and not (isinstance(self.n_jobs, Integral) and self.n_jobs < 0):
            check_count(self.n_jobs, name="n_jobs")
        check_switch(self.match_marginals, name="match_marginals")
        if not isinstance(self.verbose, bool | np.bool_):
            check_count(self.verbose, name="verbose", minimum=0)

    def _auto(self) -> FlowDefaults:
        """What "auto" means: the field's choice, or that of an estimator with a name."""
        return make_field(self.field).defaults()

    def _defaults(self) -> FlowDefaults:
        """What "auto" means, with whatever the user chose put in its place."""
        auto = self._auto()
        n_noise = auto.n_noise if is_auto(self.n_noise) else self.n_noise
        check_count(n_noise, name="n_noise", minimum=0)
        if auto.noise_is_fixed and n_noise != auto.n_noise:
            raise ValueError(
                f"n_noise={n_noise!r}: {make_field(self.field)!r} needs {auto.n_noise} draw of "
                "noise in every step, or the rows shrink together: leave n_noise at 'auto'."
            )
        own_steps = self.first_step_norm is not None or not is_auto(self.step_size)
        return dataclasses.replace(
            auto,
            align=auto.align if is_auto(self.align) else self.align,
            n_noise=n_noise,
            # noise that is added to the rows changes what a velocity consists of
            shrinkage=0.0 if own_steps or n_noise > 0 else auto.shrinkage,
        )

    def _step_sizes(self) -> NDArray:
        if is_auto(self.step_size):
            return self._defaults().step_size(self.n_steps)
        try:
            eta = np.broadcast_to(np.asarray(self.step_size, float), (self.n_steps,))
        except (TypeError, ValueError):
            eta = np.full(1, np.nan)
        if not np.isfinite(eta).all() or (eta < 0).any():
            raise ValueError(
                "step_size must be 'auto', a non-negative number or an array of n_steps="
                f"{self.n_steps} of them, got {self.step_size!r}."
            )
        if (eta >= OVERSHOOTING).any() and make_field(self.field).has_unit_step:
            warn(
                f"step_size={self.step_size!r} reaches {eta.max():g}: a full step is 1, and from "
                f"{OVERSHOOTING:g} on rows leave the target faster than they approach it. Choose a "
                "smaller step_size."
            )
        return eta

    # ----------------------------------------------------------------------------- the target
    def _fit_target(
        self, X: ArrayLike, sample_weight: ArrayLike | None, X_source: ArrayLike | None = None
    ) -> int:
        """Validate the target, resolve what is "auto" on it, fit the field; return its rows."""
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        self._check_source_names(X_source)
        weight = check_weights(sample_weight, X)
        self._fitted_defaults, self.step_sizes_ = self._defaults(), self._step_sizes()
        n_rows = len(X)
        # drawn once, so that transform is a function of its rows, in any thread
        self._seed = make_generator(self.random_state).integers(2**32, size=4)
        X, weight = self._hold_out(X, weight)
        self._n_draws = count_draws(weight, len(X))
        X, weight = distinct_rows(X, weight)  # a weighted summary of X is the same target
        self._marginals = marginals_of(X, weight, self._n_draws)
        self._atoms = joint_atoms(X, weight, self._n_draws)
        self.center_ = weight @ X.astype(np.float64)
        self._target, self._weight = (X - self.center_).astype(X.dtype), weight
        self.schedule_ = clone(self._make_schedule(self.schedule))
        self._fit_schedule()
        self.sigmas_ = self.schedule_.sigmas(self.n_steps)
        self.noise_levels_ = self.sigmas_
        self._are_relative = is_auto(self.step_size) and self.first_step_norm is None
        self.first_step_norm_ = None
        if self.first_step_norm is not None:
            self.first_step_norm_ = resolve_bandwidth(
                self.first_step_norm, self._target, sample_weight=weight, name="first_step_norm"
            )
        with compute_threads(self.n_jobs):
            self._fit_field(X_source)
        return n_rows

    def _check_source_names(self, X_source: Any) -> None:
        """Refuse a source table whose columns are others than the target's, or in another order."""
        if X_source is not None and np.shape(X_source)[1:] == (self.n_features_in_,):
            try:
                validate_data(self, X_source, reset=False, skip_check_array=True)
            except ValueError as error:
                raise ValueError(f"X_source does not fit X: {error}") from None

    def _hold_out(self, X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray | None]:
        """Rows that are learnt from; an estimator may set some aside."""
        return X, weight

    def _fit_schedule(self) -> None:
        self.schedule_.fit(self._target, sample_weight=self._weight)

    def _new_field(self, X_source: ArrayLike | None) -> Field:
        return clone(make_field(self.field))

    def _fit_field(self, X_source: ArrayLike | None) -> None:
        self.field_ = self._new_field(X_source)
        X = self._target if self._precision is None else self._target.astype(self._precision)
        rng = np.random.default_rng([*self._seed, 0])
        weight = self._weight * self._n_draws
        self.field_.fit(X, self.sigmas_, sample_weight=weight, origin=self.center_, rng=rng)

    @property
    def target_(self) -> NDArray:
        """Distinct rows of the target, in lexicographic order, up to rounding."""
        check_is_fitted(self)
        return self._restore(self._target, self._target.dtype)

    @property
    def target_weight_(self) -> NDArray:
        """Their weights, summing to one."""
        check_is_fitted(self)
        return self._weight.copy()

    def _new_step_sizes(self, shrinkage: float = 0.0) -> StepSizes:
        """Step sizes of a flow that begins."""
        return StepSizes(self.step_sizes_, self._are_relative, self.first_step_norm_, shrinkage)

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)

    def _restore(self, Y: NDArray, dtype: Any) -> NDArray:
        return (Y + self.center_).astype(dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
