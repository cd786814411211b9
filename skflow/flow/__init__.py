"""What moves rows: the target side of a fit, the step, groups of long tables, marginals."""

from __future__ import annotations

from skflow.flow._atoms import JointAtom, gather, joint_atoms, radii_of
from skflow.flow._marginals import MATCHED_ROWS, Marginal, MonotoneMap
from skflow.flow._step import Flow, LiveFlow, RecordedFlow, Recording, Replay, StepSizes
from skflow.kernels import compute_threads

__all__ = [
    "MATCHED_ROWS",
    "Flow",
    "JointAtom",
    "LiveFlow",
    "Marginal",
    "MonotoneMap",
    "RecordedFlow",
    "Recording",
    "Replay",
    "StepSizes",
    "compute_threads",
    "gather",
    "joint_atoms",
    "radii_of",
]
