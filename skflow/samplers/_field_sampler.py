"""Samplers that any field may drive: their parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

from skflow.samplers._base import BaseSampler

__all__ = ["FieldSampler"]


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class FieldSampler(BaseSampler):
    """Base class of samplers that take a field, and everything that it has a default for."""

    field: Any = dataclasses.field(default="kernel", kw_only=False)
    schedule: Any = "auto"
    step_size: Any = "auto"
    first_step_norm: Any = None
    align: Any = "auto"
    n_noise: Any = "auto"
