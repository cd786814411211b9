r"""Toy distributions on which score-difference flows are usually shown.

    mixtures   p(x) = 1/K Σ_k N(x; c_k, s² I)      X_i = c_{k_i} + s ε_i
    low rank   p(x) = N(x; μ, B Bᵀ)                x_i = B ξ_i + μ

``c_k`` are the K centres (modes), ``s`` is their common standard deviation, ``k_i`` is uniform on
0, …, K-1, and ``ε_i``, ``ξ_i`` are standard normal. Rows are independent draws, so the number of
rows of a component is random and the order of the rows means nothing. Nothing but the rows
depends on ``random_state``: draws with different seeds are samples of one and the same
distribution.

Every mixture hands out its exact centres with ``return_centers=True`` and, for each row, the index
of its centre with ``return_labels=True``; with ``s`` these give the exact density and its score.

References
----------
R. M. Weber (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
J.-Y. Franceschi et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150.
"""

from math import isfinite
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

__all__ = [
    "make_clusters",
    "make_grid",
    "make_low_rank_gaussian",
    "make_question_mark",
    "make_ring",
]

FloatArray: TypeAlias = NDArray[np.float64]
RandomState: TypeAlias = int | np.random.RandomState | None
# The table alone, or a tuple when a return_* flag asks for more: Any spares the caller a cast.
Dataset: TypeAlias = FloatArray | Any


def make_question_mark(
    n_samples: int = 1024,
    *,
    std: float = 0.2,
    return_labels: bool = False,
    return_centers: bool = False,
    random_state: RandomState = None,
) -> Dataset:
    r"""Draw from 30 Gaussians in R³ that together look like a question mark.

    .. math:: p(x) = \frac{1}{30} \sum_{k=1}^{30} \mathcal{N}(x;\, c_k,\, s^2 I)

    Centres 0 to 28 are evenly spaced along the stroke, from the tip of the hook to the foot of the
    stem; centre 29 is the dot. The mark is 7 high and drawn on a gently bowed sheet: the first
    feature runs across, the second into the depth (from 0 to 1), the third upwards.

    Parameters
    ----------
    n_samples : int, default=1024
        Number of rows.
    std : float, default=0.2
        Standard deviation s of every component in every direction. 0 puts each row on its centre.
    return_labels : bool, default=False
        Whether to return the index of each row's component.
    return_centers : bool, default=False
        Whether to return the centres of the components.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows. Pass an int for the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, 3)
        The rows. The arrays below follow it, in this order, when asked for.
    labels : ndarray of shape (n_samples,)
        Row of ``centers`` that each row was drawn around, if ``return_labels=True``.
    centers : ndarray of shape (30, 3)
        The means of the components, if ``return_centers=True``.

    Raises
    ------
    ValueError
        If ``n_samples`` is not a positive integer or ``std`` is negative or not finite.

    See Also
    --------
    sklearn.datasets.make_swiss_roll : The other end of the interpolation experiment.

    References
    ----------
    .. [1] R. M. Weber (2023). The Score-Difference Flow for Implicit Generative Modeling.
       arXiv:2304.12906, appendices D.1 and D.3.

    Examples
    --------
    >>> from skflow.datasets import make_question_mark
    >>> X, centers = make_question_mark(500, return_centers=True, random_state=0)
    >>> X.shape, centers.shape
    ((500, 3), (30, 3))
    >>> centers[-1]  # the dot
    array([0., 0., 0.])
    """
    return _mixture(
        _question_mark_centers(), std, n_samples, random_state, return_labels, return_centers
    )


