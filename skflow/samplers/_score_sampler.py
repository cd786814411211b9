"""Samplers that are a choice of field: what they leave out of the parameters of a mover."""

from __future__ import annotations

from typing import Any

from skflow.samplers._base import BaseSampler

__all__ = ["ScoreSampler"]


class ScoreSampler(BaseSampler):
    """Base class of samplers that a denoiser of the target drives."""

    denoiser: Any
    n_noise = 0
    first_step_norm = None
