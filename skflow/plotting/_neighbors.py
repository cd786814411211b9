r"""Copying: the distances of rows to their nearest target rows.

.. math:: d_i = \min_j ‖x_i - y_j‖                        [Weber 2023, figure 3]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors

from skflow._utils import check_rows
from skflow.metrics import nearest_neighbor_ratio
from skflow.plotting._base import AFTER, BEFORE, TARGET, Display, open_frame

__all__ = ["NearestNeighborDisplay"]

FARTHEST = 0.98  # share of all distances that the axis reaches
CURVE_LOOKS = {
    "target": {"color": TARGET, "linewidth": 4.0},  # a broad band behind the others
    "fresh": {"color": BEFORE, "linestyle": "--", "linewidth": 1.5},
    "rows": {"color": AFTER, "linewidth": 1.5},
}
LABELS = {
    "target": "target rows, among themselves",
    "fresh": "fresh rows",
    "rows": "moved rows",
}


class NearestNeighborDisplay(Display):
    """The distances of rows to their nearest target rows, as cumulative shares.

    A flow that copies its target has a curve that rises at zero. One that does not is where fresh
    rows of the target's distribution are, or, where none are at hand, near the curve of target rows
    among themselves.

    Parameters
    ----------
    distances : dict of str to ndarray of shape (n_rows,)
        Distances of the "rows", of the "target" rows to each other, and of "fresh" rows if there
        are any.
    ratio : float
        `skflow.metrics.nearest_neighbor_ratio` of the rows.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.
    lines_ : dict of str to Line2D
        The curves.

    See Also
    --------
    skflow.metrics.nearest_neighbor_ratio : The ratio of two medians of these.

    Examples
    --------
    >>> from skflow.plotting import NearestNeighborDisplay
    >>> target = [[0.0], [1.0], [2.0], [3.0]]
    >>> display = NearestNeighborDisplay.from_tables([[0.5], [2.5]], target)
    >>> display.distances["rows"], display.ratio
    (array([0.5, 0.5]), 0.5)
    """

    _width, _height = 4.8, 3.2

    def __init__(self, distances: dict[str, NDArray], ratio: float) -> None:
        self.distances = distances
        self.ratio = ratio

    @classmethod
    def from_estimator(
        cls, flow: Any, X: Any, *, fresh: Any = None, ax: Any = None, **kwargs: Any
    ) -> NearestNeighborDisplay:
        """Move rows by a fitted flow, and compare them with its target.

        Parameters
        ----------
        flow : sampler, generator or TableTransport
            A fitted flow with ``transform`` and ``target_``; a table's rows are compared in the
            coordinates of its ``encode``.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Source rows.
        fresh : array-like or DataFrame of shape (n_fresh_rows, n_features), default=None
            Further target rows, held out from the fit.
        ax : Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : NearestNeighborDisplay
            The display, drawn.
        """
        encode = getattr(flow, "encode", lambda rows: rows)
        fresh = None if fresh is None else encode(fresh)
        return cls.from_tables(
            encode(flow.transform(X)), flow.target_, fresh=fresh, ax=ax, **kwargs
        )

    @classmethod
    def from_tables(
        cls,
        rows: ArrayLike,
        target: ArrayLike,
        *,
        fresh: ArrayLike | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> NearestNeighborDisplay:
        """Compare rows with target rows.

        Parameters
        ----------
        rows : array-like of shape (n_rows, n_features)
            Moved rows, or new ones.
        target : array-like of shape (n_target_rows, n_features)
            The target rows that the flow was fitted to.
        fresh : array-like of shape (n_fresh_rows, n_features), default=None
            Further target rows, held out from the fit.
        ax : Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to ``plot``.

        Returns
        -------
        display : NearestNeighborDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If a table is empty or not finite, the widths differ, or all target rows are equal.
        """
        rows = check_rows(rows, name="rows")
        target = check_rows(target, name="target", n_features=rows.shape[1])
        ratio = nearest_neighbor_ratio(rows, target, fresh=fresh)
        neighbors = NearestNeighbors(n_neighbors=1).fit(np.unique(target, axis=0))
        distances = {"target": neighbors.kneighbors()[0][:, 0]}
        if fresh is not None:
            distances["fresh"] = neighbors.kneighbors(np.asarray(fresh))[0][:, 0]
        distances["rows"] = neighbors.kneighbors(rows)[0][:, 0]
        return cls(distances, ratio).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, *, label: str = "moved rows") -> NearestNeighborDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a figure.
        label : str, default="moved rows"
            What the legend calls the rows.

        Returns
        -------
        self : NearestNeighborDisplay
            The display.
        """
        (axis,) = self._panels(ax, 1)
        self.lines_ = {}
        for name, distance in self.distances.items():
            x = np.r_[0.0, np.sort(distance)]
            share = np.arange(len(x)) / len(distance)
            text = f"{LABELS[name]} (median {np.median(distance):.3g})"
            if name == "rows":
                text = f"{label} (median {np.median(distance):.3g}, ratio {self.ratio:.2f})"
            look = {"drawstyle": "steps-post", "label": text, **CURVE_LOOKS[name]}
            (self.lines_[name],) = axis.plot(x, share, **look)
        reach = np.quantile(np.concatenate(list(self.distances.values())), FARTHEST)
        axis.set(xlabel="distance to the nearest target row", ylabel="share of rows at most so far")
        axis.set(xlim=(0, reach or 1.0), ylim=(0, 1.02))
        open_frame(axis, loc="lower left", bbox_to_anchor=(0, 1))  # above the curves
        return self
