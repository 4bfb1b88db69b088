"""A small stage for the planes: one caller with its real sidecar, real links, a real inlet, and apps that misbehave."""

from __future__ import annotations

import contextlib
import copy
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from testbed.envoy.flags import is_end
from testbed.evidence.access_log import TrafficEvent
from testbed.evidence.recorder import Recorder
from testbed.experiment.sources import logs
from testbed.faults.operations import Rule
from testbed.injection.inlet.inlet import InletControl, inlet_process
from testbed.injection.inlet.rules import decode
from testbed.injection.toxiproxy.links import Links, links_process
from testbed.mesh import Mesh, mesh_named
from testbed.mesh.envoy.config import EnvoyMesh
from testbed.plan.values import File, Link, Process, Replica
from testbed.runtime.http import ask as ask_control
from testbed.runtime.process.lease import Lease, lease_block
from testbed.runtime.process.runtime import ProcessRuntime
from testbed.spec.topology import Topology
from tests.kit.plane_apps import App, Handler, hello
from tests.kit.processes import eventually

EDGE = "caller -> callee"
PATIENCE_S = 60  # for what must come: far more than a machine needs that does four other things
_unique = itertools.count(1)


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


@dataclass(frozen=True)
class Callee:
    """How many replicas a callee has, and under which policy it is called."""

    replicas: int = 1
    policy: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Row:
    """Callees of one caller, each under a policy of its own: the tests of a module share one stage for them."""

    callees: dict[str, Callee] = field(default_factory=dict)

    def callee(self, replicas: int = 1, **policy: object) -> str:
        """One more callee; its name."""
        name = f"callee{len(self.callees) + 1}"
        self.callees[name] = Callee(replicas, policy)
        return name

    def under(self, replicas: int = 1, **policy: object) -> pytest.MarkDecorator:
        """Give a test a callee of its own, as its `one`."""
        name = self.callee(replicas, **policy)
        return pytest.mark.parametrize("one", [name], indirect=True, ids=[pytest.HIDDEN_PARAM])


@dataclass(frozen=True)
class Laid:
    """The part of a plan that the planes know of."""

    topology: Topology
    mesh: Mesh
    replicas: tuple[Replica, ...]
    links: tuple[Link, ...]
    network: str

    @property
    def proxy_hosts(self) -> tuple[Replica, ...]:
        return self.replicas

    @property
    def links_api(self) -> str:
        return "unix:{dir}/links/api.sock"

    @property
    def inlet_admin(self) -> str:
        return f"{self.network}.0.2:9990"

    @property
    def inlet_control(self) -> str:
        return f"{self.network}.0.2:9991"


