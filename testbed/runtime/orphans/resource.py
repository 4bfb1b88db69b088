"""A resource of a run: its kind, its owner and its run. The module of its kind finds and removes it."""

from __future__ import annotations

from typing import NamedTuple

from testbed.runtime.owner import Owner


class Resource(NamedTuple):
    """A resource that must be removed when its owner is dead."""

    kind: str  # "process", "folder", ...
    name: str  # how its kind identifies it: a pid, a path
    owner: Owner
    run: str = ""  # its run; "" if only the owner is known
    about: str = ""  # a description for `testbed ps`
