r"""Scores: the two halves of a score difference, each a field of its own.

.. math:: σ² ∇ \log p(z;σ) = D_p(z;σ) - z, \qquad -σ² ∇ \log q(z;σ) = z - D_q(z;σ)   (Tweedie)

The first pulls rows to where the target is dense: the drift of Langevin dynamics and of diffusion
models. The second pushes rows apart: minus the gradient flow's share of ``E_q \log q``, the
entropy term. Their sum is the score difference.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import check_scale, check_tolerance
from skflow.fields._base import ALL_ROWS, FieldState, FlowDefaults, Limits
from skflow.fields._denoisers import make_denoiser
from skflow.fields._kernel import KernelField
from skflow.fields._score_difference import DEFAULTS
from skflow.fields._terms import DifferenceState, Itself, Mean

__all__ = ["NARROW", "Entropy", "TargetScore"]

# Where nothing answers for the blur of the moving rows, they end in the target blurred by the last
# bandwidth: with the usual 1.5 distances of neighbours, 12 clusters in 10 columns ended at 10 to 47
# floors, with this at 1.5 to 2.4 (examples/benchmarks/defaults.py).
NARROW = "nn_column"


@dataclasses.dataclass(eq=False, repr=False)
class TargetScore(KernelField):
    r"""Score of the blurred target in units of a displacement, ``D_p(z;σ) - z = σ² ∇ log p(z;σ)``.

    Parameters
    ----------
    denoiser : {"kernel", "learned"}, regressor or callable, default="kernel"
        What answers D_p. "kernel": the kernel mean of the target rows. "learned": a multilayer
        perceptron that is trained to remove noise; or any other regressor. A callable
        ``denoiser(Z, sigma)`` returns D_p itself, for rows in the units of the data: for a density
        of known score s it is ``Z + sigma**2 * s(Z, sigma)``.
    tol : float, default=1e-6
        Share of a kernel sum that may be neglected where it saves time: rows far away, and from
        1e-6 on digits beyond single precision. 0 sums all, in the precision of the rows.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eq. 16; Franceschi et al. (2023), arXiv:2305.16150, eqs. 4-9.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import TargetScore
    >>> Y = np.array([[3.0]])
    >>> field = TargetScore().fit(np.array([[1.0]]), sigmas=np.array([1.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 1.0)
    array([[-2.]])
    """

    denoiser: Any = "kernel"
    tol: float = 1e-6

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"denoiser": make_denoiser}

    @property
    def sees_source(self) -> bool:
        """Whether a row's velocity depends on the other moving rows."""
        return False

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are."""
        return False

    def _learn(self, sigmas: NDArray, origin: NDArray, rng: np.random.Generator) -> None:
        self.denoiser_ = make_denoiser(self.denoiser).fit(self.target_, sigmas, origin, rng)

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches."""
        D_p = self.denoiser_.term()
        return DifferenceState(self.target_, rng, limits, D_p, Itself(), tol=self.tol)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_tolerance(self.tol)
        make_denoiser(self.denoiser)
        return DEFAULTS["row"]


@dataclasses.dataclass(eq=False, repr=False)
class Entropy(KernelField):
    r"""Minus the score of the moving rows, ``z - D_q(z;cσ) = -(cσ)² ∇ log q(z;cσ)``.

    Parameters
    ----------
    bandwidth : float, default=1.0
        c, in units of the step's bandwidth.
    tol : float, default=1e-6
        Share of a kernel sum that may be neglected where it saves time: rows far away, and from
        1e-6 on digits beyond single precision. 0 sums all, in the precision of the rows.

    References
    ----------
    Franceschi et al. (2023), arXiv:2305.16150, table 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import Entropy
    >>> Y = np.array([[0.0], [1.0]])
    >>> field = Entropy().fit(Y, sigmas=np.array([1.0]))
    >>> field.start(np.random.default_rng(0)).velocity(Y, Y, 1.0).round(3)
    array([[-0.378],
           [ 0.378]])
    """

    bandwidth: float = 1.0
    tol: float = 1e-6

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are."""
        return False

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws its batches."""
        D_q = Mean(factor=self.bandwidth)
        return DifferenceState(self.target_, rng, limits, Itself(), D_q, tol=self.tol)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows driven by this field."""
        check_tolerance(self.tol)
        check_scale(self.bandwidth, name="bandwidth")
        return DEFAULTS["row"]
