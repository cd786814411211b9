r"""The step, written once, for a flow under way and for its replay.

.. math:: Δy = \frac1m Σ_{j=1}^m v(y + β ε_j; p, q, σ), \qquad ε_{2j} = -ε_{2j-1}, \qquad
          y ← y + η \, Δy

A step is a function of the rows and of a *flow*, which gives noise, velocities and the size η. A
`LiveFlow` draws and evaluates them, a `RecordedFlow` keeps them as well; a `Replay` reads the
recording, for new rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skflow.fields import FieldState

__all__ = ["Flow", "LiveFlow", "RecordedFlow", "Recording", "Replay", "StepSizes"]


class Flow(ABC):
    """What a step is made of.

    Attributes
    ----------
    k : int
        Number of the step.
    evaluate : callable
        ``evaluate(Z, Y, sigma, k)``: velocity at the queries Z of the rows Y in step k.

    Examples
    --------
    A flow of one's own says what noise, velocity and step size are:

    >>> import numpy as np
    >>> from skflow.flow import Flow
    >>> class Halfway(Flow):
    ...     def noise(self, Y):
    ...         return np.zeros_like(Y)
    ...     def evaluate(self, Z, Y, sigma, k):
    ...         return -Z
    ...     def step_size(self, dY):
    ...         return 0.5
    >>> flow, Y = Halfway(), np.array([[8.0]])
    >>> for k in range(3):
    ...     flow.begin(k)
    ...     dY = flow.displacement(Y, sigma=1.0, noise_level=0.0, n_noise=0)
    ...     Y = Y + flow.step_size(dY) * dY
    >>> Y
    array([[1.]])
    """

    k = 0
    evaluate: Callable[[NDArray, NDArray, float, int], NDArray]

    def begin(self, k: int) -> None:
        """Go on to step k."""
        self.k = k

    @abstractmethod
    def noise(self, Y: NDArray) -> NDArray:
        """Standard normal noise, an array like Y."""

    @abstractmethod
    def step_size(self, dY: NDArray) -> Any:
        """Size η of this step, whose displacement is dY, in the precision of the rows."""

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Velocity at the queries Z of the rows Y in this step."""
        return self.evaluate(Z, Y, sigma, self.k)

    def displacement(
        self, Y: NDArray, sigma: float, *, noise_level: float, n_noise: int
    ) -> NDArray:
        r"""Perturb the rows, evaluate the field, average over the draws.

        Parameters
        ----------
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
            return self.evaluate(Y, Y, sigma, self.k)
        total = np.zeros_like(Y)
        for pair in range(0, n_noise, 2):
            noise = self.noise(Y) * Y.dtype.type(noise_level)
            total += self.evaluate(Y + noise, Y, sigma, self.k)
            if pair + 1 < n_noise:
                total += self.evaluate(Y - noise, Y, sigma, self.k)
        return total / n_noise


@dataclass
class RecordedStep:
    """What one step was made of: its noise and frozen velocities, in order, and its size."""

    parts: list[Any] = field(default_factory=list)
    size: float = 0.0


@dataclass
class Recording:
    """Reference rows and what the steps of their flow were made of.

    Parameters
    ----------
    start : ndarray of shape (n_reference, n_features)
        The reference rows before the first step.
    affine : tuple of ndarrays or None
        The alignment.
    weight : ndarray of shape (n_reference,), default=None
        Weights of the reference rows.
    steps : list of RecordedStep
        The steps.
    finish : callable, default=None
        What the rows still miss at the end of the flow; None before it has ended.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.flow import Recording
    >>> recording = Recording(start=np.array([[0.0, 0.0], [4.0, 0.0]]))
    >>> recording.nearest(np.array([[3.0, 1.0], [1.0, 1.0]])).tolist()
    [1, 0]
    """

    start: NDArray
    affine: tuple[NDArray, NDArray, NDArray] | None = None
    weight: NDArray | None = None
    steps: list[RecordedStep] = field(default_factory=list)
    finish: Callable[[NDArray], NDArray] | None = None

    def nearest(self, Y: NDArray) -> NDArray:
        """Return for every row the number of the reference row nearest to it at the start.

        Parameters
        ----------
        Y : ndarray of shape (n_rows, n_features)
            Rows before the first step.

        Returns
        -------
        like : ndarray of shape (n_rows,)
            Numbers of reference rows.
        """
        return np.asarray(cKDTree(self.start).query(Y)[1])


@dataclass
class StepSizes:
    """Step sizes of a flow under way.

    Parameters
    ----------
    sizes : ndarray of shape (n_steps,)
        The sizes, unless the first displacement sets them.
    are_relative : bool, default=False
        Whether they are in units of the velocity's full step.
    first_step_norm : float, default=None
        Length that the first displacement is given: all sizes are the one that does so.
    shrinkage : float, default=0.0
        How many times the noise-to-signal ratio of a velocity is taken off its step.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference
    >>> from skflow.flow import StepSizes
    >>> field = KernelScoreDifference().fit(np.array([[3.0, 4.0]]), sigmas=np.array([1.0]))
    >>> state, Y = field.start(np.random.default_rng(0)), np.zeros((1, 2))
    >>> dY = state.velocity(Y, Y, 1.0)  # to the only row of the target, at a distance of 5
    >>> StepSizes(np.array([1.0, 0.5])).of(1, dY, state)
    0.5
    >>> StepSizes(np.array([1.0, 1.0]), first_step_norm=2.5).of(0, dY, state)
    0.5
    """

    sizes: NDArray
    are_relative: bool = False
    first_step_norm: float | None = None
    shrinkage: float = 0.0
    _from_first: float | None = None  # the size that the first displacement has set

    def of(self, k: int, dY: NDArray, state: FieldState) -> float:
        """Size of step k, given its displacement and the state that has evaluated it."""
        if self.first_step_norm is not None and self._from_first is None:
            mean_norm = np.linalg.norm(dY.astype(np.float64), axis=1).mean()
            self._from_first = self.first_step_norm / mean_norm if mean_norm else 0.0  # 0 at rest
        size = self.sizes[k] if self._from_first is None else self._from_first
        if self.are_relative:
            size = size * state.full_step()
        ratio = state.noise_to_signal() if self.shrinkage else None
        return float(size if ratio is None else size * max(0.0, 1 - self.shrinkage * ratio))


class LiveFlow(Flow):
    """A flow under way: noise is drawn, and velocities are evaluated.

    Parameters
    ----------
    state : FieldState
        The field's state.
    rng : numpy.random.Generator
        Source of the noise.
    step_sizes : StepSizes
        The step sizes.
    kept : ndarray of int, default=None
        Columns that get no noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference
    >>> from skflow.flow import LiveFlow, StepSizes
    >>> rng, sigmas = np.random.default_rng(0), np.geomspace(5.0, 0.5, 10)
    >>> X, Y = rng.normal(3.0, 1.0, (100, 2)), rng.normal(0.0, 1.0, (100, 2))
    >>> state = KernelScoreDifference().fit(X, sigmas).start(rng)
    >>> flow = LiveFlow(state, rng, StepSizes(np.ones(10)))
    >>> for k, sigma in enumerate(sigmas):
    ...     flow.begin(k)
    ...     dY = flow.displacement(Y, sigma, noise_level=0.0, n_noise=0)
    ...     Y = Y + flow.step_size(dY) * dY
    >>> np.abs(Y.mean(axis=0) - X.mean(axis=0)).max() < 0.2
    np.True_
    """

    def __init__(
        self,
        state: FieldState,
        rng: np.random.Generator,
        step_sizes: StepSizes,
        kept: NDArray | None = None,
    ) -> None:
        self.state, self.rng, self.step_sizes, self.kept = state, rng, step_sizes, kept
        self.evaluate = state.velocity

    def noise(self, Y: NDArray) -> NDArray:
        """Draw noise."""
        noise = self.rng.standard_normal(Y.shape, dtype=Y.dtype.type)
        if self.kept is not None:
            noise[:, self.kept] = 0
        return noise

    def step_size(self, dY: NDArray) -> Any:
        """Size of this step."""
        return dY.dtype.type(self.step_sizes.of(self.k, dY, self.state))


class RecordedFlow(LiveFlow):
    """A flow under way that is recorded.

    Parameters
    ----------
    state, rng, step_sizes, kept
        As in `LiveFlow`.
    recording : Recording
        What every step is added to.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference
    >>> from skflow.flow import RecordedFlow, Recording, StepSizes
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(3.0, 1.0, (100, 2)), rng.normal(0.0, 1.0, (100, 2))
    >>> state = KernelScoreDifference().fit(X, np.array([2.0])).start(rng)
    >>> recording = Recording(start=Y)
    >>> flow = RecordedFlow(state, rng, StepSizes(np.ones(1)), None, recording)
    >>> flow.begin(0)
    >>> dY = flow.displacement(Y, 2.0, noise_level=2.0, n_noise=2)
    >>> size = flow.step_size(dY)
    >>> len(recording.steps), len(recording.steps[0].parts)  # one draw, and two velocities
    (1, 3)
    """

    def __init__(
        self,
        state: FieldState,
        rng: np.random.Generator,
        step_sizes: StepSizes,
        kept: NDArray | None,
        recording: Recording,
    ) -> None:
        super().__init__(state, rng, step_sizes, kept)
        self.recording, self.evaluate = recording, self._evaluated

    def begin(self, k: int) -> None:
        """Go on to step k."""
        super().begin(k)
        self.recording.steps.append(RecordedStep())

    def _evaluated(self, Z: NDArray, Y: NDArray, sigma: float, step: int) -> NDArray:
        """Evaluate the field, and keep its velocity."""
        v = self.state.velocity(Z, Y, sigma, step)
        self.recording.steps[-1].parts.append(self.state.frozen())
        return v

    def noise(self, Y: NDArray) -> NDArray:
        """Draw noise, and keep it."""
        noise = super().noise(Y)
        self.recording.steps[-1].parts.append(noise)
        return noise

    def step_size(self, dY: NDArray) -> Any:
        """Size of this step, which is kept."""
        size = super().step_size(dY)
        self.recording.steps[-1].size = size
        return size


class Replay(Flow):
    """A flow that took place: new rows go its way, each on its own.

    Parameters
    ----------
    recording : Recording
        The steps of the flow.
    like : ndarray of shape (n_rows,)
        For every new row the number of the recorded row whose place it takes and whose noise it
        borrows. A recorded row in its own place takes the very steps that were recorded.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference
    >>> from skflow.flow import RecordedFlow, Recording, Replay, StepSizes
    >>> def step(flow, Y):
    ...     flow.begin(0)
    ...     dY = flow.displacement(Y, 2.0, noise_level=2.0, n_noise=2)
    ...     return Y + flow.step_size(dY) * dY
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(3.0, 1.0, (100, 2)), rng.normal(0.0, 1.0, (100, 2))
    >>> state, recording = KernelScoreDifference().fit(X, np.array([2.0])).start(rng), Recording(Y)
    >>> moved = step(RecordedFlow(state, rng, StepSizes(np.ones(1)), None, recording), Y)
    >>> new = Y[:1] + 0.01  # takes the way of the row that is nearest to it
    >>> again = step(Replay(recording, recording.nearest(new)), new)
    >>> np.abs(again - moved[:1]).max() < 0.02
    np.True_
    """

    def __init__(self, recording: Recording, like: NDArray) -> None:
        self.recording, self.like, self.evaluate = recording, like, self._evaluated

    def begin(self, k: int) -> None:
        """Go on to step k."""
        super().begin(k)
        self.parts: Iterator[Any] = iter(self.recording.steps[k].parts)

    def _evaluated(self, Z: NDArray, Y: NDArray, sigma: float, step: int) -> NDArray:
        """Evaluate the frozen velocity."""
        return next(self.parts)(Z, self.like, Y)

    def noise(self, Y: NDArray) -> NDArray:
        """Borrow noise."""
        return next(self.parts)[self.like]

    def step_size(self, dY: NDArray) -> Any:
        """Return the size that the step had."""
        return dY.dtype.type(self.recording.steps[self.k].size)
