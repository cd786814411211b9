r"""Score-difference flow of a generator.

.. math:: y = g_θ(ξ), \qquad y' = y + η_k \, (D_p(z; σ_k) - D_q(z; σ_k)), \qquad
          θ ← θ - \frac{λ_k}{2} ∇_θ \|g_θ(ξ) - y'\|²

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 2.
"""

from __future__ import annotations

from typing import Any

from skflow.generators._base import BaseGenerator

__all__ = ["SDFlowGenerator"]


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
        Any regressor. One with ``partial_fit`` is updated with every batch, others are fitted anew
        to the last ``window`` batches; one that does a single output is wrapped in
        `sklearn.multioutput.MultiOutputRegressor`. None is an ``MLPRegressor`` with four hidden
        layers of 128, updated in minibatches of 128 rows at a rate of 2e-3.
    latent_dim : int, default=None
        Width of the prior; None is the target's, or that of ``X_source`` or of an array.
    prior : {"normal", "uniform"}, array-like or callable, default="normal"
        What ξ is drawn from: the standard normal distribution, the uniform one on [-1, 1], rows of
        an array, or ``prior(n, rng)``, an array of n rows. ``X_source`` takes its place.
    field : str or Field, default="kernel"
        The velocity: a name in ``skflow.fields.FIELDS`` or a field.
    schedule : str or Schedule, default="auto"
        The bandwidths σ_k of an epoch; "auto" is the field's choice.
    n_steps : int, default=50
        Steps of an epoch, which goes once down the schedule.
    n_epochs : int or "auto", default="auto"
        Number of epochs. "auto" is 10 for a regressor that is updated, 1 for one that is fitted
        anew.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        η, without unit: 1 is a full denoiser step. "auto" is the field's choice.
    first_step_norm : float or str, default=None
        If given, η is the constant that makes the mean over rows of the first displacement's norm
        equal this length, a number or a name such as "0.2*rms". Excludes ``step_size``.
    learning_rate : float, array of shape (n_epochs * n_steps,) or "auto", default="auto"
        λ, the learning rate of the regressor, in the regressor's own sense. "auto" lets that of an
        ``MLPRegressor`` fall to a twentieth along a cosine, and leaves others as they are.
    align : {"auto", "affine", None}, default="auto"
        "affine": the regressor sees standardised inputs, and learns how far rows are from the
        affine map of the prior's Gaussian onto the target's (from the target's mean, if the widths
        differ), in units of the target's scale. None: it sees ξ and returns the rows themselves.
        "auto" is the field's choice.
    n_noise : int or "auto", default="auto"
        Noise draws averaged in a step, in antithetic pairs; 0 injects no noise, 1 is the paper's.
        "auto" is the field's choice.
    batch_size : int, default=1024
        Rows of the prior, and of the target, that a step uses, drawn afresh each step.
    window : int, default=4
        Last batches that a regressor without ``partial_fit`` is fitted to.
    match_marginals : bool, default=True
        Whether a generator of a prior ends with a monotone map of every column, which gives it the
        target's quantiles: values that rows share, rounding and bounds come back. It has none if in
        no column target rows share values, or the generator's marginal differs from theirs by more
        than chance explains. A map from ``X_source`` has none either.
    early_stopping : bool, default=False
        Whether to set target rows aside, score the generator on them after every epoch, stop when
        ``n_iter_no_change`` epochs have brought no better score, and keep the best state.
    validation_fraction : float, default=0.1
        Share of the target rows that is set aside.
    n_iter_no_change : int, default=3
        Epochs without a better score before training stops.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last ``fit`` ended.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores. The result does not depend on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of prior, noise, batches, samples, and of the regressor unless it has its own.

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

    def __init__(
        self,
        generator: Any = None,
        *,
        latent_dim: int | None = None,
        prior: Any = "normal",
        field: Any = "kernel",
        schedule: Any = "auto",
        n_steps: int = 50,
        n_epochs: Any = "auto",
        step_size: Any = "auto",
        first_step_norm: Any = None,
        learning_rate: Any = "auto",
        align: Any = "auto",
        n_noise: Any = "auto",
        batch_size: int = 1024,
        window: int = 4,
        match_marginals: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.generator = generator
        self.latent_dim = latent_dim
        self.prior = prior
        self.field = field
        self.schedule = schedule
        self.n_steps = n_steps
        self.n_epochs = n_epochs
        self.step_size = step_size
        self.first_step_norm = first_step_norm
        self.learning_rate = learning_rate
        self.align = align
        self.n_noise = n_noise
        self.batch_size = batch_size
        self.window = window
        self.match_marginals = match_marginals
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state
