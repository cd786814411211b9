r"""Curves over the steps of a flow: its distance to the target, and its bandwidths σ_k."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._utils import check_rows
from skflow.metrics import energy_distance, energy_floor
from skflow.plotting._base import AFTER, INK, Display, check_path, open_frame, path_of, set_log_axis

__all__ = ["ConvergenceDisplay", "ScheduleDisplay"]

FRESH = "fresh rows"

Metric = Callable[[NDArray, NDArray], float]


class ConvergenceDisplay(Display):
    """The distance of moving rows to target rows, step by step, above its floor.

    The floor is what as many fresh rows of the target's distribution show by chance. Give target
    rows that the flow was not fitted to: to its own it may come nearer than that.

    Parameters
    ----------
    steps : ndarray of shape (n_points,)
        Numbers of steps, 0 being the source.
    distances : ndarray of shape (n_points,)
        The distance after each of them.
    floor : float, default=None
        The distance that fresh rows show.
    metric_name : str, default="distance"
        What the axis is called.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.
    line_ : Line2D
        The curve.
    floor_line_ : Line2D or None
        The line of the floor.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SDFlowSampler
    >>> from skflow.datasets import make_ring
    >>> from skflow.plotting import ConvergenceDisplay
    >>> flow = SDFlowSampler(n_steps=20, random_state=0).fit(make_ring(200, random_state=0))
    >>> source = np.random.default_rng(0).normal(size=(100, 2))
    >>> display = ConvergenceDisplay.from_estimator(flow, source, make_ring(500, random_state=1))
    >>> bool(display.distances[-1] < display.distances[0] / 10)
    True
    """

    _width, _height = 4.8, 3.2

    def __init__(
        self,
        steps: NDArray,
        distances: NDArray,
        *,
        floor: float | None = None,
        metric_name: str = "distance",
    ) -> None:
        self.steps = steps
        self.distances = distances
        self.floor = floor
        self.metric_name = metric_name

    @classmethod
    def from_estimator(
        cls,
        flow: Any,
        X: ArrayLike,
        X_held_out: ArrayLike,
        *,
        metric: Metric = energy_distance,
        floor: float | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ConvergenceDisplay:
        """Move rows along a fitted flow, and measure them after every step.

        Parameters
        ----------
        flow : sampler
            A fitted flow with ``staged_transform``.
        X : array-like of shape (n_rows, n_features)
            Source rows.
        X_held_out : array-like of shape (n_target_rows, n_features)
            Target rows that the flow was not fitted to.
        metric : callable, default=energy_distance
            ``metric(rows, X_held_out) -> float``.
        floor : float, default=None
            The distance that fresh rows show, see `skflow.metrics.floor`; None computes that of
            the energy distance, and draws none of other metrics.
        ax : Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        path = path_of(flow, X, "ConvergenceDisplay.from_estimator")
        kwargs = {"label": type(flow).__name__, **kwargs}
        return cls.from_tables(path, X_held_out, metric=metric, floor=floor, ax=ax, **kwargs)

    @classmethod
    def from_tables(
        cls,
        path: Sequence[ArrayLike],
        X_held_out: ArrayLike,
        *,
        steps: Sequence[int] | None = None,
        metric: Metric = energy_distance,
        floor: float | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ConvergenceDisplay:
        """Measure rows whose way is known.

        Parameters
        ----------
        path : list of array-like of shape (n_rows, n_features)
            The rows before the first step and after every step.
        X_held_out : array-like of shape (n_target_rows, n_features)
            Target rows that the flow was not fitted to.
        steps : list of int, default=None
            The steps to measure; None is all.
        metric : callable, default=energy_distance
            ``metric(rows, X_held_out) -> float``.
        floor : float, default=None
            As for ``from_estimator``.
        ax : Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        tables = check_path(path)
        X = check_rows(X_held_out, name="X_held_out", n_features=tables[0].shape[1])
        chosen = np.arange(len(tables)) if steps is None else np.asarray(steps)
        distances = np.array([metric(tables[k], X) for k in chosen])
        if floor is None and metric is energy_distance:
            floor = energy_floor(X, len(tables[0]))
        name = getattr(metric, "__name__", "distance").replace("_", " ")
        return cls(chosen, distances, floor=floor, metric_name=name).plot(ax=ax, **kwargs)

    def plot(
        self, ax: Any = None, *, label: str | None = None, color: Any = AFTER, **kwargs: Any
    ) -> ConvergenceDisplay:
        """Draw; several displays on the same axes compare flows.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a figure.
        label : str, default=None
            What the legend calls the curve.
        color : color, default=blue
            Of the curve.
        **kwargs : dict
            Further properties of the curve, such as ``linestyle``.

        Returns
        -------
        self : ConvergenceDisplay
            The display.
        """
        (axis,) = self._panels(ax, 1)
        (self.line_,) = axis.plot(self.steps, self.distances, label=label, color=color, **kwargs)
        self.floor_line_ = None
        if self.floor is not None:
            is_named = FRESH in axis.get_legend_handles_labels()[1]
            look = {"color": INK, "linewidth": 0.8, "linestyle": ":"}
            self.floor_line_ = axis.axhline(self.floor, label=None if is_named else FRESH, **look)
        axis.set(xlabel="step", ylabel=self.metric_name)
        set_log_axis(axis)
        open_frame(axis)
        return self


class ScheduleDisplay(Display):
    """The bandwidth of every step, and the noise where that has a schedule of its own.

    Parameters
    ----------
    sigmas : ndarray of shape (n_steps,)
        The bandwidths σ_k, in the units of the data.
    noise_levels : ndarray of shape (n_steps,), default=None
        The noise of every step, if it is another than the bandwidth.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.
    line_ : Line2D
        The curve of the bandwidths.
    noise_line_ : Line2D or None
        The curve of the noise.

    Examples
    --------
    >>> from skflow.datasets import make_ring
    >>> from skflow.plotting import ScheduleDisplay
    >>> from skflow.schedules import CosineSchedule
    >>> schedule = CosineSchedule(2.0, 0.5).fit(make_ring(100, random_state=0))
    >>> ScheduleDisplay.from_schedule(schedule, n_steps=5).sigmas[[0, -1]]
    array([2. , 0.5])
    """

    _width, _height = 4.8, 3.2

    def __init__(self, sigmas: NDArray, *, noise_levels: NDArray | None = None) -> None:
        self.sigmas = sigmas
        self.noise_levels = noise_levels

    @classmethod
    def from_estimator(cls, flow: Any, *, ax: Any = None, **kwargs: Any) -> ScheduleDisplay:
        """Draw the schedule of a fitted flow.

        Parameters
        ----------
        flow : sampler or generator
            A fitted flow with ``sigmas_``.
        ax : Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : ScheduleDisplay
            The display, drawn.
        """
        noise = getattr(flow, "noise_levels_", None)
        is_same = noise is None or np.array_equal(noise, flow.sigmas_)
        display = cls(flow.sigmas_, noise_levels=None if is_same else noise)
        return display.plot(ax=ax, **{"label": type(flow).__name__, **kwargs})

    @classmethod
    def from_schedule(
        cls, schedule: Any, n_steps: int = 50, *, ax: Any = None, **kwargs: Any
    ) -> ScheduleDisplay:
        """Draw a fitted schedule.

        Parameters
        ----------
        schedule : Schedule
            A fitted schedule.
        n_steps : int, default=50
            Number of steps.
        ax : Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : ScheduleDisplay
            The display, drawn.
        """
        kwargs = {"label": type(schedule).__name__, **kwargs}
        return cls(schedule.sigmas(n_steps)).plot(ax=ax, **kwargs)

    def plot(
        self, ax: Any = None, *, label: str | None = None, color: Any = AFTER, **kwargs: Any
    ) -> ScheduleDisplay:
        """Draw; several displays on the same axes compare schedules.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a figure.
        label : str, default=None
            What the legend calls the curve.
        color : color, default=blue
            Of the curves.
        **kwargs : dict
            Further properties of the curve of bandwidths.

        Returns
        -------
        self : ScheduleDisplay
            The display.
        """
        (axis,) = self._panels(ax, 1)
        steps = np.arange(1, len(self.sigmas) + 1)
        dots = {"marker": "." if len(steps) <= 100 else "", "color": color, "label": label}
        (self.line_,) = axis.plot(steps, self.sigmas, **{**dots, **kwargs})
        self.noise_line_ = None
        if self.noise_levels is not None:
            (self.noise_line_,) = axis.plot(
                steps, self.noise_levels, color=color, linestyle=":", label="noise"
            )
        axis.set(xlabel="step", ylabel="bandwidth σ")
        set_log_axis(axis)
        open_frame(axis)
        return self
