"""What all displays share: matplotlib, imported late; panels; colors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow._utils import check_rows

__all__ = [
    "AFTER",
    "BEFORE",
    "INK",
    "TARGET",
    "Display",
    "check_path",
    "import_matplotlib",
    "literal",
    "open_frame",
    "path_of",
    "set_log_axis",
    "some",
]

# Okabe and Ito's blue and vermilion, told apart by all eyes, and of different lightness: in grey
# they are 30 %, 47 % and 80 % of white. Lines differ in their dashes, too.
TARGET, BEFORE, AFTER, INK = "#c5cbd4", "#d55e00", "#005b96", "#2b2f36"


def import_matplotlib(caller: str) -> Any:
    """Return `matplotlib.pyplot`, or say which extra has it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(
            f"{caller} draws with matplotlib, which is not installed: "
            'pip install "scikit-sdflow[plot]".'
        ) from None
    return plt


def literal(text: Any, most: int = 40) -> str:
    """Text that matplotlib draws as it is, on one short line: a dollar sign starts no formula."""
    line = " ".join(str(text).split())
    return (line if len(line) <= most else f"{line[: most - 1]}…").replace("$", r"\$")


def open_frame(axis: Any, **place: Any) -> None:
    """Leave out the upper and the right side of a frame; what has a label gets a legend."""
    axis.spines[["top", "right"]].set_visible(False)
    if axis.get_legend_handles_labels()[1]:
        axis.legend(fontsize=8, frameon=False, **place)


class Display:
    """Base class: where the panels of a display come from.

    Attributes
    ----------
    ax_ : Axes or ndarray of Axes
        The axes of the last ``plot``; an array if the display has several panels.
    figure_ : Figure
        Their figure.
    """

    ax_: Any
    figure_: Any
    _width: ClassVar[float] = 3.2  # of a panel, in inches
    _height: ClassVar[float] = 2.6

    def _panels(self, ax: Any, n: int, *, n_columns: int = 4, **kwargs: Any) -> NDArray:
        """Return n axes: those given, or the first ones of a new figure."""
        plt = import_matplotlib(f"{type(self).__name__}.plot")
        if ax is None:
            width = min(n, n_columns)
            height = -(-n // width)
            _, axes = plt.subplots(
                height,
                width,
                figsize=(self._width * width, self._height * height),
                squeeze=False,
                **{"layout": "constrained", **kwargs},
            )
            axes = axes.ravel()
            for spare in axes[n:]:
                spare.remove()
            axes = axes[:n]
        else:
            axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
            if len(axes) != n:
                raise ValueError(
                    f"ax holds {len(axes)} axes, but {type(self).__name__} has {n} panel(s): give "
                    "as many, or None for a figure of their own."
                )
        self.ax_ = axes[0] if n == 1 else axes
        self.figure_ = axes[0].figure
        return axes


def set_log_axis(axis: Any) -> None:
    """A logarithmic y-axis whose ticks read 0.1, 0.2, 0.5, 1."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def path_of(flow: Any, X: ArrayLike, caller: str) -> list[NDArray]:
    """Return the rows before the first step and after every step of a flow."""
    if not hasattr(flow, "staged_transform"):
        raise TypeError(
            f"{caller} needs a flow with staged_transform, such as SDFlowSampler(), got "
            f"{type(flow).__name__}: for anything else give its rows to {caller.split('.')[0]}"
            ".from_tables."
        )
    return [np.asarray(X), *map(np.asarray, flow.staged_transform(X))]


def check_path(path: Sequence[ArrayLike]) -> list[NDArray]:
    """Return tables of one shape, the same rows at several times."""
    tables = [check_rows(rows, name=f"path[{k}]") for k, rows in enumerate(path)]
    shapes = {table.shape for table in tables}
    if len(shapes) != 1:
        raise ValueError(
            f"path must hold the same rows at several times, so tables of one shape; got "
            f"{sorted(shapes) or 'none'}."
        )
    return tables


def some(rows: Any, most: int) -> NDArray:
    """Return at most so many rows, taken evenly: tables are often sorted."""
    rows = np.asarray(rows)
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(int)] if most else rows[:0]
