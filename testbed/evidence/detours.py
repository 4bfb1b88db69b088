"""Connections that a service makes past its links: those that its processes have, against those that they should have.

Open connections are looked at now and then: the kernel tells which process has a socket. A closed one stays for a
minute without its owner (TIME-WAIT). So at the end those to an app are counted, less the ones that the inlet made.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from testbed import clock
from testbed.history.events import DetourEvent
from testbed.runtime import sockets

Address = tuple[str, int]
FEW = 5  # closed connections that may be ours: readiness checks, or one that the inlet was making
OPEN = (sockets.ESTABLISHED, sockets.CLOSE_WAIT)


@dataclass(frozen=True)
class Caller:
    """One replica that calls others: where it should connect to, and where it should not, each with its edge."""

    replica: str
    process: str
    own: Mapping[Address, str]
    past: Mapping[Address, str]


@dataclass
class _Seen:
    own: set[int] = field(default_factory=set)  # inodes
    past: set[int] = field(default_factory=set)
    to: dict[str, None] = field(default_factory=dict)


class DetourWatch:
    """Finds the connections of callers past their links. Thread-safe.

    `members` returns the pids of a process and its descendants, () if it does not run. `made` returns how many
    connections the inlet has made to each app.
    """

    def __init__(
        self,
        callers: Sequence[Caller],
        members: Callable[[str], Sequence[int]],
        made: Callable[[], Mapping[Address, int]] = dict,
    ) -> None:
        self._callers, self._members, self._made = callers, members, made
        self._known: dict[Address, list[Caller]] = defaultdict(list)
        for caller in callers:
            for address in (*caller.own, *caller.past):
                self._known[address].append(caller)
        self._owners: dict[int, Caller | None] = {}  # by inode; None: no caller's process
        self._seen: dict[tuple[str, str], _Seen] = defaultdict(_Seen)
        self._lock, self._at = threading.Lock(), clock.now()
        self._before: frozenset[tuple[Address, Address]] = frozenset()
        self._made_before: Mapping[Address, int] = {}

    def begin(self) -> None:
        """Note what was there before the load: closed connections, and open ones, which may close meanwhile."""
        with suppress(OSError):
            self._made_before, self._before = self._made(), frozenset(self._ends((sockets.TIME_WAIT, *OPEN)))

    def look(self) -> None:
        """Look at the open connections once."""
        with self._lock, suppress(OSError):
            there = [one for one in sockets.connections(OPEN) if one.inode and one.remote in self._known]
            for asked in {
                c.replica: c for one in there if one.inode not in self._owners for c in self._known[one.remote]
            }.values():
                self._owners |= dict.fromkeys(self._inodes(asked), asked)
            for one in there:
                if caller := self._owners.setdefault(one.inode, None):
                    self._note(caller, one)

    def _note(self, caller: Caller, one: sockets.Connection) -> None:
        if edge := caller.own.get(one.remote):
            self._seen[caller.replica, edge].own.add(one.inode)
        elif edge := caller.past.get(one.remote):
            seen = self._seen[caller.replica, edge]
            seen.past.add(one.inode)
            seen.to[f"{one.remote[0]}:{one.remote[1]}"] = None

    def _inodes(self, caller: Caller) -> list[int]:
        """Return the sockets of all processes of a caller."""
        found = []
        for pid in self._members(caller.process):
            with suppress(OSError):
                for fd in os.scandir(f"/proc/{pid}/fd"):
                    with suppress(OSError):
                        if (target := os.readlink(fd.path)).startswith("socket:["):
                            found.append(int(target[8:-1]))
        return found

    def events(self) -> list[DetourEvent]:
        """Return what was found, one event for each caller and edge with a connection past its link."""
        with self._lock:
            found = [
                DetourEvent(self._at, replica, edge, len(seen.past), len(seen.own), tuple(seen.to))
                for (replica, edge), seen in self._seen.items()
                if seen.past
            ]
            with suppress(OSError):
                found += self._left()
            return found

    def _left(self) -> list[DetourEvent]:
        """Return the closed connections to apps that neither were there before nor can be the inlet's."""
        counted: dict[Address, int] = defaultdict(int)
        for _, remote in set(self._ends((sockets.TIME_WAIT,))) - self._before:
            counted[remote] += 1
        made = self._made()
        found: dict[str, dict[Address, int]] = defaultdict(dict)
        for caller in self._callers:
            for address, edge in caller.past.items():
                if (
                    address in made
                    and (more := counted[address] - made[address] + self._made_before.get(address, 0)) > FEW
                ):
                    found[edge][address] = more
        return [
            DetourEvent(
                self._at,
                edge.partition(" -> ")[0],
                edge,
                sum(to.values()),
                0,
                tuple(f"{ip}:{port}" for ip, port in to),
                False,
            )
            for edge, to in found.items()
        ]

    def _ends(self, states: Sequence[int]) -> list[tuple[Address, Address]]:
        """Return the connections to known addresses in these states: caller's and callee's end, whichever is there."""
        found = []
        for one in sockets.connections(states):
            if one.remote in self._known:
                found.append((one.local, one.remote))
            elif one.local in self._known:
                found.append((one.remote, one.local))
        return found
