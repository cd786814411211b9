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

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skflow.kernels import compute_threads

__all__ = ["Field", "Frozen", "Recipe", "Run", "compute_threads", "displacement", "replay"]


@dataclass(frozen=True)
class Recipe:
    """What "auto" means for a mover that is driven by a field.

    Parameters
    ----------
    schedule : str
        Name of the noise schedule.
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
    """

    schedule: str
    align: str | None
    n_noise: int
    step_size: Callable[[int], NDArray]
    first_step_norm: float | str | None = None


Frozen = Callable[[NDArray, NDArray, NDArray], NDArray]


class Run(ABC):
    """One flow under way: owns what changes, and is used by one thread.

    Attributes
    ----------
    batch_size : int or None
        Rows of either population that means are to be estimated from, set by the mover before a
        step; None is all.
    by_row : bool
        Whether a row's bits must not depend on the other queries, set by the mover where a frozen
        velocity has to repeat this one.
    """

    batch_size: int | None = None
    by_row: bool = False

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

    def renew(self) -> None:  # noqa: B027 (nothing to forget is a fair default)
        """Forget what belongs to single rows: the next rows are a new draw of the population."""

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

    @abstractmethod
    def fit(self, X: NDArray, sigmas: NDArray, sample_weight: NDArray | None = None) -> Field:
        """Learn the target side.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Target rows, validated.
        sigmas : ndarray of shape (n_steps,)
            The bandwidths that the flow will use.
        sample_weight : ndarray of shape (n_rows,), default=None
            Non-negative weights of the target rows.

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


def displacement(
    run: Run,
    Y: NDArray,
    sigma: float,
    *,
    noise_level: float,
    n_noise: int,
    rng: np.random.Generator,
    record: list[tuple[NDArray | None, Frozen]] | None = None,
) -> NDArray:
    r"""Perturb the rows, evaluate the field, average over the draws.

    .. math:: Δy = \frac1m Σ_{j=1}^m v(y + β ε_j; p, q, σ), \qquad ε_{2j} = -ε_{2j-1}

    Parameters
    ----------
    run : Run
        The flow under way.
    Y : ndarray of shape (n_rows, n_features)
        The moving rows.
    sigma : float
        Bandwidth.
    noise_level : float
        Standard deviation β of the noise; for score differences β = σ.
    n_noise : int
        Number m of draws, in antithetic pairs; 0 evaluates the field at the rows themselves.
    rng : numpy.random.Generator
        Source of the noise.
    record : list, default=None
        If given, the noise and the frozen velocity of every draw are appended, for `replay`.

    Returns
    -------
    displacement : ndarray of shape (n_rows, n_features)
        Δy.
    """
    total = np.zeros_like(Y)
    for noise in _antithetic_noise(Y, noise_level, n_noise, rng):
        total += run.velocity(Y if noise is None else Y + noise, Y, sigma)
        if record is not None:
            record.append((noise, run.frozen()))
    return total / max(n_noise, 1)


def _antithetic_noise(
    Y: NDArray, level: float, n_noise: int, rng: np.random.Generator
) -> Iterator[NDArray | None]:
    """Yield ``n_noise`` draws in pairs ±ε, or None once for no noise."""
    if n_noise == 0:
        yield None
    for pair in range(0, n_noise, 2):
        noise = rng.standard_normal(Y.shape, dtype=Y.dtype.type) * Y.dtype.type(level)
        yield noise
        if pair + 1 < n_noise:
            yield -noise


def replay(record: list[tuple[NDArray | None, Frozen]], Y: NDArray, like: NDArray) -> NDArray:
    """Displacement of new rows in a recorded step; each borrows the noise of a recorded row.

    Parameters
    ----------
    record : list
        What `displacement` recorded.
    Y : ndarray of shape (n_rows, n_features)
        The new rows.
    like : ndarray of shape (n_rows,)
        For each the number of the recorded row whose noise it borrows.

    Returns
    -------
    displacement : ndarray of shape (n_rows, n_features)
        Δy. A recorded row gets the very displacement that was recorded.
    """
    total = np.zeros_like(Y)
    for noise, frozen in record:
        total += frozen(Y if noise is None else Y + noise[like], like, Y)
    return total / len(record)
