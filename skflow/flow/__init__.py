"""What moves rows: the target side of a fit, groups of long tables, recorded ways, marginals."""

from __future__ import annotations

from skflow.flow._marginals import Marginal, MonotoneMap

__all__ = ["Marginal", "MonotoneMap"]