def make_grid(
    n_samples: int = 1024,
    *,
    n_side: int = 5,
    spacing: float = 4.0,
    std: float = 0.3,
    return_labels: bool = False,
    return_centers: bool = False,
    random_state: RandomState = None,
) -> Dataset:
    r"""Draw from Gaussians on a square grid in the plane, centred at the origin.

    .. math::
        p(x) = \frac{1}{n^2} \sum_{i,j=0}^{n-1} \mathcal{N}(x;\, \delta\,(i - m,\, j - m),\, s^2 I),
        \qquad m = \frac{n - 1}{2}

    Parameters
    ----------
    n_samples : int, default=1024
        Number of rows.
    n_side : int, default=5
        Number n of components along each side: the mixture has n² of them.
    spacing : float, default=4.0
        Distance δ between neighbouring centres.
    std : float, default=0.3
        Standard deviation s of every component in every direction. 0 puts each row on its centre.
    return_labels : bool, default=False
        Whether to return the index of each row's component.
    return_centers : bool, default=False
        Whether to return the centres of the components.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows. Pass an int for the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        The rows. The arrays below follow it, in this order, when asked for.
    labels : ndarray of shape (n_samples,)
        Row of ``centers`` that each row was drawn around, if ``return_labels=True``.
    centers : ndarray of shape (n_side ** 2, 2)
        The means of the components, column after column of the grid, if ``return_centers=True``.

    Raises
    ------
    ValueError
        If ``n_samples`` or ``n_side`` is not a positive integer, or ``spacing`` or ``std`` is
        negative or not finite.

    References
    ----------
    .. [1] R. M. Weber (2023). The Score-Difference Flow for Implicit Generative Modeling.
       arXiv:2304.12906, appendix D.2.

    Examples
    --------
    >>> from skflow.datasets import make_grid
    >>> X, centers = make_grid(500, return_centers=True, random_state=0)
    >>> X.shape, centers.shape
    ((500, 2), (25, 2))
    >>> centers[0], centers[-1]
    (array([-8., -8.]), array([8., 8.]))
    """
    _check_counts(n_side=n_side)
    _check_scales(spacing=spacing)
    ticks = spacing * (np.arange(n_side) - (n_side - 1) / 2)
    centers = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return _mixture(centers, std, n_samples, random_state, return_labels, return_centers)


def make_ring(
    n_samples: int = 1024,
    *,
    n_modes: int = 5,
    radius: float = 5.0,
    std: float = 0.5,
    return_labels: bool = False,
    return_centers: bool = False,
    random_state: RandomState = None,
) -> Dataset:
    r"""Draw from Gaussians evenly spaced on a circle around the origin.

    .. math::
        p(x) = \frac{1}{K} \sum_{k=0}^{K-1} \mathcal{N}\bigl(x;\,
        r\,(\cos\tfrac{2\pi k}{K},\, \sin\tfrac{2\pi k}{K}),\, s^2 I\bigr)

    Parameters
    ----------
    n_samples : int, default=1024
        Number of rows.
    n_modes : int, default=5
        Number K of components.
    radius : float, default=5.0
        Radius r of the circle of centres.
    std : float, default=0.5
        Standard deviation s of every component in every direction. 0 puts each row on its centre.
    return_labels : bool, default=False
        Whether to return the index of each row's component.
    return_centers : bool, default=False
        Whether to return the centres of the components.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows. Pass an int for the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        The rows. The arrays below follow it, in this order, when asked for.
    labels : ndarray of shape (n_samples,)
        Row of ``centers`` that each row was drawn around, if ``return_labels=True``.
    centers : ndarray of shape (n_modes, 2)
        The means of the components, counterclockwise from (radius, 0), if ``return_centers=True``.

    Raises
    ------
    ValueError
        If ``n_samples`` or ``n_modes`` is not a positive integer, or ``radius`` or ``std`` is
        negative or not finite.

    References
    ----------
    .. [1] J.-Y. Franceschi et al. (2023). Unifying GANs and Score-Based Diffusion as Generative
       Particle Models. arXiv:2305.16150, appendices C.6 and D.1.

    Examples
    --------
    >>> from skflow.datasets import make_ring
    >>> X, centers = make_ring(500, return_centers=True, random_state=0)
    >>> X.shape, centers.shape
    ((500, 2), (5, 2))
    >>> centers[0]
    array([5., 0.])
    """
    _check_counts(n_modes=n_modes)
    _check_scales(radius=radius)
    angles = 2 * np.pi * np.arange(n_modes) / n_modes
    centers = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return _mixture(centers, std, n_samples, random_state, return_labels, return_centers)


