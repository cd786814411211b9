r"""Generative adversarial networks.

.. math:: y = g_θ(ξ), \qquad y' = y - s² ∇_y c(h(y)), \qquad \text{regress } g_θ \text{ on } (ξ, y')

A gradient step on a generator's loss moves its rows down the slope of that loss, and regresses the
generator onto the moved rows [Weber 2023, eqs. 20-28]. So an adversarial network is a generator
whose field is the slope of a critic, itself in training.

References
----------
Goodfellow, I. et al. (2014). Generative Adversarial Networks. arXiv:1406.2661.
Mao, X. et al. (2017). Least Squares Generative Adversarial Networks. arXiv:1611.04076.
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from skflow._utils import check_count
from skflow.fields import CriticGradient, Field, FieldState, FlowDefaults
from skflow.fields._critic import make_critic
from skflow.fields._losses import make_loss
from skflow.generators._base import BaseGenerator

__all__ = ["GANGenerator"]


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class GANGenerator(BaseGenerator):
    r"""Train a regressor against a critic that tells its rows from target rows.

    .. math:: y = g_θ(ξ), \qquad y' = y - s² ∇_y c(h(y)), \qquad
              \text{regress } g_θ \text{ on } (ξ, y')

    The baseline that `SDFlowGenerator` is measured against: its velocity comes from an adversary
    that is trained at the same time, and no criterion says when the two are finished. s is the
    target's standard deviation.

    Parameters
    ----------
    generator : regressor, default=None
        Any regressor, as in `SDFlowGenerator`. None is an ``MLPRegressor`` with three hidden layers
        of 128, updated once with every batch.
    critic : classifier or regressor, default=None
        Tells target rows (1) from the generator's (0), see `CriticGradient`. None is a perceptron
        of the same size as the generator's; ``set_params(critic__alpha=…)`` reaches it as well.
    loss : str or CriticLoss, default="wasserstein"
        What the critic minimises, and how rows follow it: "non_saturating", "log_ratio",
        "least_squares", whose default critic is a regressor, "hinge" or "wasserstein"; see
        `CriticLoss`.
    n_critic : int, default=1
        Updates of the critic in a step.
    latent_dim : int, default=None
        Width of the prior; None is the target's, or that of ``X_source`` or of an array.
    prior : {"normal", "uniform"}, array-like or callable, default="normal"
        What ξ is drawn from: a distribution, rows, or ``prior(n, rng)`` that returns n rows.
    n_steps : int, default=100
        Steps of an epoch.
    n_epochs : int, default=20
        Number of epochs.
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
    critic_ : estimator
        The critic as the training left it; its inputs are rows about the target's mean, in units
        of the target's standard deviation.
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
    Goodfellow et al. (2014), arXiv:1406.2661; Mao et al. (2017), arXiv:1611.04076.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import GANGenerator
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> samples = GANGenerator(n_epochs=1, random_state=0).fit(target).sample(1000)
    >>> samples.shape
    (1000, 2)
    """

    schedule = "constant"  # the critic sees rows as they are
    step_size = "auto"
    first_step_norm = None
    n_noise = 0

    critic: Any = None
    loss: Any = "wasserstein"
    n_critic: int = 1
    n_epochs: Any = 20

    @property
    def field(self) -> Field:  # chosen, not a parameter
        """The slope of the critic."""
        critic = self._make_critic(self.critic)
        return CriticGradient(critic, loss=self.loss, n_updates=self.n_critic)

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {**super()._named_parts(), "loss": make_loss, "critic": self._make_critic}

    def _make_critic(self, spec: Any) -> Any:
        return make_critic(spec, self.loss, batch_size=2 * self.batch_size, shuffle=False)

    def _make_generator(self, spec: Any) -> Any:
        if spec is None:
            return make_critic(None, "least_squares", batch_size=self.batch_size, shuffle=False)
        return spec

    def _keep(self, state: FieldState) -> None:
        self.critic_ = state.adversary.estimator

    def _auto(self) -> FlowDefaults:
        return FlowDefaults(schedule="constant")

    def _check_parameters(self) -> None:
        check_count(self.n_critic, name="n_critic")
        check_count(self.batch_size, name="batch_size")
        super()._check_parameters()
