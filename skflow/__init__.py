"""Move one table onto another: score-difference flow and its relatives, the scikit-learn way.

``fit(X_target)``, ``transform(X_source)``, ``sample(n)``.
"""

from __future__ import annotations

from skflow.generators import SDFlowGenerator
from skflow.samplers import MMDFlowSampler, SDFlowSampler
from skflow.tabular import TableTransport

__all__ = ["MMDFlowSampler", "SDFlowGenerator", "SDFlowSampler", "TableTransport", "__version__"]
__version__ = "0.1.0"
