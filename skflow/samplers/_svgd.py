r"""Stein variational gradient descent.

.. math:: y ← y + η \, σ_k² \, E_{y'} \left[ k(y, y') ∇ \log p(y'; σ_k) + ∇_{y'} k(y, y') \right]

References
----------
Liu, Q. and Wang, D. (2016). Stein Variational Gradient Descent. arXiv:1608.04471.
"""

from __future__ import annotations

from typing import Any

from skflow.fields import Field, FlowDefaults, Stein
from skflow.samplers._score_sampler import ScoreSampler

__all__ = ["SVGDSampler"]


class SVGDSampler(ScoreSampler):
    r"""Move rows by Stein variational gradient descent.

    .. math:: y ← y + η \, σ_k² \, E_{y'} \left[ k(y, y') ∇ \log p(y'; σ_k) + ∇_{y'} k(y, y')
              \right], \qquad k(y, y') = \exp(-‖y - y'‖² / 2b²)

    Rows share the scores of their neighbours, and keep apart. Scores are those of the target
    blurred by σ_k. Where the target falls into parts that are further from one another than the
    kernel reaches, each part keeps the rows that came to it.

    Parameters
    ----------
    denoiser : {"kernel", "learned"}, regressor, callable or Denoiser, default="kernel"
        What the score comes from, ``σ² ∇ log p(z;σ) = D_p(z;σ) - z``: the kernel mean of the target
        rows, a multilayer perceptron or any other regressor trained to remove noise, or a function
        ``denoiser(Z, sigma)``, which for a density of known score s is
        ``Z + sigma**2 * s(Z, sigma)``.
    bandwidth : float, str or "median", default="median"
        b: a number in the units of the data, or the name of a bandwidth, resolved on the moving
        rows at every step. "median" is their median distance over ``sqrt(2 log(n + 1))``.
    schedule : str or Schedule, default="auto"
        The bandwidths σ_k of the target's score; "auto" is the geometric schedule.
    n_steps : int, default=500
        Number of steps.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        η, without unit; "auto" is 1.
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
    Liu and Wang (2016), arXiv:1608.04471.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SVGDSampler
    >>> rng = np.random.default_rng(0)
    >>> target, source = rng.normal(5.0, 2.0, (300, 2)), rng.normal(0.0, 1.0, (200, 2))
    >>> moved = SVGDSampler(random_state=0).fit(target).transform(source)
    >>> np.abs(moved.mean(axis=0) - target.mean(axis=0)).max() < 0.3
    np.True_
    """

    def __init__(
        self,
        denoiser: Any = "kernel",
        *,
        bandwidth: Any = "median",
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
        self.bandwidth = bandwidth
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
        """Stein's direction."""
        return Stein(self.denoiser, self.bandwidth)

    def _auto(self) -> FlowDefaults:
        return FlowDefaults(schedule="geometric")
