r"""Denoisers: what a row may have been before it was blurred, ``D(z;σ) = E[x | z = x + σε]``.

A kernel mean knows the answer for the rows it is given. A regressor learns one that holds for rows
not seen. It is shown inputs and asked for outputs of unit size at every σ [Karras et al. 2022]:

.. math:: D(z;σ) = c_\mathrm{skip} z + c_\mathrm{out} \, F(c_\mathrm{in} z, c_\mathrm{noise}),
          \qquad u = σ/s

    c_\mathrm{skip} = \frac{1}{1 + u²}, \quad c_\mathrm{out} = \frac{σ}{\sqrt{1 + u²}}, \quad
    c_\mathrm{in} = \frac{1}{s \sqrt{1 + u²}}, \quad c_\mathrm{noise} = \tfrac14 \log u

s being the standard deviation of the rows. F is regressed, unweighted, onto
``(x - c_skip z) / c_out``.

References
----------
Karras, T. et al. (2022). Elucidating the Design Space of Diffusion-Based Generative Models.
arXiv:2206.00364.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from sklearn.base import clone
from sklearn.neural_network import MLPRegressor

from skflow._utils import NamedPartsMixin, check_count, check_rows, is_auto, lookup
from skflow.fields._population import MovingRows, Population
from skflow.fields._terms import Answer, Mean, Term
from skflow.fields._training import (
    LAST_RATE,
    N_PROBE,
    FallingRate,
    limit_batch_size,
    make_regressor,
    snapshot,
    taught,
)
from skflow.kernels import KernelSum

__all__ = [
    "DENOISERS",
    "Denoiser",
    "Function",
    "KernelDenoiser",
    "LearnedDenoiser",
    "make_denoiser",
]

FITTED_BATCHES = 10  # worth of rows, for a regressor that is fitted once
DIFFERENCE = 0.01  # step of a finite difference, in bandwidths: learned denoisers round at 1e-7
LOG_MEAN, LOG_STD = -0.5, 1.2  # of log(σ/s) in training: Karras et al., without unit
FEW_COLUMNS = 16  # up to which the first of these is enough
LAYERS, UPDATES = ((128,) * 4, (256,) * 3), (5000, 12000)


class Denoiser(NamedPartsMixin, ABC):
    """Base class of what answers D(z;σ) for the target."""

    @abstractmethod
    def fit(
        self, target: KernelSum, sigmas: NDArray, origin: NDArray, rng: np.random.Generator
    ) -> Denoiser:
        """Learn the target.

        Parameters
        ----------
        target : KernelSum
            The target rows.
        sigmas : ndarray of shape (n_steps,)
            The bandwidths that will be asked for.
        origin : ndarray of shape (n_features,)
            What was subtracted from the rows before.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        self : Denoiser
            The fitted denoiser.
        """

    @abstractmethod
    def term(self) -> Term:
        """Return the term of a difference that this denoiser is."""


class KernelDenoiser(Denoiser):
    """Kernel mean of the target rows: the ideal denoiser of these very rows."""

    def fit(
        self, target: KernelSum, sigmas: NDArray, origin: NDArray, rng: np.random.Generator
    ) -> KernelDenoiser:
        """Learn nothing: kernel means exist at every σ. See `Denoiser.fit`."""
        return self

    def term(self) -> Term:
        """Return the kernel mean."""
        return Mean()


@dataclass(frozen=True)
class Function(Term):
    """A term that is a function ``D(Z, sigma)`` of z and σ, whatever the rows."""

    D: Callable[[NDArray, float], NDArray]

    def __call__(self, Z: KernelSum, rows: Population, q: MovingRows, sigma: float) -> Answer:
        """Return D; see `Term`."""
        return self.D(Z.rows, sigma), None

    def divergence(self, Z: NDArray, rows: Population, sigma: float) -> NDArray:
        """Divergence by central differences, two evaluations a column; see `Term`."""
        h = sigma * DIFFERENCE
        total = np.zeros(len(Z))
        for j in range(Z.shape[1]):
            step = np.zeros(Z.shape[1])
            step[j] = h
            x = Z.astype(np.float64)
            ends = self.D(x + step, sigma), self.D(x - step, sigma)
            total += (ends[0][:, j] - ends[1][:, j]) / (2 * h)
        return total


class _GivenDenoiser(Denoiser):
    """A function of the user's, for rows in the units of the data."""

    def __init__(self, function: Callable[[NDArray, float], NDArray]) -> None:
        self.function = function

    def fit(
        self, target: KernelSum, sigmas: NDArray, origin: NDArray, rng: np.random.Generator
    ) -> _GivenDenoiser:
        self.origin_ = origin
        return self

    def __call__(self, Z: NDArray, sigma: float) -> NDArray:
        answer = self.function(Z + self.origin_, sigma)
        D = check_rows(answer, name="denoiser(Z, sigma)", n_features=Z.shape[1])
        if len(D) != len(Z):
            raise ValueError(f"denoiser(Z, sigma) returned {len(D)} rows for {len(Z)} of Z.")
        return (D - self.origin_).astype(Z.dtype)

    def term(self) -> Term:
        return Function(self)


