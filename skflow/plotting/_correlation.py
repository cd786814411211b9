r"""How columns go together: before, after and in the target.

=====================  ============================================================
two columns            their association
=====================  ============================================================
numbers                Spearman's rank correlation, from -1 to 1
number and category    correlation ratio η of the ranks, from 0 to 1
categories             Cramér's V, from 0 to 1
=====================  ============================================================
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skflow.plotting._base import Display, literal
from skflow.plotting._columns import Column
from skflow.plotting._marginals import names_of_tables, read_drawn

__all__ = ["CorrelationDisplay", "associations"]

CONSTANT_VARIANCE = 1e-12  # of ranks or indicators, up to which a column is constant
SINGULAR = 1e-9  # eigenvalue over the largest, up to which it counts as zero
NUMBERED = 9  # columns of a matrix whose figures are written into it
MARKED = -0.1  # association, up to which a cell without a figure has a minus sign


class CorrelationDisplay(Display):
    """The associations of all pairs of columns, as one matrix for each table.

    Two columns of numbers have Spearman's rank correlation, a number and a category the correlation
    ratio η of the ranks, two categories Cramér's V. Rows with a missing value in either column are
    left out. A pair of which one is constant has no association, and its cell stays blank. Cells of
    up to nine columns show the figure. With more columns a minus sign marks what is -0.1 or less,
    because a color in grey does not tell its sign.

    Parameters
    ----------
    matrices : dict of str to ndarray of shape (n_columns, n_columns)
        The associations in the tables "before", "after" and "target", those that there are.
    column_names : list
        The columns.

    Attributes
    ----------
    ax_ : Axes or ndarray of Axes
        The panels.
    figure_ : Figure
        Their figure.
    images_ : dict of str to AxesImage
        The matrices as drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.plotting import CorrelationDisplay
    >>> x = np.arange(10.0)
    >>> display = CorrelationDisplay.from_tables(target=np.column_stack([x, x**3, -x]))
    >>> display.matrices["target"].round(1)
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """

    _width, _height = 3.4, 3.4

    def __init__(self, matrices: dict[str, NDArray], column_names: Sequence[Hashable]) -> None:
        self.matrices = matrices
        self.column_names = column_names

    @classmethod
    def from_estimator(
        cls,
        flow: Any,
        X: Any,
        target: Any,
        *,
        columns: Sequence[Hashable] | None = None,
        ax: Any = None,
    ) -> CorrelationDisplay:
        """Move rows by a fitted flow, and draw their associations before and after.

        Parameters
        ----------
        flow : estimator
            A fitted flow with ``transform``, of arrays or data frames.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Source rows.
        target : array-like or DataFrame of shape (n_target_rows, n_features)
            Target rows.
        columns : list, default=None
            The columns to compare; None is all that the tables share.
        ax : array of Axes, default=None
            One for each of three tables; None makes a figure.

        Returns
        -------
        display : CorrelationDisplay
            The display, drawn.
        """
        return cls.from_tables(X, flow.transform(X), target, columns=columns, ax=ax)

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
    ) -> CorrelationDisplay:
        """Draw the associations in tables.

        Parameters
        ----------
        before, after, target : array-like or DataFrame, default=None
            Source rows, the same rows moved, and the target; at least one of them.
        target_weight : array-like of shape (n_target_rows,), default=None
            Weights of the target's rows.
        columns : list, default=None
            The columns to compare; None is all that the tables share.
        ax : Axes or array of Axes, default=None
            One for every table; None makes a figure.

        Returns
        -------
        display : CorrelationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the tables share no column, or lack one of those chosen.
        """
        tables = names_of_tables(before, after, target)
        read = read_drawn(tables, columns, target_weight)
        matrices = {name: associations([parts[name] for parts in read.values()]) for name in tables}
        return cls(matrices, list(read)).plot(ax=ax)

    def plot(self, ax: Any = None) -> CorrelationDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One for every table; None makes a figure.

        Returns
        -------
        self : CorrelationDisplay
            The display.
        """
        axes = self._panels(ax, len(self.matrices), layout="compressed")  # squares, side by side
        names = [literal(name, 18) for name in self.column_names]
        place, self.images_ = np.arange(len(names)), {}
        size = float(np.clip(100 / len(names), 4, 8))  # of the names, which must not overlap
        for panel, (title, matrix) in zip(axes, self.matrices.items(), strict=True):
            self.images_[title] = panel.imshow(matrix, cmap="RdBu", vmin=-1, vmax=1)
            panel.set_title(title, fontsize=10)
            panel.set_xticks(place, names, rotation=90, fontsize=size)
            panel.set_yticks(place, names if panel is axes[0] else [""] * len(names), fontsize=size)
            panel.tick_params(length=0)
            panel.spines[:].set_visible(False)
            if len(names) <= NUMBERED:
                _write_figures(panel, matrix)
            else:
                _mark_negative(panel, matrix)
        bar = self.figure_.colorbar(self.images_[title], ax=list(axes), shrink=0.7, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8)
        return self


