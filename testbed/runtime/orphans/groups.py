"""The control groups of runs. Their names contain their owner, like folders."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress

from testbed.runtime.cgroups import Memory
from testbed.runtime.orphans.resource import Resource
from testbed.runtime.owner import named

BUSY_S = 10.0  # time limit until a group is empty


def found() -> list[Resource]:
    """Return all control groups of this user's runs, in the folders that this process would use."""
    things = []
    for parent in Memory().parents():
        with suppress(OSError), os.scandir(parent) as entries:
            for entry in entries:
                if (parsed := named(entry.name)) and entry.stat().st_uid == os.geteuid():
                    things.append(Resource("control group", entry.path, parsed[0]))
    return things


def remove(things: Sequence[Resource]) -> list[Resource]:
    """Remove control groups after their processes have been killed. Return those that remain."""
    deadline = time.monotonic() + BUSY_S
    while (left := [thing for thing in things if not _removed(thing.name)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _removed(path: str) -> bool:
    with suppress(OSError):
        os.rmdir(path)
    return not os.path.isdir(path)
