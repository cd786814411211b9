r"""Score difference by kernel means.

.. math:: v(z) = σ² (∇ \log p(z;σ) - ∇ \log q(z;σ)) = D_p(z;σ) - D_q(z;σ)   [Weber 2023, eqs. 15-16]

D_p and D_q are kernel means over target rows x and moving rows y. With one-sided weights
``K(z, x_j)`` every query shares out one unit of attraction, but a target row may attract few
queries or many. Two-sided (Sinkhorn) weights ``K(z_i, x_j) exp(g_j)`` make the columns even too:

.. math:: g_j = -\log Σ_i a_i e^{f_i} K(z_i, x_j), \qquad f_i = -\log Σ_j b_j e^{g_j} K(z_i, x_j)

One such update a step is enough, because f carries over from step to step (in units of σ²: it is
rescaled when σ changes). The same is done to D_q, so that v = 0 when source and target agree.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
Feydy, J. et al. (2019). Interpolating between Optimal Transport and MMD using Sinkhorn
Divergences. arXiv:1810.08278.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_tolerance, draw_evenly, lookup, normalize_weights
from skflow.fields._base import Field, Frozen, Recipe, Run
from skflow.kernels import KernelSum

__all__ = ["KernelField", "KernelRun", "KernelScoreDifference", "Places", "Queries"]

EMPTY = 1e-6  # share of a kernel sum below which nothing is left of it


class KernelField(Field):
    """Base class of fields that are made of kernel sums over target rows and moving rows."""

    def fit(self, X: NDArray, sigmas: NDArray, sample_weight: NDArray | None = None) -> KernelField:
        """Prepare the target rows; absent ones (of zero weight) are dropped.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Target rows.
        sigmas : ndarray of shape (n_steps,)
            Ignored: the kernel sums exist at every σ.
        sample_weight : ndarray of shape (n_rows,), default=None
            Non-negative weights of the target rows.

        Returns
        -------
        self : KernelField
            The fitted field.
        """
        self.recipe()  # refuses unknown parameters
        weight = normalize_weights(sample_weight, len(X))
        self.target_ = KernelSum(X[weight > 0], weight[weight > 0])
        return self


@dataclass(frozen=True)
class Queries:
    """Where a field is evaluated, and which of these rows stand for all in a sum over them."""

    every: KernelSum
    drawn: KernelSum
    numbers: Any

    @classmethod
    def of(cls, Z: NDArray, numbers: NDArray | None) -> Queries:
        every = KernelSum(Z)
        if numbers is None:
            return cls(every, every, slice(None))
        return cls(every, KernelSum(Z[numbers]), numbers)


@dataclass(frozen=True)
class Places:
    """Where the moving rows stand among those that were drawn for q.

    Parameters
    ----------
    n_rows : int
        Number of moving rows.
    numbers : ndarray of shape (n_drawn,) or slice
        Those that were drawn.
    """

    n_rows: int
    numbers: Any

    def terms(
        self,
        q: KernelSum,
        bias: NDArray,
        Z: NDArray,
        like: NDArray,
        Y: NDArray,
        sigma: float,
    ) -> tuple[NDArray, NDArray, NDArray]:
        """What a new row adds to a sum over q, and what the row whose place it takes had added.

        Parameters
        ----------
        q : KernelSum
            The rows that were drawn.
        bias : ndarray of shape (n_drawn,)
            Logs of their weights.
        Z, Y : ndarrays of shape (n_queries, n_features)
            Queries, and the new rows they belong to.
        like : ndarray of shape (n_queries,)
            Numbers of the rows whose places the new rows take.
        sigma : float
            Bandwidth.

        Returns
        -------
        y : ndarray of shape (n_queries, n_features)
            The rows whose places are taken.
        log_own, log_other : ndarrays of shape (n_queries,)
            Logs of the terms of new rows and of those rows, -inf for rows that were not drawn. A
            row in its own place has the same bits twice.
        """
        position = np.full(self.n_rows, -1)
        position[self.numbers] = np.arange(q.n_rows)
        place = position[like]
        y = q.rows[place].astype(np.float64)
        weight = np.where(place >= 0, bias[place], -np.inf)
        return y, *(
            weight - np.sum(((Z - rows) / sigma) ** 2, axis=1) / 2
            for rows in (Y.astype(np.float64), y)
        )


class KernelRun(Run):
    """Prepares both populations, or a batch of each, for the formula of a field.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    tol : float
        Share of a kernel sum that may be left out.
    """

    def __init__(self, target: KernelSum, rng: np.random.Generator, tol: float) -> None:
        self.target, self.rng, self.tol = target, rng, tol
        self._order: NDArray | None = None

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Velocity at the queries Z of the population Y; see `Run.velocity`."""
        size, p, numbers = self.batch_size, self.target, None
        if size is not None and size < p.n_rows:
            p = KernelSum(p.rows[self._draw(size, p.leaf_order, p.weight)])
        if size is not None and size < len(Y):
            if self._order is None:  # rows keep to their neighbours on the way
                self._order = KernelSum(Y).leaf_order
            numbers = self._draw(size, self._order)
        queries = Queries.of(Z, numbers)
        q = queries.drawn if Z is Y else KernelSum(Y if numbers is None else Y[numbers])
        v, self._frozen = self._evaluate(queries, p, q, sigma, 0.0 if self.by_row else self.tol)
        return v

    def renew(self) -> None:
        """Forget what belongs to single rows; see `Run.renew`."""
        self._order = None

    def frozen(self) -> Frozen:
        """Return the velocity of the last evaluation; see `Run.frozen`."""
        return self._frozen

    @abstractmethod
    def _evaluate(
        self, queries: Queries, p: KernelSum, q: KernelSum, sigma: float, tol: float
    ) -> tuple[NDArray, Frozen]:
        """Velocity at the queries, given the rows that stand for p and q; and frozen."""

    def _draw(self, size: int, order: NDArray, weight: NDArray | None = None) -> NDArray:
        """Draw a batch in proportion to the weights, a row from each of equal shares of the total.

        The rows of a share are neighbours in the order, so a batch looks like the whole.
        """
        share = np.ones(len(order)) if weight is None else weight[order]
        return order[draw_evenly(share, size, self.rng)]


