"""What moves rows: the target side of a fit, groups of long tables, recorded ways, marginals."""

from __future__ import annotations

from skflow.flow._atoms import JointAtom, gather, joint_atoms, radii_of
from skflow.flow._marginals import MATCHED_ROWS, Marginal, MonotoneMap

__all__ = [
    "MATCHED_ROWS",
    "JointAtom",
    "Marginal",
    "MonotoneMap",
    "gather",
    "joint_atoms",
    "radii_of",
]
