r"""Where columns lie given others, and how far they spread there.

.. math:: y = m(c) + s(c) \, r, \qquad m(c) = a + B c + \sum_k b_k \max(c_{j_k} - t_k, 0)

m is a ridge regression on the given columns, and another one of what it leaves on what they are
above some of their quantiles t (linear splines), if generalised cross-validation finds that nearer.
Beyond all rows only the first goes on, as a straight line. log s² is such a regression of the
logarithms of squared residuals.

References
----------
Golub, G., Heath, M. and Wahba, G. (1979). Generalized cross-validation as a method for choosing a
good ridge parameter. Technometrics 21.

Harvey, A. C. (1976). Estimating regression models with multiplicative heteroscedasticity.
Econometrica 44.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Regression", "Spread"]

RIDGES = np.geomspace(1e-8, 10, 19)  # penalties over the mean variance of the columns
MOST_KNOTS, PER_KNOT = 7, 10  # of a column; rows for every knot of all columns
LEAST_SQUARE = 1e-4  # added to residuals' squares over their mean, which may be zero
BOUNDS = 0.05, 0.95  # of log s² among the rows; its exponential would let outliers run away

Knots = tuple[NDArray, NDArray]  # columns whose slope changes, and where
NO_KNOTS: Knots = (np.zeros(0, int), np.zeros(0))


@dataclass(frozen=True)
class Ridge:
    """A linear regression of some columns on others.

    Parameters
    ----------
    center, mean : ndarrays of shape (n_given,), (n_drawn,)
        Means of the columns.
    slope : ndarray of shape (n_given, n_drawn)
        B.
    free : float
        One less the share of the residuals' variance that was fitted away.
    loss : float
        Estimated mean square of residuals of rows that were not fitted to.
    """

    center: NDArray
    mean: NDArray
    slope: NDArray
    free: float
    loss: float

    @classmethod
    def fit(cls, C: NDArray, Y: NDArray, weight: NDArray) -> Ridge:
        """Choose the penalty by generalised cross-validation."""
        center, mean, n = weight @ C, weight @ Y, 1 / np.sum(weight**2)
        root = np.sqrt(weight)[:, None]
        U, sizes, V = np.linalg.svd(root * (C - center), full_matrices=False)
        y = root * (Y - mean)
        along, total = U.T @ y, np.sum(y**2)
        variance = np.sum(sizes**2) / max(C.shape[1], 1) or 1.0
        best: tuple = (np.inf, 1.0, np.zeros_like(sizes))
        for penalty in RIDGES * variance:
            shrink = sizes**2 / (sizes**2 + penalty)
            free = 1 - (1 + shrink.sum()) / n
            if free > 0:
                left = total - np.sum((1 - (1 - shrink) ** 2)[:, None] * along**2)
                best = min(best, (left / free**2, free, shrink), key=lambda found: found[0])
        loss, free, shrink = best
        inverse = np.divide(shrink, sizes, out=np.zeros_like(sizes), where=sizes > 0)
        return cls(center, mean, V.T @ (inverse[:, None] * along), free, loss)

    def __call__(self, C: NDArray) -> NDArray:
        """Predicted columns."""
        return self.mean + (C - self.center) @ self.slope


@dataclass(frozen=True)
class Regression:
    """A straight regression, and splines of what it leaves, which are constant beyond all rows.

    Parameters
    ----------
    straight : Ridge
        The regression on the columns.
    bent : Ridge or None
        That of its residuals on the columns and their splines, if this is nearer.
    knots : tuple of ndarrays of shape (n_knots,)
        Given columns whose slope changes, and where.
    low, high : ndarrays of shape (n_given,)
        Range of the rows that were fitted to.
    """

    straight: Ridge
    bent: Ridge | None
    knots: Knots
    low: NDArray
    high: NDArray

    @classmethod
    def fit(cls, C: NDArray, Y: NDArray, weight: NDArray, *, is_bent: bool) -> Regression:
        """Fit to rows, whose weights sum to one; ``is_bent`` allows of splines."""
        straight, knots = Ridge.fit(C, Y, weight), NO_KNOTS
        if is_bent:
            knots = _quantiles(C, 1 / np.sum(weight**2))
        bent = None
        if len(knots[0]):
            bent = Ridge.fit(_with_splines(C, knots), Y - straight(C), weight)
            bent = bent if bent.loss / straight.free**2 < straight.loss else None
        return cls(straight, bent, knots, C.min(axis=0), C.max(axis=0))

    def __call__(self, C: NDArray) -> NDArray:
        """Predicted columns."""
        if self.bent is None:
            return self.straight(C)
        inner = np.clip(C, self.low, self.high)
        return self.straight(C) + self.bent(_with_splines(inner, self.knots))

    @property
    def inflation(self) -> float:
        """What residuals are to be multiplied by, to vary as those of new rows do."""
        free = self.straight.free * (1.0 if self.bent is None else self.bent.free)
        return free**-0.5


@dataclass(frozen=True)
class Spread:
    """How far residuals spread given some columns, over how far they spread in all.

    Parameters
    ----------
    log_square : Regression
        Regression of the logarithms of their squares.
    unit : ndarray of shape (n_drawn,)
        What squares of this spread are to be multiplied by.
    low, high : ndarrays of shape (n_drawn,)
        Bounds of the regression: quantiles of its values at the rows that were fitted to.
    """

    log_square: Regression
    unit: NDArray
    low: NDArray
    high: NDArray

    @classmethod
    def fit(cls, S: NDArray, R: NDArray, weight: NDArray) -> Spread:
        """Learn from residuals R of rows with columns S; weights sum to one."""
        square = R**2 / np.maximum(weight @ R**2, np.finfo(float).tiny)
        ridge = Regression.fit(S, np.log(square + LEAST_SQUARE), weight, is_bent=True)
        fitted = ridge(S)
        low, high = np.quantile(fitted, BOUNDS, axis=0)
        unit = weight @ (square / np.exp(np.clip(fitted, low, high)))
        return cls(ridge, np.where(unit > 0, unit, 1.0), low, high)

    def __call__(self, S: NDArray) -> NDArray:
        """Standard deviations of the columns' residuals, over those of all rows."""
        return np.sqrt(self.unit * np.exp(np.clip(self.log_square(S), self.low, self.high)))


def _with_splines(C: NDArray, knots: Knots) -> NDArray:
    """Columns, and what some of them are above knots."""
    columns, values = knots
    return np.hstack([C, np.maximum(C[:, columns] - values, 0.0)])


def _quantiles(C: NDArray, n: float) -> Knots:
    """Quantiles of all columns that lie inside of their range, as many as n rows allow."""
    k = int(np.clip(n / (PER_KNOT * max(C.shape[1], 1)), 1, MOST_KNOTS))
    places = np.arange(1, k + 1) / (k + 1)
    knots = [
        (j, t)
        for j, x in enumerate(C.T)
        for t in np.unique(np.quantile(x, places))
        if x.min() < t < x.max()
    ]
    if not knots:
        return NO_KNOTS
    columns, values = map(np.asarray, zip(*knots, strict=True))
    return columns, values
