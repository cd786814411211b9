r"""MMD gradient flow.

.. math:: y ← y + η \, (∇ E_x K(z, x; σ_k) - ∇ E_{y'} K(z, y'; σ_k)), \qquad z = y + β_k ε

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
appendix B.3.
Arbel, M. et al. (2019). Maximum Mean Discrepancy Gradient Flow. arXiv:1906.04370.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import clone

from skflow.fields import FlowDefaults
from skflow.samplers._field_sampler import FieldSampler
from skflow.schedules import Schedule, make_schedule

__all__ = ["MMDFlowSampler"]

N_NOISE = 2  # draws, where noise levels are given


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class MMDFlowSampler(FieldSampler):
    r"""Move rows onto a target table along the gradient of the squared MMD.

    .. math:: y ← y + η \, ∇_z \left[ E_x K(z, x; σ_k) - E_{y'} K(z, y'; σ_k) \right], \qquad
              z = y + β_k ε

    The baseline that score-difference flow is measured against. Where source and target are several
    bandwidths apart the pull of the target fades to nothing, and rows stay where they are or fly
    apart, so they are aligned first. The papers' settings are ``align=None`` and noise: with
    ``n_noise=1`` its level β is the bandwidth σ, one schedule for both [Weber 2023]; with a
    schedule of its own the noise may be wider than a fixed kernel and fade [Arbel et al. 2019]:
    ``schedule="constant", noise="linear", n_noise=4``.

    Parameters
    ----------
    field : str or Field, default="mmd"
        The velocity: a name in ``skflow.fields.FIELDS`` or a field.
    schedule : str, Schedule, array-like or callable, default="auto"
        Noise schedule: the bandwidths σ_k, from wide to narrow, see `make_schedule`; "auto" is the
        method's own.
    noise : str, Schedule, array-like, callable or None, default=None
        The noise levels β_k, of two draws unless ``n_noise`` says otherwise; None is the
        bandwidths, and no draws.
    n_steps : int, default=500
        Number of steps.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        η, in units of a length squared; "auto" is about the longest that descends, at every step:
        ``2σ² / max_i (S_p + 2 S_q)(z_i)``, S being the sums of the kernel at the rows.
    first_step_norm : float or str, default=None
        η is the constant that makes the mean over rows of the first displacement's norm equal this
        length, a number or a name; it excludes ``step_size``. Rows that start near the target have
        a small first displacement, and so a step that may be far too long.
    align : {"auto", "affine", None}, default="auto"
        "affine" begins with the optimal map between the Gaussians of source and target.
    n_noise : int or "auto", default="auto"
        Noise draws averaged in a step, in antithetic pairs; 0 injects no noise.
    batch_size : int, None or "auto", default="auto"
        Rows that a step's means are estimated from; None is all, "auto" groups of 2000.
    base : {"gaussian", "uniform"}, array-like or callable, default="gaussian"
        Where samples start: a distribution, rows, or ``base(n, rng)`` that returns n rows.
    match_marginals : bool, default=True
        Whether rows end in the target's own marginal distributions.
    n_reference : int or "auto", default="auto"
        Fewest rows that samples are moved with, and most rows of ``X_source`` that are kept.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.
    condition_on : list of int or str, default=None
        Columns that stay as they are; the others get the target's distribution given these.

    Attributes
    ----------
    schedule_ : Schedule
        The fitted schedule.
    sigmas_ : ndarray of shape (n_steps,)
        The bandwidths, in the units of the data.
    noise_levels_ : ndarray of shape (n_steps,)
        The noise levels, in the units of the data.
    first_step_norm_ : float or None
        Mean norm of the first displacement, if that sets the step size.
    field_ : Field
        The fitted field; its rows are the target less ``center_``.
    center_ : ndarray of shape (n_features,)
        Mean of the target rows.
    target_ : ndarray of shape (n_distinct_rows, n_features)
        The distinct target rows of positive weight, in the units of the data, up to rounding.
    target_weight_ : ndarray of shape (n_distinct_rows,)
        Their weights, summing to one.
    source_ : ndarray of shape (n_reference_rows, n_features) or None
        The rows of ``X_source`` whose paths are kept, up to rounding; None if none was given.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had string column names.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eqs. 44-46; Arbel et al. (2019), arXiv:1906.04370.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import MMDFlowSampler
    >>> rng = np.random.default_rng(0)
    >>> target, source = rng.normal(1.0, 1.0, (300, 2)), rng.normal(0.0, 1.0, (200, 2))
    >>> moved = MMDFlowSampler(random_state=0).fit(target).transform(source)
    >>> np.abs(moved.mean(axis=0) - target.mean(axis=0)).max() < 0.2
    np.True_
    """

    field: Any = dataclasses.field(default="mmd", kw_only=False)
    noise: Any = None
    n_steps: int = 500

    def _auto(self) -> FlowDefaults:
        auto = super()._auto()
        return auto if self.noise is None else dataclasses.replace(auto, n_noise=N_NOISE)

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {**super()._named_parts(), "noise": self._make_noise}

    def _make_noise(self, spec: Any) -> Schedule:
        if spec is None:  # then the bandwidths are the noise levels
            return clone(self._make_schedule(self.schedule))
        return make_schedule(spec, name="noise")

    def _fit_field(self, X_source: ArrayLike | None) -> None:
        super()._fit_field(X_source)
        if self.noise is not None:
            noise = clone(self._make_noise(self.noise))
            noise.fit(self._target, sample_weight=self._weight)
            self.noise_levels_ = noise.sigmas(self.n_steps)