def _write_figures(panel: Any, matrix: NDArray) -> None:
    """Figures in the cells: in grey a color alone does not tell its sign."""
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value) and i != j:
            color = "white" if abs(value) > 0.6 else "black"
            text = f"{value:.2f}".replace("0.", ".").replace("-.00", ".00")
            panel.text(j, i, text, ha="center", va="center", fontsize=7, color=color)


def _mark_negative(panel: Any, matrix: NDArray) -> None:
    """A minus sign in cells that have too little room for figures."""
    row, column = np.nonzero(matrix <= MARKED)
    color = np.where(matrix[row, column] < -0.6, "white", "black")
    panel.scatter(column, row, 150 / len(matrix), color, marker="_", linewidths=1)


def associations(columns: Sequence[Column]) -> NDArray:
    """Return the associations of all pairs of a table's columns; nan where one is constant."""
    matrix = np.eye(len(columns))
    for i, first in enumerate(columns):
        for j, second in enumerate(columns[:i]):
            kept = ~(first.is_missing | second.is_missing)
            w = first.weight[kept] / max(first.weight[kept].sum(), np.finfo(float).tiny)
            a, b = (_coordinates(column, kept, w) for column in (first, second))
            matrix[i, j] = matrix[j, i] = _association(a, b, w)
    return matrix


def _coordinates(column: Column, kept: NDArray, w: NDArray) -> NDArray:
    """Ranks of numbers, equal ones sharing their mean rank; indicators of categories."""
    values = column.values[kept]
    if column.kind != "category":
        place = np.unique(values, return_inverse=True)[1]
        share = np.bincount(place, weights=w)
        return (np.cumsum(share) - share / 2)[place][:, None]
    codes = {value: i for i, value in enumerate(dict.fromkeys(values.tolist()))}
    return np.eye(len(codes))[[codes[value] for value in values.tolist()]]


def _association(a: NDArray, b: NDArray, w: NDArray) -> float:
    """Return the root of what either explains of the other: r, η or V, by what they are."""
    if len(w) < 2:
        return np.nan
    a, b = a - w @ a, b - w @ b
    C_ab, C_a, C_b = ((x * w[:, None]).T @ y for x, y in ((a, b), (a, a), (b, b)))
    if min(np.trace(C_a), np.trace(C_b)) < CONSTANT_VARIANCE:
        return np.nan
    if a.shape[1] == b.shape[1] == 1:
        return float(C_ab[0, 0] / np.sqrt(C_a[0, 0] * C_b[0, 0]))
    # the sum of squared canonical correlations, over the most that there can be
    inverse_a, inverse_b = (np.linalg.pinv(C, rcond=SINGULAR, hermitian=True) for C in (C_a, C_b))
    explained = np.trace(inverse_a @ C_ab @ inverse_b @ C_ab.T)
    rank = min(max(1, a.shape[1] - 1), max(1, b.shape[1] - 1))
    return float(np.sqrt(np.clip(explained / rank, 0, 1)))
