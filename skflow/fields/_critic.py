r"""Critic gradient: a classifier tells target rows from moving rows, its slope moves them.

.. math:: v(z) = σ² ∇h(z), \qquad h(z) = \log \frac{P(\text{target} | z)}{P(\text{moving} | z)}

At its optimum the logit h is the log-ratio of the two densities, and v the score difference
[Weber 2023, eqs. 30-32]. What generative adversarial networks (GANs) minimise moves rows along
``-∇c(h)`` instead, see `CriticLoss`.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skflow._draws import draw_evenly
from skflow._utils import check_count
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Frozen, Limits
from skflow.fields._input_gradient import input_gradient, pull_back
from skflow.fields._kernel import Formula, KernelField, KernelState
from skflow.fields._losses import CriticLoss, make_loss, train_perceptron
from skflow.fields._population import MovingRows, Population
from skflow.fields._score_difference import DEFAULTS
from skflow.fields._training import limit_batch_size, seeded, snapshot, taught
from skflow.kernels import KernelSum

__all__ = ["Critic", "CriticGradient"]

LARGEST_STEP, ALL_STEPS = 0.1, 5.0  # step sizes of a critic that is not blurred, and their sum


class Critic:
    """A classifier or regressor that tells target rows (1) from moving rows (0).

    Parameters
    ----------
    estimator : estimator
        As the user gave it, not fitted.
    target : KernelSum
        The target rows: the estimator sees rows about their mean, in units of their standard
        deviation.
    loss : CriticLoss
        What it minimises, and how rows follow it.
    seed : int
        For every random state that was left open.
    """

    def __init__(self, estimator: Any, target: KernelSum, loss: CriticLoss, seed: int) -> None:
        self.estimator = seeded(estimator, seed)
        self.center, self.scale = target.center, target.standard_deviation or 1.0
        self.loss = loss
        self.is_updated = hasattr(self.estimator, "partial_fit")
        self.is_net = hasattr(self.estimator, "module")  # skorch's, whose weights are float32
        self.known = {"classes": np.array([0, 1])} if is_classifier(self.estimator) else {}

    def learn(
        self, X: NDArray, Y: NDArray, rng: np.random.Generator, time: NDArray | None = None
    ) -> None:
        """Learn from target rows X and as many moving rows Y; time has a row for each of both."""
        if self.loss.wants_perceptron and hasattr(self.estimator, "coefs_"):
            rows, n = self.inputs(np.concatenate([X, Y]), time), len(X)
            train_perceptron(self.estimator, rows[:n], rows[n:], self.loss, X.shape[1], rng)
            return  # the first time the estimator's own loss makes its weights
        order = rng.permutation(len(X) + len(Y))
        rows = self.inputs(np.concatenate([X, Y]), time)[order]
        is_target = np.repeat([1, 0], [len(X), len(Y)])[order]
        if self.is_updated:
            limit_batch_size(self.estimator, len(rows))
            taught(self.estimator.partial_fit, rows, is_target, **self.known)
        else:
            self.estimator = taught(clone(self.estimator).fit, rows, is_target)

    def inputs(self, Z: NDArray, time: NDArray | None = None) -> NDArray:
        """What the estimator sees."""
        rows = (Z - self.center) / self.scale
        rows = rows if time is None else np.hstack([rows, time])
        return rows.astype(np.float32 if self.is_net else Z.dtype)

    def velocity(self, Z: NDArray, time: NDArray | None = None) -> NDArray:
        """Return ``-∇c(h(z))``, per unit of the data."""
        h, gradient = input_gradient(self.estimator, self.inputs(Z, time))
        factor = self.loss.slope(h) / self.scale
        return (factor[:, None] * gradient[:, : Z.shape[1]]).astype(Z.dtype)

    def copy(self) -> Critic:
        """Return the critic as it is now."""
        other = copy(self)
        if self.is_updated:  # others are fitted anew, and never changed
            other.estimator = snapshot(self.estimator)
        return other


DEFAULT_CRITIC = {
    "hidden_layer_sizes": (128, 128, 128),
    "alpha": 0.0,
    "learning_rate_init": 1e-3,
    "beta_1": 0.5,
    "batch_size": 1024,
}


def make_critic(critic: Any, loss: str | CriticLoss, **params: Any) -> Any:
    """Return a critic's estimator: the user's, or a multilayer perceptron.

    Parameters
    ----------
    critic : estimator or None
        What the user gave.
    loss : str or CriticLoss
        What it minimises: least squares want a regressor, the others a classifier.
    **params : dict
        Parameters of the default.

    Returns
    -------
    estimator : estimator
        It, or the default.

    Raises
    ------
    TypeError
        If it cannot learn, has no input gradient, or is of the wrong kind.
    """
    loss = make_loss(loss)
    wants_regressor = loss.name == "least_squares"
    if critic is None:
        return (MLPRegressor if wants_regressor else MLPClassifier)(**DEFAULT_CRITIC | params)
    _check_slope(critic)
    if is_classifier(critic) if wants_regressor else is_regressor(critic):
        kind = "regressor" if wants_regressor else "classifier"
        raise TypeError(f"loss={loss.name!r} wants a {kind} as critic, got {critic!r}.")
    is_perceptron = isinstance(critic, MLPClassifier | MLPRegressor)
    if loss.wants_perceptron and not (is_perceptron and hasattr(critic, "partial_fit")):
        raise TypeError(
            f"loss={loss.name!r} with penalty={loss.strength:g} trains scikit-learn's perceptrons "
            "of solver 'adam' or 'sgd', which have weights to penalise. Give one as critic, not "
            f"{critic!r}; or choose loss='non_saturating', which any classifier has. A net of "
            "skorch has a loss of its own and follows loss='log_ratio'."
        )
    return critic


def _check_slope(critic: Any) -> None:
    """Raise an error unless a critic learns, and has an input gradient."""
    if not hasattr(critic, "fit") and not hasattr(critic, "partial_fit"):
        raise TypeError(
            f"critic={critic!r} is no estimator: give a classifier (or a regressor, for the loss "
            "'least_squares') with an input gradient, see skflow.fields.pull_back."
        )
    has_slope = pull_back.dispatch(type(critic)) is not pull_back.dispatch(object)
    if not has_slope and not hasattr(critic, "module"):  # skorch's nets have one
        raise TypeError(
            f"critic={critic!r} has no input gradient: give a linear model, a perceptron, a "
            "support vector machine, a pipeline that ends in one, a net of skorch, or register its "
            "class with skflow.fields.pull_back.register."
        )


@dataclasses.dataclass(eq=False, repr=False)
class CriticGradient(KernelField):
    r"""Slope of a critic that is taught, step by step, to tell target rows from moving rows.

    .. math:: v(z) = -s² ∇c(h(z)), \qquad \text{for } c(h) = -h \text{ at the optimum }
              s² (∇ \log p - ∇ \log q)

    Parameters
    ----------
    critic : classifier or regressor, default=None
        Tells target rows (1) from moving rows (0). One with ``partial_fit`` is updated at every
        step, others are fitted anew. It needs an input gradient (`input_gradient`): linear models,
        multilayer perceptrons, support vector machines and pipelines have one. It sees rows about
        the target's mean, in units of the target's standard deviation. skorch's nets see them in
        single precision, ``max_epochs`` times an update. None is an ``MLPClassifier`` with three
        hidden layers of 128.
    loss : str or CriticLoss, default="log_ratio"
        What the critic minimises, and how rows follow it: "log_ratio", "non_saturating",
        "least_squares", which needs a regressor as critic, "hinge" or "wasserstein". `CriticLoss`
        has the equations, and a gradient penalty.
    blur : bool, default=False
        Whether the critic is shown both sets of rows blurred by the step's noise, so that it
        learns the score difference at this bandwidth. If not, there is no bandwidth, and the
        target's standard deviation stands for σ.
    n_updates : int, default=2
        How often a critic with ``partial_fit`` sees all rows in a step.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eqs. 30-32.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skflow.fields import CriticGradient
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(0, 1, (2000, 1)), rng.normal(1, 1, (2000, 1))
    >>> field = CriticGradient(LogisticRegression()).fit(X, sigmas=np.array([1.0]))
    >>> v = field.start(rng).velocity(Y, Y, 1.0)
    >>> bool(np.abs(v + 1).max() < 0.1)  # the log-ratio of the densities is 1/2 - y
    True
    """

    critic: Any = None
    _: dataclasses.KW_ONLY
    loss: Any = "log_ratio"
    blur: bool = False
    n_updates: int = 2

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"loss": make_loss, "critic": lambda spec: make_critic(spec, self.loss)}

    @property
    def supports_groups(self) -> bool:
        """Whether the rows of a long table may be moved in groups: the critic needs them all."""
        return False

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are."""
        return False

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow with a fresh critic; ``rng`` draws batches and noise."""
        seed = int(rng.integers(2**31))
        estimator, loss = make_critic(self.critic, self.loss), make_loss(self.loss)
        critic = Critic(estimator, self.target_, loss, seed)
        return _CriticState(self.target_, rng, limits, critic, self.blur, self.n_updates)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        make_critic(self.critic, self.loss)
        check_count(self.n_updates, name="n_updates")
        if self.blur:  # a second draw would be answered by another critic
            return replace(DEFAULTS["row"], n_noise=1)
        return FlowDefaults(schedule="constant", step_size=_small_steps)


def _small_steps(n_steps: int) -> NDArray:
    return np.full(n_steps, min(LARGEST_STEP, ALL_STEPS / n_steps))


@dataclass(frozen=True)
class _Slope(Formula):
    critic: Critic
    blur: bool

    def __call__(self, Z: KernelSum, p: Population, q: MovingRows, sigma: float) -> NDArray:
        s = sigma if self.blur else self.critic.scale
        return Z.dtype.type(s**2) * self.critic.velocity(Z.rows)


class _CriticState(KernelState):
    def __init__(
        self,
        target: KernelSum,
        rng: np.random.Generator,
        limits: Limits,
        critic: Critic,
        blur: bool,
        n_updates: int,
    ) -> None:
        super().__init__(target, rng, limits)
        self.critic, self.blur, self.n_updates = critic, blur, n_updates

    @property
    def adversary(self) -> Critic:
        """The critic."""
        return self.critic

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        """Teach the critic, and return its slope; see `FieldState.velocity`."""
        queries, p, q = self._populations(Z, Y, sigma)
        X, y, share = p.rows.rows, q.rows.rows, np.cumsum(p.rows.weight)
        if self.limits.weight is not None:  # rows that count more are shown more often
            y = y[draw_evenly(np.cumsum(q.rows.weight), len(y), self.rng)]
        for _ in range(self.n_updates if self.critic.is_updated else 1):
            x = X[draw_evenly(share, len(y), self.rng)]  # as many, and by their weights
            self.critic.learn(self._blurred(x, sigma), self._blurred(y, sigma), self.rng)
        return self._evaluated(_Slope(self.critic, self.blur), queries, p, q, sigma)

    def resume(self, before: FieldState) -> None:
        """Go on with the critic of an earlier flow."""
        if isinstance(before, _CriticState):
            mine, earlier = self.critic, before.critic
            if type(mine.estimator) is type(earlier.estimator):  # unless another was chosen
                mine.estimator = earlier.estimator

    def frozen(self) -> Frozen:
        """Return the critic as it is; see `FieldState.frozen`."""
        return replace(self._last, formula=_Slope(self.critic.copy(), self.blur))

    def _blurred(self, rows: NDArray, sigma: float) -> NDArray:
        if not self.blur:
            return rows
        noise = self.rng.standard_normal(rows.shape, dtype=rows.dtype.type)
        return rows + rows.dtype.type(sigma) * noise
