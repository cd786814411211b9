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

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.fields import Field, FlowDefaults, TargetScore
from skflow.fields._base import constant_steps
from skflow.flow import Flow
from skflow.samplers._score_sampler import ScoreSampler

__all__ = ["LangevinSampler"]

STEP = 0.2  # "auto" step size: at 1/2, the usual choice, rows come out a third too wide


class LangevinSampler(ScoreSampler):
    r"""Move rows up the score of the blurred target, with fresh noise at every step.

    .. math:: y ← y + η_k \, σ_k² ∇ \log p(y; σ_k) + \sqrt{2 η_k} \, σ_k ε_k

    At every bandwidth the rows tend to the target blurred by it; the bandwidth falls on the way.
    Every row moves by itself, driven by noise of its own: rows are scrambled. Langevin dynamics and
    score-difference flow have the same marginal distributions at every moment [Weber 2023, section
    2], but the noise has to do here what the moving rows' own score does there.

    Parameters
    ----------
    denoiser : {"kernel", "learned"}, regressor, callable or Denoiser, default="kernel"
        What the score comes from, ``σ² ∇ log p(z;σ) = D_p(z;σ) - z``: the kernel mean of the target
        rows, a multilayer perceptron or any other regressor trained to remove noise, or a function
        ``denoiser(Z, sigma)``, which for a density of known score s is
        ``Z + sigma**2 * s(Z, sigma)``.
    schedule : str or Schedule, default="auto"
        The bandwidths σ_k; "auto" is the geometric schedule.
    n_steps : int, default=500
        Number of steps.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        η, without unit; "auto" is 0.2.
    align : {"auto", "affine", None}, default="auto"
        "affine" first applies the optimal map between the Gaussians of source and target; "auto"
        is "affine".
    batch_size : int, None or "auto", default="auto"
        Rows that a step's means are estimated from, drawn afresh each step (all rows move). None is
        all rows; "auto" is all rows of tables up to 2000 rows, and of longer ones more as the
        bandwidth falls, in groups of about 2000 rows, see `SDFlowSampler`.
    base : {"gaussian", "uniform"}, array-like or callable, default="gaussian"
        Where samples start: the Gaussian with the target's moments, the uniform distribution on
        its bounding box, rows of an array, or ``base(n, rng)``, an array of n rows.
    match_marginals : bool, default=True
        Whether ``sample`` gives every column, rank by rank, the target's quantiles, interpolated.
    n_reference : int or "auto", default="auto"
        Fewest rows that ``sample`` moves together, and most rows of ``X_source`` whose paths are
        kept. "auto" is 2000 for a source, and twice the target's rows, between 500 and 2000, for
        samples.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of noise, batches, training and samples.

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

    def __init__(
        self,
        denoiser: Any = "kernel",
        *,
        schedule: Any = "auto",
        n_steps: int = 500,
        step_size: Any = "auto",
        align: Any = "auto",
        batch_size: Any = "auto",
        base: Any = "gaussian",
        match_marginals: bool = True,
        n_reference: Any = "auto",
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.denoiser = denoiser
        self.schedule = schedule
        self.n_steps = n_steps
        self.step_size = step_size
        self.align = align
        self.batch_size = batch_size
        self.base = base
        self.match_marginals = match_marginals
        self.n_reference = n_reference
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    @property
    def field(self) -> Field:  # chosen, not a parameter
        """The score of the target."""
        return TargetScore(self.denoiser)

    def _auto(self) -> FlowDefaults:
        return FlowDefaults(
            schedule="geometric",
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
