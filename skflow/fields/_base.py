r"""Fields: the velocity v of a flow.

.. math:: y ← y + η \, v(z; p, q, σ), \qquad z = y + σ ε          [Weber 2023, algorithm 1]

A *field* learns the target side p once and is not written again. ``start`` gives a *state*, which
owns whatever changes while rows move (potentials, batches, refreshed critics), so one fitted field
serves many threads at once. ``v`` is a displacement in the units of the data: η = 1 is a full
denoiser step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import NamedPartsMixin

__all__ = ["ALL_ROWS", "Field", "FieldState", "FlowDefaults", "Frozen", "Limits", "constant_steps"]


def constant_steps(n_steps: int, size: float = 1.0) -> NDArray:
    """Equal step sizes."""
    return np.full(n_steps, size)


@dataclass(frozen=True)
class FlowDefaults:
    """What "auto" means for a flow that is driven by a field.

    Parameters
    ----------
    schedule : str or Schedule
        The noise schedule.
    align : {"affine"} or None, default="affine"
        Alignment before the first step.
    n_noise : int, default=0
        Noise draws averaged in a step.
    noise_is_fixed : bool, default=False
        Whether the velocity needs exactly ``n_noise`` draws to lead to the target. It then serves
        no generator, because a generator averages over its noise.
    step_size : callable, default=constant_steps
        ``step_size(n_steps) -> ndarray of shape (n_steps,)``, in units of `FieldState.full_step`.
    shrinkage : float, default=0.0
        How many times the noise-to-signal ratio of a velocity is taken off the steps of a source's
        rows.

    Examples
    --------
    >>> from skflow.fields import KernelScoreDifference
    >>> defaults = KernelScoreDifference().defaults()
    >>> defaults.align, defaults.n_noise, defaults.step_size(3)
    ('affine', 0, array([1., 1., 1.]))
    """

    schedule: Any
    align: str | None = "affine"
    n_noise: int = 0
    step_size: Callable[[int], NDArray] = constant_steps
    shrinkage: float = 0.0
    noise_is_fixed: bool = False


@dataclass(frozen=True)
class Limits:
    """How many rows a flow may use, and how exactly.

    Parameters
    ----------
    batch_size : int, default=None
        Rows of either population that the means of a step are estimated from, drawn anew at every
        step; None is all.
    n_target : int, default=None
        Rows of the target that a flow uses, drawn once; None is all.
    by_row : bool, default=False
        Whether a row's bits must not depend on the other queries, because a frozen velocity will
        have to repeat them.
    own_bandwidths : ndarray of shape (n_features,), default=None
        Bandwidths of single columns that do not move, the same at all steps; 0 for the others,
        which follow σ. None is 0 for all.
    weight : ndarray of shape (n_rows,), default=None
        Positive weights of the moving rows; None is one each.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference, Limits
    >>> rng = np.random.default_rng(0)
    >>> field = KernelScoreDifference().fit(rng.normal(size=(500, 2)), sigmas=np.array([1.0]))
    >>> Y = rng.normal(5.0, 1.0, (200, 2))
    >>> state = field.start(rng, Limits(batch_size=64))  # a step sees 64 rows of each side
    >>> state.velocity(Y, Y, 1.0).shape
    (200, 2)
    """

    batch_size: int | None = None
    n_target: int | None = None
    by_row: bool = False
    own_bandwidths: NDArray | None = None
    weight: NDArray | None = None


ALL_ROWS = Limits()

Frozen = Callable[[NDArray, NDArray, NDArray], NDArray]


class FieldState(ABC):
    """A field in one flow: owns what changes while rows move, and is used by one thread.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import MMDGradient
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(3.0, 1.0, (100, 2)), rng.normal(0.0, 1.0, (100, 2))
    >>> state = MMDGradient().fit(X, sigmas=np.array([2.0])).start(rng)
    >>> v = state.velocity(Y, Y, sigma=2.0)
    >>> moved = Y + state.full_step() * v  # this velocity has a unit of its own
    >>> bool(np.linalg.norm(moved.mean(0) - 3.0) < np.linalg.norm(Y.mean(0) - 3.0))
    True

    A frozen velocity moves new rows, each in the place of one that has moved:

    >>> v_new = state.frozen()(Y[:1], np.array([0]), Y[:1])
    >>> np.allclose(v_new, v[:1])
    True
    """

    @abstractmethod
    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        """Velocity at the queries.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_features)
            Queries, row i being row i of Y, perturbed or not.
        Y : ndarray of shape (n_rows, n_features)
            The moving rows: the population q.
        sigma : float
            Bandwidth of this step.
        step : int, default=0
            Number of the step, for velocities that depend on the time.

        Returns
        -------
        velocity : ndarray of shape (n_rows, n_features)
            Displacement for η = 1, in the units of the data.
        """

    @abstractmethod
    def frozen(self) -> Frozen:
        """Return the velocity of the last evaluation, as a function of any queries.

        Returns
        -------
        frozen : callable
            ``frozen(Z, like, Y) -> ndarray of shape (n_queries, n_features)``: the velocity at the
            queries Z of new rows Y, each of which takes the place of a row of the last evaluation
            in the population q, the one whose number is in ``like``. At that row itself it is the
            very same velocity. It can be pickled, and does not change.
        """

    @property
    def adversary(self) -> Any:
        """What the field learns from the moving rows: a critic or a denoiser; None if nothing."""
        return None

    def renew(self) -> None:  # noqa: B027 (nothing to forget is a fair default)
        """Forget what belongs to single rows: the next rows are a new draw of the population."""

    def resume(self, before: FieldState) -> None:  # noqa: B027 (most states learn nothing)
        """Go on with what an earlier state of the same field has learnt."""

    def full_step(self) -> float:
        """Step η that takes a row all the way the last velocity sees, and no further: 1.

        Returns
        -------
        full_step : float
            1 for displacements; a velocity with a unit of its own says it in the inverse of that.
        """
        return 1.0

    def divergence(self) -> NDArray:
        r"""Divergence of the last velocity at its queries, the population staying as it is.

        Returns
        -------
        divergence : ndarray of shape (n_rows,)
            ``∇·v``, without unit.

        Raises
        ------
        TypeError
            If the field does not know it.
        """
        raise TypeError(
            f"{type(self).__name__} has no divergence: densities are followed along flows of "
            "kernel means, such as those of the fields 'kernel' and 'score'."
        )

    def noise_to_signal(self) -> float | None:
        r"""Ratio of the last velocity's noise, from the draw of the rows, to its power.

        .. math:: \min_u \frac{Σ_i \text{Var} \, u · v(z_i)}{Σ_i (u · v(z_i))²}

        The variance is over draws of as many rows from both populations, u are the principal axes
        of the velocities: about one or more says that rows of the same distribution would be moved
        as far, whichever way one looks.

        Returns
        -------
        ratio : float or None
            None if the field does not know it, or the velocity is of batches.
        """
        return None


class Field(NamedPartsMixin, ABC):
    """Base class of all fields.

    Examples
    --------
    A velocity that moves every row a tenth of the way to the target's mean:

    >>> import numpy as np
    >>> from skflow import SDFlowSampler
    >>> from skflow.fields import Field, FieldState, FlowDefaults, Limits
    >>> class MatchMeans(Field):  # all rows go the same way, until the means agree
    ...     def fit(self, X, sigmas, sample_weight=None, *, origin=None, rng=None):
    ...         self.mean_ = np.average(X, axis=0, weights=sample_weight)
    ...         return self
    ...     def start(self, rng, limits=Limits()):
    ...         return Shift(self.mean_)
    ...     def defaults(self):
    ...         return FlowDefaults(schedule="geometric")
    >>> class Shift(FieldState):
    ...     def __init__(self, mean):
    ...         self.mean = mean
    ...     def velocity(self, Z, Y, sigma, step=0):
    ...         return np.broadcast_to(0.1 * (self.mean - Y.mean(axis=0)), Z.shape)
    ...     def frozen(self):
    ...         return self._of_new_rows
    ...     def _of_new_rows(self, Z, like, Y):
    ...         return np.broadcast_to(0.1 * (self.mean - Y.mean(axis=0)), Z.shape)
    >>> rng = np.random.default_rng(0)
    >>> target, source = rng.normal(5.0, 1.0, (100, 2)), rng.normal(0.0, 1.0, (100, 2))
    >>> flow = SDFlowSampler(MatchMeans(), n_steps=50, align=None, match_marginals=False)
    >>> moved = flow.fit(target, X_source=source).transform(source)
    >>> bool(np.abs(moved.mean(axis=0) - target.mean(axis=0)).max() < 0.1)
    True
    """

    @property
    def sees_source(self) -> bool:
        """Whether a row's velocity depends on the other moving rows."""
        return True

    @property
    def supports_groups(self) -> bool:
        """Whether the rows of a long table may be moved in groups, as populations of their own."""
        return False

    @property
    def is_normalized(self) -> bool:
        """Whether attraction is a mean of target rows, no weaker where they are few or far."""
        return True

    @property
    def pulls_lone_rows(self) -> bool:
        """Whether a row that is far from all other rows is attracted as strongly as they are."""
        return True

    @property
    def has_unit_step(self) -> bool:
        """Whether η = 1 is a full step, so that rows overshoot from 2 on."""
        return True

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are."""
        return True

    @abstractmethod
    def fit(
        self,
        X: NDArray,
        sigmas: NDArray,
        sample_weight: NDArray | None = None,
        *,
        origin: NDArray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Field:
        """Learn the target side.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Target rows, validated.
        sigmas : ndarray of shape (n_steps,)
            The bandwidths that the flow will use.
        sample_weight : ndarray of shape (n_rows,), default=None
            Non-negative weights of the target rows.
        origin : ndarray of shape (n_features,), default=None
            What was subtracted from the rows before; functions of the user's see rows as they were.
        rng : numpy.random.Generator, default=None
            For fields that are trained; None is a fixed seed.

        Returns
        -------
        self : Field
            The fitted field.
        """

    @abstractmethod
    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the state's own randomness (batches).
        limits : Limits, default=ALL_ROWS
            How many rows the flow may use.

        Returns
        -------
        state : FieldState
            A fresh state; the field stays as it is.
        """

    def reweighted(self, weight: NDArray) -> Field:
        """The fitted field, its target rows having other weights.

        Parameters
        ----------
        weight : ndarray of shape (n_rows,)
            Positive weights of the rows of ``fit``, summing to one.

        Returns
        -------
        field : Field
            Another field; this one stays as it is.

        Raises
        ------
        TypeError
            If what was learnt of the target cannot be weighted afterwards.
        """
        raise TypeError(
            f"{type(self).__name__} cannot weight its target after fit, so condition_on does not "
            "work with it: choose another field."
        )

    @abstractmethod
    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
