"""Knows what has become of every process of a run, from the daemon's own event stream: no polling."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from testbed.errors import TestbedError
from testbed.runtime import Death
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Engine


@dataclass
class Member:
    """One process of the plan: the life that its container has now, or had last."""

    alive: bool = False
    doomed: bool = False  # its end has been asked for
    starved: bool = False  # the kernel killed in it for want of memory
    end: str = ""  # how its last life ended


class Watch:
    """All processes of one run, and the ends of those that nobody had asked to end."""

    def __init__(self, engine: Engine, run: str) -> None:
        self.deaths: list[Death] = []
        self.holders: list[str] = []  # ends of containers that keep a pod's network: nobody asks for these
        self._engine, self._members = engine, dict[str, Member]()
        self._changed = threading.Condition()
        self._closed = self._gone = False
        self._events = engine.events(labels.only(run))
        self._reader = threading.Thread(target=self._read, name="testbed-docker-events", daemon=True)
        self._reader.start()

    def begins(self, names: Iterable[str]) -> None:
        """Be told that these are about to be started."""
        with self._changed:
            for name in names:
                self._members[name] = Member(alive=True)

    def doom(self, names: Iterable[str]) -> None:
        """Be told that the end of these has been asked for."""
        with self._changed:
            for name in names:
                self._members[name].doomed = True

    def never_began(self, name: str) -> None:
        """Be told that one could not be started."""
        with self._changed:
            self._members[name] = Member(doomed=True, end="could not be started")

    def forget_deaths(self, name: str, known: int) -> None:
        """Take back the ends of a process that were seen after the first `known` ones: somebody else tells of them."""
        with self._changed:
            self.deaths[known:] = [death for death in self.deaths[known:] if death.name != name]

    def member(self, name: str) -> Member | None:
        """Return what is known of a process; None when it was never started."""
        return self._members.get(name)

    def wait(self, met: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a condition on the members is met; False if it is not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._gone or met(), timeout_s) and met()

    def check(self) -> None:
        """Raise `TestbedError` if the daemon has gone, or a pod has lost its network."""
        if self._gone and not self._closed:
            raise TestbedError(
                f"the Docker daemon at {self._engine.address} has died in the middle of this run: "
                "nobody can say any more what its containers do"
            )
        if self.holders:
            raise TestbedError(
                f"pods have lost their network, somebody has ended its holder: {', '.join(self.holders)}"
            )

    def close(self) -> None:
        """Listen no more."""
        self._closed = True
        with suppress(Exception):  # whatever a broken connection does
            self._events.close()
        self._reader.join(2)

    def _read(self) -> None:
        """Take in the events until the stream ends; runs in a thread of its own."""
        with suppress(Exception):  # a stream that breaks has ended
            for event in self._events:
                with self._changed:
                    self._take(event["Action"], event["Actor"]["Attributes"], event["timeNano"] / 1e9)
                    self._changed.notify_all()
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _take(self, action: str, attributes: Mapping[str, Any], at: float) -> None:
        name = attributes.get(labels.PROCESS, "")
        member = self._members.get(name)
        if action == "oom" and member is not None:
            member.starved = True
        elif action == "die" and member is not None:
            member.alive, member.end = False, how(int(attributes["exitCode"]), member.starved)
            if member.starved or not member.doomed:
                self.deaths.append(Death(name, at, member.end))
        elif action == "die" and not self._closed:
            self.holders.append(attributes["name"])


def how(code: int, starved: bool = False) -> str:
    """Say in words what the exit code of a container means."""
    more = " for want of memory" if starved else ""
    if code > 128:
        try:
            return f"killed by {signal.Signals(code - 128).name}{more}"
        except ValueError:
            pass
    return f"exit code {code}{more}"
