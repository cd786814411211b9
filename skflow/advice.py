"""When not to move: what two tables say for leaving source rows where they are, in plain words.

Each function returns one sentence, or None where there is nothing to say.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from skflow._utils import check_rows
from skflow.metrics import two_sample_test

__all__ = ["find_alike", "say_alike", "say_apart"]

LEVEL = 0.05  # a p-value above it is no evidence of a difference
LEAST_TESTED = 50  # tests of fewer rows of either table overlook too much
OUTLYING = 0.2  # a share of outlying rows beyond chance: equal tables have 0.01
MOST_TESTED, PERMUTATIONS = 500, 99  # of a test that every fit can afford


def say_alike(pvalue: float) -> str | None:
    """Say that source and target do not differ.

    Parameters
    ----------
    pvalue : float
        Of a two-sample test.

    Returns
    -------
    sentence : str or None
        None if they do, by a p-value of at most 0.05.

    Examples
    --------
    >>> from skflow.advice import say_alike
    >>> say_alike(0.4)
    'source and target do not differ (p = 0.4): nothing to move'
    >>> say_alike(0.01)
    """
    if pvalue <= LEVEL:
        return None
    return f"source and target do not differ (p = {pvalue:.2g}): nothing to move"


def say_apart(share: float) -> str | None:
    """Say that many source rows have no counterpart in the target.

    Parameters
    ----------
    share : float
        Of the source's rows, as `skflow.metrics.outlying_share` finds it.

    Returns
    -------
    sentence : str or None
        None if the share is below a fifth.

    Examples
    --------
    >>> from skflow.advice import say_apart
    >>> say_apart(0.34)
    "34 % of the source's rows lie where the target has no rows: move them if they drifted there,
    and leave them out if they are of a kind that the target lacks"
    >>> say_apart(0.02)
    """
    if share < OUTLYING:
        return None
    return (
        f"{100 * share:.0f} % of the source's rows lie where the target has no rows: move them if "
        "they drifted there, and leave them out if they are of a kind that the target lacks"
    )


def find_alike(X_source: ArrayLike, X: ArrayLike) -> str | None:
    """Test, cheaply, whether there is anything to move.

    At most 500 rows of either table and 99 permutations: a few hundredths of a second.

    Parameters
    ----------
    X_source : array-like of shape (n_source_rows, n_features)
        Source rows.
    X : array-like of shape (n_rows, n_features)
        Target rows.

    Returns
    -------
    sentence : str or None
        None if the tables differ, or one has fewer than 50 rows, which a test may tell nothing of.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.advice import find_alike
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(200, 2)), rng.normal(size=(300, 2))
    >>> find_alike(source, target)[:34]
    'source and target do not differ (p'
    >>> find_alike(source + 1, target)
    """
    X_source, X = check_rows(X_source, name="X_source"), check_rows(X, name="X")
    if min(len(X_source), len(X)) < LEAST_TESTED:
        return None
    options: dict[str, Any] = {"n_permutations": PERMUTATIONS, "max_rows": MOST_TESTED}
    return say_alike(two_sample_test(X_source, X, random_state=0, **options).pvalue)
