"""Start the Python stub: `python -I -S main.py [PACKAGES]`; isolated mode leaves this folder off the path.

PACKAGES is the folder with grpcio, for a stub that speaks gRPC.
"""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")
sys.path += sys.argv[1:]

from stub.server import main  # type: ignore[import-not-found]

main()
