"""Priors: where the inputs ξ of a generator come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from skflow._draws import call_for_rows, draw_rows
from skflow._utils import check_count, check_rows, lookup
from skflow.alignment import even_uniform

__all__ = ["Prior", "draw_spread", "make_prior"]

Prior = Callable[[int, np.random.Generator], NDArray]


@dataclass(frozen=True)
class _Normal:
    d: int

    def __call__(self, n: int, rng: np.random.Generator) -> NDArray:
        return rng.standard_normal((n, self.d), dtype=np.float32)

    def spread(self, axes: NDArray, n: int, rng: np.random.Generator) -> NDArray:
        return ndtri(even_uniform(n, self.d, rng)) @ axes.T


@dataclass(frozen=True)
class _Uniform:
    d: int

    def __call__(self, n: int, rng: np.random.Generator) -> NDArray:
        return 2 * rng.random((n, self.d), dtype=np.float32) - 1

    def spread(self, axes: NDArray, n: int, rng: np.random.Generator) -> NDArray:
        return 2 * even_uniform(n, self.d, rng) - 1


def _called(prior: Prior, d: int, n: int, rng: np.random.Generator) -> NDArray:
    return call_for_rows(prior, n, rng, name="prior", n_features=d)


PRIORS: dict[str, Callable[[int], _Normal | _Uniform]] = {"normal": _Normal, "uniform": _Uniform}


def make_prior(prior: Any, latent_dim: int | None, n_features: int) -> tuple[Prior, int]:
    """Return what draws the inputs of a generator, and how wide they are.

    Parameters
    ----------
    prior : {"normal", "uniform"}, callable or array-like of shape (n_rows, latent_dim)
        The prior, as the user gave it.
    latent_dim : int or None
        Their width, if the user gave it.
    n_features : int
        Width of the target, which a prior given by name takes over.

    Returns
    -------
    draw : callable
        ``draw(n, rng) -> ndarray of shape (n, latent_dim)``.
    latent_dim : int
        The width.

    Raises
    ------
    ValueError
        If the name is unknown, or the width is not ``latent_dim``.
    """
    width = None if latent_dim is None else check_count(latent_dim, name="latent_dim")
    d = n_features if width is None else width
    if isinstance(prior, str) or prior is None:
        return lookup(PRIORS, prior, name="prior")(d), d
    if callable(prior):
        return partial(_called, prior, d), d
    rows = check_rows(prior, name="prior", n_features=width)
    return partial(draw_rows, rows), rows.shape[1]


def draw_spread(prior: Prior, axes: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """Draw n rows of a prior, more evenly spread than independent ones if it has a name.

    Parameters
    ----------
    prior : callable
        As `make_prior` returns it.
    axes : ndarray of shape (latent_dim, latent_dim)
        Orthogonal axes as columns, those first along which evenness matters most: the normal
        distribution is turned to them.
    n : int
        Number of rows.
    rng : Generator
        Source of randomness.

    Returns
    -------
    xi : ndarray of shape (n, latent_dim)
        Each row by itself is a draw of the prior; together they come from a Sobol sequence.
    """
    if isinstance(prior, _Normal | _Uniform):
        return prior.spread(axes, n, rng).astype(np.float32)
    return prior(n, rng)
