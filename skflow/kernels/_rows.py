"""Rows that are summed over: their weights, the frame they are measured in, and their trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skflow._utils import cached_value, count_draws, normalize_weights
from skflow.kernels._trees import Leaves

__all__ = ["Rows"]


class Rows:
    """Weighted rows, prepared once for many sums.

    Squared norms are taken about the mean, far from which they would drown the distances, and in
    units of a power of two near the radius, so that none over- or underflows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        The rows.
    sample_weight : ndarray of shape (n_rows,), default=None
        Positive weights of the rows; they are normalised to sum to one. Those that add up to more
        than the effective number of rows say how many rows each stands for.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        X.
    weight, log_weight : ndarray of shape (n_rows,)
        The normalised weights, and their logarithms.
    n_draws : float
        How many independent rows they stand for.
    center : ndarray of shape (n_features,)
        Their mean.
    unit : float
        A power of two near their radius.
    radius, radius_in_units : float
        Largest distance from the mean.
    power : float
        Mean squared distance from the mean, in units.
    """

    def __init__(self, X: NDArray, sample_weight: NDArray | None = None) -> None:
        weight = normalize_weights(sample_weight, len(X))
        self.n_draws = count_draws(sample_weight, len(X))
        self.rows = X
        self.n_rows, self.n_features = X.shape
        self.dtype = X.dtype
        self.weight = weight  # (n_rows,)
        self.log_weight = np.log(weight)
        self.center = weight @ X.astype(np.float64, copy=False)
        x = X - self.center
        self.unit = 2.0 ** np.frexp(np.abs(x).max())[1]
        x /= self.unit
        square = np.einsum("ij,ij->i", x, x)
        self.radius_in_units, self.power = float(np.sqrt(square.max())), float(weight @ square)
        self.radius = self.radius_in_units * self.unit

    def inside(self, Z: NDArray) -> NDArray:
        """Return rows about the mean, in units of the radius, in float64.

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Rows in the units of the data.

        Returns
        -------
        z : ndarray of shape (n_queries, n_features)
            ``(Z - center) / unit``.
        """
        z = Z - self.center
        z /= self.unit
        return z

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the rows, the root mean square over the columns."""
        deviation = self.inside(self.rows)
        return float(self.unit * np.sqrt(np.mean(self.weight @ deviation**2)))

    @cached_value
    def tree_order(self) -> NDArray:
        """Numbers of the rows in the order of a k-d tree, in which neighbours are close."""
        # built in an eighth of the time of the tree of `leaves`, which is cut in even halves
        tree = cKDTree(self.inside(self.rows), balanced_tree=False, compact_nodes=False)
        return np.asarray(tree.indices)

    @cached_value
    def tree_shares(self) -> NDArray:
        """Cumulative weights of the rows in that order."""
        return np.cumsum(self.weight[self.tree_order])

    @cached_value
    def leaves(self) -> Leaves:
        """The rows in the order of a k-d tree, built when first asked for."""
        return Leaves.of(self.inside(self.rows))

    def __getstate__(self) -> dict[str, Any]:
        built = "leaves", "tree_order", "tree_shares"
        return {name: value for name, value in self.__dict__.items() if name not in built}
