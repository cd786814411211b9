r"""Weighted sums of fields.

.. math:: v = Σ_m a_m \, v_m(z; p_m, q, σ)

Gradient flows of functionals add up, and so do their velocities. With the two halves of the score
difference, ``a_1 σ² ∇ log p - a_2 σ² ∇ log q``, the weights (1, 1) are the score difference itself
and (2, 1) those of diffusion models. A part may have target rows of its own: a negative weight then
keeps rows away from them.

References
----------
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, table 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skflow._utils import check_rows
from skflow.fields._base import ALL_ROWS, Field, FieldState, FlowDefaults, Frozen, Limits
from skflow.fields._registry import make_field

__all__ = ["SumState", "WeightedSum"]


@dataclasses.dataclass(eq=False, repr=False)
class WeightedSum(Field):
    r"""Sum of fields with weights, ``Σ_m a_m v_m``.

    Parameters
    ----------
    parts : sequence of tuples, default=((1.0, "score"), (1.0, "entropy"))
        ``(weight, field)`` or ``(weight, field, rows)``: a number, a field or its name in
        ``skflow.fields.FIELDS``, and, if the part has a target of its own, the rows of it.

    Raises
    ------
    ValueError
        At ``fit``, if a part is no such tuple.

    References
    ----------
    Franceschi et al. (2023), arXiv:2305.16150, table 2 and eqs. 24-28.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.fields import KernelScoreDifference, WeightedSum
    >>> X, Y = np.array([[0.0], [2.0]]), np.array([[5.0], [6.0]])
    >>> sigmas, rng = np.array([10.0]), np.random.default_rng(0)
    >>> v = WeightedSum().fit(X, sigmas).start(rng).velocity(Y, Y, 10.0)
    >>> difference = KernelScoreDifference("row").fit(X, sigmas).start(rng)
    >>> np.allclose(v, difference.velocity(Y, Y, 10.0))
    True
    """

    parts: Sequence[tuple] = ((1.0, "score"), (1.0, "entropy"))

    @property
    def sees_source(self) -> bool:
        """Whether a row's velocity depends on the other moving rows, for any of the parts."""
        return any(field.sees_source for _, field, _ in self._parts())

    @property
    def supports_groups(self) -> bool:
        """Whether the rows of a long table may be moved in groups, by all the parts."""
        return all(field.supports_groups for _, field, _ in self._parts())

    @property
    def is_normalized(self) -> bool:
        """Whether attraction is a mean of target rows, in all the parts."""
        return all(field.is_normalized for _, field, _ in self._parts())

    @property
    def pulls_lone_rows(self) -> bool:
        """Whether a lone row is attracted as strongly as others, by all the parts."""
        return all(field.pulls_lone_rows for _, field, _ in self._parts())

    @property
    def has_unit_step(self) -> bool:
        """Whether η = 1 is a full step of all parts."""
        return all(field.has_unit_step for _, field, _ in self._parts())

    @property
    def fixes_target(self) -> bool:
        """Whether rows distributed like the target stay where they are, in all the parts."""
        return all(field.fixes_target and rows is None for _, field, rows in self._parts())

    def fit(
        self,
        X: NDArray,
        sigmas: NDArray,
        sample_weight: NDArray | None = None,
        *,
        origin: NDArray | None = None,
        rng: np.random.Generator | None = None,
    ) -> WeightedSum:
        """Fit every part, to the target or to its own rows; see `Field.fit`."""
        self.fields_: list[tuple[float, Field]] = []
        for number, (factor, field, rows) in enumerate(self._parts()):
            own, weight = X, sample_weight
            if rows is not None:
                name = f"parts[{number}][2]"
                own = check_rows(rows, name=name, n_features=X.shape[1])
                own = (own - (0 if origin is None else origin)).astype(X.dtype)
                weight = None
            fitted = clone(field).fit(own, sigmas, weight, origin=origin, rng=rng)
            self.fields_.append((factor, fitted))
        return self

    def reweighted(self, weight: NDArray) -> WeightedSum:
        """The same sum with other weights of the target rows; see `Field.reweighted`."""
        other = copy(self)
        shared = [rows is None for _, _, rows in self._parts()]
        other.fields_ = [
            (factor, field.reweighted(weight) if is_shared else field)
            for (factor, field), is_shared in zip(self.fields_, shared, strict=True)
        ]
        return other

    def start(self, rng: np.random.Generator, limits: Limits = ALL_ROWS) -> FieldState:
        """Begin a flow; ``rng`` draws the batches of all parts."""
        parts = [(factor, field.start(rng, limits)) for factor, field in self.fields_]
        return SumState(parts, has_unit_step=self.has_unit_step)

    def defaults(self) -> FlowDefaults:
        """Return what "auto" means for flows: what it means to the first part."""
        return self._parts()[0][1].defaults()

    def _parts(self) -> list[tuple[float, Field, Any]]:
        parts = []
        for part in self.parts:
            is_part = isinstance(part, tuple) and len(part) in (2, 3)
            if not is_part or not isinstance(part[0], Real) or not np.isfinite(float(part[0])):
                raise ValueError(
                    "parts must be tuples (weight, field) or (weight, field, rows) with a finite "
                    f"number for the weight, got {part!r}."
                )
            rows = part[2] if len(part) == 3 else None
            parts.append((float(part[0]), make_field(part[1]), rows))
        if not parts:
            raise ValueError("parts is empty: give at least one tuple (weight, field).")
        return parts


