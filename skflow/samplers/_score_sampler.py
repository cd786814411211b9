"""Samplers that are a choice of field, driven by a denoiser: their parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

from skflow.samplers._base import BaseSampler

__all__ = ["ScoreSampler"]


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class ScoreSampler(BaseSampler):
    """Base class of samplers that a denoiser of the target drives."""

    n_noise = 0
    first_step_norm = None

    denoiser: Any = dataclasses.field(default="kernel", kw_only=False)
    schedule: Any = "auto"
    align: Any = "auto"
