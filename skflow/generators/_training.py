r"""The loop that trains a generator.

.. math:: y = g_θ(ξ), \qquad y' = y + η_k \, v(z; p, q, σ_k), \quad z = y + σ_k ε, \qquad
          θ ← θ - \frac{λ_k}{2} ∇_θ \|g_θ(ξ) - y'\|²

An epoch goes once down the noise schedule: wide bandwidths see how much mass every mode has, narrow
ones what it looks like.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_weights, is_auto, progress
from skflow.fields import FieldState, Limits
from skflow.flow import LiveFlow
from skflow.flow._base import BaseFlow
from skflow.flow._callbacks import FitTask
from skflow.flow._marginals import MonotoneMap, unlike_marginals
from skflow.generators._regressors import Learner
from skflow.metrics import energy_distance

__all__ = ["ALIGNED_ROWS", "SCORED_ROWS", "GeneratorTraining"]

EPOCHS = 10  # "auto" for a regressor that is updated; one that is fitted anew has a single epoch
SCORED_ROWS = 1000  # samples that are compared with rows held out
LARGEST_VALUE = 1e30  # value that a generator may return: single precision ends at 3e38
KEEP_EVERY = 10  # steps between copies of a state to fall back to
ALIGNED_ROWS = 8192  # of the prior, for the affine start and for the marginals of samples


class GeneratorTraining(BaseFlow):
    """Base class of what trains a regressor by moving the rows that it returns."""

    generator: Any
    n_epochs: Any
    learning_rate: Any
    batch_size: int
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    warm_start: bool
    has_source_: bool
    _n_source: int | None = None  # rows of the source, if there is one
    _state: FieldState | None = None  # of the last training, if another may go on
    _precision = np.float32  # in which regressors learn
    _n_trainings: int
    _learner: Learner

    def _train(self, task: FitTask, rng: np.random.Generator) -> None:
        n_epochs = self._n_epochs()
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        best = good = self._learner.copy()
        epochs = task.watch(self._epochs(n_epochs, rng), self._so_far, name="epoch")
        label = type(self).__name__
        try:
            for good in progress(epochs, total=n_epochs, verbose=self.verbose, label=label):
                if self.validation_scores_ is None:
                    best = good
                    continue
                self.validation_scores_.append(self._validate(good))
                since = len(self.validation_scores_) - 1 - int(np.argmax(self.validation_scores_))
                best = good if since == 0 else best
                if since >= self.n_iter_no_change:
                    break
        except _Diverged as diverged:
            best, self._state = diverged.good, None
            raise ValueError(
                f"the generator diverged at step {diverged.step + 1}: it returned rows that are "
                f"not finite. Choose a smaller step_size (now {self.step_size!r}) or learning_rate "
                f"(now {self.learning_rate!r}{diverged.own_rate}). The fitted generator is the one "
                "of the last good step."
            ) from None
        finally:
            self._finish(best)
            if self._state is not None:
                self._keep(self._state)
            if not self.warm_start:
                self._state = None

    def _keep(self, state: FieldState) -> None:
        """Keep what the field has learnt from the generator's rows, as attributes."""

    def _epochs(self, n_epochs: int, rng: np.random.Generator) -> Iterator[Learner]:
        """Train, and yield the learner as it is after every epoch."""
        learner, n = self._learner, len(self.sigmas_)
        rates = learner.learning_rates(self.learning_rate, n_epochs * n)
        good = learner.copy()
        state = self.field_.start(rng, Limits(self.batch_size))
        if self._n_trainings > 1 and self._state is not None:
            state.resume(self._state)  # an adversary goes on like the generator
        self._state = state
        flow = LiveFlow(state, rng, self._new_step_sizes())
        for epoch in range(n_epochs):
            for k in range(n):
                step = epoch * n + k
                with _divergence(step, good, learner):
                    learner.set_learning_rate(rates(step))
                    flow.begin(k)
                    self._step(learner, flow, self._level(k, rng), rng)
                    if step % KEEP_EVERY == KEEP_EVERY - 1 or k == n - 1:
                        _check_finite(learner.outputs(self._prior(16, rng)))
                        good = learner.copy()
            yield good

    def _level(self, k: int, rng: np.random.Generator) -> int:
        """Number of the bandwidth that step k of an epoch uses."""
        return k

    def _step(self, learner: Learner, flow: LiveFlow, k: int, rng: np.random.Generator) -> None:
        """One step of algorithm 2."""
        xi = self._prior(self._n_drawn(), rng)
        Y = learner.outputs(xi)
        _check_finite(Y)
        flow.state.renew()
        dY = flow.displacement(
            Y.astype(self._precision),
            float(self.sigmas_[k]),
            noise_level=float(self.noise_levels_[k]),
            n_noise=self._fitted_defaults.n_noise,
        ).astype(np.float64)
        dY *= flow.step_size(dY)
        _check_finite(dY)
        self.loss_curve_.append(float(np.mean(np.sum(dY**2, axis=1))))
        learner.learn(xi, Y + dY)

    def _n_drawn(self) -> int:
        """Rows of the prior that a step uses."""
        return min(self.batch_size, self._n_source or self.batch_size)

    def _validate(self, learner: Learner) -> float:
        """Score of the generator on the rows set aside."""
        assert self._held_out is not None
        rows, weight = self._held_out
        Y = learner.outputs(self._prior(SCORED_ROWS, self._rng()))
        return -energy_distance(rows - self.center_, Y, weight_X=weight, n_jobs=self.n_jobs)

    def _so_far(self) -> dict[str, Any]:
        """Attributes of the generator if its training ends now."""
        learner = self._learner.copy()
        return {"_learner": learner, "generator_": learner.regressor, "_maps": []}

    def _finish(self, learner: Learner) -> None:
        """Keep a learner, and measure its marginals."""
        self._learner, self.generator_ = learner, learner.regressor
        self._maps: list[MonotoneMap] = []  # by column
        if self.match_marginals and not self.has_source_:
            Y = learner.outputs(self._prior(ALIGNED_ROWS, self._rng())) + self.center_
            # maps that are not needed make edges where columns have few rows; a generator that
            # misses some columns misses the others too, by less than chance explains
            if unlike_marginals(Y, self._marginals, 1 / np.sum(self._weight**2)).any():
                self._maps = [m.map_from(y) for m, y in zip(self._marginals, Y.T, strict=True)]

    def _n_epochs(self) -> int:
        if not is_auto(self.n_epochs):
            return self.n_epochs
        # known before the regressor is made; a wrapped one has the same method
        is_updated = self.generator is None or hasattr(self.generator, "partial_fit")
        return EPOCHS if is_updated else 1

    def _hold_out(self, X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray | None]:
        """Set rows aside that early stopping is judged by."""
        self._held_out: tuple[NDArray, NDArray | None] | None = None
        if not self.early_stopping:
            return X, weight
        n = int(np.ceil(self.validation_fraction * len(X)))
        order = self._rng().permutation(len(X))
        held, kept = order[:n], order[n:]
        if len(kept) == 0:
            raise ValueError(
                f"early_stopping=True with validation_fraction={self.validation_fraction} leaves "
                f"no row of {len(X)} to learn from: give more rows, or a smaller fraction."
            )
        if weight is None:
            self._held_out = X[held], None
            return X[kept], None
        self._held_out = X[held], check_weights(weight[held], X[held])
        return X[kept], check_weights(weight[kept], X[kept])


class _Diverged(ArithmeticError):
    """A generator returned rows that are not finite."""

    def __init__(self, step: int, good: Learner, own_rate: str) -> None:
        super().__init__()
        self.step, self.good, self.own_rate = step, good, own_rate


@contextmanager
def _divergence(step: int, good: Learner, learner: Learner) -> Iterator[None]:
    """Turn what a diverging regressor raises into one error."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except (FloatingPointError, ValueError) as error:
        text = str(error).lower()
        if not any(word in text for word in ("finite", "infinity", "nan")):
            raise
        raise _Diverged(step, good, learner.own_rate()) from error


def _check_finite(rows: NDArray) -> None:
    if not (np.abs(rows) < LARGEST_VALUE).all():
        raise FloatingPointError("not finite, or about to be")
