"""Prints why the docker runtime cannot be used here and exits with 1. Prints nothing and exits with 0 if it can."""

from __future__ import annotations

import sys

from testbed.runtime.docker.checkup import why_no_image

if __name__ == "__main__":
    print(why := why_no_image(), end="\n" if why else "")
    sys.exit(bool(why))
