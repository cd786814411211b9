"""Pictures of flows, in scikit-learn's Display idiom.

``from_estimator`` computes and draws, ``from_tables`` draws what has been computed, and ``plot``
draws a display once more, with other options or on other axes. matplotlib is imported only when
something is drawn.
"""

from __future__ import annotations

from skflow.plotting._animation import animate
from skflow.plotting._correlation import CorrelationDisplay
from skflow.plotting._curves import ConvergenceDisplay, ScheduleDisplay
from skflow.plotting._marginals import MarginalsDisplay
from skflow.plotting._neighbors import NearestNeighborDisplay
from skflow.plotting._path import FlowPathDisplay

__all__ = [
    "ConvergenceDisplay",
    "CorrelationDisplay",
    "FlowPathDisplay",
    "MarginalsDisplay",
    "NearestNeighborDisplay",
    "ScheduleDisplay",
    "animate",
]
