"""Containers and networks of runs in Docker: at the daemon, by their labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from testbed.errors import TestbedError
from testbed.runtime.orphans.resource import Resource

SOCKET = "/var/run/docker.sock"


def found() -> list[Resource]:
    """Return every container and network of a run, but for those of another user who is still there."""
    if not (os.environ.get("DOCKER_HOST") or os.path.exists(SOCKET)):
        return []  # without the 0.2 s that the SDK takes to load
    from testbed.runtime.docker import labels, leftovers

    owned = [
        (kind, name, labels.owner(marks), marks.get(labels.PROCESS, "")) for kind, name, marks in leftovers.found()
    ]
    return [
        Resource(kind, name, owner, about=process) for kind, name, owner, process in owned if owner and _may(owner.pid)
    ]


def remove(things: Sequence[Resource]) -> list[Resource]:
    """Remove containers and networks; return those that are still there."""
    from testbed.runtime.docker import leftovers

    names = {thing.name for thing in things}
    with suppress(TestbedError):  # what is still there is told
        leftovers.remove(*names)
    there = {name for _, name, _ in leftovers.found()}
    return [thing for thing in things if thing.name in there]


def _may(owner: int) -> bool:
    """Whether this user may act for an owner: the daemon serves all, whoever they are."""
    try:
        return os.stat(f"/proc/{owner}").st_uid == os.geteuid()
    except OSError:  # it has died
        return True
