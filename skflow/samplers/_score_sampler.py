"""Samplers that are a choice of field: what they leave out of the parameters of a mover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike, NDArray

from skflow.fields._denoisers import make_denoiser
from skflow.samplers._base import BaseSampler

__all__ = ["MovesTarget", "ScoreSampler"]


class MovesTarget(BaseSampler):
    """A sampler whose target does not rest: ``fit_transform`` moves it like any other rows."""

    def fit_transform(
        self,
        X: ArrayLike,
        y: None = None,
        *,
        X_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> NDArray:
        """Fit, and move X like any other rows: the target does not rest in this flow.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Target rows.
        y : None
            Ignored.
        X_source : array-like of shape (n_source_rows, n_features), default=None
            Source rows, see ``fit``.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows.

        Returns
        -------
        moved : ndarray of shape (n_rows, n_features)
            ``transform(X)``.
        """
        return self.fit(X, y, X_source=X_source, sample_weight=sample_weight).transform(X)


class ScoreSampler(MovesTarget):
    """Base class of samplers that a denoiser of the target drives."""

    denoiser: Any
    n_noise = 0
    first_step_norm = None

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"denoiser": make_denoiser, "schedule": self._make_schedule}
