"""How far apart are two tables, and at what price: fit, copying, scrambling."""

from __future__ import annotations

from skflow.metrics._distances import (
    characteristic_function_distance,
    energy_distance,
    energy_floor,
    floor,
    frechet_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
)
from skflow.metrics._quality import nearest_neighbor_ratio, outlying_share, transport_cost_ratio
from skflow.metrics._two_sample import TwoSampleResult, holm_correction, two_sample_test

__all__ = [
    "TwoSampleResult",
    "characteristic_function_distance",
    "energy_distance",
    "energy_floor",
    "floor",
    "frechet_distance",
    "holm_correction",
    "maximum_mean_discrepancy",
    "nearest_neighbor_ratio",
    "outlying_share",
    "sliced_wasserstein_distance",
    "transport_cost_ratio",
    "two_sample_test",
]
