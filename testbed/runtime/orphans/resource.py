"""A resource outside the process tree: of what kind, whose, of which run. How it is found and removed is its kind's."""

from __future__ import annotations

from typing import NamedTuple

from testbed.runtime.owner import Owner


class Resource(NamedTuple):
    """Something that somebody has to remove when its owner is dead."""

    kind: str  # "process", "folder", ...
    name: str  # by which its kind finds it again: a pid, a path
    owner: Owner
    run: str = ""  # the run it belongs to; "" where only the owner is known
    about: str = ""  # for people
