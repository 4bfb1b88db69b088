"""Containers and networks of runs in Docker, found by their labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from testbed.errors import TestbedError
from testbed.runtime.orphans.resource import Resource

SOCKET = "/var/run/docker.sock"


def found() -> list[Resource]:
    """Return all containers and networks of this user's runs."""
    if not (os.environ.get("DOCKER_HOST") or os.path.exists(SOCKET)):
        return []  # saves 0.2 s: the SDK is not loaded
    from testbed.runtime.docker import labels, leftovers

    owned = [
        (kind, name, labels.owner(marks), marks.get(labels.PROCESS, "")) for kind, name, marks in leftovers.found()
    ]
    return [Resource(kind, name, owner, about=process) for kind, name, owner, process in owned if owner]


def remove(things: Sequence[Resource]) -> list[Resource]:
    """Remove containers and networks. Return those that remain."""
    from testbed.runtime.docker import leftovers

    names = {thing.name for thing in things}
    with suppress(TestbedError):  # what remains is returned
        leftovers.remove(*names)
    remaining = {name for _, name, _ in leftovers.found()}
    return [thing for thing in things if thing.name in remaining]
