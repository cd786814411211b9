r"""Draw some columns of a target given others.

.. math:: y = m(c) + s(c) \, r, \qquad r \sim p(r \mid S(c))

m is a regression, near the given values where target rows lie there, and s the residuals' spread
(`_regression.py`). The residuals r are moved by a conditional flow: rows start from draws of all
residuals, and end in those of target rows that have like values S(c). So a mean or a spread that
changes with c asks for no rows near c, and kernels have to see only what is left. S is c itself
where target rows lie near; otherwise, as among a dozen columns, it is the leading part of the
prediction m(c), and of c itself.

References
----------
Rubin, D. B. (1981). The Bayesian bootstrap. The Annals of Statistics 9.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_rows, means_and_deviations, warn
from skflow.alignment import gaussian_base
from skflow.fields import make_field
from skflow.flow._regression import Regression, Spread
from skflow.flow._target import CovariateRatio, kept_columns
from skflow.kernels import log_kernel_density
from skflow.schedules import resolve_bandwidth

__all__ = ["draw_given", "given_values", "resampled", "values_of", "warn_outside"]

NEAR = 10.0  # effective target rows at a given value, from which on it needs no summary
PREDICTED, LEADING = 1, 2  # directions of the prediction, and of c itself, in a summary
UNSUMMARIZED = PREDICTED + LEADING  # columns that need no summary
SEEN_ROWS, SEEN_GIVEN = 2000, 200  # rows that neighbours are counted on
EXACT = 1e-6  # standard deviations of residuals, below which m(c) leaves nothing
REGRESSED_ROWS = 10  # effective target rows, up to which only the regression's residuals are drawn
LEAST_ROWS = 50  # fewest rows that are moved together, as a population


Base = Callable[[int, NDArray, NDArray, np.random.Generator], NDArray]


def resampled(n: int, X: NDArray, weight: NDArray, rng: np.random.Generator) -> NDArray:
    """Draw n rows of X in proportion to their weights."""
    return X[rng.choice(len(X), n, p=weight)]


def draw_given(
    flow: Any,
    Y: NDArray,
    C: NDArray,
    weight: NDArray,
    given: NDArray,
    rng: np.random.Generator,
    *,
    base: Base = gaussian_base,
    least: int = LEAST_ROWS,
    bootstrap: bool = False,
) -> NDArray:
    """Draw columns y of a target given the others, c.

    Parameters
    ----------
    flow : sampler or None
        An unfitted sampler, whose ``condition_on`` is set here. None leaves residuals where they
        start.
    Y : ndarray of shape (n_rows, n_drawn)
        The target's columns that are drawn.
    C : ndarray of shape (n_rows, n_given)
        Its other columns, in units in which they vary alike.
    weight : ndarray of shape (n_rows,)
        Positive weights of its rows.
    given : ndarray of shape (n_samples, n_given)
        Given values, one row of them for every row that is drawn.
    rng : numpy.random.Generator
        Draws the rows to start from, and the seed of the flow.
    base : callable, default=gaussian_base
        ``base(n, R, weight, rng)``: n residuals to start from, R being the target's.
    least : int, default=50
        Fewest rows that are moved together.
    bootstrap : bool, default=False
        Whether m and s are those of a Bayesian bootstrap of the rows, so that several draws differ
        by what is not known of them as well.

    Returns
    -------
    drawn : ndarray of shape (n_samples, n_drawn)
        One draw of y for every row of given values.
    """
    _check_attraction(flow)
    weight, n = weight / weight.sum(), len(given)
    given = np.tile(given, (-(-max(least, n) // n), 1))[: max(least, n)]
    is_moved = flow is not None and 1 / np.sum(weight**2) > REGRESSED_ROWS
    is_near = is_moved and (C.shape[1] <= UNSUMMARIZED or _neighbors(C, given, weight) >= NEAR)
    near = weight
    if is_near and C.shape[1]:
        near = CovariateRatio(C, weight, given).weight
    seen = near * rng.exponential(size=len(near)) if bootstrap else near
    seen = seen / seen.sum()
    regression = Regression.fit(C, Y, seen, is_bent=is_moved)
    at_target, at_given = regression(C), regression(given)
    R, scale = (Y - at_target) * regression.inflation, means_and_deviations(Y, weight)[1]
    if not is_moved or (np.sqrt(weight @ R**2) <= EXACT * scale).all():
        return (at_given + _start(base, len(given), R, near, rng))[:n]
    S, s = (C, given) if is_near else _summary(C, given, at_target, at_given, weight)
    spread = Spread.fit(S, R, seen)
    R = R / spread(S)
    start = _start(base, len(given), R, near, rng)
    flow.set_params(random_state=int(rng.integers(2**31)))
    return (at_given + spread(s) * _moved(flow, R, S, weight, start, s))[:n]


def _check_attraction(flow: Any) -> None:
    if flow is not None and not make_field(flow.field).is_normalized:
        raise ValueError(
            f"given does not work with {flow!r}: where all rows have the same given values their "
            "repulsion outweighs the target's attraction. Choose SDFlowSampler()."
        )


def _start(base: Base, n: int, R: NDArray, weight: NDArray, rng: np.random.Generator) -> NDArray:
    """Residuals to start from; those of a base may have an order."""
    return rng.permutation(base(n, R, weight, rng))


def _moved(
    flow: Any, R: NDArray, S: NDArray, weight: NDArray, start: NDArray, s: NDArray
) -> NDArray:
    """Residuals moved onto those of the target, R, given s as R is given S."""
    d = R.shape[1]
    flow.set_params(condition_on=list(range(d, d + S.shape[1])))
    with warnings.catch_warnings():  # of given values that are rare in the target
        warnings.simplefilter("ignore", UserWarning)
        flow.fit(np.hstack([R, S]), sample_weight=weight)
        # a frame, if that was set
        return np.asarray(flow.transform(np.hstack([start, s])))[:, :d]


def given_values(
    given: Any, n: int, n_features: int, names: Sequence[Any] | None
) -> tuple[NDArray, NDArray]:
    """Numbers of the columns that have given values, and n rows of those.

    Parameters
    ----------
    given : dict or DataFrame
        By number or name of a column a value, or n of them.
    n : int
        Number of rows.
    n_features : int
        Number of columns.
    names : sequence of str or None
        Their names, if they have any.

    Returns
    -------
    columns : ndarray of int, shape (n_given,)
        In ascending order.
    values : ndarray of shape (n, n_given)
        Their values.

    Raises
    ------
    ValueError
        If ``given`` is no such thing, a column is not there or none is left to be drawn, or there
        are not n finite values.
    """
    keys = list(given.keys() if hasattr(given, "keys") else getattr(given, "columns", ()))
    if not keys:
        raise ValueError(f"given must be a dict {{column: value}} or a DataFrame, got {given!r}.")
    found = {}
    for key in keys:
        (column,) = kept_columns([key], n_features, names, name="given")
        found[int(column)] = values_of(given[key], n, key)
    columns = kept_columns(list(found), n_features, None, name="given")
    values = [np.asarray(found[int(j)]) for j in columns]
    return columns, check_rows(np.column_stack(values), name="given")


def values_of(value: Any, n: int, name: Any) -> Any:
    """One value n times, or n values as they are."""
    if np.ndim(value) == 0:
        return [value] * n
    if len(value) != n:
        raise ValueError(
            f"given has {len(value)} values of {name!r}, but n_samples={n}: give one value, or as "
            "many as rows are drawn."
        )
    return value


def warn_outside(name: Any, values: Any, low: Any, high: Any) -> None:
    """Warn of given values that lie outside of the target's range."""
    for value in (values.min(), values.max()):
        if not low <= value <= high:
            warn(
                f"given: {name!r} is {value}, outside of the target's range, {low} to {high}: "
                "the result extrapolates from the nearest rows, along a straight line."
            )
            return


