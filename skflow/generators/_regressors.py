r"""Any regressor as a generator.

.. math:: y = T(ξ) + s \, g(\tilde ξ)

The regressor g sees inputs of unit variance, and answers in units of the target's scale s how far
the outputs are from T(ξ), the aligned inputs. Regressors with ``partial_fit`` are updated; others
are fitted anew to a sliding window of the last batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.neural_network import MLPRegressor

from skflow.fields._training import RATES, cosine, rate_name, set_learning_rate, taught

__all__ = ["Frame", "Learner", "default_perceptron"]

ROWS_AT_ONCE = 8192  # of a long table, so that hidden layers stay in the cache
FINAL_RATE = 0.05  # of the learning rate is left at the end, if it is "auto"


@dataclass(frozen=True)
class Frame:
    """Coordinates in which a regressor works.

    Parameters
    ----------
    center, width : ndarrays of shape (latent_dim,)
        The regressor's inputs are ``(ξ - center) / width``.
    matrix : ndarray of shape (latent_dim, n_features)
        The aligned inputs are ``T(ξ) = (ξ - center) @ matrix + offset``.
    offset : ndarray of shape (n_features,)
        See ``matrix``.
    scale : float
        The unit of the regressor's outputs.
    """

    center: NDArray
    width: NDArray
    matrix: NDArray
    offset: NDArray
    scale: float

    def inputs(self, xi: NDArray, dtype: Any = np.float32) -> NDArray:
        """Inputs of the regressor, which learns in single precision."""
        return ((xi - self.center) / self.width).astype(dtype)

    @property
    def axes(self) -> NDArray:
        """Orthogonal axes of ξ as columns, the ones first that aligned inputs vary most along."""
        return np.linalg.eigh(self.matrix @ self.matrix.T)[1][:, ::-1]

    def aligned(self, xi: NDArray) -> NDArray:
        """The aligned inputs T(ξ)."""
        if not self.matrix.any():
            return np.tile(self.offset, (len(xi), 1))
        return (xi - self.center) @ self.matrix + self.offset


def default_perceptron() -> Any:
    """Return the generator of score-difference flows."""
    return MLPRegressor(  # settled on rings and real tables, see docs/quality.md
        hidden_layer_sizes=(128, 128, 128, 128),
        alpha=0.0,
        learning_rate_init=2e-3,
        batch_size=128,
        shuffle=False,  # every batch is a fresh draw
    )


class Learner:
    """A regressor in its frame, and how it learns.

    Parameters
    ----------
    regressor : regressor
        A fresh one, of several outputs.
    frame : Frame
        The coordinates it works in.
    window : int
        How many of the last batches a regressor without ``partial_fit`` is fitted to.
    """

    def __init__(self, regressor: Any, frame: Frame, window: int) -> None:
        self.regressor, self.frame = regressor, frame
        self.is_updated = hasattr(regressor, "partial_fit")
        self.batches: deque[tuple[NDArray, NDArray]] = deque(maxlen=window)
        self.is_ready = False
        self.first_rate: Any = getattr(
            regressor, "learning_rate_init", None
        )  # falls while it learns

    def initialize(self, xi: NDArray, d: int) -> None:
        """Let a regressor that can draw its first coefficients do so."""
        if hasattr(self.regressor, "initialize_coef"):
            self.regressor.initialize_coef(self.frame.inputs(xi), np.zeros((len(xi), d)))
            self.is_ready = True

    def outputs(self, xi: NDArray, dtype: Any = np.float32) -> NDArray:
        """What the generator returns: the aligned inputs, before the regressor has learnt."""
        parts = (xi[i : i + ROWS_AT_ONCE] for i in range(0, len(xi), ROWS_AT_ONCE))
        return np.concatenate([self._outputs(part, dtype) for part in parts])

    def _outputs(self, xi: NDArray, dtype: Any) -> NDArray:
        Y = self.frame.aligned(xi)
        if self.is_ready:
            g = self.regressor.predict(self.frame.inputs(xi, dtype))
            Y = Y + self.frame.scale * g.astype(np.float64).reshape(Y.shape)
        return Y

    def learn(self, xi: NDArray, Y: NDArray) -> None:
        """Regress onto the outputs Y."""
        inputs = self.frame.inputs(xi)
        targets = ((Y - self.frame.aligned(xi)) / self.frame.scale).astype(np.float32)
        if targets.shape[1] == 1:
            targets = targets[:, 0]
        if self.is_updated:
            taught(self.regressor.partial_fit, inputs, targets)
        else:
            self.batches.append((inputs, targets))
            seen, wanted = (np.concatenate(part) for part in zip(*self.batches, strict=True))
            self.regressor = taught(clone(self.regressor).fit, seen, wanted)
        self.is_ready = True

    def move_offset(self, shift: NDArray) -> None:
        """Let outputs be measured from elsewhere."""
        self.frame = replace(self.frame, offset=self.frame.offset + shift)

    def own_rate(self) -> str:
        """Say what the regressor's own learning rate is, for an error."""
        params = self.regressor.get_params(deep=False)
        own = [f"{n}={params[n]:g}" for n in RATES if isinstance(params.get(n), Real)]
        return "".join(f"; the regressor has {name}" for name in own)

    def copy(self) -> Learner:
        """Return the learner as it is now; the window is no part of its state."""
        other = Learner(self.regressor, self.frame, self.batches.maxlen or 1)
        other.is_ready, other.first_rate = self.is_ready, self.first_rate
        if self.is_updated:  # others are fitted anew, and never changed
            other.regressor = deepcopy(self.regressor)
        return other

    def learning_rates(self, rate: Any, n: int) -> Callable[[int], float | None]:
        """Return the learning rate of every step, None where the regressor has its own.

        Parameters
        ----------
        rate : float, array-like of shape (n,) or "auto"
            As the user gave it. "auto" lets the rate of a multilayer perceptron fall along a
            cosine, and leaves all others alone.
        n : int
            Number of steps.

        Returns
        -------
        rates : callable
            ``rates(step)``.
        """
        if isinstance(rate, str) and rate == "auto":
            if not isinstance(self.regressor, MLPRegressor):
                return lambda step: None
            return lambda step: self.first_rate * cosine(step / max(n - 1, 1), FINAL_RATE)
        try:
            rates = np.broadcast_to(np.asarray(rate, float), (n,))
        except (TypeError, ValueError):
            rates = np.zeros(1)
        if not (np.isfinite(rates).all() and (rates > 0).all()):
            raise ValueError(
                "learning_rate must be 'auto', a positive number or an array of n_epochs * n_steps"
                f"={n} of them, got {rate!r}."
            )
        if rate_name(self.regressor) is None:
            raise ValueError(
                f"learning_rate has no meaning for generator={type(self.regressor).__name__}, "
                f"which has none of the parameters {', '.join(RATES)}: leave it at 'auto'."
            )
        return lambda step: float(rates[step])

    def set_learning_rate(self, rate: float | None) -> None:
        """Set the learning rate, unless the regressor keeps its own."""
        if rate is not None:
            set_learning_rate(self.regressor, rate)
