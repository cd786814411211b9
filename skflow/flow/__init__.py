"""What moves rows: the target side of a fit, groups of long tables, recorded ways, marginals."""

from __future__ import annotations

from skflow.flow._marginals import MATCHED_ROWS, Marginal, MonotoneMap

__all__ = ["MATCHED_ROWS", "Marginal", "MonotoneMap"]
