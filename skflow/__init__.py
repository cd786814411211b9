"""Move one table onto another: score-difference flow and its relatives, the scikit-learn way.

``fit(X_target)``, ``transform(X_source)``, ``sample(n)``.
"""

from __future__ import annotations

from skflow._version import __version__
from skflow.generators import GANGenerator, ScoreGANGenerator, SDFlowGenerator
from skflow.samplers import (
    DiffusionSampler,
    DiscriminatorFlowSampler,
    LangevinSampler,
    MMDFlowSampler,
    SDFlowOverSampler,
    SDFlowSampler,
    SVGDSampler,
)
from skflow.tabular import TableTransport

__all__ = [
    "DiffusionSampler",
    "DiscriminatorFlowSampler",
    "GANGenerator",
    "LangevinSampler",
    "MMDFlowSampler",
    "SDFlowGenerator",
    "SDFlowOverSampler",
    "SDFlowSampler",
    "SVGDSampler",
    "ScoreGANGenerator",
    "TableTransport",
    "__version__",
]