def _summary(
    C: NDArray, given: NDArray, at_target: NDArray, at_given: NDArray, weight: NDArray
) -> tuple[NDArray, NDArray]:
    """What residuals are drawn given: S(c) of the target's rows, and of the given ones."""
    pairs = [
        _leading(at_target, at_given, weight, PREDICTED),
        _leading(C, given, weight, LEADING),
    ]
    S, s = (np.hstack(side) for side in zip(*pairs, strict=True))
    return S, s


def _leading(X: NDArray, Y: NDArray, weight: NDArray, n: int) -> tuple[NDArray, NDArray]:
    """The first principal components of some rows X, and those of other rows Y."""
    mean = weight @ X
    root = np.sqrt(weight)[:, None]
    axes = np.linalg.svd(root * (X - mean), full_matrices=False)[2][:n].T
    return (X - mean) @ axes, (Y - mean) @ axes


def _neighbors(C: NDArray, given: NDArray, weight: NDArray) -> float:
    """Effective number of target rows within a bandwidth of given ones, (Σ w K)² / Σ (w K)²."""
    some = slice(None, None, -(-len(C) // SEEN_ROWS))
    C, weight = C[some], weight[some] / weight[some].sum()
    mean, scale = means_and_deviations(C, weight)
    scale[scale == 0] = 1.0
    X, Z = (C - mean) / scale, (given[:: -(-len(given) // SEEN_GIVEN)] - mean) / scale
    if not np.ptp(X, axis=0).any():
        return np.inf
    h, d = resolve_bandwidth("silverman", X, sample_weight=weight), X.shape[1]
    once = log_kernel_density(Z, X, h, sample_weight=weight)
    twice = log_kernel_density(Z, X, h / np.sqrt(2), sample_weight=weight**2)
    density = d / 2 * np.log(4 * np.pi * h**2)  # of the normal constants
    return float(np.median(np.exp(2 * once - twice + density)) / np.sum(weight**2))
