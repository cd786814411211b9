r"""Rows of a long table, moved in groups.

Every group is a small table of its own, with target rows of its own, the same at all steps. What
these few rows are off by is the error of one group: over the whole table such errors average out.
And the cost is that of so many small tables: linear in the rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import is_auto
from skflow.fields import Field, FieldState, Limits
from skflow.fields._base import Frozen
from skflow.kernels import compute_threads, parallel_for

__all__ = ["GROUP_ROWS", "Groups", "start_state"]

GROUP_ROWS = 2000  # most rows that "auto" batches move as one population, onto as many target rows


def start_state(
    field: Field,
    rng: np.random.Generator,
    batch_size: Any,
    n_rows: int,
    n_target: int,
    *,
    is_recorded: bool,
    own_bandwidths: NDArray | None = None,
    weight: NDArray | None = None,
) -> FieldState:
    """Begin a flow of so many rows, in groups if they are many.

    Parameters
    ----------
    field : Field
        The fitted field.
    rng : numpy.random.Generator
        Source of the state's randomness.
    batch_size : int, None or "auto"
        Rows that a step's means are estimated from; None is all; "auto" divides long tables.
    n_rows, n_target : int
        Number of moving rows, and of target rows.
    is_recorded : bool
        Whether every row's steps will be repeated one by one: its rows are one population then.
    own_bandwidths, weight : ndarrays of shape (n_features,), (n_rows,), default=None
        See `Limits`.

    Returns
    -------
    state : FieldState
        The field's state, or those of groups.
    """
    limits = Limits(by_row=is_recorded, own_bandwidths=own_bandwidths, weight=weight)
    if not is_auto(batch_size):
        return field.start(rng, replace(limits, batch_size=batch_size))
    if not field.supports_groups:
        size = GROUP_ROWS if max(n_rows, n_target) > GROUP_ROWS else None
        return field.start(rng, replace(limits, batch_size=size))
    n_groups = 1 if is_recorded else -(-n_rows // GROUP_ROWS)
    n_used = max(GROUP_ROWS, -(-n_rows // n_groups))
    limits = replace(limits, n_target=n_used)
    return field.start(rng, limits) if n_groups == 1 else Groups(field, n_groups, rng, limits)


class Groups(FieldState):
    """Flows of a field side by side: of k groups the i-th has every k-th row, from the i-th on.

    Parameters
    ----------
    field : Field
        The fitted field.
    n_groups : int
        Number of groups.
    rng : numpy.random.Generator
        Draws their seeds.
    limits : Limits
        How many rows each of them may use.
    """

    def __init__(
        self, field: Field, n_groups: int, rng: np.random.Generator, limits: Limits
    ) -> None:
        seeds = rng.integers(2**63, size=n_groups)
        self.states = []
        for i, seed in enumerate(seeds):
            weight = None if limits.weight is None else limits.weight[i::n_groups]
            own = replace(limits, weight=weight)
            self.states.append(field.start(np.random.default_rng(seed), own))

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        """Velocities of all rows, each by its group; see `FieldState.velocity`."""
        v = np.empty_like(Z)

        def group(i: int) -> None:
            part = slice(i, None, len(self.states))
            y = np.ascontiguousarray(Y[part])
            z = y if Z is Y else np.ascontiguousarray(Z[part])
            with compute_threads(1):  # a group is one thread's work, from first to last
                v[part] = self.states[i].velocity(z, y, sigma, step)

        with compute_threads() as n_threads:
            parallel_for(len(self.states), group, n_threads)
        return v

    def full_step(self) -> float:
        """The least of the groups; see `FieldState.full_step`."""
        return min(state.full_step() for state in self.states)

    def noise_to_signal(self) -> float | None:
        """Mean ratio of the groups; see `FieldState.noise_to_signal`."""
        ratios: list[float | None] = [None] * len(self.states)

        def group(i: int) -> None:
            with compute_threads(1):
                ratios[i] = self.states[i].noise_to_signal()

        with compute_threads() as n_threads:
            parallel_for(len(self.states), group, n_threads)
        known = [ratio for ratio in ratios if ratio is not None]
        return float(np.mean(known)) if len(known) == len(ratios) else None

    def renew(self) -> None:
        """Let every group forget what belongs to single rows."""
        for state in self.states:
            state.renew()

    def frozen(self) -> Frozen:
        """Refuse: rows that are to be repeated are one group."""
        raise TypeError("a flow in groups is not recorded.")
