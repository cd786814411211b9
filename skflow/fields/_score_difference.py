r"""Score difference by kernel means.

.. math:: v(z) = σ² (∇ \log p(z;σ) - ∇ \log q(z;σ)) = D_p(z;σ) - D_q(z;σ)   [Weber 2023, eqs. 15-16]

D_p and D_q are kernel means over target rows x and moving rows y, with one-sided or two-sided
weights. Rows of a source do not follow what the draw of the rows explains of v:

.. math:: η_k = \max\left( 0, 1 - c \, \min_u
          \frac{Σ_i \text{Var} \, u · v(z_i)}{Σ_i (u · v(z_i))²} \right)

over the principal axes u of the velocities, a positive-part shrinkage as that of James and Stein
(1961), with c = 0.03.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
James, W. and Stein, C. (1961). Estimation with Quadratic Loss. Proc. Fourth Berkeley Symposium 1.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_tolerance, lookup
from skflow.bandwidth import resolve_bandwidth
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits
from skflow.fields._kernel import KernelField
from skflow.fields._sinkhorn import SinkhornState
from skflow.fields._terms import DifferenceState, Mean
from skflow.kernels import KernelSum

__all__ = ["DEFAULTS", "KernelScoreDifference", "log_ratio"]

# Alignment and earlier steps leave of a velocity's noise but a few hundredths, in power, of what
# independent rows would have: where that is all there is, rows stop (docs/quality.md).
SHRINKAGE = 0.03
FIRST_STEP = 0.2  # step size of one-sided weights, which rises to 1
LONELY = 1e-12  # kernel sum over the others, of a row so far from them that nothing is left of it


def rising_steps(n_steps: int) -> NDArray:
    """Step sizes from ``FIRST_STEP`` to 1."""
    return np.linspace(FIRST_STEP, 1, n_steps) if n_steps > 1 else np.ones(1)


DEFAULTS = {
    "sinkhorn": FlowDefaults(schedule="geometric", shrinkage=SHRINKAGE),
    "row": FlowDefaults(schedule="cosine", n_noise=2, step_size=rising_steps),
}


def log_ratio(
    Z: NDArray,
    X: NDArray,
    Y: NDArray,
    bandwidth: Any,
    *,
    weight: NDArray | None = None,
    weight_Y: NDArray | None = None,
    leave_out: bool = False,
) -> NDArray:
    r"""Log-ratio of two kernel densities, whose slope is the score difference.

    .. math:: σ² ∇ \left[ \log p(z;σ) - \log q(z;σ) \right] = D_p(z;σ) - D_q(z;σ)

    Parameters
    ----------
    Z : ndarray of shape (n_queries, n_features)
        Queries.
    X, Y : ndarrays of shape (n_rows, n_features), (n_source_rows, n_features)
        Rows of p and of q.
    bandwidth : float or str
        σ, resolved on X.
    weight, weight_Y : ndarrays of shape (n_rows,), (n_source_rows,), default=None
        Positive weights of X and of Y.
    leave_out : bool, default=False
        Whether Z is Y, and every row is to be left out of its own density.

    Returns
    -------
    log_ratio : ndarray of shape (n_queries,)
        The log-ratio, float64.
    """
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    sigma = resolve_bandwidth(bandwidth, X, sample_weight=weight)
    log_p, log_q = (
        rows.sums(Z, sigma, moment=False)[1]
        for rows in (KernelSum(X, weight), KernelSum(Y, weight_Y))
    )
    if leave_out and len(Y) > 1:  # a row's own kernel value is one
        rest = np.maximum(np.expm1(log_q + np.log(len(Y))), LONELY)
        log_q = np.log(rest / (len(Y) - 1))
    return log_p - log_q


@dataclasses.dataclass(eq=False, repr=False)
class KernelScoreDifference(KernelField):
    r"""Score difference of two kernel density estimates, ``D_p(z;σ) - D_q(z;σ)``.

    Parameters
    ----------
    normalization : {"sinkhorn", "row"}, default="sinkhorn"
        "row": the kernel means as the paper defines them; every query's weights sum to one.
        "sinkhorn": weights that are even over the columns as well, which keeps clusters in
        proportion without injected noise, at twice the kernel sums.
    tol : float, default=1e-6
        Share of a kernel sum that may be neglected where it saves time: rows far away, and from
        1e-6 on digits beyond single precision. 0 sums all, in the precision of the rows.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eqs. 15-16.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference
    >>> X, Y = np.array([[0.0], [2.0]]), np.array([[5.0], [6.0]])
    >>> field = KernelScoreDifference(normalization="row").fit(X, sigmas=np.array([10.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 10.0).round(2)
    array([[-4.46],
           [-4.45]])
    """

    normalization: str = "sinkhorn"
    tol: float = 1e-6

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches."""
        if self.normalization == "sinkhorn":
            return SinkhornState(self.target_, rng, limits, self.tol)
        return DifferenceState(self.target_, rng, limits, Mean(), Mean(), tol=self.tol)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_tolerance(self.tol)
        return lookup(DEFAULTS, self.normalization, name="normalization")
