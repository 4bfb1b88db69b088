"""What marks containers and networks as a run's own: whose they are, so that a recycled pid is not mistaken for us."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from testbed.runtime.owner import Owner, me

RUN = "testbed.run"
OWNER = "testbed.owner"
STARTED = "testbed.owner-started"  # in ticks since the machine booted
BOOT = "testbed.boot"
PLACE = "testbed.place"
PROCESS = "testbed.process"  # the process of the plan that runs in a container, "" for a pod's holder


def of_a_new_run() -> dict[str, str]:
    """Return the labels of a run that this process owns."""
    mine = me()
    whose = {OWNER: str(mine.pid), STARTED: str(mine.started), BOOT: mine.boot, PLACE: mine.place}
    return {RUN: secrets.token_hex(4), **whose}


def owner(marks: Mapping[str, str]) -> Owner | None:
    """Return who owns what has these labels; None where they do not say."""
    pid, started = marks.get(OWNER, ""), marks.get(STARTED, "")
    if not (pid.isdecimal() and started.isdecimal()):
        return None
    return Owner(int(pid), int(started), marks.get(BOOT, ""), marks.get(PLACE, ""))


def only(run: str) -> dict[str, str]:
    """Return the filter that the daemon finds everything of one run by."""
    return {"label": f"{RUN}={run}"}
