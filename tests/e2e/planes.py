"""A small stage for the planes: one caller with its real sidecar, real links, a real inlet, and apps that misbehave."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.edge.inlet import InletControl, inlet_process
from testbed.edge.link import Links, links_process
from testbed.evidence.gather import Recorder
from testbed.evidence.lines import Seen
from testbed.mesh import Mesh, mesh_named
from testbed.mesh.envoy import EnvoyMesh
from testbed.model.topology import Topology
from testbed.plan import File, Link, Process, Replica
from testbed.runtime.lease import Lease, lease_block
from testbed.runtime.process import ProcessRuntime

EDGE = "caller -> callee"
_unique = itertools.count(1)
_ABRUPT = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


@dataclass(frozen=True)
class Got:
    """What a client saw. Status 0: the connection ended without an answer; `broken`: in the middle of the body."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    broken: bool = False
    ms: float = 0.0

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


Handler = Callable[["Conversation"], bool | None]


@dataclass
class Conversation:
    """One request at an app: what came, and the socket to misbehave on."""

    socket: socket.socket
    method: str
    target: str
    head: bytes
    body: bytes

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, status: int = 200, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Status", *headers, f"Content-Length: {len(body)}", "", ""]
        self.send("\r\n".join(lines).encode() + (b"" if self.method == "HEAD" else body))

    def reset(self) -> bool:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
        return False


class App:
    """An app on one address whose behaviour is a Python function: it returns False to close the connection."""

    def __init__(self, address: str, handler: Handler) -> None:
        self.handler, self.seen = handler, 0
        self.awake = threading.Event()
        self.awake.set()
        ip, _, port = address.rpartition(":")
        self._server = socket.create_server((ip, int(port)), backlog=128)
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.awake.wait()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream, contextlib.suppress(OSError):
            while (talk := _read(client, stream)) is not None:
                self.seen += 1
                self.awake.wait()
                if self.handler(talk) is False:
                    return

    def freeze(self) -> None:
        """As if it had been sent SIGSTOP: the kernel still accepts connections and data, nobody reads them."""
        self.awake.clear()

    def thaw(self) -> None:
        self.awake.set()

    def close(self) -> None:
        """As if the process had died: nobody listens, open connections end."""
        with contextlib.suppress(OSError):  # of a second call
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for client in self._connections:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


def _read(client: socket.socket, stream: object) -> Conversation | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()  # type: ignore[attr-defined]
        if not line:
            return None
        head += line
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    if headers.get("expect") == "100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    method, target, _ = first.split(" ", 2)
    return Conversation(client, method, target, head, _read_body(headers, stream))


def _read_body(headers: dict[str, str], stream: object) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined,no-any-return]
    body = b""
    while size := int(stream.readline(), 16):  # type: ignore[attr-defined]
        body += stream.read(size)  # type: ignore[attr-defined]
        stream.readline()  # type: ignore[attr-defined]
    while stream.readline() not in (b"\r\n", b""):  # type: ignore[attr-defined]
        pass
    return body


def hello(talk: Conversation) -> None:
    talk.answer(200, b"hello")


@dataclass(frozen=True)
class Laid:
    """The part of a plan that the planes know of."""

    topology: Topology
    mesh: Mesh
    replicas: tuple[Replica, ...]
    links: tuple[Link, ...]
    network: str

    @property
    def seats(self) -> tuple[Replica, ...]:
        return self.replicas

    @property
    def links_api(self) -> str:
        return f"{self.network}.0.1:8474"

    @property
    def inlet_admin(self) -> str:
        return f"{self.network}.0.2:9990"

    @property
    def inlet_control(self) -> str:
        return f"{self.network}.0.2:9991"


