r"""Fields: the velocity v of a flow, and the one step that all movers share.

.. math:: z = y + σ ε, \qquad  y ← y + η \, v(z; p, q, σ)          [Weber 2023, algorithm 1]

A *field* learns the target side p once and is not written again. ``start`` gives a *run*, which
owns whatever changes while rows move (potentials, batches, refreshed critics), so one fitted field
serves many threads at once. ``v`` is a displacement in the units of the data: η = 1 is a full
denoiser step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skflow.kernels import compute_threads

__all__ = [
    "Field",
    "Flow",
    "Frozen",
    "Live",
    "Recipe",
    "Replay",
    "Run",
    "compute_threads",
    "constant_steps",
    "displacement",
]


@dataclass(frozen=True)
class Recipe:
    """What "auto" means for a mover that is driven by a field.

    Parameters
    ----------
    schedule : str or Schedule
        The noise schedule.
    align : {"affine"} or None
        Alignment before the first step.
    n_noise : int
        Noise draws averaged in a step.
    step_size : callable
        ``step_size(n_steps) -> ndarray of shape (n_steps,)``.
    first_step_norm : float or str, default=None
        A length, or the name of one. If given, the step size is the constant that makes the mean
        over rows of the first displacement's norm equal it: for velocities that are no
        displacements.
    shrinkage : float, default=0.0
        How many times the share of a velocity that sampling noise explains is taken off the steps
        of a source's rows.
    """

    schedule: Any
    align: str | None
    n_noise: int
    step_size: Callable[[int], NDArray]
    first_step_norm: float | str | None = None
    shrinkage: float = 0.0


Frozen = Callable[[NDArray, NDArray, NDArray], NDArray]


def constant_steps(n_steps: int, size: float = 1.0) -> NDArray:
    """Equal step sizes."""
    return np.full(n_steps, size)


class Run(ABC):
    """One flow under way: owns what changes, and is used by one thread.

    Attributes
    ----------
    batch_size : int or None
        Rows of either population that the means of a step are to be estimated from, drawn anew at
        every step, set by the mover before it; None is all.
    n_target : int or None
        Rows of the target that a flow is to use, drawn once, set by the mover before the first
        step; None is all.
    by_row : bool
        Whether a row's bits must not depend on the other queries, set by the mover where a frozen
        velocity has to repeat this one.
    time : float
        The fraction of the steps that has been taken, set by the mover before a step.
    """

    batch_size: int | None = None
    n_target: int | None = None
    by_row: bool = False
    time: float = 0.0

    @abstractmethod
    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Velocity at the queries.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_features)
            Queries, row i being row i of Y, perturbed or not.
        Y : ndarray of shape (n_rows, n_features)
            The moving rows: the population q.
        sigma : float
            Bandwidth of this step.

        Returns
        -------
        velocity : ndarray of shape (n_rows, n_features)
            Displacement for η = 1, in the units of the data.
        """

    def tell(self, part: Run) -> None:
        """Let a run that is part of this one know what the mover has set."""
        part.batch_size, part.n_target = self.batch_size, self.n_target
        part.by_row, part.time = self.by_row, self.time

    def renew(self) -> None:  # noqa: B027 (nothing to forget is a fair default)
        """Forget what belongs to single rows: the next rows are a new draw of the population."""

    def resume(self, before: Run) -> None:  # noqa: B027 (most runs learn nothing)
        """Go on with what an earlier run of the same field has learnt."""

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

    def noise_share(self) -> float | None:
        r"""Share of the last velocity's power that the draw of the rows explains.

        .. math:: \min_u \frac{Σ_i \text{Var} \, u · v(z_i)}{Σ_i (u · v(z_i))²}

        The variance is over draws of as many rows from both populations, u are the principal axes
        of the velocities: about one or more says that rows of the same distribution would be moved
        as far, whichever way one looks.

        Returns
        -------
        share : float or None
            None if the field does not know it, or the velocity is of batches.
        """
        return None

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


class Field(BaseEstimator, ABC):
    """Base class of all fields."""

    @property
    def sees_source(self) -> bool:
        """Whether a row's velocity depends on the other moving rows."""
        return True

    @property
    def divisible(self) -> bool:
        """Whether the rows of a long table may be moved in groups, as populations of their own."""
        return False

    @property
    def rests(self) -> bool:
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
    def start(self, rng: np.random.Generator) -> Run:
        """Begin a flow.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the run's own randomness (batches).

        Returns
        -------
        run : Run
            A fresh run; the field stays as it is.
        """

    @abstractmethod
    def recipe(self) -> Recipe:
        """Return what "auto" means for movers driven by this field."""


