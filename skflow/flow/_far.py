r"""Rows that start where a fitted flow has seen none.

.. math:: \min_j \|\tilde y_i - \tilde x_j\| > \max \left( 2 r_{0.99}, \sqrt d / 2 \right)

for rows y and the reference rows x of a flow, in standard deviations of each of the d columns of x;
0.99 of the reference rows have another one within r.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skflow._utils import warn

__all__ = ["far_share", "warn_if_far"]

MOST_FAR = 0.5  # share of rows that start far away, from which on a warning says so
ASKED_ROWS = 500  # rows that are asked how far off they start
FEW_NEW, FEW_REFERENCES = 10, 30  # fewer rows do not tell


def far_share(Y: NDArray, start: NDArray) -> float:
    """Share of rows that start far from every reference row, whatever the columns' units.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_features)
        Rows before the first step, of which at most 500 are looked at.
    start : ndarray of shape (n_reference, n_features)
        The reference rows.

    Returns
    -------
    share : float
        0 if there are too few rows of either kind to tell.
    """
    scale = start.std(axis=0, dtype=np.float64)
    varied = scale > 0
    if len(Y) < FEW_NEW or len(start) < FEW_REFERENCES or not varied.any():
        return 0.0
    center, scale = start[:, varied].mean(axis=0, dtype=np.float64), scale[varied]
    X = (start[:, varied] - center) / scale
    tree = cKDTree(X)
    usual = np.asarray(tree.query(_some(X), k=2)[0])[:, 1]  # to another than itself
    far = max(2 * np.quantile(usual, 0.99), 0.5 * np.sqrt(len(scale)))
    return float(np.mean(tree.query((_some(Y)[:, varied] - center) / scale)[0] > far))


def warn_if_far(Y: NDArray, start: NDArray) -> None:
    """Warn if more than half of the rows start far from every reference row; see `far_share`."""
    share = far_share(Y, start)
    if share > MOST_FAR:
        warn(
            f"{100 * share:.0f} % of the rows of X start far from every row of the X_source that "
            "was given to fit, and may end anywhere. Either the source has changed: fit again. Or "
            "the two are in different units: a pipeline transforms X, but an X_source given as "
            "step__X_source=... stays as it is. Transform it alike, or let the pipeline do so: "
            "Pipeline(steps, transform_input=['X_source']).fit(X, X_source=...), with "
            "sklearn.set_config(enable_metadata_routing=True)."
        )


def _some(rows: NDArray) -> NDArray:
    """At most 500 rows, spread evenly over the table."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), ASKED_ROWS), dtype=int)]
