"""Samplers: free particles moved by a field. One base class owns the loop."""

from __future__ import annotations

from skflow.samplers._base import BaseSampler
from skflow.samplers._mmd_flow import MMDFlowSampler
from skflow.samplers._sd_flow import SDFlowSampler

__all__ = ["BaseSampler", "MMDFlowSampler", "SDFlowSampler"]
