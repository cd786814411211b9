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

from skflow._utils import lookup, normalize_weights
from skflow.fields._base import Field, Frozen, Recipe, Run
from skflow.kernels import KernelSum

__all__ = ["KernelField", "KernelRun", "KernelScoreDifference"]


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


class KernelRun(Run):
    """Prepares both populations, or a batch of each, for the formula of a field.

    Parameters
    ----------
    target : KernelSum
        The target rows.
    rng : numpy.random.Generator
        Draws the batches.
    """

    def __init__(self, target: KernelSum, rng: np.random.Generator) -> None:
        self.target, self.rng = target, rng

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Velocity at the queries Z of the population Y; see `Run.velocity`."""
        queries = KernelSum(Z)
        source = queries if Z is Y else KernelSum(Y)
        p, q = (self._batch(rows) for rows in (self.target, source))
        v, self._frozen = self._evaluate(queries, p, q, sigma)
        return v

    def frozen(self) -> Frozen:
        """Return the velocity of the last evaluation; see `Run.frozen`."""
        return self._frozen

    @abstractmethod
    def _evaluate(
        self, queries: KernelSum, p: KernelSum, q: KernelSum, sigma: float
    ) -> tuple[NDArray, Frozen]:
        """Velocity at the queries, given the rows that stand for p and q; and frozen."""

    def _batch(self, rows: KernelSum) -> KernelSum:
        """Draw rows in proportion to their weights, one from each of equal shares of the total."""
        if self.batch_size is None or self.batch_size >= rows.n_rows:
            return rows
        share = np.cumsum(np.exp(rows.log_weight))
        level = (np.arange(self.batch_size) + self.rng.random(self.batch_size)) / self.batch_size
        kept = np.searchsorted(share, level * share[-1], side="right")
        return KernelSum(rows.rows[np.minimum(kept, rows.n_rows - 1)])


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

    def __init__(self, normalization: str = "sinkhorn") -> None:
        self.normalization = normalization

    def start(self, rng: np.random.Generator) -> Run:
        """Begin a flow; ``rng`` draws its batches."""
        term = _TwoSidedMean if self.normalization == "sinkhorn" else _Mean
        return _ScoreDifferenceRun(self.target_, rng, term(), term())

    def recipe(self) -> Recipe:
        """Return what "auto" means for movers driven by this field."""
        return lookup(RECIPES, self.normalization, name="normalization")


@dataclass(frozen=True)
class _WeightedMean:
    """Kernel mean under log-weights g; f is what the log of its sum was at each recorded row."""

    rows: KernelSum
    sigma: float
    g: NDArray | None = None
    f: NDArray | None = None

    def __call__(self, Z: NDArray, like: Any) -> tuple[NDArray, NDArray]:
        scale = None if self.f is None else self.f[like]
        return self.rows.sums(Z, self.sigma, log_weight=self.g, log_scale=scale)


@dataclass(frozen=True)
class _FrozenDifference:
    D_p: _WeightedMean
    D_q: _WeightedMean

    def __call__(self, Z: NDArray, like: NDArray) -> NDArray:
        return self.D_p(Z, like)[0] - self.D_q(Z, like)[0]


class _ScoreDifferenceRun(KernelRun):
    def __init__(self, target: KernelSum, rng: np.random.Generator, D_p: _Mean, D_q: _Mean) -> None:
        super().__init__(target, rng)
        self.D_p, self.D_q = D_p, D_q

    def _evaluate(
        self, queries: KernelSum, p: KernelSum, q: KernelSum, sigma: float
    ) -> tuple[NDArray, Frozen]:
        D_p, frozen_p = self.D_p(queries, p, sigma)
        D_q, frozen_q = self.D_q(queries, q, sigma)
        return D_p - D_q, _FrozenDifference(frozen_p, frozen_q)


class _Mean:
    """One-sided kernel mean."""

    def __call__(
        self, queries: KernelSum, rows: KernelSum, sigma: float
    ) -> tuple[NDArray, _WeightedMean]:
        mean = _WeightedMean(rows, sigma)
        return mean(queries.rows, slice(None))[0], mean


class _TwoSidedMean(_Mean):
    """Kernel mean with Sinkhorn weights; keeps the queries' potential f from step to step."""

    def __init__(self) -> None:
        self.f: NDArray | None = None
        self.sigma = 1.0

    def __call__(
        self, queries: KernelSum, rows: KernelSum, sigma: float
    ) -> tuple[NDArray, _WeightedMean]:
        f = np.zeros(queries.n_rows) if self.f is None else self.f * (self.sigma / sigma) ** 2
        g = -queries.sums(rows.rows, sigma, log_weight=f, moment=False)[1]
        mean = _WeightedMean(rows, sigma, g, f)
        D, log_sum = mean(queries.rows, slice(None))
        self.f, self.sigma = -log_sum, sigma
        return D, mean