def make_clusters(
    n_samples: int = 1024,
    *,
    n_clusters: int = 12,
    n_features: int = 10,
    spread: float = 4.0,
    std: float = 1.0,
    centers_random_state: RandomState = 0,
    return_labels: bool = False,
    return_centers: bool = False,
    random_state: RandomState = None,
) -> Dataset:
    r"""Draw from Gaussian clusters whose centres are themselves Gaussian.

    .. math::
        p(x) = \frac{1}{K} \sum_{k=1}^{K} \mathcal{N}(x;\, c_k,\, s^2 I),
        \qquad c_k \sim \mathcal{N}(0,\, S^2 I)

    Two centres are about S √(2 d) apart in d dimensions, and two rows of one cluster s √(2 d): the
    clusters are well separated when S is a few times s and d is not small. No two of the default
    centres are closer than 8 s.

    Parameters
    ----------
    n_samples : int, default=1024
        Number of rows.
    n_clusters : int, default=12
        Number K of components.
    n_features : int, default=10
        Number d of features.
    spread : float, default=4.0
        Standard deviation S of the centres in every direction.
    std : float, default=1.0
        Standard deviation s of every component in every direction. 0 puts each row on its centre.
    centers_random_state : int, RandomState instance or None, default=0
        Seed of the centres, hence of the distribution itself. It has nothing to do with
        ``random_state``, and equal values of the two are harmless. None draws new centres at every
        call.
    return_labels : bool, default=False
        Whether to return the index of each row's component.
    return_centers : bool, default=False
        Whether to return the centres of the components.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows. Pass an int for the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows. The arrays below follow it, in this order, when asked for.
    labels : ndarray of shape (n_samples,)
        Row of ``centers`` that each row was drawn around, if ``return_labels=True``.
    centers : ndarray of shape (n_clusters, n_features)
        The means of the components, if ``return_centers=True``.

    Raises
    ------
    ValueError
        If ``n_samples``, ``n_clusters`` or ``n_features`` is not a positive integer, or ``spread``
        or ``std`` is negative or not finite.

    See Also
    --------
    sklearn.datasets.make_blobs : One seed for centres and rows, and equally many rows of each.

    Examples
    --------
    Training and held-out rows of the same distribution:

    >>> from skflow.datasets import make_clusters
    >>> X_train, centers = make_clusters(500, return_centers=True, random_state=0)
    >>> X_test, same_centers = make_clusters(300, return_centers=True, random_state=1)
    >>> X_train.shape, X_test.shape, bool((centers == same_centers).all())
    ((500, 10), (300, 10), True)
    """
    _check_counts(n_clusters=n_clusters, n_features=n_features)
    _check_scales(spread=spread)
    parameters_rng = _parameters_rng(centers_random_state)
    centers = spread * parameters_rng.standard_normal((n_clusters, n_features))
    return _mixture(centers, std, n_samples, random_state, return_labels, return_centers)


def make_low_rank_gaussian(
    n_samples: int = 1024,
    *,
    n_features: int = 50,
    rank: int = 25,
    parameters_random_state: RandomState = 0,
    return_parameters: bool = False,
    random_state: RandomState = None,
) -> Dataset:
    r"""Draw from a Gaussian that fills a random subspace only.

    .. math::
        x = B \xi + \mu, \quad \xi \sim \mathcal{N}(0, I_r), \qquad
        B_{ij} \sim \mathcal{N}(0,\, 1/4), \quad \mu_i \sim \mathcal{N}(10,\, 1)

    so that x has mean μ and covariance B Bᵀ, of rank r. The variance of each B_ij is 1/4 (its
    standard deviation is 1/2). The covariance is singular: x has a density on an r-dimensional
    plane and none in R^d.

    Parameters
    ----------
    n_samples : int, default=1024
        Number of rows.
    n_features : int, default=50
        Number d of features.
    rank : int, default=25
        Number r of latent variables, at most ``n_features``.
    parameters_random_state : int, RandomState instance or None, default=0
        Seed of B and μ, hence of the distribution itself. It has nothing to do with
        ``random_state``, and equal values of the two are harmless. None draws new parameters at
        every call.
    return_parameters : bool, default=False
        Whether to return B and μ, which give the exact mean and covariance.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows. Pass an int for the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows. The arrays below follow it, in this order, when asked for.
    B : ndarray of shape (n_features, rank)
        Factor of the covariance, if ``return_parameters=True``.
    mu : ndarray of shape (n_features,)
        Mean, if ``return_parameters=True``.

    Raises
    ------
    ValueError
        If ``n_samples``, ``n_features`` or ``rank`` is not a positive integer, or ``rank`` exceeds
        ``n_features``.

    References
    ----------
    .. [1] R. M. Weber (2023). The Score-Difference Flow for Implicit Generative Modeling.
       arXiv:2304.12906, appendix D.4.

    Examples
    --------
    >>> from skflow.datasets import make_low_rank_gaussian
    >>> X, B, mu = make_low_rank_gaussian(500, return_parameters=True, random_state=0)
    >>> X.shape, B.shape, mu.shape
    ((500, 50), (50, 25), (50,))
    >>> covariance = B @ B.T
    """
    _check_counts(n_samples=n_samples, n_features=n_features, rank=rank)
    if rank > n_features:
        raise ValueError(
            f"rank must be at most n_features={n_features}, got {rank!r}; "
            f"pass rank={n_features} or less, or more features."
        )
    parameters_rng = _parameters_rng(parameters_random_state)
    B = 0.5 * parameters_rng.standard_normal((n_features, rank))
    mu = 10 + parameters_rng.standard_normal(n_features)
    xi = check_random_state(random_state).standard_normal((n_samples, rank))
    X = xi @ B.T + mu
    return (X, B, mu) if return_parameters else X


