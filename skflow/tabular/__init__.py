"""Tables: mixed columns in, the same columns out."""

from __future__ import annotations

from skflow.tabular._checks import check_complete, check_finite
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._frames import import_pandas
from skflow.tabular._glances import looks_like_dates
from skflow.tabular._grids import common_step
from skflow.tabular._report import TableReport
from skflow.tabular._transport import TableTransport

__all__ = [
    "TableEncoder",
    "TableReport",
    "TableTransport",
    "check_complete",
    "check_finite",
    "common_step",
    "import_pandas",
    "looks_like_dates",
]
