r"""Tests of whether two tables differ by more than chance.

.. math::

    T(s) = \sum_{ij} s_i s_j K(z_i, z_j), \qquad
    s_i = \begin{cases} 1/n & z_i \text{ of } X \\ -1/m & z_i \text{ of } Y \end{cases}, \qquad
    p = \frac{1 + \#\{r: T(s_{π_r}) ≥ T(s)\}}{1 + R}

for the n + m rows z of both tables together and R random permutations π of them. Where both tables
are draws of one distribution, all orders of the rows are equally likely, so that P(p ≤ α) ≤ α for
any number of rows and columns. T is the energy distance for K(z, z') = −‖z − z'‖, and the squared
maximum mean discrepancy for a Gaussian K.

References
----------
Székely, G. J. and Rizzo, M. L. (2004). Testing for equal distributions in high dimension.
InterStat 5.
Gretton, A. et al. (2012). A Kernel Two-Sample Test. Journal of Machine Learning Research 13.
Phipson, B. and Smyth, G. K. (2010). Permutation P-values Should Never Be Zero. Statistical
Applications in Genetics and Molecular Biology 9(1).
Holm, S. (1979). A Simple Sequentially Rejective Multiple Test Procedure. Scandinavian Journal of
Statistics 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from skflow._draws import make_generator
from skflow._utils import check_count, check_rows, lookup

__all__ = ["TwoSampleResult", "holm_correction", "two_sample_test"]

TIED = 1e-9  # relative difference of statistics, up to which it is one of rounding
PERMUTED_TOGETHER = 256  # permutations in one matrix product


class TwoSampleResult(NamedTuple):
    """What `two_sample_test` finds.

    Attributes
    ----------
    statistic : float
        Of the two tables; not negative.
    pvalue : float
        Share of orders of the rows whose statistic is as large.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.metrics import two_sample_test
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(0.0, 1.0, (100, 2)), rng.normal(1.0, 1.0, (100, 2))
    >>> statistic, pvalue = two_sample_test(X, Y, random_state=0)
    >>> statistic > 0, pvalue
    (True, 0.001)
    """

    statistic: float
    pvalue: float


def _energy_kernel(distance: NDArray) -> NDArray:
    return -distance


def _gaussian_kernel(distance: NDArray) -> NDArray:
    """Bandwidth: the median distance between two different rows of both tables together."""
    sigma = np.median(distance[distance > 0]) if distance.any() else 1.0
    return np.exp(-0.5 * (distance / sigma) ** 2)


# K(z, z') from the distances of all rows; it must not know which table a row is of
STATISTICS: dict[str, Callable[[NDArray], NDArray]] = {
    "energy": _energy_kernel,
    "mmd": _gaussian_kernel,
}


def two_sample_test(
    X: ArrayLike,
    Y: ArrayLike,
    statistic: str = "energy",
    *,
    n_permutations: int = 999,
    max_rows: int = 1000,
    random_state: Any = None,
) -> TwoSampleResult:
    r"""Test whether two tables are draws of the same distribution.

    The rows of both tables are permuted at random. The p-value is the share of orders, the given
    one included, whose statistic is as large as the given one's. It holds for any number of rows.

    Distances are those of the data: bring columns to comparable units first. Data frames go through
    the encoder of a table, ``two_sample_test(transport.encode(A), transport.encode(B))``.

    Parameters
    ----------
    X : array-like of shape (n_rows_X, n_features)
        The first table, at least 2 rows.
    Y : array-like of shape (n_rows_Y, n_features)
        The second table, at least 2 rows.
    statistic : {"energy", "mmd"}, default="energy"
        "energy" is the energy distance. "mmd" is the squared maximum mean discrepancy with a
        Gaussian kernel, whose bandwidth is the median distance between two rows of both tables; it
        sees local differences, such as those of dependence, a little better.
    n_permutations : int, default=999
        Number R of random orders. The least possible p-value is 1/(R + 1).
    max_rows : int, default=1000
        At most this many rows of a table are compared, chosen at random: the test stays exact, and
        needs memory for the ``(2 max_rows)²`` distances, 32 MB by default.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations and of the choice of rows.

    Returns
    -------
    result : TwoSampleResult
        ``statistic`` of the rows that were compared, and ``pvalue``.

    Raises
    ------
    ValueError
        If a table has fewer than 2 rows or is not finite, the widths differ, or the statistic is
        unknown.

    Notes
    -----
    There are no weights: weighted rows are not exchangeable, so that no permutation stands for
    chance. Draw rows in proportion to their weights instead.

    References
    ----------
    See `skflow.metrics`: Székely and Rizzo (2004), InterStat 5; Gretton et al. (2012), JMLR 13.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.metrics import two_sample_test
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(0.0, 1.0, (100, 2)), rng.normal(1.0, 1.0, (100, 2))
    >>> two_sample_test(X, Y, random_state=0).pvalue
    0.001
    >>> two_sample_test(X[:50], X[50:], random_state=0).pvalue > 0.05
    True
    """
    kernel = lookup(STATISTICS, statistic, name="statistic")
    R = check_count(n_permutations, name="n_permutations")
    most = check_count(max_rows, name="max_rows", minimum=2)
    X = check_rows(X, name="X")
    Y = check_rows(Y, name="Y", n_features=X.shape[1])
    for name, rows in {"X": X, "Y": Y}.items():
        if len(rows) < 2:
            raise ValueError(f"{name} has 1 row, but a test needs at least 2 of either table.")
    rng = make_generator(random_state)
    X, Y = (rows[rng.permutation(len(rows))[:most]] for rows in (X, Y))
    Z = np.concatenate([X, Y]).astype(np.float64)
    Z -= Z.mean(axis=0)  # distances are most accurate near the origin
    observed, permuted = _permuted(kernel(cdist(Z, Z)), len(X), R, rng)
    # equal statistics of discrete rows may differ by their rounding
    as_large = np.count_nonzero(permuted >= observed - TIED * abs(observed))
    return TwoSampleResult(max(0.0, float(observed)), float((1 + as_large) / (1 + R)))


def _permuted(K: NDArray, n: int, R: int, rng: np.random.Generator) -> tuple[float, NDArray]:
    """Statistic of the first n rows against the others, and of R random choices of n rows.

    With u = 1 for the rows of X, s = u/n − (1 − u)/m = c u − 1/m, c = 1/n + 1/m, so that
    T = s'Ks = c² u'Ku − 2 c/m (K1)'u + 1'K1/m²: many u at once are one matrix product.
    """
    N = len(K)
    m = N - n
    c, mass = 1 / n + 1 / m, K.sum(axis=1)

    def statistics(U: NDArray) -> NDArray:  # (N, n_choices) of zeros and ones
        return np.einsum("ij,ij->j", U, c**2 * (K @ U)) - 2 * c / m * (mass @ U) + mass.sum() / m**2

    first = np.zeros((N, 1))
    first[:n] = 1
    permuted = []
    for start in range(0, R, PERMUTED_TOGETHER):
        U = np.repeat(first, min(PERMUTED_TOGETHER, R - start), axis=1)
        permuted.append(statistics(rng.permuted(U, axis=0)))
    return float(statistics(first)[0]), np.concatenate(permuted)


def holm_correction(pvalues: ArrayLike) -> NDArray:
    r"""Adjust p-values of several tests by Holm's method.

    .. math:: \tilde p_{(i)} = \max_{j ≤ i} \min(1, (k - j + 1) \, p_{(j)}), \qquad
              p_{(1)} ≤ … ≤ p_{(k)}

    If all hypotheses whose adjusted p-value is at most α are rejected, then a true one is among
    them with a probability of at most α, however the tests depend on each other.

    Parameters
    ----------
    pvalues : array-like of shape (n_tests,)
        Their p-values.

    Returns
    -------
    adjusted : ndarray of shape (n_tests,)
        In the same order, between the p-values and 1.

    Raises
    ------
    ValueError
        If they are not numbers between 0 and 1.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> from skflow.metrics import holm_correction
    >>> holm_correction([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(pvalues, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"pvalues must be a list of numbers between 0 and 1, got {pvalues!r}.")
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, np.arange(len(p), 0, -1) * p[order]))
    return adjusted
