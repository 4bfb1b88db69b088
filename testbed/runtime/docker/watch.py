"""Knows what has become of every process of a run, from the daemon's own event stream: no polling."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from testbed.errors import TestbedError
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Engine
from testbed.runtime.lives import Life, Lives


@dataclass
class ContainerLife(Life):
    """One process of the plan: the life that its container has now, or had last."""

    starved: bool = False  # the kernel killed in it for want of memory


class Watch:
    """Fills in the lives of one run's processes, and the ends of what keeps their networks."""

    def __init__(self, lives: Lives[ContainerLife], engine: Engine, run: str) -> None:
        self.holders: list[str] = []  # ends of containers that keep a pod's network: nobody asks for these
        self._lives, self._engine, self._closed = lives, engine, False
        self._events = engine.events(labels.only(run))
        self._reader = threading.Thread(target=self._read, name="testbed-docker-events", daemon=True)
        self._reader.start()

    def begins(self, names: Iterable[str]) -> None:
        """Be told that these are about to be started."""
        with self._lives.locked() as lives:
            for name in names:
                lives[name] = ContainerLife(alive=True)

    def never_began(self, name: str) -> None:
        """Be told that one could not be started."""
        with self._lives.locked() as lives:
            lives[name] = ContainerLife(exit_expected=True, end="could not be started")

    def check(self) -> None:
        """Raise `TestbedError` if the daemon has gone, or a pod has lost its network."""
        if self._lives.lost and not self._closed:
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
                self._take(event["Action"], event["Actor"]["Attributes"], event["timeNano"] / 1e9)
        self._lives.lose()

    def _take(self, action: str, attributes: Mapping[str, Any], at: float) -> None:
        with self._lives.locked() as lives:
            name = attributes.get(labels.PROCESS, "")
            member = lives.get(name)
            if action == "oom" and member is not None:
                member.starved = True
            elif action == "die" and member is not None:
                end = how(int(attributes["exitCode"]), member.starved)
                self._lives.ended(name, at, end, reported=member.starved)
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
