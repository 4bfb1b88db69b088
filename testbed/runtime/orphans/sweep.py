"""Removes the resources of dead owners. Every start of a mesh does this first; it is cheap if there are none."""

from __future__ import annotations

from contextlib import suppress

from testbed.runtime.orphans import folders, groups
from testbed.runtime.owner import Owner, State, state


def sweep() -> None:
    """Remove everything of each dead owner that has left a folder or a control group."""
    owners = {thing.owner for thing in (*folders.found(), *groups.found())}
    if dead := {owner for owner in owners if state(owner) is State.DEAD}:
        with suppress(OSError):
            _clear(dead)


def _clear(dead: set[Owner]) -> None:
    """Remove the resources of dead owners, except those that a reaper is removing now."""
    from testbed.runtime.orphans.found import clear, look
    from testbed.runtime.orphans.processes import is_reaper

    things = [thing for thing in look() if thing.owner in dead]
    busy = {thing.owner for thing in things if thing.kind == "process" and is_reaper(thing)}
    clear([thing for thing in things if thing.owner not in busy])
