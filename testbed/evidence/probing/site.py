"""Where a probe reads: replicas of the running mesh by name, or an address outside it."""

from __future__ import annotations

import http.client
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from testbed.errors import TestbedError, nearest
from testbed.evidence.probing.exposition import NoValue
from testbed.plan.values import Replica
from testbed.runtime.tools import commands
from testbed.spec.templates import parts_of, render, unknown_placeholders

if TYPE_CHECKING:
    from testbed.plan.make import Plan
    from testbed.runtime import Runtime

MOST_BYTES = 4 * 1024 * 1024  # of one answer
OUTSIDE = ""  # the place of a probe that is at no replica


@dataclass(frozen=True)
class Site:
    """The running mesh for probes. They reach an app directly: no mesh proxy and no fault is on the way."""

    plan: Plan
    runtime: Runtime

    def replicas(self, where: str) -> Sequence[Replica]:
        """Return the replicas of a service, or one replica, by name. Raises `TestbedError` for an unknown name."""
        found = [one for one in self.plan.replicas if where in (one.service, one.name)]
        if not found:
            known = [*self.plan.topology.services, *(one.name for one in self.plan.replicas)]
            raise TestbedError(f"no service or replica is called {where!r}{nearest(where, known)}")
        return found

    def addresses(self, where: str, port: int | None) -> Mapping[str, str]:
        """Return the address ("ip:port") of each replica for this process; of a URL, its own."""
        if "://" in where:
            parts = urlsplit(where)
            return {OUTSIDE: f"{parts.hostname}:{port or parts.port or 80}"}
        return {one.name: self._address(one, port) for one in self.replicas(where)}

    def _address(self, replica: Replica, port: int | None) -> str:
        address = replica.app if port is None else f"{replica.app.rpartition(':')[0]}:{port}"
        return self.runtime.reach(address)

    def words(self, command: str | Sequence[str], replica: Replica | None = None) -> list[str]:
        """Return the words of a command with its placeholders filled: `{{orders.host}}`, `{{self.port}}`."""
        values: dict[str, str] = {}
        for one in reversed(self.plan.replicas):  # the first replica stands for its service
            address = one.app if replica else self.runtime.reach(one.app)
            values |= parts_of(one.name, address) | parts_of(one.service, address)
        values |= parts_of("self", replica.app) if replica else {}
        words = shlex.split(command) if isinstance(command, str) else list(command)
        for problem in (text for word in words for text in unknown_placeholders(word, list(values))):
            raise TestbedError(problem)
        return [render(word, values) for word in words]

    def run(self, words: Sequence[str], on: str, timeout_s: float) -> tuple[int, str, str]:
        """Run a command in the place of a replica, or on this machine in the folder of the topology."""
        if on:
            return self.runtime.execute(f"{on}/app", words, timeout_s)
        folder = Path(self.plan.topology.folder)
        return commands.run([commands.program(words[0], folder), *words[1:]], folder, commands.inherited(), timeout_s)


def fetch(address: str, path: str, timeout_s: float, most_bytes: int = MOST_BYTES) -> tuple[int, str]:
    """Get a path; return status and text. Raises `NoValue` unless the whole answer is there in time."""
    deadline = time.monotonic() + timeout_s
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request("GET", path, headers={"Accept": "*/*", "User-Agent": "testbed-probe"})
        answer, data = connection.getresponse(), b""
        while part := answer.read1(65536):
            data += part
            if len(data) > most_bytes:
                raise NoValue(f"the answer is longer than {most_bytes} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
        return answer.status, data.decode(errors="replace")
    except TimeoutError:
        raise NoValue(f"no answer within {timeout_s:g} s") from None
    except (OSError, http.client.HTTPException) as problem:
        raise NoValue((getattr(problem, "strerror", "") or str(problem) or type(problem).__name__).lower()) from problem
    finally:
        connection.close()