@dataclass
class Stage:
    """Caller `caller-1`, callees `callee-1`..; with or without an inlet in between."""

    lease: Lease
    directory: Path
    topology: Topology
    inlet: bool = True
    make: Callable[[str, Any], Any] = App  # what serves at a callee's address
    apps: dict[str, Any] = field(default_factory=dict)
    request: str = ""  # the id that requests carry which have none
    sent: int = 0  # how many of them

    def __post_init__(self) -> None:
        self.forget()
        net, copies = self.lease.network, self.topology.services["callee"].replicas
        self.caller = Replica("caller-1", "caller", 1, f"{net}.1.1")
        self.callees = [Replica(f"callee-{n}", "callee", n, f"{net}.2.{n}") for n in range(1, copies + 1)]
        self.links = tuple(self._link(callee) for callee in self.callees)
        replicas = (self.caller, *self.callees)
        self.plan = Laid(self.topology, mesh_named(self.topology.mesh), replicas, self.links, net)
        self.runtime = ProcessRuntime(self.directory, self.lease, keep=True)
        self.toxi, self.control = Links(self.plan.links_api), InletControl(self.plan.inlet_control)

    def _link(self, callee: Replica) -> Link:
        address = callee.address
        inlet = f"{address}:20001" if self.inlet else None
        name = f"caller-1--{callee.name}"
        protocol = self.topology.protocol(EDGE)
        places = (f"{address}:10001", None if protocol == "tcp" else inlet, f"{address}:8080")
        return Link(name, "caller-1", callee.name, EDGE, *places, protocol=protocol)

    def start(self, handler: Handler) -> None:
        for callee in self.callees:
            self.apps[callee.name] = self.make(f"{callee.address}:8080", handler)
        processes: list[Process] = []
        files: list[File] = []
        parts = [links_process(self.links, self.plan.links_api)]
        if self.inlet:
            parts.append(inlet_process(self.links, admin=self.plan.inlet_admin, control=self.plan.inlet_control))
        proxy = self.plan.mesh.proxy(self.topology, self.caller, self.links)
        for process, written in [*parts, *([proxy] if proxy else [])]:
            processes.append(process)
            files += written
        self.runtime.start(processes, files)
        self.recorder = Recorder(self.plan, self.directory) if self.inlet else None

    def stop(self) -> None:
        self.toxi.close()
        self.runtime.stop()
        for app in self.apps.values():
            app.close()

    def revive(self) -> None:
        """Give every callee a new app in the old one's place."""
        for callee in self.callees:
            self.apps[callee.name].close()
            self.apps[callee.name] = App(f"{callee.address}:8080", hello)

    def behave(self, handler: Handler) -> None:
        for app in self.apps.values():
            app.handler = handler

    @property
    def door(self) -> str:
        """The caller's listener for the callee."""
        wiring = EnvoyMesh().wiring(self.topology, self.caller, self.links)
        return wiring["CALLEE_ADDR"]

    def get(self, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str) -> Got:
        """One request to the caller's sidecar, as the caller's app would send it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if "baggage" not in named:
            named["baggage"] = f"tb.id={self.request}"
            self.sent += 1
        return ask(self.door, path, method, body, named)

    def until_well(self, within_s: float = 15) -> None:
        """Ask until the callee answers: a connection that Envoy has begun gets through when TCP sends its next SYN."""
        deadline = time.monotonic() + within_s
        while self.get().status != 200:
            assert time.monotonic() < deadline, f"not well within {within_s} s"

    def log(self, name: str) -> list[dict[str, object]]:
        path = self.directory / name
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def tries(self) -> list[tuple[object, ...]]:
        """What the caller's sidecar has logged: kind, status, flags and (for a call) the number of attempts."""
        keys = ("kind", "status", "flags", "attempts")
        return [tuple(line.get(key) for key in keys) for line in self.settled()]

    def settled(self) -> list[dict[str, object]]:
        """The sidecar's lines about the requests since the last `forget`, once all their calls are there."""
        deadline, lines = time.monotonic() + 10, list[dict[str, object]]()
        while sum(line["kind"] == "call" for line in lines) < self.sent:
            assert time.monotonic() < deadline, f"only {lines} for {self.sent} calls"
            time.sleep(0.01)
            lines = [one for one in self.log("caller-1/mesh.log") if one["baggage"] == f"tb.id={self.request}"]
        return lines

    def forget(self, request: str = "") -> None:
        """Give requests a new id from now on."""
        self.request, self.sent = request or f"t{next(_unique)}", 0

    def seen(self) -> list[Seen]:
        assert self.recorder is not None
        return [event for event in self.recorder.collect() if event.type != "evidence"]  # type: ignore[misc]


def ask(
    address: str, path: str, method: str, body: bytes | None, headers: dict[str, str], timeout_s: float = 20
) -> Got:
    """One request on a connection of its own."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        broken = False
        try:
            content = response.read()
        except http.client.IncompleteRead as cut:
            content, broken = cut.partial, True
        ms = (time.perf_counter() - begun) * 1000
        return Got(response.status, content, tuple(response.getheaders()), broken, ms)
    except (http.client.RemoteDisconnected, ConnectionError):
        return Got(0, ms=(time.perf_counter() - begun) * 1000)
    finally:
        connection.close()


def shop(
    replicas: int = 1, policy: dict[str, object] | None = None, mesh: str = "envoy", protocol: str = "http"
) -> Topology:
    """A caller and a callee, and perhaps a policy between them."""
    kind = {"command": "none"} if protocol == "tcp" else {"language": "go"}
    services = {
        "caller": {**kind, "calls": ["callee"]},
        "callee": {**kind, "replicas": replicas, "protocol": protocol},
    }
    policies: Sequence[dict[str, object]] = [{"edge": EDGE, **policy}] if policy else []
    data = {"name": "planes", "mesh": mesh, "entry": "caller", "services": services, "policies": policies}
    return Topology.model_validate(data)


@contextlib.contextmanager
def stage(
    directory: Path,
    handler: Handler = hello,
    *,
    replicas: int = 1,
    policy: dict[str, object] | None = None,
    inlet: bool = True,
    protocol: str = "http",
    make: Callable[[str, Any], Any] = App,
) -> Iterator[Stage]:
    lease = lease_block()
    made = Stage(lease, directory, shop(replicas, policy, protocol=protocol), inlet, make)
    try:
        made.start(handler)
        yield made
    finally:
        made.stop()
        lease.release()


def at_once(number: int, act: Callable[[], Got]) -> list[Got]:
    """Do something many times at the same time, and return what each got."""
    got: list[Got] = []
    threads = [threading.Thread(target=lambda: got.append(act())) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def counters(one: Stage, words: str) -> dict[str, int]:
    """What the sidecar has counted for its callee: every counter whose name holds one of these words."""
    connection = http.client.HTTPConnection(f"{one.caller.address}:9990", timeout=5)
    connection.request("GET", f"/stats?filter=^cluster\\.callee\\..*({words})")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    found = (line.partition(": ") for line in lines)
    return {name.removeprefix("cluster.callee."): int(value) for name, _, value in found}


def until_ejected(one: Stage, hosts: int = 1) -> None:
    """Wait until the sidecar has ejected so many hosts, and its worker has heard of it (from its main thread)."""
    deadline = time.monotonic() + 10
    while counters(one, "ejections_active")["outlier_detection.ejections_active"] < hosts:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
