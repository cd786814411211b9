r"""Where a flow begins: alignment of the source, and base distributions for samples.

.. math:: T(y) = m_p + S \, (y - m_q), \quad S = A \, \text{diag}(s_p / s_q), \quad
          A = C_q^{-1/2} (C_q^{1/2} C_p C_q^{1/2})^{1/2} C_q^{-1/2}

First every source column gets the spread s of the target's column, so that no unit of a source's
column matters. Then A is the optimal map between two Gaussians of the covariances C that remain.
Correlations are shrunk towards none, by the oracle-approximating amount, and moments are those of
columns whose far-off values were pulled in.

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
    "Affine",
    "affine_map",
    "apply_affine",
    "conditional_map",
    "drawn_in",
    "even_uniform",
    "gaussian_base",
    "told_apart",
    "uniform_base",
]

Affine = tuple[NDArray, NDArray, NDArray]  # source mean, matrix, target mean

TINY = 1e-12  # smallest probability of a draw
ROUNDED = 1e-6  # largest error of a correlation, which an accurate map does not come near
# Values that lie farther outside of the middle 96 % of a column than ten times its width are pulled
# in: one such value may have more variance than all others.
TAIL, REACH = 0.02, 10.0


def _pulled_in(X: NDArray, weight: NDArray) -> NDArray:
    """Columns in float64, whose values far outside of the bulk are moved to a limit."""
    X = X.astype(np.float64)
    for x in X.T:
        order = np.argsort(x, kind="stable")
        low, high = x[order[np.searchsorted(np.cumsum(weight[order]), [TAIL, 1 - TAIL])]]
        if high > low:
            np.clip(x, low - REACH * (high - low), high + REACH * (high - low), out=x)
    return X


def _moments(X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray, NDArray]:
    """Weighted means, standard deviations and shrunk correlations, zero of constant columns."""
    w = normalize_weights(weight, len(X))
    X = _pulled_in(X, w)
    largest = np.abs(X).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # squares of the values may underflow
    mean, C = moments(X / unit, w)
    varies = np.ptp(X, axis=0) > np.finfo(np.float64).eps * largest
    std = np.where(varies, np.sqrt(np.diag(C)), 0.0)
    R = C[np.ix_(varies, varies)] / np.outer(std[varies], std[varies])
    d, n = len(R), 1 / np.sum(w**2)
    square = np.sum(R**2)
    spread = (n + 1 - 2 / max(d, 1)) * (square - d)
    signal = (1 - 2 / max(d, 1)) * square + d**2
    shrinkage = min(1.0, signal / spread) if spread > 0 else 1.0
    shrunk = np.zeros_like(C)
    shrunk[np.ix_(varies, varies)] = (1 - shrinkage) * R + shrinkage * np.eye(d)
    return mean * unit, std * unit, shrunk


def _covariance(X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray]:
    mean, std, R = _moments(X, weight)
    return mean, R * np.outer(std, std)


def affine_map(
    Y: NDArray,
    X: NDArray,
    weight: NDArray | None = None,
    blur: float = 0.0,
    weight_Y: NDArray | None = None,
) -> Affine:
    """Return the map between the Gaussians of source and target.

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
    weight_Y : ndarray of shape (n_source_rows,), default=None
        Positive weights of the source rows.

    Returns
    -------
    m_q, A, m_p : ndarrays of shape (n_features,), (n_features, n_features), (n_features,)
        T takes y to ``(y - m_q) A + m_p``. Columns that are constant on either side are shifted
        only. Correlations are shrunk by more than 1/(n + 1), so that none are degenerate.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.alignment import affine_map, apply_affine
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(200, 2)), rng.normal([3.0, 0.0], [2.0, 0.5], (200, 2))
    >>> moved = apply_affine(source, affine_map(source, target))
    >>> np.allclose(moved.mean(axis=0), target.mean(axis=0))
    True
    """
    m_p, s_p, C_p = _moments(X, weight)
    m_q, s_q, R_q = _moments(Y, weight_Y)
    unit = max(s_p.max(), blur) or 1.0
    C_p = C_p * np.outer(s_p / unit, s_p / unit) + (blur / unit) ** 2 * np.eye(len(C_p))
    s_p = np.sqrt(np.diag(C_p))
    both = np.flatnonzero((s_p > 0) & (s_q > 0))
    A = np.eye(len(m_q))
    if len(both):
        part = np.ix_(both, both)
        scale = np.outer(s_p[both], s_p[both])
        gain = np.diag(s_p[both] / s_q[both] * unit)
        A[part] = gain @ _optimal_map(R_q[part] * scale, C_p[part], scale)
    return m_q, A, m_p


def _optimal_map(C_q: NDArray, C_p: NDArray, scale: NDArray) -> NDArray:
    """The optimal map between two Gaussians."""
    A = _between(C_q, C_p)
    if np.abs((A.T @ C_q @ A - C_p) / scale).max() > ROUNDED:  # units too far apart for one matrix
        s = np.sqrt(np.diag(scale))
        A = _between(C_q / scale, C_p / scale) * (s / s[:, None])
    return A


def _between(C_q: NDArray, C_p: NDArray) -> NDArray:
    half, inverse = symmetric_root(C_q), symmetric_root(C_q, -0.5)
    return inverse @ symmetric_root(half @ C_p @ half) @ inverse


def conditional_map(
    Y: NDArray,
    X: NDArray,
    weight: NDArray,
    kept: NDArray,
    blur: float = 0.0,
    weight_Y: NDArray | None = None,
) -> Affine:
    r"""Return the map that takes the regression of the source on some columns to the target's.

    .. math:: T(y, c) = (m_p(c) + S \, (y - m_q(c)), \; c), \qquad m(c) = a + B c

    S is the map between the Gaussians of the residuals.

    Parameters
    ----------
    Y : ndarray of shape (n_source_rows, n_features)
        Source rows.
    X : ndarray of shape (n_rows, n_features)
        Target rows.
    weight : ndarray of shape (n_rows,)
        Their weights, summing to one.
    kept : ndarray of int, shape (n_kept,)
        The columns c.
    blur : float, default=0.0
        Noise level by which the target is blurred.
    weight_Y : ndarray of shape (n_source_rows,), default=None
        Positive weights of the source rows.

    Returns
    -------
    affine : tuple of ndarrays
        As `affine_map` returns it; columns c are mapped to themselves.

    Examples
    --------
    Column 1 stays. In the source column 0 is its double, in the target it is five more than that.

    >>> import numpy as np
    >>> from skflow.alignment import apply_affine, conditional_map
    >>> rng = np.random.default_rng(0)
    >>> c, c_target = rng.normal(size=(200, 1)), rng.normal(1.0, 1.0, (300, 1))
    >>> Y = np.hstack([2 * c + rng.normal(size=(200, 1)), c])
    >>> X = np.hstack([5 + 2 * c_target + rng.normal(size=(300, 1)), c_target])
    >>> affine = conditional_map(Y, X, np.full(300, 1 / 300), kept=np.array([1]))
    >>> moved = apply_affine(Y, affine)
    >>> np.allclose(moved[:, 1], Y[:, 1]), bool(abs(np.mean(moved - Y, axis=0)[0] - 5) < 0.3)
    (True, True)
    """
    d, moved = Y.shape[1], np.delete(np.arange(Y.shape[1]), kept)
    w = normalize_weights(weight_Y, len(Y))
    center = w @ Y[:, kept].astype(np.float64)
    a_q, B_q, r_q = _regression(Y, w, moved, kept, center)
    a_p, B_p, r_p = _regression(X, weight, moved, kept, center)
    m_q, S, m_p = affine_map(r_q, r_p, weight, blur, weight_Y)
    A = np.eye(d)
    A[np.ix_(moved, moved)] = S
    A[np.ix_(kept, moved)] = B_p - B_q @ S
    before, after = np.empty(d), np.empty(d)
    before[kept] = after[kept] = center
    before[moved], after[moved] = a_q + m_q, a_p + m_p
    return before, A, after


def _regression(
    X: NDArray, weight: NDArray, moved: NDArray, kept: NDArray, center: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Intercept at the centre, slopes, and residuals of columns regressed on those that stay."""
    X = X.astype(np.float64)
    design = np.column_stack([np.ones(len(X)), X[:, kept] - center])
    root = np.sqrt(weight)[:, None]
    beta = np.linalg.lstsq(root * design, root * X[:, moved], rcond=None)[0]
    return beta[0], beta[1:], X[:, moved] - design @ beta


