r"""Annealed Langevin dynamics.

.. math:: y ← y + η_k \, σ_k² ∇ \log p(y; σ_k) + \sqrt{2 η_k} \, σ_k ε

References
----------
Song, Y. and Ermon, S. (2019). Generative Modeling by Estimating Gradients of the Data
Distribution. arXiv:1907.05600.
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, eqs. 4-6.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.fields import Field, FlowDefaults, TargetScore
from skflow.fields._base import constant_steps
from skflow.fields._scores import NARROW
from skflow.flow import Flow
from skflow.samplers._score_sampler import ScoreSampler
from skflow.schedules import GeometricSchedule

__all__ = ["LangevinSampler"]

STEP = 0.2  # "auto" step size: at 1/2, the usual choice, rows come out a third too wide


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class LangevinSampler(ScoreSampler):
    r"""Move rows up the score of the blurred target, with fresh noise at every step.

    .. math:: y ← y + η_k \, σ_k² ∇ \log p(y; σ_k) + \sqrt{2 η_k} \, σ_k ε_k

    At every bandwidth the rows tend to the target blurred by it; the bandwidth falls on the way.
    Every row moves by itself, driven by noise of its own: rows are scrambled. Langevin dynamics and
    score-difference flow have the same marginal distributions at every moment [Weber 2023, section
    2.1], but here noise takes the place of the moving rows' own score.

    Parameters
    ----------
    denoiser : {"kernel", "learned"}, regressor, callable or Denoiser, default="kernel"
        What the score comes from: the kernel mean, a regressor, or a function D(Z, σ).
    schedule : str, Schedule, array-like or callable, default="auto"
        Noise schedule: the bandwidths σ_k, from wide to narrow, see `make_schedule`; "auto" is the
        method's own.
    n_steps : int, default=500
        Number of steps.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        Size η of the steps, 1 being a full one; "auto" is the method's own.
    align : {"auto", "affine", None}, default="auto"
        "affine" begins with the optimal map between the Gaussians of source and target.
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
    Song and Ermon (2019), arXiv:1907.05600.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import LangevinSampler
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> samples = LangevinSampler(random_state=0).fit(target).sample(200)
    >>> np.abs(samples.mean(axis=0) - target.mean(axis=0)).max() < 0.2
    np.True_
    """

    n_steps: int = 500
    step_size: Any = "auto"

    @property
    def field(self) -> Field:  # chosen, not a parameter
        """The score of the target."""
        return TargetScore(self.denoiser)

    def _auto(self) -> FlowDefaults:
        return FlowDefaults(
            schedule=GeometricSchedule(sigma_min=NARROW),
            align="affine",
            n_noise=0,
            step_size=partial(constant_steps, size=STEP),
        )

    def _first_level(self) -> float:
        return float(self.sigmas_[0])

    def _step(self, flow: Flow, Y: NDArray, k: int) -> NDArray:
        moved = super()._step(flow, Y, k)
        level = np.sqrt(2 * self.step_sizes_[k]) * self.sigmas_[k]
        return moved + Y.dtype.type(level) * flow.noise(Y)
