"""Samplers: free particles moved by a field. One base class owns the loop."""

from __future__ import annotations

from skflow.samplers._base import BaseSampler
from skflow.samplers._diffusion import DiffusionSampler
from skflow.samplers._discriminator_flow import DiscriminatorFlowSampler
from skflow.samplers._langevin import LangevinSampler
from skflow.samplers._mmd_flow import MMDFlowSampler
from skflow.samplers._over_sampler import SDFlowOverSampler
from skflow.samplers._sd_flow import SDFlowSampler
from skflow.samplers._svgd import SVGDSampler

__all__ = [
    "BaseSampler",
    "DiffusionSampler",
    "DiscriminatorFlowSampler",
    "LangevinSampler",
    "MMDFlowSampler",
    "SDFlowOverSampler",
    "SDFlowSampler",
    "SVGDSampler",
]
