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
from skflow.metrics._quality import nearest_neighbor_ratio, transport_cost_ratio

__all__ = [
    "characteristic_function_distance",
    "energy_distance",
    "energy_floor",
    "floor",
    "frechet_distance",
    "maximum_mean_discrepancy",
    "nearest_neighbor_ratio",
    "sliced_wasserstein_distance",
    "transport_cost_ratio",
]