@dataclass(frozen=True)
class _Sum:
    """Weighted sum of velocities, live or frozen."""

    parts: list[tuple[float, Callable[..., NDArray]]]

    def __call__(self, *at: Any) -> NDArray:
        (factor, velocity), *others = self.parts
        v = velocity(*at)
        total = v.dtype.type(factor) * v
        for factor, velocity in others:
            total += total.dtype.type(factor) * velocity(*at)
        return total


class SumState(FieldState):
    """A flow along a weighted sum.

    Parameters
    ----------
    parts : list of (float, FieldState)
        The weights, and the states of the parts.
    has_unit_step : bool, default=True
        Whether η = 1 is a full step of all parts.
    """

    def __init__(
        self, parts: list[tuple[float, FieldState]], *, has_unit_step: bool = True
    ) -> None:
        self.parts, self.has_unit_step = parts, has_unit_step
        self._velocity = _Sum([(factor, part.velocity) for factor, part in parts])

    @property
    def adversary(self) -> Any:
        """What the first part that learns from the moving rows has learnt; None if none does."""
        known = [part.adversary for _, part in self.parts]
        return next((adversary for adversary in known if adversary is not None), None)

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float, step: int = 0) -> NDArray:
        """Weighted sum of the parts' velocities; see `FieldState.velocity`."""
        return self._velocity(Z, Y, sigma, step)

    def frozen(self) -> Frozen:
        """Return the sum of the parts' last velocities; see `FieldState.frozen`."""
        return _Sum([(factor, part.frozen()) for factor, part in self.parts])

    def resume(self, before: FieldState) -> None:
        """Let the parts go on; see `FieldState.resume`."""
        if isinstance(before, SumState):
            for (_, part), (_, earlier) in zip(self.parts, before.parts, strict=True):
                part.resume(earlier)

    def renew(self) -> None:
        """Let the parts forget what belongs to single rows."""
        for _, part in self.parts:
            part.renew()

    def divergence(self) -> NDArray:
        """Weighted sum of the parts' divergences; see `FieldState.divergence`."""
        return np.sum([factor * part.divergence() for factor, part in self.parts], axis=0)

    def full_step(self) -> float:
        """A step that is full for the parts together; see `FieldState.full_step`."""
        if self.has_unit_step:
            return 1.0
        pace = sum(abs(a) / (part.full_step() or np.inf) for a, part in self.parts)
        return 1 / pace if pace else 0.0

    def noise_to_signal(self) -> float | None:
        """Ratio of a single part; of several it is not known. See `FieldState.noise_to_signal`."""
        return self.parts[0][1].noise_to_signal() if len(self.parts) == 1 else None
