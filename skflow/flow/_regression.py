r"""Where columns lie given others, and how far they spread there.

.. math:: y = m(c) + s(c) \, r, \qquad m(c) = a + B c + \sum_k b_k \max(c_{j_k} - t_k, 0)

m is a ridge regression on the given columns, and on what they are above some of their quantiles t
(linear splines), if generalised cross-validation finds that nearer. log s² is such a regression of
the logarithms of squared residuals.

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

__all__ = ["Ridge", "Spread"]

RIDGES = np.geomspace(1e-8, 10, 19)  # penalties over the mean variance of the columns
MOST_KNOTS, PER_KNOT = 7, 10  # of a column; rows for every knot of all columns
LEAST_SQUARE = 1e-4  # added to residuals' squares over their mean, which may be zero

Knots = tuple[NDArray, NDArray]  # columns whose slope changes, and where
NO_KNOTS: Knots = (np.zeros(0, int), np.zeros(0))


@dataclass(frozen=True)
class Ridge:
    """A regression of some columns on others.

    Parameters
    ----------
    knots : tuple of ndarrays of shape (n_knots,)
        Given columns whose slope changes, and where.
    center, mean : ndarrays of shape (n_given + n_knots,), (n_drawn,)
        Means of the columns.
    slope : ndarray of shape (n_given + n_knots, n_drawn)
        B and b.
    free : float
        One less the share of the residuals' variance that was fitted away.
    loss : float
        Estimated mean square of residuals of rows that were not fitted to.
    """

    knots: Knots
    center: NDArray
    mean: NDArray
    slope: NDArray
    free: float
    loss: float

    @classmethod
    def fit(cls, C: NDArray, Y: NDArray, weight: NDArray, *, is_bent: bool = False) -> Ridge:
        """Fit a straight regression, and with ``is_bent`` splines if these are nearer.

        Parameters
        ----------
        C, Y : ndarrays of shape (n_rows, n_given), (n_rows, n_drawn)
            The columns.
        weight : ndarray of shape (n_rows,)
            Weights of the rows, summing to one.
        is_bent : bool, default=False
            Whether slopes may change.

        Returns
        -------
        ridge : Ridge
            The regression.
        """
        designs = [NO_KNOTS, _quantiles(C, 1 / np.sum(weight**2))] if is_bent else [NO_KNOTS]
        return min((cls._fit(C, Y, weight, knots) for knots in designs), key=lambda fit: fit.loss)

    @classmethod
    def _fit(cls, C: NDArray, Y: NDArray, weight: NDArray, knots: Knots) -> Ridge:
        """Choose the penalty by generalised cross-validation."""
        C = _with_splines(C, knots)
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
        return cls(knots, center, mean, V.T @ (inverse[:, None] * along), free, loss)

    def __call__(self, C: NDArray) -> NDArray:
        """Predicted columns."""
        return self.mean + (_with_splines(C, self.knots) - self.center) @ self.slope

    @property
    def inflation(self) -> float:
        """What residuals are to be multiplied by, to vary as those of new rows do."""
        return self.free**-0.5


@dataclass(frozen=True)
class Spread:
    """How far residuals spread given some columns, over how far they spread in all.

    Parameters
    ----------
    log_square : Ridge
        Regression of the logarithms of their squares.
    unit : ndarray of shape (n_drawn,)
        What squares of this spread are to be multiplied by.
    """

    log_square: Ridge
    unit: NDArray

    @classmethod
    def fit(cls, S: NDArray, R: NDArray, weight: NDArray) -> Spread:
        """Learn from residuals R of rows with columns S; weights sum to one."""
        square = R**2 / np.maximum(weight @ R**2, np.finfo(float).tiny)
        ridge = Ridge.fit(S, np.log(square + LEAST_SQUARE), weight, is_bent=True)
        unit = weight @ (square / np.exp(ridge(S)))
        return cls(ridge, np.where(unit > 0, unit, 1.0))

    def __call__(self, S: NDArray) -> NDArray:
        """Standard deviations of the columns' residuals, over those of all rows."""
        return np.sqrt(self.unit * np.exp(self.log_square(S)))


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
    columns, values = zip(*knots, strict=True)
    return np.asarray(columns), np.asarray(values)