def apply_affine(Y: NDArray, affine: Affine | None) -> NDArray:
    """Move rows by an affine map, each by itself: its bits do not depend on the others.

    Parameters
    ----------
    Y : ndarray of shape (n_source_rows, n_features)
        Rows.
    affine : tuple of ndarrays or None
        The map, as `affine_map` returns it; None leaves the rows where they are.

    Returns
    -------
    moved : ndarray of shape (n_source_rows, n_features)
        T(Y), with the dtype of Y.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.alignment import apply_affine
    >>> mean, matrix, target_mean = np.zeros(2), np.diag([2.0, 1.0]), np.ones(2)
    >>> apply_affine(np.array([[1.0, 1.0]]), (mean, matrix, target_mean))
    array([[3., 2.]])
    """
    if affine is None:
        return Y
    m_q, A, m_p = affine
    deviation = Y - m_q
    moved = np.tile(m_p, (len(Y), 1))
    for j, row in enumerate(A):  # not a matrix product, which may round by position
        moved += deviation[:, j, None] * row
    return moved.astype(Y.dtype)


def drawn_in(Y: NDArray, reach: float, kept: NDArray) -> NDArray:
    """Move rows that are farther from the origin than ``reach`` straight towards it, up to there.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Rows.
    reach : float
        The largest distance.
    kept : ndarray of int
        Columns that stay, and do not count.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_features)
        Rows within reach, each moved by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.alignment import drawn_in
    >>> drawn_in(np.array([[3.0, 4.0], [0.3, 0.4]]), 1.0, np.array([], dtype=int))
    array([[0.6, 0.8],
           [0.3, 0.4]])
    """
    moved = np.delete(np.arange(Y.shape[1]), kept)
    distance = np.linalg.norm(Y[:, moved], axis=1)
    is_far = np.flatnonzero(distance > reach)
    Y = Y.copy()
    Y[np.ix_(is_far, moved)] *= (reach / distance[is_far, None]).astype(Y.dtype)
    return Y