def constant_steps(n_steps: int) -> NDArray:
    """Step sizes of 1 throughout."""
    return np.ones(n_steps)


def rising_steps(n_steps: int) -> NDArray:
    """Step sizes from 0.2 to 1."""
    return np.linspace(0.2, 1, n_steps) if n_steps > 1 else np.ones(1)


RECIPES = {
    "sinkhorn": Recipe(schedule="geometric", align="affine", n_noise=0, step_size=constant_steps),
    "row": Recipe(schedule="cosine", align="affine", n_noise=2, step_size=rising_steps),
}


class KernelScoreDifference(KernelField):
    r"""Score difference of two kernel density estimates, ``D_p(z;σ) - D_q(z;σ)``.

    Parameters
    ----------
    normalization : {"sinkhorn", "row"}, default="sinkhorn"
        "row": the kernel means as the paper defines them; every query's weights sum to one.
        "sinkhorn": weights that are even over the columns as well, which keeps clusters in
        proportion without injected noise, at twice the kernel sums.
    tol : float, default=1e-6
        Rows so far away that they add less than this share to a kernel sum may be left out of it,
        which is done where it saves time; 0 sums all.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eqs. 15-16.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference
    >>> X, Y = np.array([[0.0], [2.0]]), np.array([[5.0], [6.0]])
    >>> field = KernelScoreDifference(normalization="row").fit(X, sigmas=np.array([10.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 10.0).round(2)
    array([[-4.46],
           [-4.45]])
    """

    def __init__(self, normalization: str = "sinkhorn", tol: float = 1e-6) -> None:
        self.normalization = normalization
        self.tol = tol

    def start(self, rng: np.random.Generator) -> Run:
        """Begin a flow; ``rng`` draws its batches."""
        term = _TwoSidedMean if self.normalization == "sinkhorn" else _Mean
        return _ScoreDifferenceRun(self.target_, rng, self.tol, term(), term())

    def recipe(self) -> Recipe:
        """Return what "auto" means for movers driven by this field."""
        check_tolerance(self.tol)
        return lookup(RECIPES, self.normalization, name="normalization")


