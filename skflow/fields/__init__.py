"""Fields: one file a family, each the velocity of a flow.

========  =======================  ============================================  ================
name      class                    velocity v(z; p, q, σ)                        source
========  =======================  ============================================  ================
kernel    `KernelScoreDifference`  ``D_p(z;σ) - D_q(z;σ)`` by kernel means       Weber 2023 (15-16)
mmd       `MMDGradient`            gradient of the squared MMD, weights as they  Weber 2023 (44-46)
                                   are
========  =======================  ============================================  ================
"""

from __future__ import annotations

from typing import Any

from skflow._utils import from_registry
from skflow.fields._base import (
    Field,
    Flow,
    Live,
    Recipe,
    Replay,
    Run,
    compute_threads,
    displacement,
)
from skflow.fields._mmd import MMDGradient
from skflow.fields._score_difference import KernelScoreDifference

__all__ = [
    "FIELDS",
    "Field",
    "Flow",
    "KernelScoreDifference",
    "Live",
    "MMDGradient",
    "Recipe",
    "Replay",
    "Run",
    "compute_threads",
    "displacement",
    "make_field",
]

FIELDS: dict[str, type[Field]] = {
    "kernel": KernelScoreDifference,
    "mmd": MMDGradient,
}


def make_field(field: Any) -> Field:
    """Return a field given by its name or as an object.

    Parameters
    ----------
    field : str or Field
        A name in ``FIELDS``, or a field, which is returned as it is.

    Returns
    -------
    field : Field
        The field.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    return from_registry(FIELDS, field, Field, name="field")
