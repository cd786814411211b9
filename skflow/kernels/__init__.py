r"""Gaussian kernel sums: the only place that pairs every row with every row.

.. math::

    K(z, x; σ) = \exp(-‖z - x‖² / 2σ²)

    D(z; σ) = \frac{Σ_j w_j K(z, x_j; σ)\, x_j}{Σ_j w_j K(z, x_j; σ)}          [Weber 2023, eq. 16]

    \log p(z; σ) = \log Σ_j w_j K(z, x_j; σ) - \log Σ_j w_j - \tfrac{d}{2} \log 2πσ²

``D`` is the kernel mean, which is the ideal denoiser ``E[x | z]`` of rows blurred by N(0, σ²I);
``p`` is the kernel density estimate. Nothing of size (queries × rows) is held: the queries are cut
into tiles, which threads take in turn, and each tile runs over the rows in blocks that stay in the
cache. One block is two matrix products around an in-place exponential, ``V @ exp(Bᵀ @ A)``, with
the squared norms folded into ``A`` and ``B``.

The sums are exact unless a tolerance is given. Exact ones take the queries in groups so narrow that
a row of the result has the same bits whatever its neighbours and however many threads there are.
With a tolerance

- the products are as wide as is fastest,
- rows too far away to matter are left out where that saves time,
- kernel values are taken in single precision, about their largest, if the tolerance allows it: an
  exponential then takes a third of the time,
- the two sums of two-sided weights share their kernel values, of which up to 128 MB are kept.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from skflow.kernels._functions import (
    kernel_gradient,
    kernel_mean,
    log_kernel_density,
    mean_distance,
)
from skflow.kernels._kernel_sum import KernelSum, gradient_of
from skflow.kernels._radial import GAUSSIAN, RadialKernel
from skflow.kernels._slices import mean_signs, project
from skflow.kernels._threads import compute_threads, parallel_for

__all__ = [
    "GAUSSIAN",
    "KernelSum",
    "RadialKernel",
    "compute_threads",
    "gradient_of",
    "kernel_gradient",
    "kernel_mean",
    "log_kernel_density",
    "mean_distance",
    "mean_signs",
    "parallel_for",
    "project",
]
