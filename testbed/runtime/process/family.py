"""All descendants of a process, also those that left its process group or session.

Every app is a child subreaper, like the first process of a container: it adopts what its children leave behind, so the
tree below it is complete as long as it runs. The reaper imports this file: it uses only the standard library.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress


def descendants(pid: int) -> list[int]:
    """Return a process and all its descendants, parents first; [] if it does not exist."""
    found = [pid] if os.path.exists(f"/proc/{pid}") else []
    for one in found:  # it grows
        found.extend(children(one))
    return found


def children(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(FileNotFoundError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found if found or _tells_children() else scan(pid)


def signal_all(pid: int, number: int) -> None:
    """Send a signal to the group of a process and to all its descendants, also to those that begin meanwhile."""
    outside = [one for one in descendants(pid) if one != pid]  # before the group ends
    send_to_group(pid, number)
    reached: set[int] = {pid}
    while new := [one for one in dict.fromkeys([*outside, *descendants(pid)]) if one not in reached]:
        for one in new:
            send(one, number)
        reached.update(new)


def send_to_group(pid: int, number: int) -> None:
    """Send a signal to the process group of this leader; to the process alone while it leads no group."""
    try:
        os.killpg(pid, number)
    except OSError:
        send(pid, number)


def send(pid: int, number: int) -> None:
    """Send a signal to a process, if it exists and this user may."""
    with suppress(OSError):
        os.kill(pid, number)


def names(pids: Iterable[int]) -> list[str]:
    """Return "node (pid 12)" for each of these processes that still runs."""
    found = []
    for pid in pids:
        with suppress(OSError), open(f"/proc/{pid}/stat") as file:
            head, _, rest = file.read().rpartition(")")
            if rest.split()[0] not in ("Z", "X"):
                found.append(f"{head.partition('(')[2]} (pid {pid})")
    return found


def _tells_children() -> bool:
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def scan(parent: int) -> list[int]:
    """Return the children of a process on a kernel without lists of children."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{pid}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == parent:
                found.append(int(pid))
    return found
