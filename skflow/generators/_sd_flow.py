r"""Score-difference flow of a generator.

.. math:: y = g_θ(ξ), \qquad y' = y + η_k \, (D_p(z; σ_k) - D_q(z; σ_k)), \qquad
          θ ← θ - \frac{λ_k}{2} ∇_θ \|g_θ(ξ) - y'\|²

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 2.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from skflow.generators._base import BaseGenerator

__all__ = ["SDFlowGenerator"]


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class SDFlowGenerator(BaseGenerator):
    r"""Train a regressor to return rows distributed like a target table.

    .. math:: y = g_θ(ξ), \qquad y' = y + η_k \, σ_k² (∇ \log p(z; σ_k) - ∇ \log q(z; σ_k)), \qquad
              \text{regress } g_θ \text{ on } (ξ, y')

    The velocity that moves the rows of `SDFlowSampler` teaches a generator instead: ``sample`` is
    one prediction, new rows are mapped in a single pass, each by itself, and there is no adversary.
    ``fit(X)`` learns to turn rows of a prior into target rows; ``fit(X, X_source=...)`` learns a
    map from source rows, which ``transform`` applies to any other rows.

    Parameters
    ----------
    generator : regressor, default=None
        The regressor that is trained; None is a multilayer perceptron, whose parameters
        ``set_params(generator__alpha=…)`` reaches as well.
    latent_dim : int, default=None
        Width of the prior; None is the target's, or that of ``X_source`` or of an array.
    prior : {"normal", "uniform"}, array-like or callable, default="normal"
        What ξ is drawn from: a distribution, rows, or ``prior(n, rng)`` that returns n rows.
    field : str or Field, default="kernel"
        The velocity: a name in ``skflow.fields.FIELDS`` or a field.
    schedule : str, Schedule, array-like or callable, default="auto"
        Noise schedule of an epoch, from wide to narrow, see `make_schedule`; "auto" is the method's
        own.
    n_steps : int, default=50
        Steps of an epoch.
    n_epochs : int or "auto", default="auto"
        Number of epochs.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        Size η of the steps, 1 being a full one; "auto" is the method's own.
    first_step_norm : float or str, default=None
        Length that the first displacement has in the mean; it excludes ``step_size``.
    learning_rate : float, array of shape (n_epochs * n_steps,) or "auto", default="auto"
        Learning rate of the regressor, a number or one a step; "auto" falls in the end.
    align : {"auto", "affine", None}, default="auto"
        "affine" trains the difference from the affine map of the prior's Gaussian.
    n_noise : int or "auto", default="auto"
        Noise draws averaged in a step, in antithetic pairs; 0 injects no noise.
    batch_size : int, default=1024
        Rows of the prior, and of the target, that a step uses.
    window : int, default=4
        Last batches that a regressor without ``partial_fit`` is fitted to.
    match_marginals : bool, default=True
        Whether samples end in the target's own marginal distributions.
    early_stopping : bool, default=False
        Whether to keep the state that was best on target rows set aside.
    validation_fraction : float, default=0.1
        Share of the target rows that is set aside.
    n_iter_no_change : int, default=3
        Epochs without a better score before training stops.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last ``fit`` ended.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Attributes
    ----------
    generator_ : regressor
        The fitted regressor.
    loss_curve_ : list of float
        Before every step's regression the mean squared distance of the generator's rows to where
        they were moved, in squared units of the data.
    validation_scores_ : list of float or None
        Minus the energy distance to the rows set aside after every epoch; None without
        ``early_stopping``.
    latent_dim_ : int
        Width of the prior.
    has_source_ : bool
        Whether ``X_source`` was given to ``fit``, so that ``transform`` maps source rows.
    schedule_ : Schedule
        The fitted schedule.
    sigmas_ : ndarray of shape (n_steps,)
        The bandwidths of an epoch, in the units of the data.
    field_ : Field
        The fitted field; its rows are the target less ``center_``.
    center_ : ndarray of shape (n_features,)
        Mean of the target rows.
    target_ : ndarray of shape (n_distinct_rows, n_features)
        The distinct target rows of positive weight, in the units of the data, up to rounding.
    target_weight_ : ndarray of shape (n_distinct_rows,)
        Their weights, summing to one.
    n_features_in_ : int
        Number of the target's features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the target's features, if X had string column names.

    See Also
    --------
    SDFlowSampler : The same flow for free particles: slower to sample, nothing to train.

    References
    ----------
    Weber (2023), arXiv:2304.12906, algorithm 2. The paper's own settings for its linear generator
    are ``generator=LinearGenerator(), align=None, schedule="constant", n_noise=1, n_epochs=1,
    n_steps=1000, step_size=1.0, match_marginals=False, field__normalization="row"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SDFlowGenerator
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> flow = SDFlowGenerator(n_epochs=2, random_state=0).fit(target)
    >>> samples = flow.sample(1000)
    >>> np.abs(samples.mean(axis=0) - target.mean(axis=0)).max() < 0.2
    np.True_
    """

    field: Any = "kernel"
    schedule: Any = "auto"
    n_steps: int = 50
    step_size: Any = "auto"
    first_step_norm: Any = None
    align: Any = "auto"
    n_noise: Any = "auto"
