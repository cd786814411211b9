"""What scikit-learn's fit callbacks see of a flow: fit is a task, its steps are the subtasks.

Callbacks came with scikit-learn 1.9. Before it nobody can set one, and the stand-ins here are
called to no effect, so that fit is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from numpy.typing import ArrayLike

__all__ = ["CallbackSupportMixin", "FitTask", "ends_callbacks"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        def _init_callback_context(self, **description: Any) -> _NoTask:
            return _NoTask()

    def with_callbacks(fit: F) -> F:
        return fit


class _NoTask:
    """A task that nobody watches."""

    def subcontext(self, **description: Any) -> _NoTask:
        return self

    def call_on_fit_task_begin(self, **seen: Any) -> None:
        pass

    def call_on_fit_task_end(self, **seen: Any) -> bool:
        return False


def ends_callbacks(fit: F) -> F:
    """Let callbacks clean up when ``fit`` ends, in whatever way; its signature is kept."""
    return with_callbacks(fit)


class FitTask:
    """A fit under way, and what callbacks are shown of it.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X, y, sample_weight : array-like or None
        What it is fitted to, as the user gave it (so that column names are kept).
    n_steps : int
        Number of steps, the subtasks of the fit; 0 if it has none.
    """

    def __init__(
        self,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        *,
        n_steps: int,
    ) -> None:
        self.n_steps = n_steps
        self._seen = {
            "estimator": estimator,
            "X": X,
            "y": X if y is None else y,  # ScoringMonitor scores nothing that has no y
            "metadata": {} if sample_weight is None else {"sample_weight": sample_weight},
        }
        self._root = estimator._init_callback_context(max_subtasks=n_steps)
        self._root.call_on_fit_task_begin(**self._seen)

    def watch(
        self, steps: Iterator[T], fitted: Callable[[], dict[str, Any]], name: str = "step"
    ) -> Iterator[T]:
        """Take the steps one by one, until they end or a callback asks to stop.

        Parameters
        ----------
        steps : iterator
            At least ``n_steps`` steps.
        fitted : callable
            Returns the attributes that the fit would set if it ended now; called only if a
            callback wants to see the fitted estimator.
        name : str, default="step"
            What a step is called.

        Yields
        ------
        state : object
            What ``steps`` yields.
        """
        for _ in range(self.n_steps):
            task = self._root.subcontext(task_name=name)
            task.call_on_fit_task_begin(**self._seen)
            state = next(steps)
            stop = task.call_on_fit_task_end(**self._seen, reconstruction_attributes=fitted)
            yield state
            if stop:
                return

    def end(self) -> None:
        """Tell callbacks that the estimator is fitted."""
        self._root.call_on_fit_task_end(**self._seen, reconstruction_attributes=dict)
