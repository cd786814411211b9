r"""Free particles: the loop over the steps, under way, recorded or replayed.

.. math:: y ← y + η_k \, v(z; p, q_k, σ_k), \qquad z = y + σ_k ε, \quad k = 1 … n

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 1.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._draws import draw_shuffled
from skflow._utils import check_memory, check_rows, is_auto, lexicographic_order, lookup, progress
from skflow.alignment import (
    ALIGNMENTS,
    Affine,
    apply_affine,
    conditional_map,
    drawn_in,
    told_apart,
)
from skflow.fields._conditional import ConditionalState
from skflow.flow._arrival import warn_if_not_arrived
from skflow.flow._base import BaseFlow
from skflow.flow._callbacks import FitTask
from skflow.flow._finish import Finish
from skflow.flow._groups import GROUP_ROWS, start_state
from skflow.flow._step import Flow, LiveFlow, RecordedFlow, Recording, Replay, StepSizes
from skflow.flow._target import NO_COLUMNS, TargetView, kept_columns
from skflow.kernels import compute_threads

__all__ = ["REFERENCE_RANGE", "ParticleFlow"]

RECORDED_COPIES = 4  # of the reference rows that a recorded step keeps, at most (of 20 columns)
# "auto" for n_reference: most reference rows of a source; and, for samples, twice the target's rows
# between these bounds, since more particles see no more of a small table.
REFERENCE_RANGE = 500, 2000
DITHER = 0.01  # of the last bandwidth, by which equal source rows are told apart


class ParticleFlow(BaseFlow):
    """Base class of whatever moves rows that are free; a sampler overrides ``_step`` at most."""

    batch_size: Any
    n_reference: Any
    condition_on: Any
    source_weight_: NDArray | None
    _recording: Recording | None
    _kept: NDArray
    _view: TargetView  # as it was fitted, whatever the source is

    def _fit_schedule(self) -> None:
        """Resolve the bandwidths, on the columns that move and as many rows as a flow may use."""
        names = getattr(self, "feature_names_in_", None)
        self._kept = kept_columns(self.condition_on, self.n_features_in_, names)
        X, weight = np.delete(self._target, self._kept, axis=1), self._weight
        if is_auto(self.batch_size) and len(X) > GROUP_ROWS:
            X, weight = X[draw_shuffled(weight, GROUP_ROWS, self._rng())], None
        self.schedule_.fit(X, sample_weight=weight)

    def _fit_field(self, X_source: ArrayLike | None) -> None:
        super()._fit_field(X_source)
        target = self._target, self._weight, self.field_, self._marginals
        self._view = TargetView(*target, self._kept, self._atoms)

    def _loop(self, flow: Flow, Y: NDArray) -> Iterator[NDArray]:
        """Take all steps; yield the rows after every one (a new array each)."""
        for k, sigma in enumerate(self.sigmas_):
            flow.begin(k)
            with compute_threads(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
                Y = self._step(flow, Y, k)
            if not np.isfinite(Y).all():
                raise ValueError(
                    f"the flow left the range of {Y.dtype} at step {k + 1} of {len(self.sigmas_)}, "
                    f"with sigma={sigma:.3g}: choose a smaller step_size or first_step_norm, or a "
                    "schedule with a larger sigma_min."
                )
            yield Y

    def _step(self, flow: Flow, Y: NDArray, k: int) -> NDArray:
        """Move centred rows by one step."""
        sigma, level = float(self.sigmas_[k]), float(self.noise_levels_[k])
        n_noise = self._fitted_defaults.n_noise
        dY = flow.displacement(Y, sigma, noise_level=level, n_noise=n_noise)
        return Y + flow.step_size(dY) * dY

    def _flow(
        self,
        Y: NDArray,
        rng: np.random.Generator,
        weight: NDArray | None = None,
        *,
        is_source: bool = True,
    ) -> tuple[Iterator[NDArray], Any, TargetView]:
        """Begin to move centred rows: what every step gives, each row's place in it, the target.

        As a population they stand in lexicographic order, so that noise and batches, and with them
        a row's way, do not depend on where it stood in the table. Through the frozen flow of
        reference rows each is moved on its own.
        """
        recording = self._recording
        if recording is not None:
            flow = Replay(recording, recording.nearest(Y))
            return self._loop(flow, self._aligned(Y, recording.affine)), slice(None), self._view
        # rows of a base are nobody's, and even: whatever they follow, nothing of theirs is lost
        sizes = self._new_step_sizes(self._fitted_defaults.shrinkage if is_source else 0.0)
        order = lexicographic_order(Y)
        place = np.argsort(order)
        Y, weight = Y[order], None if weight is None else weight[order]
        view = self._view.given(Y, self.center_, weight) if is_source else self._all_move()
        steps = self._steps(Y, weight, self._alignment(Y, weight, view), rng, sizes, view)
        if view.stands_for is not None:
            view = dataclasses.replace(view, stands_for=view.stands_for[place])
        return steps, place, view

    def _all_move(self) -> TargetView:
        """The target for rows that keep nothing."""
        return dataclasses.replace(self._view, kept=NO_COLUMNS)

    def _steps(
        self,
        Y: NDArray,
        weight: NDArray | None,
        affine: Affine | None,
        rng: np.random.Generator,
        step_sizes: StepSizes,
        view: TargetView,
        recording: Recording | None = None,
    ) -> Iterator[NDArray]:
        """Move sorted rows as a population, and record their flow if there is a recording."""
        Y = self._aligned(Y, affine)
        field, kept = view.field, view.kept
        if field.sees_source:
            Y = told_apart(Y, DITHER * self.sigmas_[-1] * view.relative_spread(), rng)
        n_rows, is_recorded = (len(Y), len(self._target)), recording is not None
        state = start_state(
            field,
            rng,
            self.batch_size,
            *n_rows,
            is_recorded=is_recorded,
            own_bandwidths=view.own_bandwidths,
            weight=weight,
        )
        if len(kept):
            state = ConditionalState(state, ~np.isin(np.arange(Y.shape[1]), kept))
        if recording is None:
            return self._loop(LiveFlow(state, rng, step_sizes, kept), Y)
        return self._loop(RecordedFlow(state, rng, step_sizes, kept, recording), Y)

    def _alignment(self, Y: NDArray, weight: NDArray | None, view: TargetView) -> Affine | None:
        """The affine map that rows start with."""
        if self._fitted_defaults.align is None:
            return None
        with compute_threads(self.n_jobs):  # BLAS may round otherwise on several threads
            if len(view.kept):
                target = view.rows, view.weight, view.kept
                return conditional_map(Y, *target, self._first_level(), weight)
            return self._align(Y, weight)

    def _aligned(self, Y: NDArray, affine: Affine | None) -> NDArray:
        """Rows where their flow begins.

        Some fields hardly pull a row that is farther out than the target and alone: with them such
        rows begin at the target's edge.
        """
        Y = apply_affine(Y, affine)
        if affine is None or self.field_.pulls_lone_rows:
            return Y
        reach = np.linalg.norm(np.delete(self._target, self._kept, axis=1), axis=1).max()
        return drawn_in(Y, float(reach), self._kept)

    def _align(self, Y: NDArray, weight: NDArray | None) -> Affine:
        align = lookup(ALIGNMENTS, self._fitted_defaults.align, name="align")
        return align(Y, self._target, self._weight, self._first_level(), weight)

    def _first_level(self) -> float:
        """By how much the target is blurred where rows start."""
        return 0.0

    def _shown(self, steps: Iterator[NDArray]) -> Iterable[NDArray]:
        """The steps, with a progress bar if asked for."""
        total, label = len(self.sigmas_), type(self).__name__
        return progress(steps, total=total, verbose=self.verbose, label=label)

    def _finish(self, moved: NDArray, view: TargetView, weight: NDArray | None) -> Finish:
        """What rows at the end of their flow still miss of the target."""
        if not self.match_marginals:
            return Finish()
        is_matched = self.field_.fixes_target
        return Finish.of(moved, view, weight) if is_matched else Finish.of_constants(view)

    def _end(self, moved: NDArray, view: TargetView, weight: NDArray | None = None) -> NDArray:
        """Rows at the end of their way, with the target's own values where they need them."""
        if self._recording is None:
            return self._finish(moved, view, weight)(moved)
        finish = self._recording.finish  # a flow that was stopped has none
        return moved if finish is None else finish(moved)

    def _record(self, X_source: ArrayLike, task: FitTask) -> Recording:
        """Move the reference rows, and return what the steps of their flow were made of."""
        rows = check_rows(X_source, name="X_source", n_features=self.n_features_in_)
        rng = self._rng()
        most = REFERENCE_RANGE[1] if is_auto(self.n_reference) else self.n_reference
        weight = self.source_weight_
        if len(rows) > most:
            some = rng.choice(len(rows), most, replace=False)
            rows, weight = rows[some], None if weight is None else weight[some]
        n_numbers = len(rows) * (rows.shape[1] + 3) + len(self._target)
        check_memory(
            RECORDED_COPIES * self.n_steps * n_numbers * self._target.itemsize,
            f"the flow of {len(rows)} rows of X_source, kept for {self.n_steps} steps,",
            "choose a lower n_reference, or fewer n_steps",
        )
        rows = (rows - self.center_).astype(self._target.dtype)
        order = lexicographic_order(rows)
        start, weight = rows[order], None if weight is None else weight[order]
        view = self._view.given(start, self.center_, weight)
        recording = Recording(start, self._alignment(start, weight, view), weight)
        steps = self._recorded(recording, rng, view)
        with compute_threads(self.n_jobs):  # once for the whole flow
            deque(self._shown(task.watch(steps, lambda: self._so_far(recording))), maxlen=0)
        return recording

    def _recorded(
        self, recording: Recording, rng: np.random.Generator, view: TargetView
    ) -> Iterator[NDArray]:
        """Move the rows of a recording, and record that; a stopped flow ends where it is."""
        Y, weight = recording.start, recording.weight
        sizes = self._new_step_sizes(self._fitted_defaults.shrinkage)
        for moved in self._steps(Y, weight, recording.affine, rng, sizes, view, recording):
            if len(recording.steps) == self.n_steps:
                rows = self._restore(moved, moved.dtype)
                recording.finish = self._finish(rows, view, weight)
                place = recording.nearest(Y)  # equal rows, which are told apart here, go one way
                self._warn_if_not_arrived(recording.finish(rows)[place], weight)
            yield moved

    def _warn_if_not_arrived(self, moved: NDArray, weight: NDArray | None = None) -> None:
        """Warn of a population that ended far from the target, unless columns of it stay."""
        if not len(self._kept):
            target = self._target, self._weight, self._n_draws
            with compute_threads(1):  # some hundred rows are not worth a second one
                warn_if_not_arrived(moved - self.center_, *target, weight)

    def _so_far(self, recording: Recording) -> dict[str, Any]:
        """Attributes of the sampler if its flow ends where the recording does now."""
        k = len(recording.steps)
        return {
            "sigmas_": self.sigmas_[:k],
            "noise_levels_": self.noise_levels_[:k],
            "step_sizes_": self.step_sizes_[:k],
            "_recording": dataclasses.replace(
                recording, steps=recording.steps[:k]
            ),  # which grows no more
        }

    def _end_at(self, recording: Recording) -> None:
        """Let the flow end where a recording ends."""
        for name, value in self._so_far(recording).items():
            setattr(self, name, value)
