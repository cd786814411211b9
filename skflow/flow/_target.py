r"""The target as a flow sees it, and as it looks where the source has its covariates.

.. math:: p(y, c) = p(y | c) \, p(c) \quad→\quad p(y | c) \, q(c), \qquad
          w_j ← w_j \, \frac{q(c_j)}{p(c_j)}

A flow from q(y, c) to p(y, c) moves the covariates c as well, because their own distributions
differ. After the target rows have been weighted by the ratio of the covariates' densities both
sides have the source's q(c), and a flow that moves y alone takes q(y | c) to p(y | c).

References
----------
Shimodaira, H. (2000). Improving predictive inference under covariate shift by weighting the
log-likelihood function. Journal of Statistical Planning and Inference 90.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import means_and_deviations, warn
from skflow.fields import Field
from skflow.fields._score_difference import log_ratio
from skflow.flow._atoms import JointAtom
from skflow.flow._marginals import Marginal
from skflow.schedules import resolve_bandwidth

__all__ = ["NO_COLUMNS", "CovariateRatio", "TargetView", "kept_columns"]

LARGEST_RATIO = (
    20.0  # of the covariates' densities: rows that are rarer in the target count so often
)
BANDWIDTH = "silverman"  # of the covariates' densities
SMALLEST_LOG = 30.0  # minus the log of the least ratio: a weight has to be positive
LEAST_COVERED = 0.5  # share of the source rows, of which the target should have the values
FEW_STAND = 20.0  # effective target rows, of which fewer hardly are a distribution
NO_COLUMNS: NDArray = np.zeros(0, int)


@dataclass(frozen=True)
class TargetView:
    """What a flow needs of the target.

    Parameters
    ----------
    rows, weight : ndarrays of shape (n_rows, n_features), (n_rows,)
        Centred target rows, and their weights, summing to one.
    field : Field
        The field that was fitted to them.
    marginals : sequence of Marginal
        Distributions of the columns.
    kept : ndarray of int, shape (n_kept,)
        Columns that stay as they are.
    atoms : sequence of JointAtom, default=()
        What columns share together.
    own_bandwidths : ndarray of shape (n_features,), default=None
        Bandwidths of the kept columns, 0 of the others; None if all follow σ.
    stands_for : ndarray of bool, shape (n_source_rows,), default=None
        Which source rows have values in the kept columns that the target has as well; None is all.
    """

    rows: NDArray
    weight: NDArray
    field: Field
    marginals: Sequence[Marginal]
    kept: NDArray
    atoms: Sequence[JointAtom] = ()
    stands_for: NDArray | None = None
    own_bandwidths: NDArray | None = None

    def relative_spread(self) -> NDArray:
        """Standard deviations of the columns over the largest, 0 of those that stay.

        Returns
        -------
        spread : ndarray of shape (n_features,)
            0 of constant columns, too.
        """
        scale = np.abs(self.rows).max(axis=0).astype(np.float64)
        X = self.rows / np.where(scale > 0, scale, 1.0)  # squares may underflow
        spread = scale * np.sqrt(self.weight @ (X - self.weight @ X) ** 2)
        spread[self.kept] = 0.0
        return spread / (spread.max() or 1.0)

    def given(self, Y: NDArray, center: NDArray, weight_Y: NDArray | None = None) -> TargetView:
        """The target as it would be if its kept columns were distributed like those of the source.

        Parameters
        ----------
        Y : ndarray of shape (n_source_rows, n_features)
            Centred source rows.
        center : ndarray of shape (n_features,)
            What was subtracted from the rows.
        weight_Y : ndarray of shape (n_source_rows,), default=None
            Positive weights of the source rows.

        Returns
        -------
        view : TargetView
            Itself if no column is kept.
        """
        if not len(self.kept):
            return self
        kept = self.kept
        ratio = CovariateRatio(self.rows[:, kept], self.weight, Y[:, kept], weight_Y)
        weight = ratio.weight
        n = 1 / np.sum(weight**2)
        covered = ratio.overlaps.mean()
        if n < min(FEW_STAND, len(self.rows) / 2) or covered < LEAST_COVERED:
            warn(
                f"condition_on: {covered:.0%} of the source rows have values that the target has "
                f"as well, and {n:.0f} of {len(self.rows)} target rows stand for them. The other "
                "rows follow the nearest values. Condition on fewer columns, or give rows that "
                "overlap."
            )
        columns = zip(self.marginals, (self.rows + center).T, strict=True)
        marginals = [marginal.reweighted(x, weight) for marginal, x in columns]
        field = self.field.reweighted(weight)
        own_bandwidths = np.zeros(self.rows.shape[1])
        own_bandwidths[self.kept] = ratio.bandwidths
        return replace(
            self,
            weight=weight,
            field=field,
            marginals=marginals,
            stands_for=ratio.overlaps,
            own_bandwidths=own_bandwidths,
        )


class CovariateRatio:
    """Ratio of the source's density to the target's in some columns, of kernel densities.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        These columns of the target.
    weight : ndarray of shape (n_rows,)
        Weights of the target rows, summing to one.
    Y : ndarray of shape (n_source_rows, n_columns)
        The same columns of the source.
    weight_Y : ndarray of shape (n_source_rows,), default=None
        Positive weights of the source rows.

    Attributes
    ----------
    weight : ndarray of shape (n_rows,)
        Weights times the ratio, which is bounded; they sum to one.
    bandwidths : ndarray of shape (n_columns,)
        Of the densities, in the units of the columns.
    overlaps : ndarray of bool, shape (n_source_rows,)
        Whether the ratio is within its bound at the source rows.
    """

    def __init__(
        self, X: NDArray, weight: NDArray, Y: NDArray, weight_Y: NDArray | None = None
    ) -> None:
        X, Y = X.astype(np.float64), Y.astype(np.float64)
        mean, scale = means_and_deviations(X, weight)
        scale[scale == 0] = 1.0
        x, y = (X - mean) / scale, (Y - mean) / scale
        h = 1.0  # of columns that are constant in the target: any will do
        if np.ptp(x, axis=0).any():
            h = resolve_bandwidth(BANDWIDTH, x, sample_weight=weight)
        self.bandwidths = h * scale
        at_target, at_source = (
            -log_ratio(z, x, y, h, weight=weight, weight_Y=weight_Y) for z in (x, y)
        )
        bound = np.log(LARGEST_RATIO)
        ratio = np.exp(np.clip(at_target, -SMALLEST_LOG, bound))
        self.weight = weight * ratio / (weight @ ratio)
        self.overlaps = at_source < bound


def kept_columns(
    condition_on: Any,
    n_features: int,
    names: Sequence[Any] | None,
    *,
    name: str = "condition_on",
) -> NDArray:
    """Numbers of the columns that are named by ``condition_on``.

    Parameters
    ----------
    condition_on : list of int or str, or None
        What the user gave.
    n_features : int
        Number of columns.
    names : sequence of str or None
        Their names, if they have any.
    name : str, default="condition_on"
        What to call it in an error.

    Returns
    -------
    kept : ndarray of int, shape (n_kept,)
        In ascending order.

    Raises
    ------
    ValueError
        If a column is not there, or none is left to be moved.
    """
    if condition_on is None:
        return NO_COLUMNS
    if isinstance(condition_on, str) or not np.iterable(condition_on):
        raise ValueError(
            f"{name} must be a list of columns, got {condition_on!r}: write [{condition_on!r}]."
        )
    known = {name: j for j, name in enumerate([] if names is None else names)}
    kept = []
    for column in condition_on:
        number = known.get(column, column)
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            columns = "no names" if names is None else f"the names {list(names)[:20]}"
            raise ValueError(f"{name} names {column!r}, but the columns have {columns}.")
        if not -n_features <= number < n_features:
            raise ValueError(f"{name} has column {number}, but there are {n_features}.")
        kept.append(int(number) % n_features)
    if len(set(kept)) == n_features:
        raise ValueError(
            f"{name}={list(condition_on)!r} keeps all {n_features} columns: none is left to be "
            "moved."
        )
    return np.unique(np.asarray(kept, int))
