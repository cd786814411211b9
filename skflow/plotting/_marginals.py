"""The distribution of every column: before, after and of the target."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow.plotting._base import AFTER, BEFORE, INK, TARGET, Display, literal
from skflow.plotting._columns import DAY, Column, read_columns

__all__ = ["MarginalsDisplay", "names_of_tables", "read_drawn"]

MOST_SINGLE_BARS = 12  # numbers of so few values get a bar each
MOST_BARS = 10  # categories with a bar of their own
TAILS = 0.002  # share of a table that may lie beyond either end of a histogram
MARGINAL_LOOKS = {
    "before": {"color": BEFORE, "linestyle": "--"},
    "after": {"color": AFTER, "linestyle": "-"},
}
MISSING_LABEL, OTHERS = "(missing)", "(others)"

Bars = tuple[list[str], dict[str, NDArray]]


def names_of_tables(before: Any, after: Any, target: Any) -> dict[str, Any]:
    """Return the tables that there are, the target last."""
    tables = {"before": before, "after": after, "target": target}
    return {name: table for name, table in tables.items() if table is not None}


def read_drawn(
    tables: Mapping[str, Any],
    columns: Sequence[Hashable] | None,
    target_weight: ArrayLike | None,
) -> dict[Hashable, dict[str, Column]]:
    """Read the columns that a display draws; without any table there is nothing to draw."""
    if not tables:
        raise ValueError("there is nothing to draw: give before, after or target.")
    weight = None if target_weight is None else np.asarray(target_weight)
    return read_columns(tables, columns, {"target": weight})


class MarginalsDisplay(Display):
    """The distribution of every column: of source rows, of the same rows moved, of the target.

    Numbers and dates are drawn as histograms over the same bins, categories, and numbers of at most
    12 values, as bars; missing values have a bar of their own, or a share in the panel's title. The
    target is the grey area, source rows the dashed line, moved rows the solid line. All heights
    are shares of a table's rows.

    Parameters
    ----------
    columns : dict of str to dict of str to Column
        Every column's values in the tables "before", "after" and "target", those that there are.

    Attributes
    ----------
    ax_ : Axes or ndarray of Axes
        The panels.
    figure_ : Figure
        Their figure.
    heights_ : list of dict of str to ndarray
        The heights in every panel, by table.
    edges_ : list of ndarray or list of str
        The bins of every panel, or what its bars stand for.

    Examples
    --------
    >>> import pandas as pd
    >>> from skflow.plotting import MarginalsDisplay
    >>> before = pd.DataFrame({"kind": ["bun", "roll", None, "roll"], "grams": [80, 90, 85, 70]})
    >>> target = pd.DataFrame({"kind": ["bun", "bun", "bun", "roll"], "grams": [60, 61, 55, 66]})
    >>> display = MarginalsDisplay.from_tables(before, target=target)
    >>> display.edges_[0], display.heights_[0]["before"]
    (['bun', 'roll', '(missing)'], array([0.25, 0.5 , 0.25]))
    """

    _width, _height = 3.2, 2.3

    def __init__(self, columns: dict[Hashable, dict[str, Column]]) -> None:
        self.columns = columns

    @classmethod
    def from_estimator(
        cls,
        flow: Any,
        X: Any,
        target: Any,
        *,
        columns: Sequence[Hashable] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> MarginalsDisplay:
        """Move rows by a fitted flow, and draw them before and after.

        Parameters
        ----------
        flow : estimator
            A fitted flow with ``transform``, of arrays or data frames.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Source rows.
        target : array-like or DataFrame of shape (n_target_rows, n_features)
            Target rows.
        columns : list, default=None
            The columns to draw; None is all that the tables share.
        ax : Axes or array of Axes, default=None
            One for every column; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : MarginalsDisplay
            The display, drawn.
        """
        moved = flow.transform(X)
        return cls.from_tables(X, moved, target, columns=columns, ax=ax, **kwargs)

    @classmethod
    def from_tables(
        cls,
        before: Any = None,
        after: Any = None,
        target: Any = None,
        *,
        target_weight: ArrayLike | None = None,
        columns: Sequence[Hashable] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> MarginalsDisplay:
        """Draw tables.

        Parameters
        ----------
        before, after, target : array-like or DataFrame, default=None
            Source rows, the same rows moved, and the target; at least one of them.
        target_weight : array-like of shape (n_target_rows,), default=None
            Weights of the target's rows.
        columns : list, default=None
            The columns to draw; None is all that the tables share.
        ax : Axes or array of Axes, default=None
            One for every column; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : MarginalsDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the tables share no column, or lack one of those chosen.
        """
        tables = names_of_tables(before, after, target)
        return cls(read_drawn(tables, columns, target_weight)).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, *, bins: int = 30) -> MarginalsDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One for every column; None makes a figure.
        bins : int, default=30
            Bins of a histogram.

        Returns
        -------
        self : MarginalsDisplay
            The display.
        """
        axes = self._panels(ax, len(self.columns))
        self.heights_: list[dict[str, NDArray]] = []
        self.edges_: list[Any] = []
        for panel, (name, parts) in zip(axes, self.columns.items(), strict=True):
            kind = next(iter(parts.values())).kind
            if kind == "category" or _n_values(parts) <= MOST_SINGLE_BARS:
                self._draw_bars(panel, *_bars(parts, is_ordered=kind != "category"))
            else:
                self._draw_histogram(panel, parts, _edges(parts, bins))
                panel.set_xlabel(_missing(parts), fontsize=8)
            panel.set_title(literal(name), fontsize=10)
            panel.spines[["top", "right", "left"]].set_visible(False)
            panel.set_yticks([])
            panel.set_ylim(bottom=0)
        _add_legend(axes[0], None if ax is not None else self.figure_)
        return self

    def _draw_histogram(self, panel: Any, parts: dict[str, Column], edges: NDArray) -> None:
        heights = {
            name: np.histogram(part.present, edges, weights=part.present_weight)[0]
            for name, part in parts.items()
        }
        scale, formatter = _axis(parts)
        for name in reversed(heights):  # the target lies below
            if name == "target":
                area = {"fill": True, "color": TARGET, "linewidth": 0}
                panel.stairs(heights[name], edges / scale, label=name, **area)
            else:
                line = {"linewidth": 1.5, "baseline": None, **MARGINAL_LOOKS[name]}
                panel.stairs(heights[name], edges / scale, label=name, **line)
        formatter(panel)
        panel.tick_params(labelsize=8)
        self.heights_.append(heights)
        self.edges_.append(edges)

    def _draw_bars(self, panel: Any, labels: list[str], heights: dict[str, NDArray]) -> None:
        """A wide bar of the target, with a mark at the height of every other table."""
        place = np.arange(len(labels))
        for name in reversed(heights):
            if name == "target":
                panel.bar(place, heights[name], 0.8, color=TARGET, label=name)
            else:
                line = {"linewidth": 2.0, **MARGINAL_LOOKS[name]}
                panel.hlines(heights[name], place - 0.42, place + 0.42, label=name, **line)
        is_long = sum(map(len, labels)) > 24 or len(labels) * max(map(len, labels)) > 48
        shown = [literal(label, 14) for label in labels]
        turned = {"rotation": 30, "ha": "right"} if is_long else {}
        panel.set_xticks(place, shown, fontsize=8, color=INK, **turned)
        panel.tick_params(axis="x", length=0)
        self.heights_.append(heights)
        self.edges_.append(labels)


