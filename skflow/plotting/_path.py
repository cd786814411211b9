r"""Rows on their way.

.. math:: y_k = y_{k-1} + η_k \, v(z; p, q_k, σ_k)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import KernelDensity

from skflow._utils import check_count, check_rows, check_weights
from skflow.plotting._base import (
    AFTER,
    BEFORE,
    INK,
    TARGET,
    Display,
    check_path,
    literal,
    path_of,
    some,
)

__all__ = ["FlowPathDisplay"]

PATH_MARGIN = 0.06  # around the rows, as a share of their range
LONGEST_ARROW = 0.15  # in a panel, as a share of the larger side of the target's range
GRID = 60  # points of the background along either side
DARKEST = 5.0  # log-ratio


class FlowPathDisplay(Display):
    r"""Rows at chosen steps of a flow, one panel a step.

    Two columns are drawn as a plane, three as a box. Of more columns the target's two principal
    axes are drawn, unless ``columns`` chooses.

    Parameters
    ----------
    path : list of ndarray of shape (n_rows, n_columns)
        The rows before the first step and after every step; two or three columns.
    target : ndarray of shape (n_target_rows, n_columns)
        The target's rows.
    target_weight : ndarray of shape (n_target_rows,), default=None
        Their weights, which the background takes into account.
    sigmas : ndarray of shape (n_steps,), default=None
        The bandwidth of every step; the panels' titles tell it.
    column_names : list of str, default=None
        What the axes are called; None leaves them without a name.

    Attributes
    ----------
    ax_ : Axes or ndarray of Axes
        The panels.
    figure_ : Figure
        Their figure.
    target_ : list of Line2D
        The target's points in every panel.
    rows_ : list of Line2D
        The moving rows' points in every panel.
    lines_ : list of list of Line2D
        The paths so far in every panel; empty lists unless asked for.
    arrows_ : list of Quiver
        The arrows of every panel; empty unless asked for.
    background_ : list of AxesImage
        The log-ratio on a grid in every panel; empty unless asked for.

    See Also
    --------
    animate : The same as a moving picture.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SDFlowSampler
    >>> from skflow.datasets import make_ring
    >>> from skflow.plotting import FlowPathDisplay
    >>> target = make_ring(200, random_state=0)
    >>> source = np.random.default_rng(0).normal(size=(100, 2))
    >>> flow = SDFlowSampler(n_steps=10, random_state=0).fit(target)
    >>> display = FlowPathDisplay.from_estimator(flow, source, steps=[0, 5, 10], arrows=True)
    >>> len(display.ax_)
    3
    """

    _width, _height = 2.6, 2.8

    def __init__(
        self,
        path: Sequence[NDArray],
        target: NDArray,
        *,
        target_weight: NDArray | None = None,
        sigmas: NDArray | None = None,
        column_names: Sequence[str] | None = None,
    ) -> None:
        self.path = path
        self.target = target
        self.target_weight = target_weight
        self.sigmas = sigmas
        self.column_names = column_names

    @classmethod
    def from_estimator(
        cls,
        flow: Any,
        X: ArrayLike,
        *,
        columns: Sequence[int | str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> FlowPathDisplay:
        """Move rows along a fitted flow, and draw them at some of its steps.

        Parameters
        ----------
        flow : sampler
            A fitted flow with ``staged_transform``, ``target_`` and ``sigmas_``.
        X : array-like of shape (n_rows, n_features)
            Source rows.
        columns : list of int or str, default=None
            Two or three columns to draw, by number or name; None draws all of two or three, and
            the target's two principal axes of more.
        ax : Axes or array of Axes, default=None
            One for every step to be drawn; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : FlowPathDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the flow has no ``staged_transform``.
        ValueError
            If columns are unknown, or there is one column only.
        """
        path = path_of(flow, X, "FlowPathDisplay.from_estimator")
        names = getattr(flow, "feature_names_in_", None)
        return cls.from_tables(
            path,
            flow.target_,
            target_weight=flow.target_weight_,
            sigmas=flow.sigmas_,
            columns=columns,
            column_names=names,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_tables(
        cls,
        path: Sequence[ArrayLike],
        target: ArrayLike,
        *,
        target_weight: ArrayLike | None = None,
        sigmas: ArrayLike | None = None,
        columns: Sequence[int | str] | None = None,
        column_names: Sequence[str] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> FlowPathDisplay:
        """Draw rows whose way is known.

        Parameters
        ----------
        path : list of array-like of shape (n_rows, n_features)
            The rows before the first step and after every step.
        target : array-like of shape (n_target_rows, n_features)
            The target's rows.
        target_weight : array-like of shape (n_target_rows,), default=None
            Their weights.
        sigmas : array-like of shape (n_steps,), default=None
            The bandwidth of every step.
        columns : list of int or str, default=None
            As for ``from_estimator``.
        column_names : list of str of length n_features, default=None
            The names of all columns.
        ax : Axes or array of Axes, default=None
            One for every step to be drawn; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : FlowPathDisplay
            The display, drawn.
        """
        tables = check_path(path)
        target = check_rows(target, name="target", n_features=tables[0].shape[1])
        project, names = _projection(target, columns, column_names)
        display = cls(
            [project(rows) for rows in tables],
            project(target),
            target_weight=check_weights(target_weight, target),
            sigmas=None if sigmas is None else np.asarray(sigmas),
            column_names=names,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        steps: Sequence[int] | int = 6,
        paths: int = 0,
        arrows: int = 0,
        background: bool = False,
        max_rows: int = 2000,
    ) -> FlowPathDisplay:
        r"""Draw.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One for every step to be drawn, three-dimensional for three columns; None makes a
            figure.
        steps : list of int or int, default=6
            The steps to draw, 0 being the source; or how many, of which half lie in the first
            quarter, where rows go farthest.
        paths : int or bool, default=0
            Of how many rows the way so far is drawn as a line; True is 50.
        arrows : int or bool, default=0
            Of how many rows the next step is drawn as an arrow; True is 50. Arrows have the
            direction of the velocity; in every panel the longest tenth of them are equally long.
        background : bool, default=False
            Whether a tint shows ``log p - log q``, the log-ratio of the densities of the target and
            of the moving rows: it is darker where there are too few rows. Both are kernel densities
            whose bandwidth follows Silverman's rule for the target. Two columns only.
        max_rows : int, default=2000
            The most points of either table in a panel, taken evenly from its rows.

        Returns
        -------
        self : FlowPathDisplay
            The display.
        """
        chosen = self._steps(steps)
        is_box = self.path[0].shape[1] == 3
        if background and is_box:
            raise ValueError("background=True draws two columns, and the display has three.")
        limits = [self._limits(step, max_rows) for step in chosen]
        axes = self._panels(ax, len(chosen), n_columns=6, **_layout(limits, is_box))
        self.target_: list[Any] = []
        self.rows_: list[Any] = []
        self.lines_, self.arrows_, self.background_ = [], [], []
        for panel, step, frame in zip(axes, chosen, limits, strict=True):
            if background:
                self.background_.append(self._draw_background(panel, step, frame, max_rows))
            self._draw_rows(panel, step, max_rows)
            self.lines_.append(self._draw_paths(panel, step, 50 if paths is True else paths))
            if arrows and step < len(self.path) - 1:
                self.arrows_.append(
                    self._draw_arrows(panel, step, 50 if arrows is True else arrows)
                )
            _set_frame(panel, frame)
            panel.set_title(self._title(step), fontsize=10)
            self._name_axes(panel, panel is axes[0])
        dots = {line.get_label(): line for line in (self.target_[0], *self.rows_)}
        box = {"fontsize": 8, "edgecolor": "none", "framealpha": 0.8, "borderpad": 0.2}
        axes[0].legend(handles=list(dots.values()), markerscale=2, **box)
        return self

    def _steps(self, steps: Sequence[int] | int) -> list[int]:
        last = len(self.path) - 1
        if np.ndim(steps) == 0:
            n = check_count(steps, name="steps")
            share = np.linspace(0, 1, n) ** 2 if n > 1 else np.ones(1)
            return list(dict.fromkeys(np.rint(share * last).astype(int).tolist()))
        chosen = [int(step) for step in np.asarray(steps).ravel()]
        bad = [step for step in chosen if not 0 <= step <= last]
        if bad or not chosen:
            raise ValueError(
                f"steps={steps!r} must name steps from 0 (the source) to {last} (the last one)."
            )
        return chosen

    def _limits(self, step: int, max_rows: int) -> NDArray:
        """Return the least and greatest values of a panel's frame.

        It holds the target and all steps, but for a source that lies farther off: then the first
        panel alone is wider.
        """
        shown = [self.target, *self.path[1:]] if step else [self.target, self.path[0]]
        points = np.concatenate([some(rows, max_rows) for rows in shown])
        low, high = points.min(axis=0), points.max(axis=0)
        margin = PATH_MARGIN * np.maximum((high - low).max(), np.finfo(float).tiny)
        return np.array([low - margin, high + margin])

    def _draw_rows(self, panel: Any, step: int, max_rows: int) -> None:
        """Points of the target below those of the rows; the source has a color of its own."""
        dots = {"linestyle": "", "marker": "o", "markeredgewidth": 0}
        (target,) = panel.plot(
            *some(self.target, max_rows).T, color=TARGET, markersize=2.5, label="target", **dots
        )
        color, label = (AFTER, "moved rows") if step else (BEFORE, "source")
        (rows,) = panel.plot(
            *some(self.path[step], max_rows).T, color=color, markersize=2.5, label=label, **dots
        )
        self.target_.append(target)
        self.rows_.append(rows)

    def _draw_paths(self, panel: Any, step: int, n: int) -> list[Any]:
        ways = np.stack([some(rows, n) for rows in self.path[: step + 1]], axis=1)
        return [panel.plot(*way.T, color=INK, linewidth=0.5, alpha=0.5)[0] for way in ways]

    def _draw_arrows(self, panel: Any, step: int, n: int) -> Any:
        """Arrows of the next step, scaled alike; 3-d arrows have no other way to be scaled."""
        start, end = (some(self.path[k], n) for k in (step, step + 1))
        v = end - start
        length = np.linalg.norm(v, axis=1, keepdims=True)
        v = v / np.maximum(length, np.quantile(length, 0.9) or 1.0)
        v *= LONGEST_ARROW * np.ptp(self.target, axis=0).max()
        if start.shape[1] == 3:
            return panel.quiver(*start.T, *v.T, color=INK, linewidth=0.7)
        scale = {"angles": "xy", "scale_units": "xy", "scale": 1}
        return panel.quiver(*start.T, *v.T, color=INK, width=0.006, zorder=3, **scale)

    def _draw_background(self, panel: Any, step: int, limits: NDArray, max_rows: int) -> Any:
        """Tint where the log-ratio is positive."""
        half = np.diff(limits, axis=0) / (2 * GRID)
        x, y = np.linspace(limits[0] + half[0], limits[1] - half[0], GRID).T  # middles of pixels
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        target, rows = some(self.target, max_rows), some(self.path[step], max_rows)
        weight = None if self.target_weight is None else some(self.target_weight, max_rows)
        sigma = len(target) ** (-1 / 6) * float(np.sqrt(target.var(axis=0).mean()))
        log_p, log_q = (
            KernelDensity(bandwidth=sigma).fit(table, sample_weight=w).score_samples(grid)
            for table, w in ((target, weight), (rows, None))
        )
        ratio = (log_p - log_q).reshape(GRID, GRID)
        look = {"cmap": "Blues", "vmin": 0, "vmax": DARKEST, "alpha": 0.5, "zorder": 0}
        extent = (*limits[:, 0], *limits[:, 1])
        return panel.imshow(ratio, extent=extent, origin="lower", interpolation="bilinear", **look)

    def _title(self, step: int) -> str:
        if step == 0:
            return "source"
        if self.sigmas is None:
            return f"step {step}"
        return f"step {step}, σ = {self.sigmas[step - 1]:.2g}"

    def _name_axes(self, panel: Any, is_first: bool) -> None:
        if self.column_names is None:
            return
        for axis, name in zip("xyz", self.column_names, strict=False):
            if is_first or axis == "x":
                getattr(panel, f"set_{axis}label")(literal(name), fontsize=9)


def _layout(limits: list[NDArray], is_box: bool) -> dict[str, Any]:
    """Boxes, or one row of panels that are as wide as what they show."""
    if is_box:
        return {"subplot_kw": {"projection": "3d"}}
    size = [high - low for low, high in limits]
    return {} if len(limits) > 6 else {"width_ratios": [width / height for width, height in size]}


def _set_frame(panel: Any, limits: NDArray) -> None:
    for axis, (low, high) in zip("xyz", limits.T, strict=False):
        getattr(panel, f"set_{axis}lim")(low, high)
        getattr(panel, f"set_{axis}ticks")([])
    if limits.shape[1] == 3:
        panel.set_box_aspect(limits[1] - limits[0])
    else:
        panel.set_aspect("equal")
        panel.spines[:].set_color("#d8dce2")


def _projection(
    target: NDArray, columns: Sequence[int | str] | None, names: Sequence[str] | None
) -> tuple[Any, list[str] | None]:
    """Return what takes rows to the columns that are drawn, and their names."""
    n = target.shape[1]
    if columns is None and n > 3:
        center = target.mean(axis=0)
        axes = np.linalg.svd(target - center, full_matrices=False)[2][:2]
        return lambda rows: (rows - center) @ axes.T, ["1st principal axis", "2nd principal axis"]
    known = None if names is None else [str(name) for name in names]
    chosen = [_number(column, n, known) for column in (range(n) if columns is None else columns)]
    if len(chosen) not in (2, 3):
        raise ValueError(
            f"FlowPathDisplay draws two or three columns, got {len(chosen)}: choose others with "
            "columns=[...]; for single columns there is MarginalsDisplay."
        )
    return lambda rows: rows[:, chosen], None if known is None else [known[i] for i in chosen]


def _number(column: int | str, n: int, names: list[str] | None) -> int:
    if isinstance(column, str) and names is not None and column in names:
        return names.index(column)
    if not isinstance(column, str) and -n <= column < n:
        return int(column) % n
    known = f"0 to {n - 1}" if names is None else ", ".join(map(repr, names))
    raise ValueError(f"columns names {column!r}, which the rows do not have. Known: {known}.")
