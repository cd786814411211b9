"""Generators: a regressor that learns to return moved rows. One base class owns the loop."""

from __future__ import annotations

from skflow.generators._base import BaseGenerator
from skflow.generators._gan import GANGenerator
from skflow.generators._linear import LinearGenerator
from skflow.generators._score_gan import ScoreGANGenerator
from skflow.generators._sd_flow import SDFlowGenerator

__all__ = [
    "BaseGenerator",
    "GANGenerator",
    "LinearGenerator",
    "SDFlowGenerator",
    "ScoreGANGenerator",
]
