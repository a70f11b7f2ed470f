"""``python -m ternary_engine``: the same as the ``ternary-engine`` command."""

from __future__ import annotations

import sys

from ternary_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