@dataclass(frozen=True)
class Preconditioning:
    """Inputs and outputs of unit size at every σ, for rows of standard deviation s [Karras 2022].

    Parameters
    ----------
    center : ndarray of shape (n_features,)
        Mean of the rows, which z is measured from.
    scale : float
        s, the root mean square over the columns.
    """

    center: NDArray
    scale: float

    def inputs(self, Z: NDArray, sigma: NDArray) -> NDArray:
        """What F sees: ``c_in z`` and c_noise."""
        u = sigma / self.scale
        c_in = 1 / (self.scale * np.hypot(1, u))
        return np.hstack([(Z - self.center) * c_in, np.log(u) / 4]).astype(np.float32)

    def outputs(self, X: NDArray, Z: NDArray, sigma: NDArray) -> NDArray:
        """What F should answer to rows X blurred to Z."""
        c_skip, c_out = self._outer(sigma)
        x, z = X - self.center, Z - self.center
        return ((x - c_skip * z) / c_out).astype(np.float32)

    def denoised(self, F: NDArray, Z: NDArray, sigma: NDArray) -> NDArray:
        """D from F's answer."""
        c_skip, c_out = self._outer(sigma)
        return self.center + c_skip * (Z - self.center) + c_out * F

    def _outer(self, sigma: NDArray) -> tuple[NDArray, NDArray]:
        u = sigma / self.scale
        return 1 / (1 + u**2), sigma / np.hypot(1, u)


