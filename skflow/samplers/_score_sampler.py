"""Samplers that are a choice of field: what they leave out of the parameters of a mover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skflow.fields._denoisers import make_denoiser
from skflow.samplers._base import BaseSampler

__all__ = ["ScoreSampler"]


class ScoreSampler(BaseSampler):
    """Base class of samplers that a denoiser of the target drives."""

    denoiser: Any
    n_noise = 0
    first_step_norm = None

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"denoiser": make_denoiser, "schedule": self._make_schedule}