@dataclass
class Stage:
    """Caller `caller-1`, callees `callee-1`..; with or without an inlet in between.

    Where the caller has several callees, `at` shows the stage as if there were only one of them.
    """

    lease: Lease
    directory: Path
    topology: Topology
    inlet: bool = True
    make: Callable[[str, Any], Any] = App  # what serves at a callee's address
    serving: dict[str, Any] = field(default_factory=dict)  # every callee's app, by replica
    request: str = ""  # the id that requests carry which have none
    sent: int = 0  # how many of them

    def __post_init__(self) -> None:
        self.forget()
        net = self.lease.network
        services = {name: one for name, one in self.topology.services.items() if name != "caller"}
        self.callee = next(iter(services))
        self.caller = Replica("caller-1", "caller", 1, f"{net}.1.1")
        self.callees = [
            Replica(f"{name}-{n}", name, n, f"{net}.{place}.{n}")
            for place, (name, service) in enumerate(services.items(), 2)
            for n in range(1, service.replicas + 1)
        ]
        self.links = tuple(self._link(callee) for callee in self.callees)
        replicas = (self.caller, *self.callees)
        self.plan = Laid(self.topology, mesh_named(self.topology.mesh), replicas, self.links, net)
        self.runtime = ProcessRuntime(self.directory, self.lease, keep=True)
        self.toxi, self.control = Links(self.runtime.reach(self.plan.links_api)), InletControl(self.plan.inlet_control)

    def _link(self, callee: Replica) -> Link:
        address = callee.address
        inlet = f"{address}:20001" if self.inlet else None
        name, edge = f"caller-1--{callee.name}", f"caller -> {callee.service}"
        protocol = self.topology.protocol(edge)
        places = (f"{address}:10001", None if protocol == "tcp" else inlet, f"{address}:8080")
        return Link(name, "caller-1", callee.name, edge, *places, protocol=protocol)

    def at(self, callee: str) -> Stage:
        """The part of this stage that has to do with one callee: as it is when nothing has been done yet."""
        part = copy.copy(self)
        part.callee = callee
        part.callees = [one for one in self.callees if one.service == callee]
        part.links = tuple(one for one in self.links if one.edge == part.edge)
        part.forget()
        return part

    @property
    def edge(self) -> str:
        return f"caller -> {self.callee}"

    @property
    def apps(self) -> dict[str, Any]:
        """The callee's apps, by replica."""
        return {one.name: self.serving[one.name] for one in self.callees}

    @property
    def app(self) -> Any:
        """The first of the callee's apps."""
        return self.apps[self.callees[0].name]

    def start(self, handler: Handler) -> None:
        for callee in self.callees:
            self.serving[callee.name] = self.make(f"{callee.address}:8080", handler)
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
        self.recorder = Recorder(logs(self.plan), self.directory, patience_s=PATIENCE_S) if self.inlet else None

    def stop(self) -> None:
        self.toxi.close()
        self.runtime.stop()
        for app in self.serving.values():
            app.close()

    def revive(self, handler: Any = hello) -> None:
        """Give every callee a new app in the old one's place."""
        for callee in self.callees:
            self.serving[callee.name].close()
            self.serving[callee.name] = self.make(f"{callee.address}:8080", handler)

    def behave(self, handler: Handler) -> None:
        for app in self.apps.values():
            app.handler = handler

    @property
    def door(self) -> str:
        """The caller's listener for the callee."""
        wiring = EnvoyMesh().wiring(self.topology, self.caller, self.plan.links)
        return wiring[f"{self.callee.upper()}_ADDR"]

    def get(self, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str) -> Got:
        """One request to the caller's sidecar, as the caller's app would send it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if "baggage" not in named:
            named["baggage"] = f"tb.id={self.request}"
            self.sent += 1
        return ask(self.door, path, method, body, named)

    def rules(self) -> tuple[Rule, ...]:
        """The rules that the inlet says are in force."""
        return decode(ask(self.plan.inlet_control, "/rules", "GET", None, {}).body.decode())

    def mend_links(self) -> None:
        """Open every link and take off every toxic."""
        self.toxi.close()
        ask_control(self.runtime.reach(self.plan.links_api), "/reset", "no reset", method="POST")
        assert self.toxi.verify_clean() == []

    def until_well(self) -> None:
        """Ask until the callee answers: a connection that Envoy has begun gets through when TCP sends its next SYN."""
        eventually(lambda: self.get().status == 200, PATIENCE_S)

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
        eventually(lambda: sum(line["kind"] == "call" for line in self._lines()) >= self.sent, PATIENCE_S)
        return self._lines()

    def _lines(self) -> list[dict[str, object]]:
        lines = (one for one in self.log("caller-1/mesh.log") if is_end(one))
        return [one for one in lines if one["baggage"] == f"tb.id={self.request}"]

    def forget(self, request: str = "") -> None:
        """Give requests a new id from now on."""
        self.request, self.sent = request or f"t{next(_unique)}", 0

    def seen(self) -> list[TrafficEvent]:
        """What is on record about this callee."""
        assert self.recorder is not None
        return [one for one in self.recorder.collect() if one.type != "evidence" and one.edge == self.edge]  # type: ignore[misc]


def ask(
    address: str, path: str, method: str, body: bytes | None, headers: dict[str, str], timeout_s: float = PATIENCE_S
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


def shop(callees: Mapping[str, Callee], protocol: str = "http") -> Topology:
    """A caller and its callees, and perhaps policies between them."""
    kind = {"command": "none"} if protocol == "tcp" else {"language": "go"}
    services: dict[str, dict[str, object]] = {"caller": {**kind, "calls": list(callees)}}
    services |= {name: {**kind, "replicas": one.replicas, "protocol": protocol} for name, one in callees.items()}
    policies = [{"edge": f"caller -> {name}", **one.policy} for name, one in callees.items() if one.policy]
    data = {"name": "planes", "mesh": "envoy", "entry": "caller", "services": services, "policies": policies}
    return Topology.model_validate(data)


@contextlib.contextmanager
def stage(
    directory: Path,
    handler: Handler = hello,
    *,
    replicas: int = 1,
    policy: Mapping[str, object] | None = None,
    callees: Mapping[str, Callee] | None = None,
    inlet: bool = True,
    protocol: str = "http",
    make: Callable[[str, Any], Any] = App,
) -> Iterator[Stage]:
    """One callee, or those of a `Row`."""
    lease = lease_block()
    topology = shop(callees or {"callee": Callee(replicas, policy or {})}, protocol)
    made = Stage(lease, directory, topology, inlet, make)
    try:
        made.start(handler)
        yield made
    finally:
        made.stop()
        lease.release()


def at_once(number: int, act: Callable[[], Got]) -> list[Got]:
    """Do something many times at the same time, and return what each got."""
    with ThreadPoolExecutor(number) as pool:
        return [one.result() for one in [pool.submit(act) for _ in range(number)]]


def meeting(number: int) -> Callable[[], object]:
    """Return a call in which so many wait for each other, round by round; one that is left over just goes on some time.

    A `threading.Barrier` would break then, in a thread of its own and hence in another test.
    """
    arrived, rounds = itertools.count(), dict[int, threading.Event]()

    def meet() -> bool:
        turn, place = divmod(next(arrived), number)
        complete = rounds.setdefault(turn, threading.Event())
        if place == number - 1:
            complete.set()
        return complete.wait(PATIENCE_S)

    return meet


@contextlib.contextmanager
def crowd(one: Stage, number: int, slow: Collection[App] = ()) -> Iterator[list[Got]]:
    """Have so many requests in hand, whose answers come when the block ends; then the list holds what each got.

    Unless all apps are so `slow`, the others answer at once.
    """
    over, got = threading.Event(), list[Got]()
    for app in slow or one.apps.values():
        app.handler = lambda talk: (over.wait(PATIENCE_S), hello(talk))[1]
    with ThreadPoolExecutor(number) as pool:
        asked = [pool.submit(one.get) for _ in range(number)]
        try:
            yield got
        finally:
            over.set()
        got += [each.result() for each in asked]


def counters(one: Stage, words: str) -> dict[str, int]:
    """What the sidecar has counted for its callee: every counter whose name holds one of these words."""
    connection = http.client.HTTPConnection(f"{one.caller.address}:9990", timeout=PATIENCE_S)
    connection.request("GET", f"/stats?filter=^cluster\\.{one.callee}\\..*({words})")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    found = (line.partition(": ") for line in lines)
    return {name.removeprefix(f"cluster.{one.callee}."): int(value) for name, _, value in found}


def until_ejected(one: Stage) -> None:
    """Wait until the sidecar has ejected a host.

    Its worker hears of it from the main thread, which counts it: before any request that is sent after this.
    """
    name = "outlier_detection.ejections_enforced_total"
    eventually(lambda: counters(one, "ejections_enforced_total")[name], PATIENCE_S)