def _mixture(
    centers: FloatArray,
    std: float,
    n_samples: int,
    random_state: RandomState,
    return_labels: bool,
    return_centers: bool,
) -> Dataset:
    """Draw rows c_k + s ε with k uniform: the one place where mixtures are sampled."""
    _check_counts(n_samples=n_samples)
    _check_scales(std=std)
    rng = check_random_state(random_state)
    labels = rng.randint(len(centers), size=n_samples)
    X = centers[labels] + std * rng.standard_normal((n_samples, centers.shape[1]))
    asked = [(labels, return_labels), (centers, return_centers)]
    extras = [array for array, wanted in asked if wanted]
    return (X, *extras) if extras else X


def _question_mark_centers() -> FloatArray:
    """Return the 29 centres of the stroke and the dot, of shape (30, 3)."""
    height, radius, foot = 7.0, 1.7, 1.5
    middle = height - radius
    # Two arcs of one radius that share their tangent at -60° and end heading down at x = 0: the
    # hook runs clockwise about (0, middle), the neck counterclockwise about (r, middle - √3 r).
    hook, neck = np.deg2rad(np.linspace(190, -60, 1000)), np.deg2rad(np.linspace(120, 180, 1000))
    across = radius * np.r_[np.cos(hook), 1 + np.cos(neck), 0]
    up = np.r_[middle + radius * np.r_[np.sin(hook), np.sin(neck) - np.sqrt(3)], foot]
    stroke = np.column_stack([across, np.sin(np.pi * up / height), up])

    lengths = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
    arc_length = np.r_[0, np.cumsum(lengths)]
    stations = np.linspace(0, arc_length[-1], 29)
    on_stroke = np.column_stack([np.interp(stations, arc_length, axis) for axis in stroke.T])
    return np.vstack([on_stroke, np.zeros(3)])


def _parameters_rng(random_state: RandomState) -> np.random.RandomState:
    """Return a stream that a call with an equal seed for its rows does not share."""
    # Seeded directly, equal seeds would make the rows' noise the very numbers of the parameters.
    rng: np.random.RandomState = check_random_state(random_state)
    return np.random.RandomState(rng.randint(2**31 - 1))


def _check_counts(**counts: object) -> None:
    """Raise unless every argument, given by name, is a positive integer."""
    for name, value in counts.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(
                f"{name} must be an integer of at least 1, got {value!r}; pass {name}=1 or more."
            )


def _check_scales(**scales: object) -> None:
    """Raise unless every argument, given by name, is a finite non-negative number."""
    for name, value in scales.items():
        if not isinstance(value, Real) or not isfinite(value) or value < 0:
            raise ValueError(
                f"{name} must be a finite number of at least 0, got {value!r}; "
                f"pass {name}=0.0 or more."
            )
