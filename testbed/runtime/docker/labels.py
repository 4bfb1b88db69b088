"""The labels of containers and networks: their run and their owner, with protection against recycled pids."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from testbed.runtime.owner import Owner, me, user

RUN = "testbed.run"
OWNER = "testbed.owner"
STARTED = "testbed.owner-started"  # in ticks since the machine booted
BOOT = "testbed.boot"
PLACE = "testbed.place"
USER = "testbed.user"  # the uid of the owner: the daemon does not separate users
PROCESS = "testbed.process"  # the process in a container, "" for the holder of a pod


def of_a_new_run() -> dict[str, str]:
    """Return the labels of a run that this process owns."""
    mine = me()
    labels = {OWNER: str(mine.pid), STARTED: str(mine.started), BOOT: mine.boot, PLACE: mine.place}
    return {RUN: secrets.token_hex(4), **labels, USER: str(user())}


def is_of_this_user(marks: Mapping[str, str]) -> bool:
    """Whether the labels name this user. What names nobody, or somebody whose processes are hidden, is not."""
    return marks.get(USER) == str(user())


def owner(marks: Mapping[str, str]) -> Owner | None:
    """Return the owner from labels; None if they contain no owner."""
    pid, started = marks.get(OWNER, ""), marks.get(STARTED, "")
    if not (pid.isdecimal() and started.isdecimal()):
        return None
    return Owner(int(pid), int(started), marks.get(BOOT, ""), marks.get(PLACE, ""))


def only(run: str) -> dict[str, str]:
    """Return the filter for all resources of one run."""
    return {"label": f"{RUN}={run}"}
