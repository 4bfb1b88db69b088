"""Small real servers for the load driver's tests, and helpers to ask them."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from testbed.history.events import Request
from testbed.load.driver import Driver
from testbed.load.schedule import ScheduledRequest

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """A server on a port of its own, a thread a connection; `answer` does what a path asks for."""

    def __init__(self, address: str = "127.77.0.1") -> None:
        self.listener = socket.create_server((address, 0), backlog=1000)
        self.address = "{}:{}".format(*self.listener.getsockname())
        self.heads: list[str] = []
        self.connections = self.closed = 0
        self.stalled_until = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def stop(self) -> None:
        with suppress(OSError):  # stopped before
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        with connection, suppress(OSError):
            while True:
                while b"\r\n\r\n" not in data:
                    if not (more := connection.recv(65536)):
                        return
                    data += more
                head, data = data.split(b"\r\n\r\n", 1)
                self.heads.append(head.decode())
                if not self._answer(connection, head.split()[1].decode()):
                    connection.close()
                    self.closed += 1
                    return

    def _answer(self, connection: socket.socket, path: str) -> bool:
        """Answer as the path says; return whether the connection stays open."""
        match path:
            case "/silent":
                connection.recv(1)
                return False
            case "/eof":
                return False
            case "/half":
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                return False
            case "/reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            case "/reset-half":
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                time.sleep(0.2)  # or the reset overtakes the half answer
                return self._answer(connection, "/reset")
            case "/noise":
                connection.sendall(b"this is not HTTP\r\n\r\n")
                return False
            case "/last":
                connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
                return False
            case "/until-close":
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall that comes")
                return False
            case "/moved":
                connection.sendall(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")
            case "/moved-to-an-error":
                connection.sendall(b"HTTP/1.1 303 See Other\r\nlocation: chunked\r\ncontent-length: 0\r\n\r\n")
            case "/elsewhere":
                connection.sendall(b"HTTP/1.1 302 Found\r\nlocation: http://127.77.0.9/\r\ncontent-length: 0\r\n\r\n")
            case "/round":
                connection.sendall(b"HTTP/1.1 307 Again\r\nlocation: /round\r\ncontent-length: 0\r\n\r\n")
            case "/page":
                head = b"HTTP/1.1 200 OK\r\nx-cache: hit\r\ncontent-type: text/html\r\ncontent-length: 8\r\n\r\n"
                connection.sendall(head + "a pag\u20ac".encode())
            case "/big":
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000)
            case "/early":
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK)
            case "/chunked":
                connection.sendall(b"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")
            case "/fallback":
                connection.sendall(OK.replace(b"content", b"x-testbed-fallback: list-price,empty\r\ncontent", 1))
            case "/close-when-idle":
                connection.sendall(OK)
                return False
            case _:
                time.sleep(max(0.0, self.stalled_until - time.time()))
                connection.sendall(OK)
        return True


class QuickServer:
    """A server for high rates, in a process of its own, so that it does not take turns with this one."""

    PROGRAM = """
import asyncio
class Answer(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok" * data.count(b"\\r\\n\\r\\n"))
async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "127.77.0.3", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

    def __enter__(self) -> str:
        self.process = subprocess.Popen([sys.executable, "-c", self.PROGRAM], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        return f"http://127.77.0.3:{int(self.process.stdout.readline())}"

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def pid_of(driver: Driver) -> int:
    assert driver.pid is not None
    return driver.pid


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(done: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def one(path: str, number: int = 1, at: float = 0.0) -> ScheduledRequest:
    return ScheduledRequest(at, f"r{number}", "u0001", "", "GET", path, {})


def ask(
    binary: Path, url: str, *paths: str, timeout_s: float = 60, pause: Callable[[], object] = lambda: None
) -> list[Request]:
    """Send requests with these paths, one after the other, and return what became of them, in that order."""
    with Driver(binary, {"shop-1": url}, timeout_s) as driver:
        for i, path in enumerate(paths):
            driver.send([one(path, i)])
            assert driver.wait_idle()
            pause()
        return driver.results()
