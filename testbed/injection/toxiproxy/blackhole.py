"""Blackhole: an address that drops every SYN, without root: a listener with a full accept queue.

Linux drops a SYN without an answer if the accept queue of the listener is full (`listen(2)`, and
`tcp_abort_on_overflow` in `tcp(7)`). A queue of length 0 takes one connection; we open it.

It can run as a program until its standard input ends (`python -m testbed.injection.toxiproxy.blackhole IP:PORT`), to
listen in another network.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from testbed.errors import TestbedError
from testbed.runtime import child
from testbed.runtime.owner import MARK, me

PROBE_S = 0.05  # on loopback, a SYN gets its answer within microseconds
MOST = 8  # the most connections in a queue of length 0
START_S = 10.0  # for our program to start in another network
HELD = "held"


class Held(Protocol):
    """An address that answers no SYN."""

    def close(self) -> None:
        """Release the address; a second call does nothing."""


def hold_address(address: str, enter: tuple[str, ...] = ()) -> Held:
    """Hold a free address ("ip:port") in the network of the prefix `enter`.

    It is released when closed, or when this process ends. Raises `TestbedError` if the address is not free, or if a SYN
    still gets an answer.
    """
    return _InOtherNetwork(address, enter) if enter else FullBacklog(address)


class FullBacklog:
    """Holds one address in our network; see `hold_address`."""

    def __init__(self, address: str) -> None:
        ip, _, port = address.rpartition(":")
        self._address, self._waiting = (ip, int(port)), list[socket.socket]()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignore old connections
        try:
            self._listener.bind(self._address)
            self._listener.listen(0)
            self._fill()
        except OSError as problem:
            self.close()
            raise TestbedError(f"cannot hold {address} so that no SYN is answered: {problem}") from problem

    def close(self) -> None:
        """Release the address; a second call does nothing."""
        for one in (*self._waiting, self._listener):
            one.close()

    def _fill(self) -> None:
        """Connect until there is no answer: the last attempt is the proof."""
        while self._connects():
            if len(self._waiting) > MOST:
                raise OSError(f"{MOST} connections do not fill a queue of length 0")

    def _connects(self) -> bool:
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setblocking(False)
        one.connect_ex(self._address)
        self._waiting.append(one)
        _, connected, _ = select.select([], [one], [], PROBE_S)
        return bool(connected)


class _InOtherNetwork:
    """Holds one address in another network, by a program that ends with its standard input."""

    def __init__(self, address: str, enter: tuple[str, ...]) -> None:
        command = [*enter, sys.executable, "-m", "testbed.injection.toxiproxy.blackhole", address]
        ours = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "PYTHONPATH": path, MARK: str(me())}
        pipe = subprocess.PIPE
        self._program = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=env)
        if (said := self._answer()) != HELD:
            self.close()
            raise TestbedError(said or f"cannot hold {address}: {' '.join(enter)} gave no answer")

    def close(self) -> None:
        """Release the address; a second call does nothing."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        child.end(self._program, START_S)
        self._program.stdout.close()

    def _answer(self) -> str:
        """Return the last line of the program, after it holds the address or has ended."""
        assert self._program.stdout is not None
        if not select.select([self._program.stdout], [], [], START_S)[0]:
            return ""
        said = ""
        for line in self._program.stdout:
            said = line.decode(errors="replace").strip()
            if said == HELD:
                break
        return said


def main(address: str) -> None:
    """Hold an address until standard input ends."""
    try:
        held = FullBacklog(address)
    except TestbedError as problem:
        sys.exit(str(problem))
    print(HELD, flush=True)
    sys.stdin.buffer.read()
    held.close()


if __name__ == "__main__":
    main(sys.argv[1])
