r"""Conditional flow: some columns stay as they are.

.. math:: v_c(y, c) = 0, \qquad ∇_y \log p(y, c) = ∇_y \log p(y | c)

since p(c) does not depend on y: the velocity of the other columns is that of a flow between the
conditional distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.fields._base import FieldState, Frozen

__all__ = ["ConditionalState"]


@dataclass(frozen=True)
class _FrozenColumns:
    velocity: Frozen
    moves: NDArray

    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> NDArray:
        return _only(self.velocity(Z, like, Y), self.moves)


def _only(v: NDArray, moves: NDArray) -> NDArray:
    return np.where(moves, v, v.dtype.type(0))


class ConditionalState(FieldState):
    """The state of a field, some of whose columns do not move.

    Parameters
    ----------
    state : FieldState
        The field's state.
    moves : ndarray of bool, shape (n_features,)
        Which columns move.
    """

    def __init__(self, state: FieldState, moves: NDArray) -> None:
        self.state, self.moves = state, moves

    @property
    def adversary(self) -> Any:
        """What the field learns from the moving rows."""
        return self.state.adversary

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        """The field's velocity, zero in the columns that stay; see `FieldState.velocity`."""
        return _only(self.state.velocity(Z, Y, sigma, step), self.moves)

    def frozen(self) -> Frozen:
        """Return the velocity of the last evaluation; see `FieldState.frozen`."""
        return _FrozenColumns(self.state.frozen(), self.moves)

    def renew(self) -> None:
        """Let the field forget what belongs to single rows."""
        self.state.renew()

    def resume(self, before: FieldState) -> None:
        """Let the field go on; see `FieldState.resume`."""
        self.state.resume(before.state if isinstance(before, ConditionalState) else before)

    def full_step(self) -> float:
        """The field's, of all columns; see `FieldState.full_step`."""
        return self.state.full_step()

    def noise_to_signal(self) -> float | None:
        """The field's, of all columns; see `FieldState.noise_to_signal`."""
        return self.state.noise_to_signal()
