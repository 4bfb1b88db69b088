"""Tracks the state of all processes of a run with the event stream of the daemon, without polling."""

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
    """The current or last life of the container of a process."""

    starved: bool = False  # the kernel killed it because it was out of memory


class Watch:
    """Updates the lives of the processes of one run, and records the ends of holder containers."""

    def __init__(self, lives: Lives[ContainerLife], engine: Engine, run: str) -> None:
        self.holders: list[str] = []  # holder containers that have ended, always unexpectedly
        self._lives, self._engine, self._closed = lives, engine, False
        self._events = engine.events(labels.only(run))
        self._reader = threading.Thread(target=self._read, name="testbed-docker-events", daemon=True)
        self._reader.start()

    def begins(self, names: Iterable[str]) -> None:
        """Record that these processes are about to start."""
        with self._lives.locked() as lives:
            for name in names:
                lives[name] = ContainerLife(alive=True)

    def never_began(self, name: str) -> None:
        """Record that a process could not be started."""
        with self._lives.locked() as lives:
            lives[name] = ContainerLife(exit_expected=True, end="could not be started")

    def check(self) -> None:
        """Raise `TestbedError` if the daemon has gone, or a pod has lost its network."""
        if self._lives.lost and not self._closed:
            raise TestbedError(
                f"the Docker daemon at {self._engine.address} has died during this run: "
                "the state of the containers is unknown"
            )
        if self.holders:
            raise TestbedError(
                f"pods have lost their network, because their holder has ended: {', '.join(self.holders)}"
            )

    def close(self) -> None:
        """Stop reading events."""
        self._closed = True
        with suppress(Exception):  # a broken connection may raise anything
            self._events.close()
        self._reader.join(2)

    def _read(self) -> None:
        """Read events until the stream ends. Runs in its own thread."""
        with suppress(Exception):  # a broken stream has ended
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
    """Describe the exit code of a container."""
    more = " (out of memory)" if starved else ""
    if code > 128:
        try:
            return f"killed by {signal.Signals(code - 128).name}{more}"
        except ValueError:
            pass
    return f"exit code {code}{more}"
