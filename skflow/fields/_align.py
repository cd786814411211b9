r"""Where a flow begins: alignment of the source, and base distributions for samples.

.. math:: T(y) = m_p + A (y - m_q), \qquad
          A = C_q^{-1/2} (C_q^{1/2} C_p C_q^{1/2})^{1/2} C_q^{-1/2}

T is the optimal map between two Gaussians of means m and covariances C. The covariances are shrunk
towards a multiple of the identity, by the oracle-approximating amount.

References
----------
Dowson, D. C. and Landau, B. V. (1982). The Fréchet distance between multivariate normal
distributions. Journal of Multivariate Analysis 12.
Chen, Y. et al. (2010). Shrinkage Algorithms for MMSE Covariance Estimation. IEEE Transactions on
Signal Processing 58.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats.qmc import Sobol

from skflow._utils import moments, normalize_weights, symmetric_root

__all__ = [
    "ALIGNMENTS",
    "affine_map",
    "apply_affine",
    "even_uniform",
    "gaussian_base",
    "uniform_base",
]

TINY = 1e-12  # smallest probability of a draw
DEGENERATE = 1e-10  # smallest eigenvalue over the largest below which a covariance is degenerate


def _moments(X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray]:
    """Weighted mean and shrunk covariance."""
    mean, C = moments(X, weight)
    d, n = len(C), 1 / np.sum(normalize_weights(weight, len(X)) ** 2)
    trace, square = np.trace(C), np.sum(C**2)
    spread = (n + 1 - 2 / d) * (square - trace**2 / d)
    signal = (1 - 2 / d) * square + trace**2
    shrinkage = min(1.0, signal / spread) if spread > 0 else 1.0
    return mean, (1 - shrinkage) * C + shrinkage * trace / d * np.eye(d)


def _is_degenerate(C: NDArray, X: NDArray) -> bool:
    value = np.linalg.eigvalsh(C)
    rounding = (np.finfo(X.dtype).eps * np.abs(X).max()) ** 2 * len(C)
    return bool(value[0] <= max(DEGENERATE * value[-1], rounding))


def affine_map(
    Y: NDArray, X: NDArray, weight: NDArray | None = None, blur: float = 0.0
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the optimal map between the Gaussians of source and target.

    Parameters
    ----------
    Y : ndarray of shape (n_source_rows, n_features)
        Source rows.
    X : ndarray of shape (n_rows, n_features)
        Target rows, distinct if weighted.
    weight : ndarray of shape (n_rows,), default=None
        Positive weights of the target rows.
    blur : float, default=0.0
        Noise level by which the target is blurred.

    Returns
    -------
    m_q, A, m_p : ndarrays of shape (n_features,), (n_features, n_features), (n_features,)
        T takes y to ``(y - m_q) A + m_p``; A is the identity where a covariance is degenerate.
    """
    m_p, C_p = _moments(X, weight)
    C_p = C_p + blur**2 * np.eye(len(C_p))
    m_q, C_q = _moments(Y, None)
    if _is_degenerate(C_p, X) or _is_degenerate(C_q, Y):
        return m_q, np.eye(len(m_q)), m_p
    half, inverse = symmetric_root(C_q), symmetric_root(C_q, -0.5)
    return m_q, inverse @ symmetric_root(half @ C_p @ half) @ inverse, m_p


def apply_affine(Y: NDArray, affine: tuple[NDArray, NDArray, NDArray]) -> NDArray:
    """Move rows by an affine map, each by itself: its bits do not depend on the others.

    Parameters
    ----------
    Y : ndarray of shape (n_source_rows, n_features)
        Rows.
    affine : tuple of ndarrays
        The map, as `affine_map` returns it.

    Returns
    -------
    moved : ndarray of shape (n_source_rows, n_features)
        T(Y), with the dtype of Y.
    """
    m_q, A, m_p = affine
    deviation = Y - m_q
    moved = np.tile(m_p, (len(Y), 1))
    for j, row in enumerate(A):  # not a matrix product, which may round by position
        moved += deviation[:, j, None] * row
    return moved.astype(Y.dtype)


def even_uniform(n: int, d: int, rng: np.random.Generator) -> NDArray:
    """Draw n rows between 0 and 1 of a scrambled Sobol sequence, none quite at a bound.

    The first n rows of any n are spread more evenly than independent ones, above all in their first
    coordinates.
    """
    u = Sobol(d, seed=rng).random_base2(int(np.ceil(np.log2(n))))[:n]
    return np.clip(u, TINY, 1 - TINY)


def gaussian_base(n: int, X: NDArray, weight: NDArray | None, rng: np.random.Generator) -> NDArray:
    """Draw n rows of the Gaussian with the target's mean and (shrunk) covariance.

    A scrambled Sobol sequence (`even_uniform`), its first coordinates along the widest axes.
    """
    mean, C = _moments(X, weight)
    value, vector = np.linalg.eigh(C)
    axes = (vector * np.sqrt(np.maximum(value, 0)))[:, ::-1]
    return mean + ndtri(even_uniform(n, X.shape[1], rng)) @ axes.T


def uniform_base(n: int, X: NDArray, weight: NDArray | None, rng: np.random.Generator) -> NDArray:
    """Draw n rows of the uniform distribution on the target's bounding box."""
    return rng.uniform(X.min(axis=0), X.max(axis=0), (n, X.shape[1]))


ALIGNMENTS: dict[str, Callable[..., tuple[NDArray, NDArray, NDArray]]] = {"affine": affine_map}
