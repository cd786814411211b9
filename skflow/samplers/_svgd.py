r"""Stein variational gradient descent.

.. math:: y ← y + η \, σ_k² \, E_{y'} \left[ k(y, y') ∇ \log p(y'; σ_k) + ∇_{y'} k(y, y') \right]

References
----------
Liu, Q. and Wang, D. (2016). Stein Variational Gradient Descent. arXiv:1608.04471.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from skflow.fields import Field, Stein
from skflow.samplers._score_sampler import ScoreSampler

__all__ = ["SVGDSampler"]


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
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
        What the score comes from: the kernel mean, a regressor, or a function D(Z, σ).
    bandwidth : float, str or "median", default="median"
        b: a number in the units of the data, or the name of a bandwidth, resolved on the moving
        rows at every step. "median" is their median distance over ``sqrt(2 log(n + 1))``.
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

    bandwidth: Any = "median"
    n_steps: int = 500
    step_size: Any = "auto"

    @property
    def field(self) -> Field:  # chosen, not a parameter
        """Stein's direction."""
        return Stein(self.denoiser, self.bandwidth)