def _add_legend(panel: Any, figure: Any) -> None:
    """Below all panels of a figure of one's own, where it hides nothing; else in the panel."""
    if figure is None:
        panel.legend(fontsize=8, frameon=False)
        return
    handles, labels = panel.get_legend_handles_labels()
    place = {"loc": "outside lower center", "ncols": len(labels)}
    figure.legend(handles[::-1], labels[::-1], fontsize=9, frameon=False, **place)


def _n_values(parts: dict[str, Column]) -> int:
    return len(np.unique(np.concatenate([part.present for part in parts.values()])))


def _edges(parts: dict[str, Column], bins: int) -> NDArray:
    """Bins from end to end, but for values so far out that they would hide all the others."""
    ends = [np.quantile(p.present, [TAILS, 1 - TAILS]) for p in parts.values() if len(p.present)]
    low, high = np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]
    values = np.concatenate([part.present for part in parts.values()])
    reach = high - low or abs(high) or 1.0
    low, high = max(values.min(), low - 0.1 * reach), min(values.max(), high + 0.1 * reach)
    step = _common_step(values)
    if step is None or (high - low) / step > 2**31:
        return np.linspace(low, high, bins + 1)
    wide = step * max(1, round((high - low) / step / bins))  # as many values in every bin
    n = int(np.ceil((high - low) / wide + 0.5))
    return low - step / 2 + wide * np.arange(n + 1)


def _common_step(values: NDArray) -> float | None:
    """Return the step of whole numbers, which have to fall into bins evenly."""
    if not np.all(values == np.rint(values)) or np.abs(values).max() > 2**31:
        return None
    return float(np.gcd.reduce(np.diff(np.unique(values)).astype(np.int64)))


def _bars(parts: dict[str, Column], *, is_ordered: bool) -> Bars:
    """Return what bars stand for, and their heights: numbers in order, categories by the target."""
    shares = {name: part.shares() for name, part in parts.items()}
    values = list(dict.fromkeys(value for share in reversed(shares.values()) for value in share))
    if is_ordered:
        values.sort()
    else:
        most = list(shares.values())[-1]
        values.sort(key=lambda value: (-most.get(value, 0.0), str(value)))
    kept = values if is_ordered else values[:MOST_BARS]
    rest = values[len(kept) :]
    labels = [_label(value, parts) for value in kept]
    heights = {n: [share.get(value, 0.0) for value in kept] for n, share in shares.items()}
    extra = {OTHERS: {n: sum(s.get(v, 0.0) for v in rest) for n, s in shares.items()}}
    extra[MISSING_LABEL] = {name: part.missing_share for name, part in parts.items()}
    for label, share_of in extra.items():
        if any(share_of.values()):
            labels.append(label)
            for name, share in share_of.items():
                heights[name].append(share)
    return labels, {name: np.array(height) for name, height in heights.items()}


def _label(value: Any, parts: dict[str, Column]) -> str:
    kind = next(iter(parts.values())).kind
    if kind == "number":
        return f"{value:g}"
    if kind == "date":
        return str(np.datetime64(int(value), "ns").astype("datetime64[D]"))
    if kind == "duration":
        return f"{value / DAY:g} d"
    return str(value)


def _axis(parts: dict[str, Column]) -> tuple[float, Any]:
    """What divides a histogram's edges, and what writes its axis."""
    kind = next(iter(parts.values())).kind
    if kind == "date":
        return DAY, _write_dates
    if kind == "duration":
        return DAY, lambda panel: panel.xaxis.set_major_formatter("{x:g} d")
    return 1.0, lambda panel: panel.locator_params(axis="x", nbins=4)  # long numbers have room


def _write_dates(panel: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=6)
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _missing(parts: dict[str, Column]) -> str:
    """The shares of missing values, if there are any."""
    shares = {name: part.missing_share for name, part in parts.items()}
    if not any(shares.values()):
        return ""
    return "missing: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
