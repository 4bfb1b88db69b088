"""Says in one line why the docker runtime cannot be used here, and exits with 1; silent and 0 if it can."""

from __future__ import annotations

import sys

from testbed.errors import Unavailable
from testbed.runtime.docker import images
from testbed.runtime.docker.engine import Engine


def trouble() -> str:
    """Why there is no daemon or no base image; "" if both are there."""
    try:
        engine = Engine()
    except Unavailable as reason:
        return str(reason)
    try:
        images.check(engine, {})
    except Unavailable as reason:
        return str(reason)
    finally:
        engine.close()
    return ""


if __name__ == "__main__":
    print(why := trouble(), end="\n" if why else "")
    sys.exit(bool(why))
