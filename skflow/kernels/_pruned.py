r"""Kernel sums that leave out what is too far away to matter.

A k-d tree cuts the rows and the queries into leaves, each in a box. The rows of a leaf j add to the
sum of a query in box i at most

.. math:: \bar S_{ij} = W_j \exp(-δ_{ij}² / 2σ²),

δ being the distance of the boxes and W_j the total weight of the leaf. Once the leaves of the
largest bounds have been summed, the sums S so far are a lower bound of the whole, and leaves whose
bounds add up to no more than ``tol · min S`` are left out. So every kernel sum is short of at most
``tol`` times itself, and a kernel mean, which is an average of what was summed and what was not,
off by at most ``tol`` times the diameter of the data.

The queries of a box are summed about its middle, which is why small bandwidths lose no accuracy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skflow.kernels._dense import dtype_of_values
from skflow.kernels._rows import Rows
from skflow.kernels._threads import parallel_for
from skflow.kernels._tiles import BLOCK_BYTES, buffer, exponential
from skflow.kernels._trees import corners

__all__ = ["PRUNED_ROWS", "pruned_sums", "pruning_pays"]

FIRST_ROWS = 512  # summed before anything is left out
PRUNED_ROWS = 4000  # of fewer rows all are summed: trees would cost more
BOX_LEAVES = 4  # neighbouring leaves of queries that are one box
PROBED_BOXES = 8  # boxes of queries that the decision looks at
# In single precision an exponent of this size rounds by up to 2⁻¹⁰; and γ‖x‖² may be larger by this
# factor, since what is far away hardly matters, before it may leave the range.
SINGLE_SIZE, FAR_RANGE = 2.0**13, 2.0**60
TOO_SMALL = 1e-140  # bandwidth in units, whose square underflows
WORTH = 0.4  # largest share of the rows for which leaving out the others saves time


def pruning_pays(rows: Rows, queries: Rows, sigma: float, tol: float) -> bool:
    """Whether a kernel sum over the rows is faster if it leaves some out."""
    reach = sigma * np.sqrt(-2 * np.log(tol))  # beyond it a kernel is below tol
    if min(rows.n_rows, queries.n_rows) < PRUNED_ROWS or reach > rows.radius / 2:
        return False
    if sigma / rows.unit < TOO_SMALL:
        return False
    leaves, boxes = rows.leaves, queries.leaves
    probes = np.linspace(0, len(boxes.numbers) - 1, PROBED_BOXES).astype(int)
    low, high = corners(rows.inside(queries.rows[boxes.numbers[probes]]))
    reach /= rows.unit
    kept = 0
    for box in zip(low, high, strict=True):
        distance = np.sqrt(leaves.squared_distances(*box))
        kept += np.count_nonzero(distance <= np.hypot(reach, distance.min()))
    return bool(kept <= WORTH * PROBED_BOXES * len(leaves.low))


def pruned_sums(
    rows: Rows,
    queries: Rows,
    sigma: float,
    bias: NDArray,
    tol: float,
    *,
    moment: bool,
    n_threads: int,
) -> tuple[NDArray, NDArray]:
    """Kernel means and logs of the kernel sums, short of a share ``tol`` at most.

    Parameters
    ----------
    rows, queries : Rows
        Both sets of rows, with their leaves.
    sigma : float
        Bandwidth, in the units of the data.
    bias : ndarray of shape (n_rows,)
        Logarithms of the rows' weights.
    tol : float
        The tolerance.
    moment : bool
        Whether to compute the means.
    n_threads : int
        Number of threads.

    Returns
    -------
    mean : ndarray of shape (n_queries, n_features)
        Kernel means, or a (n_queries, 0) array if ``moment`` is False.
    log_sum : ndarray of shape (n_queries,)
        Logarithms of the kernel sums.
    """
    peak = bias.max()
    boxes = _Boxes(rows, queries, sigma, bias - peak, tol, moment)
    parallel_for(len(boxes.queries), boxes.add, n_threads)
    return boxes.mean, boxes.log_sum + peak


class _Boxes:
    """Sums for boxes of queries, one after the other; see `pruned_sums`."""

    def __init__(
        self, rows: Rows, queries: Rows, sigma: float, bias: NDArray, tol: float, moment: bool
    ) -> None:
        self.rows, self.leaves, self.tol, self.moment = rows, rows.leaves, tol, moment
        self.queries, self.is_query = queries.leaves.merged(BOX_LEAVES)
        numbers = self.leaves.numbers
        self.x = rows.inside(rows.rows)[numbers]  # (n_leaves, size, d)
        self.weight = np.where(self.leaves.is_row, bias[numbers], -np.inf)
        top = self.weight.max(axis=1)
        self.mass = top + np.log(np.exp(self.weight - top[:, None]).sum(axis=1))
        self.gamma = (rows.unit / sigma) ** 2
        self.z = rows.inside(queries.rows)
        self.low, self.high = corners(self.z[self.queries])
        self.values = dtype_of_values(rows, queries.n_rows, tol)
        self.mean = np.empty((queries.n_rows, rows.n_features if moment else 0), rows.dtype)
        self.log_sum = np.empty(queries.n_rows)

    def add(self, i: int) -> None:
        """Sum the nearest leaves for the queries of box i, and then all others that matter."""
        low, high, numbers = self.low[i], self.high[i], self.queries[i, self.is_query[i]]
        bound = self.mass - self.gamma / 2 * self.leaves.squared_distances(low, high)
        middle = (low + high) / 2
        z, size = self.z[numbers] - middle, self.weight.shape[1]
        total = _Total(z, self.gamma, self.rows.dtype, self.values, self.moment)
        first = min(-(-FIRST_ROWS // size), len(bound))
        nearest = np.argpartition(bound, -first)[-first:]
        total.add(self.x[nearest] - middle, self.weight[nearest])
        bound[nearest] = -np.inf
        rest = _matter(bound, np.log(self.tol) + total.log_sum().min())
        step = max(1, BLOCK_BYTES // (4 * size * len(numbers)))
        for start in range(0, len(rest), step):
            kept = rest[start : start + step]
            total.add(self.x[kept] - middle, self.weight[kept])
        self.log_sum[numbers] = total.log_sum()
        if self.moment:
            self.mean[numbers] = (total.mean() + middle) * self.rows.unit + self.rows.center


def _matter(bound: NDArray, allowed: float) -> NDArray:
    """Numbers of the leaves that matter: others' bounds add up to ``exp(allowed)`` at most.

    One half of that is for leaves that may be left out each by itself.
    """
    half = allowed - np.log(2)
    some = np.flatnonzero(bound > half - np.log(len(bound)))
    order = some[np.argsort(bound[some])]
    share = np.cumsum(np.exp(np.minimum(bound[order] - half, 1)))
    return order[np.searchsorted(share, 1, side="right") :]


class _Total:
    """Kernel sums of the queries z over whatever rows are added, under a running maximum."""

    def __init__(
        self, z: NDArray, gamma: float, dtype: np.dtype, values: np.dtype, moment: bool
    ) -> None:
        self.gamma, self.dtype, self.values, self.moment = gamma, dtype, values, moment
        self.square = np.einsum("ij,ij->i", z, z)
        factors = [np.full((1, len(z)), -gamma / 2), np.ones((1, len(z))), gamma * z.T]
        self.A = np.vstack(factors)
        self.top = np.full(len(z), -np.inf)
        self.total = np.zeros((z.shape[1] + 1 if moment else 1, len(z)))

    def add(self, x: NDArray, weight: NDArray) -> None:
        d = x.shape[-1]
        V = np.ones((weight.size, d + 3))  # [‖x‖², weight, x, 1]
        V[:, 1], V[:, 2:-1] = weight.ravel(), x.reshape(-1, d)
        V[:, 0] = np.einsum("ij,ij->i", V[:, 2:-1], V[:, 2:-1])
        with np.errstate(over="ignore", invalid="ignore"):
            E, top = self._exponents(V[:, :-1], self.dtype)
            # What single precision rounds is a share of an exponent. That of terms that matter is
            # near the top; if even the top is large, or out of range, double precision it has to be
            if self.dtype != np.float64:
                depth = (self.gamma / 2 * self.square - top).max()
                edge = self.gamma / 2 * V[:, 0].max() / FAR_RANGE
                if not max(depth, edge) < SINGLE_SIZE:
                    E, top = self._exponents(V[:, :-1], np.dtype(np.float64))
            E = exponential(np.subtract(E, top, out=E), self.values)
        sums = V[:, 2 if self.moment else -1 :].T.astype(self.values) @ E
        self.total = self.total * np.exp(self.top - top) + sums
        self.top = top.astype(np.float64)

    def _exponents(self, B: NDArray, dtype: np.dtype) -> tuple[NDArray, NDArray]:
        """Exponents less those parts that depend on the query alone, and their running maximum."""
        out = buffer((len(B), self.A.shape[1]), dtype)
        E = np.matmul(B.astype(dtype), self.A.astype(dtype), out=out)
        return E, np.maximum(self.top.astype(dtype), E.max(axis=0))

    def log_sum(self) -> NDArray:
        log_sum = np.log(self.total[-1]) + self.top - self.gamma / 2 * self.square
        return np.asarray(log_sum)

    def mean(self) -> NDArray:
        return np.asarray((self.total[:-1] / self.total[-1]).T)
