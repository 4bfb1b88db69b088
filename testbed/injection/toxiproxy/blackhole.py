"""Blackhole: an address on which every SYN is lost, without root: a listener whose queue of connections is full.

Linux drops a SYN, and says nothing, where the listener's queue of connections that wait to be accepted is full
(`listen(2)`, and `tcp_abort_on_overflow` in `tcp(7)`). A queue for none takes one; that one is ours.

Run as a program (`python -m testbed.injection.toxiproxy.blackhole IP:PORT`) it does so until its standard input
ends: in another network, where this process cannot listen.
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

PROBE_S = 0.05  # on loopback, a SYN that is answered at all is answered within microseconds
MOST = 8  # connections that a queue for none may hold
START_S = 10.0  # for a program of ours to start in another network
HELD = "held"


class Held(Protocol):
    """An address at which no SYN is answered."""

    def close(self) -> None:
        """Give the address up; a second call does nothing."""


def hold_address(address: str, enter: tuple[str, ...] = ()) -> Held:
    """Hold an address ("ip:port") that nobody listens on; `enter` leads into the network that it is in.

    It is gone when closed, or when this process dies. Raises `TestbedError` if it cannot be had, or if a SYN is still
    answered.
    """
    return _Elsewhere(address, enter) if enter else FullBacklog(address)


class FullBacklog:
    """Holds one address in our own network; see `hold`."""

    def __init__(self, address: str) -> None:
        ip, _, port = address.rpartition(":")
        self._address, self._waiting = (ip, int(port)), list[socket.socket]()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections are no obstacle
        try:
            self._listener.bind(self._address)
            self._listener.listen(0)
            self._fill()
        except OSError as problem:
            self.close()
            raise TestbedError(f"cannot hold {address} so that no SYN is answered: {problem}") from problem

    def close(self) -> None:
        """Give the address up; a second call does nothing."""
        for one in (*self._waiting, self._listener):
            one.close()

    def _fill(self) -> None:
        """Connect until nobody answers: the last try is the proof."""
        while self._connects():
            if len(self._waiting) > MOST:
                raise OSError(f"{MOST} connections do not fill a queue for none")

    def _connects(self) -> bool:
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setblocking(False)
        one.connect_ex(self._address)
        self._waiting.append(one)
        _, connected, _ = select.select([], [one], [], PROBE_S)
        return bool(connected)


class _Elsewhere:
    """Holds one address in another network, by a program that ends with its standard input, hence with us."""

    def __init__(self, address: str, enter: tuple[str, ...]) -> None:
        command = [*enter, sys.executable, "-m", "testbed.injection.toxiproxy.blackhole", address]
        ours = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "PYTHONPATH": path, MARK: str(me())}
        pipe = subprocess.PIPE
        self._program = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=env)
        if (said := self._answer()) != HELD:
            self.close()
            raise TestbedError(said or f"cannot hold {address}: {' '.join(enter)} says nothing")

    def close(self) -> None:
        """Give the address up; a second call does nothing."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        child.end(self._program, START_S)
        self._program.stdout.close()

    def _answer(self) -> str:
        """Return the program's last line, once it says that it holds the address or has ended."""
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