@dataclass(frozen=True)
class _WeightedMean:
    """Kernel mean under log-weights g; f is what the log of its sum was at each recorded row."""

    rows: KernelSum
    sigma: float
    g: NDArray | None = None
    f: NDArray | None = None

    def __call__(
        self, Z: NDArray | KernelSum, like: Any, tol: float = 0.0
    ) -> tuple[NDArray, NDArray]:
        scale = None if self.f is None else self.f[like]
        return self.rows.sums(Z, self.sigma, log_weight=self.g, log_scale=scale, tol=tol)


@dataclass(frozen=True)
class _FrozenDifference:
    D_p: _WeightedMean
    D_q: _WeightedMean
    places: Places

    def __call__(self, Z: NDArray, like: NDArray, Y: NDArray) -> NDArray:
        D, log_sum = self.D_q(Z, like)
        bias = self.D_q.rows.log_weight
        bias = bias if self.D_q.g is None else bias + self.D_q.g
        return self.D_p(Z, like)[0] - self._in_place(D, log_sum, bias, Z, like, Y)

    def _in_place(
        self, D: NDArray, log_sum: NDArray, bias: NDArray, Z: NDArray, like: NDArray, Y: NDArray
    ) -> NDArray:
        """The mean over q after every new row has taken the place of one of its rows.

        Otherwise q would pull at a new row from where other rows are, never from where it is
        itself, and add up the same displacement step by step.
        """
        y, log_own, log_other = self.places.terms(self.D_q.rows, bias, Z, like, Y, self.D_q.sigma)
        log_own, log_other = log_own - log_sum, log_other - log_sum
        top = np.where(log_own > 1, log_own, 0)  # a row far from all others is alone with itself
        rest, own, other = (np.exp(log - top)[:, None] for log in (0 * top, log_own, log_other))
        total = rest + (own - other)
        mean = (rest * D + (own * Y - other * y)) / np.maximum(total, EMPTY)
        return np.where(total > EMPTY, mean, D).astype(D.dtype)


class _ScoreDifferenceRun(KernelRun):
    def __init__(
        self,
        target: KernelSum,
        rng: np.random.Generator,
        tol: float,
        D_p: _Mean,
        D_q: _Mean,
    ) -> None:
        super().__init__(target, rng, tol)
        self.D_p, self.D_q = D_p, D_q

    def renew(self) -> None:
        super().renew()
        self.D_p, self.D_q = type(self.D_p)(), type(self.D_q)()

    def _evaluate(
        self, queries: Queries, p: KernelSum, q: KernelSum, sigma: float, tol: float
    ) -> tuple[NDArray, Frozen]:
        D_p, frozen_p = self.D_p(queries, p, sigma, tol)
        D_q, frozen_q = self.D_q(queries, q, sigma, tol)
        places = Places(queries.every.n_rows, queries.numbers)
        return D_p - D_q, _FrozenDifference(frozen_p, frozen_q, places)


class _Mean:
    """One-sided kernel mean."""

    def __call__(
        self, queries: Queries, rows: KernelSum, sigma: float, tol: float
    ) -> tuple[NDArray, _WeightedMean]:
        mean = _WeightedMean(rows, sigma)
        return mean(queries.every, slice(None), tol)[0], mean


class _TwoSidedMean(_Mean):
    """Kernel mean with Sinkhorn weights; keeps the queries' potential f from step to step."""

    def __init__(self) -> None:
        self.f: NDArray | None = None
        self.sigma = 1.0

    def __call__(
        self, queries: Queries, rows: KernelSum, sigma: float, tol: float
    ) -> tuple[NDArray, _WeightedMean]:
        scale = (self.sigma / sigma) ** 2
        f = np.zeros(queries.every.n_rows) if self.f is None else self.f * scale
        g = -queries.drawn.sums(rows, sigma, log_weight=f[queries.numbers], moment=False, tol=tol)[
            1
        ]
        mean = _WeightedMean(rows, sigma, g, f)
        D, log_sum = mean(queries.every, slice(None), tol)
        self.f, self.sigma = -log_sum, sigma
        return D, mean
