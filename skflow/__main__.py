"""``python -m skflow`` is the ``skflow`` command."""

from __future__ import annotations

import sys

from skflow.cli import main

if __name__ == "__main__":
    sys.exit(main())
