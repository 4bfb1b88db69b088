"""Small real processes for the runtime's tests, and a look at what is left of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from testbed.plan.values import Process, Ready, Role
from testbed.runtime import Lease
from testbed.runtime.process.lease import PORT

SERVER = """
import os, socket, time
time.sleep(float(os.environ.get("SLOW", "0")))
server = socket.create_server((os.environ["ADDR"], int(os.environ.get("PORT", "8080"))))
print("up", os.getpid(), flush=True)
while True:
    client, _ = server.accept()
    client.recv(65536)
    status = os.environ.get("STATUS", "200 OK")
    client.sendall(f"HTTP/1.1 {status}\\r\\ncontent-length: 2\\r\\n\\r\\nok".encode())
    client.close()
"""
# comes up once all of its partners have begun as many lives as it has: never, if they are started one after the other
TOGETHER = (
    """
import os, time
folder, own = os.environ["FOLDER"], os.environ["ADDR"]
life = 1 + sum(name.startswith(own + "-") for name in os.listdir(folder))
open(f"{folder}/{own}-{life}", "w").close()
while not all(os.path.exists(f"{folder}/{one}-{life}") for one in os.environ["PARTNERS"].split()):
    time.sleep(0.01)
"""
    + SERVER
)
# leaves a process behind that is in a session of its own, has no living parent and takes no notice of SIGTERM
WITH_STRAY = (
    """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    os._exit(0)
"""
    + SERVER
)

# answers after its path's milliseconds of processor time; with SIDE set a second thread burns as much as it gets
WORKER = """
import os, socket, threading, time, hashlib
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        hashlib.sha256(bytes(100_000)).digest()
if os.environ.get("SIDE"):
    threading.Thread(target=burn, args=(600,), daemon=True).start()
server = socket.create_server((os.environ["ADDR"], 8080))
while True:
    client, _ = server.accept()
    path = client.recv(65536).split()[1].decode()
    burn(int(path[1:]) / 1000 if path[1:].isdigit() else 0)
    client.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")
    client.close()
"""


def server(
    lease: Lease,
    number: int = 1,
    *,
    code: str = SERVER,
    role: Role = "app",
    port: int = 8080,
    env: Mapping[str, str] | None = None,
) -> Process:
    """A tiny HTTP server on the address of replica 1 of service `number`, named "s<number>-1/app"."""
    address = f"{lease.space.network}.{number}.1"
    return Process(
        name=f"s{number}-1/{role}",
        role=role,
        argv=("python", "-I", "-S", "-c", code),
        ready=Ready(f"http://{address}:{port}/healthz"),
        listens=(f"{address}:{port}",),
        env={"ADDR": address, **({} if port == 8080 else {"PORT": str(port)}), **(env or {})},
    )


def partners(lease: Lease, folder: Path, number: int) -> list[Process]:
    """Servers that come up only if all are started at the same time, and restarted likewise."""
    folder.mkdir()
    all_of_them = " ".join(f"{lease.space.network}.{one}.1" for one in range(1, number + 1))
    env = {"FOLDER": str(folder), "PARTNERS": all_of_them}
    return [server(lease, one, code=TOGETHER, env=env) for one in range(1, number + 1)]


def marked(mark: str) -> set[int]:
    """All living processes that have `mark` in their environment; the dead that wait to be reaped do not count."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.add(int(pid))
    return found


def is_free(block: int) -> bool:
    """Whether nobody holds an address block."""
    with socket.socket() as probe:
        try:
            probe.bind((f"127.{block}.0.254", PORT))
        except OSError:
            return False
    return True


def eventually(met: Callable[[], object], within_s: float = 60) -> float:
    """Wait until a condition holds, at most `within_s`; return the seconds it took, or fail."""
    begin = time.monotonic()
    while not met():
        assert time.monotonic() - begin < within_s, f"not met within {within_s} s"
        time.sleep(0.01)
    return time.monotonic() - begin
