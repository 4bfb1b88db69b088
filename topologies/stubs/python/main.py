"""Start the Python stub: `python -I -S main.py` (isolated mode leaves this folder off the path)."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")

from stub.server import main  # type: ignore[import-not-found]

main()