class Flow(Protocol):
    """What a step is made of: noise, and velocities of the moving rows."""

    step_sizes: NDArray | None

    def begin(self, k: int) -> None:
        """Go on to step k."""

    def noise(self, Y: NDArray) -> NDArray:
        """Standard normal noise, an array like Y."""

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Velocity at the queries Z of the rows Y; see `Run.velocity`."""

    def step_size(self, k: int) -> float:
        """Size of step k, whose velocity has been evaluated."""


class Live:
    """A flow under way: noise is drawn, velocities are evaluated, and both may be kept.

    Parameters
    ----------
    run : Run
        The field's run.
    rng : numpy.random.Generator
        Source of the noise.
    n_steps : int
        Number of steps.
    tapes : list, default=None
        If given, a tape is appended for every step: its noise and frozen velocities, in order.
    shrinkage : float, default=0.0
        How many times the share of a velocity that sampling noise explains is taken off its step.
    """

    def __init__(
        self,
        run: Run,
        rng: np.random.Generator,
        n_steps: int,
        tapes: list[list[Any]] | None = None,
        shrinkage: float = 0.0,
    ) -> None:
        self.run, self.rng, self.n_steps, self.tapes = run, rng, n_steps, tapes
        self.shrinkage = shrinkage
        self.step_sizes: NDArray | None = None  # known after the first displacement
        run.by_row = tapes is not None

    def begin(self, k: int) -> None:
        """Go on to step k."""
        self.run.time = k / self.n_steps
        if self.tapes is not None:
            self.tapes.append([])

    def noise(self, Y: NDArray) -> NDArray:
        """Draw noise."""
        return self._keep(self.rng.standard_normal(Y.shape, dtype=Y.dtype.type))

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Evaluate the field."""
        v = self.run.velocity(Z, Y, sigma)
        if self.tapes is not None:
            self._keep(self.run.frozen())
        return v

    def step_size(self, k: int) -> float:
        """Shrink the size of step k by what is noise, and return it."""
        assert self.step_sizes is not None
        share = self.run.noise_share() if self.shrinkage else None
        if share is not None:
            self.step_sizes[k] *= max(0.0, 1 - self.shrinkage * share)
        return float(self.step_sizes[k])

    def _keep(self, item: Any) -> Any:
        if self.tapes is not None:
            self.tapes[-1].append(item)
        return item


class Replay:
    """A flow that took place: new rows go its way, each on its own.

    Parameters
    ----------
    tapes : list
        What a `Live` flow kept of every step.
    step_sizes : ndarray of shape (n_steps,) or None
        Its step sizes.
    like : ndarray of shape (n_rows,)
        For every new row the number of the recorded row whose place it takes and whose noise it
        borrows. A recorded row in its own place takes the very steps that were recorded.
    """

    def __init__(self, tapes: list[list[Any]], step_sizes: NDArray | None, like: NDArray) -> None:
        self.tapes, self.step_sizes, self.like = tapes, step_sizes, like
        self.tape: Iterator[Any] = iter(())

    def begin(self, k: int) -> None:
        """Go on to step k."""
        self.tape = iter(self.tapes[k])

    def noise(self, Y: NDArray) -> NDArray:
        """Borrow noise."""
        return next(self.tape)[self.like]

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Evaluate the frozen velocity."""
        return next(self.tape)(Z, self.like, Y)

    def step_size(self, k: int) -> float:
        """Return the size that step k had."""
        assert self.step_sizes is not None
        return float(self.step_sizes[k])


def displacement(
    flow: Flow, Y: NDArray, sigma: float, *, noise_level: float, n_noise: int
) -> NDArray:
    r"""Perturb the rows, evaluate the field, average over the draws.

    .. math:: Δy = \frac1m Σ_{j=1}^m v(y + β ε_j; p, q, σ), \qquad ε_{2j} = -ε_{2j-1}

    Parameters
    ----------
    flow : Flow
        The flow under way, or its replay.
    Y : ndarray of shape (n_rows, n_features)
        The moving rows.
    sigma : float
        Bandwidth.
    noise_level : float
        Standard deviation β of the noise; for score differences β = σ.
    n_noise : int
        Number m of draws, in antithetic pairs; 0 evaluates the field at the rows themselves.

    Returns
    -------
    displacement : ndarray of shape (n_rows, n_features)
        Δy.
    """
    if n_noise == 0:
        return flow.velocity(Y, Y, sigma)
    total = np.zeros_like(Y)
    for pair in range(0, n_noise, 2):
        noise = flow.noise(Y) * Y.dtype.type(noise_level)
        total += flow.velocity(Y + noise, Y, sigma)
        if pair + 1 < n_noise:
            total += flow.velocity(Y - noise, Y, sigma)
    return total / n_noise
