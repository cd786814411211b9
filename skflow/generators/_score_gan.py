r"""Score GAN: a generator driven by two learned scores.

.. math:: y = g_θ(ξ), \quad z = y + σ ε, \qquad
          y' = y + η σ² (μ_p ∇ \log p(z;σ) - μ_q ∇ \log q(z;σ)), \qquad
          \text{regress } g_θ \text{ on } (ξ, y')

at a random σ in every step. The score of the target is learned once, that of the rows of g is
trained on, K batches a step, as the generator changes.

References
----------
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, algorithm 1 and eqs. 24-28.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from skflow._utils import check_count
from skflow.fields import DenoiserDifference, Field, FieldState, FlowDefaults
from skflow.generators._base import BaseGenerator
from skflow.schedules import KarrasSchedule

__all__ = ["ScoreGANGenerator"]


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class ScoreGANGenerator(BaseGenerator):
    r"""Train a regressor by the scores of the target and of its own rows, both learned.

    .. math:: y' = y + η σ² (μ_p ∇ \log p(z;σ) - μ_q ∇ \log q(z;σ)), \qquad
              \text{regress } g_θ \text{ on } (ξ, y')

    A generator like an adversarial network's, driven by denoisers like a diffusion model's: the
    denoiser of its own rows takes the place of the adversary, and is trained on with every step.

    Parameters
    ----------
    generator : regressor, default=None
        The regressor that is trained; None is a multilayer perceptron, whose parameters
        ``set_params(generator__alpha=…)`` reaches as well.
    denoiser : {"learned", "kernel"}, regressor, callable or Denoiser, default="learned"
        What the target's score comes from, see `TargetScore`; the denoiser of the generator's rows
        starts as a copy of a learned one.
    weights : tuple of two floats, default=(1.0, 1.0)
        μ_p and μ_q. (2, 1) are those of diffusion models; they draw rows together.
    n_updates : int, default=3
        K: batches that the denoiser of the generator's rows is shown in a step.
    latent_dim : int, default=None
        Width of the prior; None is the target's, or that of ``X_source`` or of an array.
    prior : {"normal", "uniform"}, array-like or callable, default="normal"
        What ξ is drawn from: a distribution, rows, or ``prior(n, rng)`` that returns n rows.
    schedule : str, Schedule, array-like or callable, default="auto"
        Noise schedule of an epoch, from wide to narrow, see `make_schedule`; "auto" is the method's
        own.
    n_steps : int, default=100
        Steps of an epoch.
    n_epochs : int, default=8
        Number of epochs.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        Size η of the steps, 1 being a full one; "auto" is the method's own.
    learning_rate : float, array of shape (n_epochs * n_steps,) or "auto", default="auto"
        Learning rate of the regressor, a number or one a step; "auto" falls in the end.
    align : {"affine", None}, default="affine"
        "affine" trains the difference from the affine map of the prior's Gaussian.
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
    denoiser_ : LearnedDenoiser
        The denoiser of the generator's rows as the training left it, ``denoiser_(Z, sigma)`` for
        rows Z less ``center_``; the target's is ``field_.denoiser_``.
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

    References
    ----------
    Franceschi et al. (2023), arXiv:2305.16150, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import ScoreGANGenerator
    >>> from skflow.fields import LearnedDenoiser
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> flow = ScoreGANGenerator(denoiser=LearnedDenoiser(n_updates=50), n_epochs=1, n_steps=10)
    >>> flow.fit(target).sample(1000).shape
    (1000, 2)
    """

    first_step_norm = None
    n_noise = 1

    denoiser: Any = "learned"
    weights: tuple[float, float] = (1.0, 1.0)
    n_updates: int = 3
    schedule: Any = "auto"
    n_epochs: Any = 8
    step_size: Any = "auto"

    @property
    def field(self) -> Field:  # chosen, not a parameter
        """The difference of the two learned scores."""
        return DenoiserDifference(
            self.denoiser, source="learned", weights=self.weights, n_updates=self.n_updates
        )

    def _keep(self, state: FieldState) -> None:
        self.denoiser_ = state.adversary

    def _auto(self) -> FlowDefaults:
        schedule = KarrasSchedule(sigma_min="nn_column", rho=3.0)
        return FlowDefaults(schedule=schedule, n_noise=1)

    def _level(self, k: int, rng: np.random.Generator) -> int:
        return int(rng.integers(len(self.sigmas_)))

    def _check_parameters(self) -> None:
        check_count(self.n_updates, name="n_updates")
        self.field.defaults()  # refuses what is no denoiser, and no weights
        super()._check_parameters()
