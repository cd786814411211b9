r"""Discriminator flow: one critic that knows what time it is, taught on the whole way.

.. math:: v(y, t) = s² ∇_y h(y, t), \qquad y ← y + \frac{η}{N} v(y, k/N), \quad k = 0 … N-1

The logit h tells target rows from rows on their way, at the time t where they are; s is the
standard deviation of the target. The critic is trained before any row is moved, on rows of a base
distribution that it moves itself. After that a row goes its way alone.

The training keeps a pool of rows, each at a step of its own way. In a round the critic learns to
tell the pool from as many target rows, which are shown at the same times; then every row of the
pool takes one step, and one that has arrived makes way for a new row of the base. A round costs one
gradient a row, however many steps there are. The weights of a perceptron are averaged over about
the last ninth of the rounds.

References
----------
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, eq. 20 and algorithms 2-3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_count, check_scale
from skflow.alignment import gaussian_base
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Frozen, Limits
from skflow.fields._critic import Critic, make_critic
from skflow.fields._kernel import KernelField
from skflow.fields._losses import make_loss
from skflow.fields._training import LAST_RATE, FallingRate, WeightAverage

__all__ = ["Discriminator"]

LONGEST_STEP = 0.5  # length of a step, root mean square over the columns, in units of s; rarely met

Base = Callable[[int, np.random.Generator], NDArray]


@dataclasses.dataclass(eq=False, repr=False)
class Discriminator(KernelField):
    r"""Slope of a time-conditioned critic, trained at ``fit``.

    .. math:: v(y, t) = -s² ∇_y c(h(y, t))

    A step longer than s/2 in a column is cut to s/2; with the defaults this is rare.

    Parameters
    ----------
    critic : classifier or regressor, default=None
        Sees rows about the target's mean, in units of its standard deviation s, and three more
        columns for the time. It needs ``partial_fit`` and an input gradient. None is an
        ``MLPClassifier`` with three hidden layers of 128, whose learning rate falls along a cosine.
    loss : str or CriticLoss, default="log_ratio"
        What the critic minimises, and c: "log_ratio", "non_saturating", "least_squares", which
        needs a regressor as critic, "hinge" or "wasserstein"; see `CriticLoss`.
    step_size : float, default=0.5
        η of the whole way, without unit.
    n_rounds : int, default=1000
        Rounds of training.
    batch_size : int, default=512
        Rows of the pool.

    References
    ----------
    Franceschi et al. (2023), arXiv:2305.16150, eq. 20.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import Discriminator
    >>> X = np.random.default_rng(0).normal(size=(500, 2)) ** 3
    >>> field = Discriminator(n_rounds=20).fit(X, sigmas=np.ones(10))
    >>> field.start(np.random.default_rng(0)).velocity(X, X, 1.0).shape
    (500, 2)
    """

    critic: Any = None
    _: dataclasses.KW_ONLY
    loss: Any = "log_ratio"
    step_size: float = 0.5
    n_rounds: int = 1000
    batch_size: int = 512

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"loss": make_loss, "critic": self.make_critic}

    def make_critic(self, spec: Any) -> Any:
        """Return the estimator of a critic, given as an object or left to the default by None."""
        return make_critic(spec, self.loss, batch_size=2 * self.batch_size, shuffle=False)

    @property
    def supports_groups(self) -> bool:
        """Whether the rows of a long table may be moved in groups: the critic needs them all."""
        return False

    @property
    def sees_source(self) -> bool:
        """Whether a row's velocity depends on the other moving rows."""
        return False

    def set_base(self, base: Base | None) -> Discriminator:
        """Say what rows the training begins with.

        Parameters
        ----------
        base : callable or None
            ``base(n, rng)`` returns n rows in the coordinates of the target rows; None is the
            Gaussian of the target's moments.

        Returns
        -------
        self : Discriminator
            The field.
        """
        self._base = base
        return self

    def _learn(self, sigmas: NDArray, origin: NDArray, rng: np.random.Generator) -> None:
        estimator = self.make_critic(self.critic)
        self.n_steps_ = len(sigmas)
        loss, seed = make_loss(self.loss), int(rng.integers(2**31))
        self.critic_ = Critic(estimator, self.target_, loss, seed)
        if not self.critic_.is_updated:
            raise TypeError(
                f"critic={self.critic!r} has no partial_fit, by which a critic learns while rows "
                "are on their way: give an MLPClassifier or an SGDClassifier, for example."
            )
        self._train(rng)

    def _train(self, rng: np.random.Generator) -> None:
        N, m, p = self.n_steps_, self.batch_size, self.target_
        n_new = m + -(-self.n_rounds * m // N) + m  # rows that begin their way
        draw = getattr(self, "_base", None)
        base = gaussian_base(n_new, p.rows, p.weight, rng) if draw is None else draw(n_new, rng)
        base = base.astype(p.dtype)[rng.permutation(n_new)]
        Y, step, used = base[:m], np.arange(m) % N, m
        rate, average = FallingRate(self.critic_.estimator, LAST_RATE), WeightAverage()
        for k in range(self.n_rounds):
            rate.set(k / self.n_rounds)
            X = p.rows[rng.choice(p.n_rows, m, p=p.weight)]
            self.critic_.learn(X, Y, rng, np.tile(self._time(step), (2, 1)))
            average.add(self.critic_.estimator)
            Y = Y + Y.dtype.type(self.step_size / N) * self.velocity(Y, step)
            step = step + 1
            arrived = np.flatnonzero(step == N)
            Y[arrived], step[arrived] = base[used : used + len(arrived)], 0
            used += len(arrived)
        average.give(self.critic_.estimator)

    def velocity(self, Z: NDArray, step: NDArray) -> NDArray:
        """Velocity of rows at steps of their way.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_features)
            The rows.
        step : ndarray of shape (n_rows,)
            How many steps each has taken.

        Returns
        -------
        velocity : ndarray of shape (n_rows, n_features)
            v, at most so long that a step has half the target's standard deviation a column.
        """
        s = self.critic_.scale
        v = self.critic_.velocity(Z, self._time(step)) * Z.dtype.type(s**2)
        length = np.sqrt(np.mean(v**2, axis=1, keepdims=True)) * self.step_size / self.n_steps_
        longest = np.maximum(LONGEST_STEP * s, np.finfo(v.dtype).tiny)
        short = longest / np.maximum(length, longest)
        return (v * short).astype(Z.dtype)

    def _time(self, step: NDArray) -> NDArray:
        """What the critic sees of the time."""
        t = step / self.n_steps_
        return np.column_stack([2 * t - 1, np.sin(np.pi * t), np.cos(np.pi * t)])

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are."""
        return False

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; nothing in it is random."""
        return _DiscriminatorState(self)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_scale(self.step_size, name="step_size")
        check_count(self.n_rounds, name="n_rounds")
        check_count(self.batch_size, name="batch_size")
        make_critic(self.critic, self.loss)
        return FlowDefaults(schedule="constant", n_noise=0, step_size=_EvenSteps(self.step_size))


@dataclass(frozen=True)
class _EvenSteps:
    total: float

    def __call__(self, n_steps: int) -> NDArray:
        return np.full(n_steps, self.total / n_steps)


class _DiscriminatorState(FieldState):
    def __init__(self, field: Discriminator) -> None:
        self.field, self.step = field, 0

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        self.step = step
        return self.field.velocity(Z, np.full(len(Z), step))

    def frozen(self) -> Frozen:
        """Return the critic at that time; see `FieldState.frozen`."""
        return partial(_velocity_at, self.field, self.step)


def _velocity_at(field: Discriminator, step: int, Z: NDArray, like: Any, Y: Any) -> NDArray:
    return field.velocity(Z, np.full(len(Z), step))
