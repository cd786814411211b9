"""Rows on their way, as a moving picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skflow._utils import check_scale
from skflow.plotting._base import AFTER, BEFORE, import_matplotlib
from skflow.plotting._path import FlowPathDisplay

__all__ = ["animate"]


def animate(
    flow: Any,
    X: ArrayLike,
    path: str | Path = "flow.gif",
    *,
    columns: Sequence[int | str] | None = None,
    seconds: float = 4.0,
    hold: float = 1.0,
    dpi: float = 100.0,
) -> Path:
    """Write the way of rows along a fitted flow as a GIF.

    Parameters
    ----------
    flow : sampler
        A fitted flow with ``staged_transform``.
    X : array-like of shape (n_rows, n_features)
        Source rows.
    path : str or Path, default="flow.gif"
        The file to write.
    columns : list of int or str, default=None
        Two or three columns to draw, as for `FlowPathDisplay`.
    seconds : float, default=4.0
        How long the flow takes.
    hold : float, default=1.0
        For how many seconds its first and its last frame stay.
    dpi : float, default=100.0
        Pixels an inch; the picture is four inches wide.

    Returns
    -------
    path : Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skflow import SDFlowSampler
    >>> from skflow.datasets import make_ring
    >>> from skflow.plotting import animate
    >>> flow = SDFlowSampler(n_steps=5, random_state=0).fit(make_ring(100, random_state=0))
    >>> source = np.random.default_rng(0).normal(size=(100, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     animate(flow, source, Path(folder) / "flow.gif", seconds=1).name
    'flow.gif'
    """
    plt = import_matplotlib("animate")
    from matplotlib.animation import FuncAnimation, PillowWriter

    seconds, hold = check_scale(seconds, name="seconds"), check_scale(hold, name="hold")
    display = FlowPathDisplay.from_estimator(flow, X, columns=columns, steps=[0])
    _fit_frame(display)
    n_steps = len(display.path) - 1
    fps = max(1, round((n_steps + 1) / seconds))
    frames = np.r_[[0] * round(hold * fps), range(n_steps + 1), [n_steps] * round(hold * fps)]
    film = FuncAnimation(display.figure_, lambda k: _show(display, int(k)), frames, blit=False)
    film.save(str(path), writer=PillowWriter(fps=fps), dpi=dpi)
    plt.close(display.figure_)
    return Path(path)


def _fit_frame(display: FlowPathDisplay) -> None:
    """One frame for all steps, and a title whose length leaves the layout as it is."""
    points = np.concatenate([display.target, *display.path])
    margin = 0.05 * np.ptp(points, axis=0).max()
    for axis, low, high in zip("xyz", points.min(axis=0), points.max(axis=0), strict=False):
        getattr(display.ax_, f"set_{axis}lim")(low - margin, high + margin)
    if points.shape[1] == 3:
        display.ax_.set_box_aspect(np.ptp(points, axis=0) + 2 * margin)
    display.ax_.get_legend().remove()
    width, height = np.ptp(points, axis=0)[:2] + 2 * margin
    is_box = points.shape[1] == 3
    display.figure_.set_size_inches(4, 4 if is_box else 4 * np.clip(height / width, 0.5, 2) + 0.4)


def _show(display: FlowPathDisplay, step: int) -> None:
    """Put the rows where they are after a step."""
    (dots,) = display.rows_
    rows = display.path[step]
    if rows.shape[1] == 3:
        dots.set_data_3d(*rows.T)
    else:
        dots.set_data(*rows.T)
    dots.set_color(AFTER if step else BEFORE)
    display.ax_.set_title(display._title(step), fontsize=10)