@dataclasses.dataclass(eq=False, repr=False)
class LearnedDenoiser(Denoiser):
    r"""Train a regressor to remove noise of any size in the schedule's range.

    .. math:: D(z;σ) = c_\mathrm{skip} z + c_\mathrm{out} \, F(c_\mathrm{in} z, c_\mathrm{noise})

    Parameters
    ----------
    regressor : regressor, default=None
        F, of several outputs. One with ``partial_fit`` is updated with ``n_updates`` fresh batches,
        others are fitted once to a table of as many rows as ten batches have. The learning rate of
        an ``MLPRegressor`` falls along a cosine. None is one that begins at 2e-3, with four hidden
        layers of 128, or three of 256 where the target has more than 16 columns.
        ``set_params(regressor__alpha=…)``, which does not know the target, begins with the first.
    n_updates : int or "auto", default="auto"
        Batches. "auto" is 5000, and 12000 where the target has more than 16 columns.
    batch_size : int, default=256
        Rows of a batch, each with a noise level of its own: ``log(σ/s)`` is normal with mean -0.5
        and standard deviation 1.2, cut off at the ends of the schedule.

    References
    ----------
    Karras et al. (2022), arXiv:2206.00364.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import ExtraTreesRegressor
    >>> from skflow import SDFlowSampler
    >>> from skflow.fields import DenoiserDifference, LearnedDenoiser
    >>> trees = ExtraTreesRegressor(min_samples_leaf=20, random_state=0)
    >>> field = DenoiserDifference(LearnedDenoiser(trees))
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> samples = SDFlowSampler(field, random_state=0).fit(target).sample(200)
    >>> np.abs(samples.mean(axis=0) - target.mean(axis=0)).max() < 0.5
    np.True_
    """

    regressor: Any = None
    _: dataclasses.KW_ONLY
    n_updates: Any = "auto"
    batch_size: int = 256

    def fit(
        self, target: KernelSum, sigmas: NDArray, origin: NDArray, rng: np.random.Generator
    ) -> LearnedDenoiser:
        """Train the regressor; see `Denoiser.fit`."""
        self.begin(target, sigmas, rng)
        if not self.is_updated:
            self.update(target, rng, n_rows=self.n_fitted)
            return self
        n_updates = self.n_updates
        if is_auto(n_updates):
            n_updates = UPDATES[target.n_features > FEW_COLUMNS]
        rate = FallingRate(self.regressor_, LAST_RATE)
        for step in range(n_updates):
            rate.set(step / n_updates)
            self.update(target, rng)
        rate.set(0.0)  # for whoever trains it on
        return self

    def begin(self, target: KernelSum, sigmas: NDArray, rng: np.random.Generator) -> None:
        """Make a fresh regressor, for bandwidths in the range of those given."""
        if not is_auto(self.n_updates):
            check_count(self.n_updates, name="n_updates")
        check_count(self.batch_size, name="batch_size")
        self.frame_ = Preconditioning(target.center, target.standard_deviation or 1.0)
        ends = np.log(np.array([sigmas.min(), sigmas.max()]) / self.frame_.scale)
        self.range_ = ndtr((ends - LOG_MEAN) / LOG_STD)
        probe = self._batch(target, N_PROBE, rng)
        seed = int(rng.integers(2**31))
        regressor = self._make_regressor(self.regressor, target.n_features)
        self.regressor_ = make_regressor(regressor, *probe, seed=seed, name="denoiser")
        self.is_updated = hasattr(self.regressor_, "partial_fit")

    def update(self, rows: KernelSum, rng: np.random.Generator, n_rows: int | None = None) -> None:
        """Learn from a batch of rows, each blurred by a noise level of its own."""
        inputs, F = self._batch(rows, n_rows or self.batch_size, rng)
        limit_batch_size(self.regressor_, len(F))
        learn = self.regressor_.partial_fit if self.is_updated else self.regressor_.fit
        taught(learn, inputs, F[:, 0] if F.shape[1] == 1 else F)

    @property
    def n_fitted(self) -> int:
        """Rows for a regressor that is fitted at once."""
        return FITTED_BATCHES * self.batch_size

    def snapshot(self) -> LearnedDenoiser:
        """Return the denoiser as it is now."""
        other = copy(self)
        other.regressor_ = snapshot(self.regressor_) if self.is_updated else self.regressor_
        return other

    def _batch(self, rows: KernelSum, n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        X = rows.rows[rng.choice(rows.n_rows, n, p=rows.weight)].astype(np.float64)
        share = (rng.permutation(n)[:, None] + rng.random((n, 1))) / n
        low, high = self.range_
        sigma = self.frame_.scale * np.exp(LOG_MEAN + LOG_STD * ndtri(low + share * (high - low)))
        Z = X + sigma * rng.standard_normal(X.shape)
        return self.frame_.inputs(Z, sigma), self.frame_.outputs(X, Z, sigma)

    def __call__(self, Z: NDArray, sigma: float) -> NDArray:
        """Return ``D(z;σ)``."""
        at = np.full((len(Z), 1), float(sigma))
        F = self.regressor_.predict(self.frame_.inputs(Z, at)).reshape(Z.shape)
        if not np.isfinite(F).all():
            raise ValueError(
                f"the denoiser {type(self.regressor_).__name__} answered with numbers that are not "
                "finite: its training diverged. Give it a smaller learning rate."
            )
        return self.frame_.denoised(F, Z, at).astype(Z.dtype)

    def term(self) -> Term:
        """Return the answers of the regressor."""
        return Function(self)

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"regressor": self._make_regressor}

    def _make_regressor(self, spec: Any, n_features: int = 1) -> Any:
        if spec is None:
            return MLPRegressor(
                hidden_layer_sizes=LAYERS[n_features > FEW_COLUMNS],
                alpha=0.0,
                learning_rate_init=2e-3,
                batch_size=self.batch_size,
                shuffle=False,  # every batch is a fresh draw
            )
        return spec


DENOISERS: dict[str, type[Denoiser]] = {"kernel": KernelDenoiser, "learned": LearnedDenoiser}


def make_denoiser(denoiser: Any) -> Denoiser:
    """Return a denoiser given by its name, as a regressor, as a function or as an object.

    Parameters
    ----------
    denoiser : str, regressor, callable or Denoiser
        "kernel", "learned", a regressor to be trained, a function ``denoiser(Z, sigma)`` of rows
        in the units of the data, or a denoiser, which is copied.

    Returns
    -------
    denoiser : Denoiser
        A denoiser that is not fitted.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is none of these.
    """
    if isinstance(denoiser, Denoiser):
        return clone(denoiser)
    if isinstance(denoiser, str) or denoiser is None:
        return lookup(DENOISERS, denoiser, name="denoiser")()
    if hasattr(denoiser, "fit"):
        return LearnedDenoiser(denoiser)
    if callable(denoiser):
        return _GivenDenoiser(denoiser)
    raise TypeError(
        f"denoiser={denoiser!r} is none of 'kernel', 'learned', a regressor, or a function "
        "denoiser(Z, sigma)."
    )
