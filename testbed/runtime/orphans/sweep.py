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
    """Let the reapers of dead owners end, then remove what is left, and a reaper that hangs as well."""
    from testbed.runtime.orphans.found import clear, look
    from testbed.runtime.orphans.processes import let_reapers_end

    let_reapers_end([thing for thing in look() if thing.owner in dead and thing.kind == "process"])
    clear([thing for thing in look() if thing.owner in dead])
