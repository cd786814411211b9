r"""Diffusion models: from noise to data along a falling noise level.

.. math:: dy = ∇ \log p(y;σ) \, σ \, dσ, \qquad
          y ← y + (1 - σ_{k+1}/σ_k) (D_p(y; σ_k) - y)   \text{ (Euler)}

with σ falling from σ_1 to 0. Heun's method averages the slope at both ends of a step. The same
marginal distributions belong to a family of stochastic equations, α in [0, 1],

.. math:: dy = \left[ 2 ∇ \log p(y;σ) - α ∇ \log ρ(y) \right] σ \, dσ
               + \sqrt{2 (1 - α) σ} \, dW

of which α = 1 is the exact flow, ρ being the density of the moving rows. A step solves it exactly
where D_p does not change on the way and ρ is the blurred target:

.. math:: y ← y + \left( 1 - s^{2-α} \right) \frac{2 v_p - α v_ρ}{2 - α}
              + σ_{k+1} \sqrt{1 - s^{2-2α}} \, ε, \qquad s = σ_{k+1}/σ_k

References
----------
Karras, T. et al. (2022). Elucidating the Design Space of Diffusion-Based Generative Models.
arXiv:2206.00364.
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, eqs. 7-9 and 21.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import multivariate_normal
from sklearn.utils.validation import check_is_fitted, validate_data

from skflow._utils import lookup, moments
from skflow.fields import (
    Entropy,
    Field,
    FieldState,
    FlowDefaults,
    TargetScore,
    WeightedSum,
)
from skflow.fields._denoisers import KernelDenoiser, make_denoiser
from skflow.flow import Flow, compute_threads
from skflow.samplers._score_sampler import ScoreSampler
from skflow.schedules import KarrasSchedule

__all__ = ["DiffusionSampler"]

N_LEVELS = 40  # of noise, on the way up to where densities are known
OWN_BANDWIDTH = 0.5  # bandwidth of the moving rows' own density, in units of the noise level


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class DiffusionSampler(ScoreSampler):
    r"""Turn noise into target rows along a falling noise level.

    .. math:: \frac{dy}{dσ} = -\frac{D_p(y;σ) - y}{σ}

    The probability flow of a diffusion model, on the grid of Karras et al. Rows start as the target
    blurred by the first bandwidth, or are mapped there: with ``align="affine"`` by the optimal map
    between the Gaussians of the source and of the blurred target. Without alignment, source rows
    are assumed to have this noise already, samples begin with rows of the base plus noise, and
    every row moves by itself.

    Parameters
    ----------
    denoiser : {"kernel", "learned"}, regressor, callable or Denoiser, default="kernel"
        What the score comes from: the kernel mean, a regressor, or a function D(Z, σ).
    schedule : str, Schedule, array-like or callable, default="auto"
        The noise levels σ_k; 0 follows the last one. "auto" is that of Karras et al., with
        ``sigma_min="0.5*nn_column"`` if the denoiser is not the kernel mean, which would copy.
    n_steps : int, default=7
        Number of steps.
    solver : {"auto", "heun", "euler"}, default="auto"
        "auto" is "heun", and "euler" where ``alpha`` is given.
    alpha : float or None, default=None
        A member of the stochastic family, from 0 (most noise) to 1 (no noise; a kernel estimate of
        the moving rows' own score takes its place). None is the probability flow.
    align : {"auto", "affine", None}, default="auto"
        "affine" begins with the optimal map between the Gaussians of source and target.
    batch_size : int, None or "auto", default="auto"
        Rows that a step's means are estimated from; None is all, "auto" groups of 2000.
    base : {"gaussian", "uniform"}, array-like or callable, default="gaussian"
        Where samples start: a distribution, rows, or ``base(n, rng)`` that returns n rows.
    match_marginals : bool, default=True
        Whether rows end in the target's own marginal distributions.
    n_reference : int or "auto", default="auto"
        Fewest rows that samples are moved with, and most rows of ``X_source`` that are kept.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.
    condition_on : list of int or str, default=None
        Columns that stay as they are; the others get the target's distribution given these.

    Attributes
    ----------
    schedule_ : Schedule
        The fitted schedule.
    sigmas_ : ndarray of shape (n_steps,)
        The bandwidths, in the units of the data.
    field_ : Field
        The fitted field; its rows are the target less ``center_``.
    center_ : ndarray of shape (n_features,)
        Mean of the target rows.
    target_ : ndarray of shape (n_distinct_rows, n_features)
        The distinct target rows of positive weight, in the units of the data, up to rounding.
    target_weight_ : ndarray of shape (n_distinct_rows,)
        Their weights, summing to one.
    source_ : ndarray of shape (n_reference_rows, n_features) or None
        The rows of ``X_source`` whose paths are kept, up to rounding; None if none was given.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had string column names.

    References
    ----------
    Karras et al. (2022), arXiv:2206.00364; Franceschi et al. (2023), arXiv:2305.16150.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import DiffusionSampler
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> samples = DiffusionSampler(random_state=0).fit(target).sample(200)
    >>> np.abs(samples.mean(axis=0) - target.mean(axis=0)).max() < 0.2
    np.True_
    """

    step_size = "auto"  # the levels say how far to go

    n_steps: int = 7
    solver: str = "auto"
    alpha: float | None = None

    @property
    def field(self) -> Field:  # chosen, not a parameter
        """The score of the target, and that of the moving rows if alpha asks for it."""
        score = TargetScore(self.denoiser)
        if not self.alpha:
            return score
        whole = 2 - self.alpha
        own = self.alpha / OWN_BANDWIDTH**2  # whose velocity is in units of its own bandwidth
        return WeightedSum([(2 / whole, score), (own / whole, Entropy(OWN_BANDWIDTH))])

    def _auto(self) -> FlowDefaults:
        is_kernel = isinstance(make_denoiser(self.denoiser), KernelDenoiser)
        schedule = KarrasSchedule(sigma_min="auto" if is_kernel else "0.5*nn_column")
        return FlowDefaults(schedule=schedule)

    def _check_parameters(self) -> None:
        lookup(SOLVERS, self.solver, name="solver")
        if self.alpha is not None:
            is_number = isinstance(self.alpha, Real) and not isinstance(self.alpha, bool)
            if not is_number or not 0 <= self.alpha <= 1:
                raise ValueError(f"alpha must be None or in [0, 1], got {self.alpha!r}.")
            if self.solver == "heun":
                raise ValueError(
                    f"alpha={self.alpha!r} is solved by steps of its own: set solver='euler' or "
                    "'auto', or alpha=None for the probability flow."
                )
        super()._check_parameters()

    def _fit_field(self, X_source: ArrayLike | None) -> None:
        super()._fit_field(X_source)
        self._score_ = self.field_
        if isinstance(self.field_, WeightedSum):  # densities belong to the probability flow
            self._score_ = self.field_.fields_[0][1]
        self._next_sigmas = np.append(self.sigmas_[1:], 0.0)

    def _first_level(self) -> float:
        return float(self.sigmas_[0])

    def _draw_base(self, n: int, rng: np.random.Generator) -> NDArray:
        rows = super()._draw_base(n, rng)
        if self._recording is not None or self._fitted_defaults.align is not None:
            return rows  # which are mapped to where the blurred target is
        noise = rng.standard_normal(rows.shape, dtype=rows.dtype.type)
        return rows + rows.dtype.type(self.sigmas_[0]) * noise

    def _step(self, flow: Flow, Y: NDArray, k: int) -> NDArray:
        solve = euler if self.alpha is not None else SOLVERS[self.solver]
        return solve(flow, Y, float(self.sigmas_[k]), float(self._next_sigmas[k]), self.alpha)

    def score_samples(self, X: ArrayLike) -> NDArray:
        r"""Log density of the model, blurred by its last noise level, at rows.

        .. math:: \log p(x; σ_n) = \log N(y(σ_1); m, C + σ_1² I)
                  - \int_{σ_n}^{σ_1} \frac{∇·v(y(σ); σ)}{σ} \, dσ, \qquad y(σ_n) = x

        A row is taken up the probability flow to the first noise level, where samples begin with
        a Gaussian, and the flow's divergence says how its density changed. It is the density of
        the model; that of the target, blurred, comes out if the first level is so wide
        (``KarrasSchedule("5*rms")``) that only mean and covariance are left there.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        log_density : ndarray of shape (n_rows,)
            Natural logarithm of the density, per unit of the data.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        Y = (X - self.center_).astype(np.float64)
        levels = self.schedule_.sigmas(max(N_LEVELS, self.n_steps))[::-1]
        flow, change = _Followed(self._score_.start(self._rng())), np.zeros(len(Y))
        with compute_threads(self.n_jobs):
            for low, high in pairwise(map(float, levels)):
                Y = heun(flow, Y, low, high)  # whose formula holds on the way up as well
                first, second = flow.taken()
                change += (high - low) / 2 * (first + second)
        mean, C = moments(self._target, self._weight)
        C = C + levels[-1] ** 2 * np.eye(len(C))
        return multivariate_normal(mean, C).logpdf(Y).reshape(len(Y)) - change


class _Followed:
    """Velocities of rows on their own, and what they do to a density: ``∇·v/σ`` of each."""

    def __init__(self, state: FieldState) -> None:
        self.state = state
        self.rates: list[NDArray] = []

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        v = self.state.velocity(Z, Y, sigma)
        self.rates.append(self.state.divergence() / sigma)
        return v

    def taken(self) -> list[NDArray]:
        """Return the rates since the last time."""
        rates, self.rates = self.rates, []
        return rates


def euler(
    flow: Flow, Y: NDArray, sigma: float, following: float, alpha: float | None = None
) -> NDArray:
    """Move rows from one noise level to the next by one evaluation.

    Parameters
    ----------
    flow : Flow
        Gives velocities ``σ² ∇ log p``, or their mixture with the rows' own, and noise.
    Y : ndarray of shape (n_rows, n_features)
        The rows.
    sigma, following : float
        The noise levels, of which the second is lower and may be 0.
    alpha : float, default=None
        A member of the stochastic family; None is the probability flow.

    Returns
    -------
    moved : ndarray of shape (n_rows, n_features)
        The rows at the next level.
    """
    ratio, order = following / sigma, 1.0 if alpha is None else 2 - float(alpha)
    moved = Y + (1 - ratio**order) * flow.velocity(Y, Y, sigma)
    if alpha is None or alpha == 1 or following == 0:
        return moved
    level = following * float(np.sqrt(1 - ratio ** (2 * order - 2)))
    return moved + level * flow.noise(Y)


def heun(
    flow: Flow | _Followed, Y: NDArray, sigma: float, following: float, alpha: float | None = None
) -> NDArray:
    """Move rows from one noise level to the next by the mean slope of both ends; see `euler`."""
    v = flow.velocity(Y, Y, sigma)
    moved = Y + (1 - following / sigma) * v
    if following == 0:  # there is no slope at the end
        return moved
    slope = v / sigma + flow.velocity(moved, moved, following) / following
    return Y + (sigma - following) / 2 * slope


SOLVERS: dict[str, Callable[..., NDArray]] = {"auto": heun, "heun": heun, "euler": euler}