def told_apart(Y: NDArray, width: float | NDArray, rng: np.random.Generator) -> NDArray:
    """Add noise to repeated rows, so that no two rows are equal.

    Equal rows would move together. A little apart they repel each other, and spread over the part
    of the target that they stand for.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Rows, equal ones next to each other.
    width : float or ndarray of shape (n_features,)
        Standard deviation of the noise that all but the first of equal rows get, in all columns or
        in each.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    distinct : ndarray of shape (n_rows, n_features)
        Y itself if no two rows are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.alignment import told_apart
    >>> Y = np.array([[0.0], [1.0], [1.0]])
    >>> told_apart(Y, 0.1, np.random.default_rng(0))[:2]
    array([[0.],
           [1.]])
    >>> len(np.unique(told_apart(Y, 0.1, np.random.default_rng(0))))
    3
    """
    is_equal = np.append(False, np.all(Y[1:] == Y[:-1], axis=1))
    if not is_equal.any():
        return Y
    Y, noise = Y.copy(), rng.standard_normal((np.count_nonzero(is_equal), Y.shape[1]))
    Y[is_equal] += (width * noise).astype(Y.dtype)
    return Y


def even_uniform(n: int, d: int, rng: np.random.Generator) -> NDArray:
    """Draw n rows between 0 and 1 of a scrambled Sobol sequence, none quite at a bound.

    The first n rows of any n are spread more evenly than independent ones, above all in their first
    coordinates.

    Parameters
    ----------
    n : int
        Number of rows.
    d : int
        Number of columns.
    rng : numpy.random.Generator
        Scrambles the sequence.

    Returns
    -------
    u : ndarray of shape (n, d)
        The rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.alignment import even_uniform
    >>> u = even_uniform(64, 2, np.random.default_rng(0))
    >>> np.histogram(u[:, 0], bins=4, range=(0, 1))[0]  # as many rows in every quarter
    array([16, 16, 16, 16])
    """
    u = Sobol(d, seed=rng).random_base2(int(np.ceil(np.log2(n))))[:n]
    return np.clip(u, TINY, 1 - TINY)


def gaussian_base(n: int, X: NDArray, weight: NDArray | None, rng: np.random.Generator) -> NDArray:
    """Draw n rows of the Gaussian with the target's mean and (shrunk) covariance.

    A scrambled Sobol sequence (`even_uniform`), its first coordinates along the widest axes.

    Parameters
    ----------
    n : int
        Number of rows.
    X : ndarray of shape (n_rows, n_features)
        Target rows.
    weight : ndarray of shape (n_rows,) or None
        Weights of the target rows.
    rng : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    rows : ndarray of shape (n, n_features)
        The rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.alignment import gaussian_base
    >>> X = np.random.default_rng(0).normal([5.0, 0.0], [1.0, 3.0], (100, 2))
    >>> rows = gaussian_base(256, X, None, np.random.default_rng(1))
    >>> np.abs(rows.mean(axis=0) - X.mean(axis=0)).max() < 0.1
    np.True_
    """
    mean, C = _covariance(X, weight)
    value, vector = np.linalg.eigh(C)
    axes = (vector * np.sqrt(np.maximum(value, 0)))[:, ::-1]
    return mean + ndtri(even_uniform(n, X.shape[1], rng)) @ axes.T


def uniform_base(n: int, X: NDArray, weight: NDArray | None, rng: np.random.Generator) -> NDArray:
    """Draw n rows of the uniform distribution on the target's bounding box.

    Parameters
    ----------
    n : int
        Number of rows.
    X : ndarray of shape (n_rows, n_features)
        Target rows.
    weight : ndarray of shape (n_rows,) or None
        Weights of the target rows; the bounding box ignores them.
    rng : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    rows : ndarray of shape (n, n_features)
        The rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.alignment import uniform_base
    >>> X = np.array([[0.0, 10.0], [1.0, 30.0]])
    >>> rows = uniform_base(100, X, None, np.random.default_rng(0))
    >>> bool((rows >= [0, 10]).all() and (rows <= [1, 30]).all())
    True
    """
    return rng.uniform(X.min(axis=0), X.max(axis=0), (n, X.shape[1]))


ALIGNMENTS: dict[str, Callable[..., Affine]] = {"affine": affine_map}
