"""A caller that knows only TCP: what it sees on a link, word by word and with times."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from dataclasses import dataclass

from testbed import Testbed

PATIENCE_S = 60


@dataclass(frozen=True)
class Saw:
    """What came of one request.

    `what`: "answer" (whole), "cut" (broke off in the answer), "end" (the connection ended without an answer), "reset",
    "nothing" (until patience was over), or for a new connection "refused" and "no connection" (SYN not answered).
    """

    what: str
    status: int = 0
    ms: float = 0.0  # until the end of it
    head_ms: float = 0.0  # until its first byte
    size: int = 0  # bytes that came
    pieces: int = 0  # reads that it took


class Wire:
    """One connection to an address; ask several times, or look how it ends."""

    def __init__(self, address: str, patience_s: float = PATIENCE_S) -> None:
        ip, _, port = address.rpartition(":")
        self.address, self.patience_s = (ip, int(port)), patience_s
        self._begun = time.perf_counter()
        self.socket = socket.create_connection(self.address, timeout=patience_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path: str = "/", *headers: str, body: bytes = b"") -> Saw:
        self.send(path, *headers, body=body)
        return self.read()

    def send(self, path: str = "/", *headers: str, body: bytes = b"") -> None:
        self._begun = time.perf_counter()
        lines = [f"POST {path} HTTP/1.1", "Host: back", f"Content-Length: {len(body)}", *headers, "", ""]
        with contextlib.suppress(OSError):  # reading tells what has happened
            self.socket.sendall("\r\n".join(lines).encode() + body)

    def read(self) -> Saw:
        data, head_ms, pieces = b"", 0.0, 0
        what = "answer"
        while not _whole(data):
            piece, ended = self._piece()
            if ended:
                what = "cut" if data and ended == "end" else ended
                break
            data, pieces, head_ms = data + piece, pieces + 1, head_ms or self._ms()
        status = int(data[9:12]) if data[9:12].isdigit() else 0
        return Saw(what, status, self._ms(), head_ms, len(data), pieces)

    def end(self) -> Saw:
        """Wait for the connection to end, without asking for anything; the time counts from the last request sent."""
        _, ended = self._piece()
        return Saw(ended, ms=self._ms())

    def has_something(self) -> bool:
        """Whether there is something to read, if only the end."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        self.socket.close()

    def _piece(self) -> tuple[bytes, str]:
        self.socket.settimeout(self.patience_s)
        try:
            piece = self.socket.recv(65536)
        except TimeoutError:
            return b"", "nothing"
        except ConnectionError:
            return b"", "reset"
        return piece, "" if piece else "end"

    def _ms(self) -> float:
        return (time.perf_counter() - self._begun) * 1000

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    return bool(found) and len(body) >= int(fields.get(b"content-length", b"0"))


def link(bed: Testbed) -> str:
    """The address of the link from the caller to the callee."""
    (found,) = [one.listen for one in bed.plan.links if one.edge == "front -> back"]
    return found


def door(bed: Testbed) -> str:
    """The caller's sidecar's address for the callee: connections behind it are pooled."""
    (front,) = [one for one in bed.plan.replicas if one.service == "front"]
    links = [one for one in bed.plan.links if one.caller == front.name]
    return bed.plan.mesh.wiring(bed.topology, front, links)["BACK_ADDR"]


def fresh(address: str, path: str = "/", *headers: str, patience_s: float = PATIENCE_S) -> Saw:
    """Connect and ask once."""
    begun = time.perf_counter()

    def failed(what: str) -> Saw:
        return Saw(what, ms=(time.perf_counter() - begun) * 1000)

    try:
        wire = Wire(address, patience_s)
    except TimeoutError:
        return failed("no connection")
    except ConnectionRefusedError:
        return failed("refused")
    with wire:
        return wire.ask(path, *headers)


def connecting(address: str) -> socket.socket:
    """Send a SYN and do not wait."""
    ip, _, port = address.rpartition(":")
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex((ip, int(port)))
    return one


def connected(one: socket.socket, within_s: float) -> bool:
    """Whether the SYN is answered in time, and not refused."""
    _, done, _ = select.select([], [one], [], within_s)
    return bool(done) and one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
