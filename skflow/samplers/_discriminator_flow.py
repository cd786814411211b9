r"""Discriminator flow.

.. math:: y ← y + \frac{η}{N} \, s² ∇_y h(y, k/N), \quad k = 0 … N-1

References
----------
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, eq. 20 and algorithms 2-3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._draws import draw_rows
from skflow._utils import check_rows, warn
from skflow.alignment import Affine, affine_map, apply_affine
from skflow.fields import Discriminator
from skflow.flow._marginals import unlike_marginals
from skflow.samplers._base import BaseSampler

__all__ = ["DiscriminatorFlowSampler"]

N_ALIGNED = 2000  # rows of the base, for the affine map and for how far they reach
FAR = 1.5  # times as far as any row of the base: the critic knows nothing there


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class DiscriminatorFlowSampler(BaseSampler):
    r"""Move rows along the slope of a critic that was trained on every step of the way.

    .. math:: y ← y + \frac{η}{N} \, s² ∇_y h(y, k/N), \quad k = 0 … N-1

    A generative adversarial network without its generator: the critic's logit h tells target rows
    from rows on their way, at the time k/N where they are, and it is trained before any row is
    moved. Every row then goes its way by itself. The critic knows the way of the rows that it was
    taught on: those of ``base``, or of ``X_source`` if that is given to ``fit``, which are first
    mapped onto the target's Gaussian; ``transform`` maps its rows in the same way.
    ``staged_transform`` shows rows on their way.

    Parameters
    ----------
    critic : classifier, default=None
        Tells target rows (1) from moving rows (0), see `Discriminator`. It needs ``partial_fit``
        and an input gradient (`skflow.fields.input_gradient`). None is an ``MLPClassifier`` with
        three hidden layers of 128, with averaged weights; ``set_params(critic__alpha=…)`` reaches
        it as well.
    loss : str or CriticLoss, default="log_ratio"
        What the critic minimises, and how rows follow it: "log_ratio", "non_saturating",
        "least_squares", "hinge" or "wasserstein", see `CriticLoss`.
    n_steps : int, default=28
        Number of steps.
    step_size : float, default=0.5
        η of the whole way, without unit.
    n_rounds : int, default=1000
        Rounds of training: in each the critic sees ``batch_size`` rows on their way, and as many
        target rows. A small table needs fewer, or the critic memorises its rows.
    batch_size : int, default=512
        Rows of a round.
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
    Franceschi et al. (2023), arXiv:2305.16150, eq. 20 and algorithms 2-3.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import DiscriminatorFlowSampler
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> flow = DiscriminatorFlowSampler(n_rounds=50, random_state=0).fit(target)
    >>> samples = flow.sample(200)
    >>> np.abs(samples.mean(axis=0) - target.mean(axis=0)).max() < 0.2
    np.True_
    """

    schedule = "constant"  # the critic sees rows as they are
    n_noise = 0
    first_step_norm = None
    align = "affine"

    critic: Any = dataclasses.field(default=None, kw_only=False)
    loss: Any = "log_ratio"
    n_steps: int = 28
    step_size: float = 0.5
    n_rounds: int = 1000
    batch_size: int = 512

    @property
    def field(self) -> Discriminator:  # chosen, not a parameter
        """The slope of the critic."""
        return Discriminator(
            self.critic,
            loss=self.loss,
            step_size=self.step_size,
            n_rounds=self.n_rounds,
            batch_size=self.batch_size,
        )

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {**super()._named_parts(), **self.field._named_parts()}

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.condition_on is not None:
            raise ValueError(
                f"condition_on={self.condition_on!r}: the critic is taught on all columns. Use "
                "SDFlowSampler, which moves some columns given the others."
            )

    def _step_sizes(self) -> NDArray:
        return self._defaults().step_size(self.n_steps)

    def _new_field(self, X_source: ArrayLike | None) -> Discriminator:
        """The field, told what rows begin the way: those of the base, on the target's Gaussian."""
        draw = self._draw_base
        if X_source is not None:
            rows = check_rows(X_source, name="X_source", n_features=self.n_features_in_)
            source = (rows - self.center_).astype(self._target.dtype)
            draw = partial(draw_rows, source)
        d = self.n_features_in_
        self._affine = np.zeros(d), np.eye(d), np.zeros(d)
        is_gaussian = isinstance(self.base, str) and self.base == "gaussian"
        some = draw(N_ALIGNED, self._rng()) if X_source is None else source
        if X_source is not None or not is_gaussian:  # which has the target's moments already
            self._affine = affine_map(some, self._target, self._weight)
        rows = apply_affine(some, self._affine)
        self._reach = FAR * float(np.linalg.norm(rows, axis=1).max())
        return self.field.set_base(lambda n, rng: apply_affine(draw(n, rng), self._affine))

    def _fit_field(self, X_source: ArrayLike | None) -> None:
        super()._fit_field(X_source)
        self.field_.set_base(None)  # it is trained

    def _matched(self, Y: NDArray) -> NDArray:
        """Match those columns only that need it: across a gap a map of quantiles leaves rows."""
        unlike = unlike_marginals(Y, self._marginals, 1 / np.sum(self._weight**2))
        return np.where(unlike, super()._matched(Y), Y)

    def _align(self, Y: NDArray, weight: NDArray | None) -> Affine:
        return self._affine

    def _is_population(self) -> bool:
        return False

    def _warn_if_far(self, Y: NDArray) -> None:
        n_far = int(np.sum(np.linalg.norm(apply_affine(Y, self._affine), axis=1) > self._reach))
        if n_far:
            warn(
                f"{n_far} of {len(Y)} rows of X begin far from all rows that the critic was taught "
                "on, and may end anywhere: give rows like them as X_source to fit."
            )
