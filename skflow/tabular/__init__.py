"""Tables: mixed columns in, the same columns out."""

from __future__ import annotations

from skflow.tabular._codecs import common_step, import_pandas
from skflow.tabular._encoder import TableEncoder, check_complete
from skflow.tabular._transport import TableTransport

__all__ = ["TableEncoder", "TableTransport", "check_complete", "common_step", "import_pandas"]
