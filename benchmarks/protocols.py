"""The overhead on gRPC calls, the delay of the load in each protocol, and the throughput of Redis behind a link."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

import testbed
from benchmarks.table import Figure
from benchmarks.turns import ROUNDS, added, in_turns, ratio
from testbed import constant_rate, get
from testbed.load.stub_rpc import CALL
from testbed.spec.topology import Topology

RPC = Topology(
    name="rpc",
    entry="front",
    services={"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go", "protocol": "grpc"}},
)
CONNECTIONS, TURNS = 50, 5
DEPTHS = (16, 64)  # commands in flight on each connection
REQUESTS = 120_000  # multiplied by the depth: one turn takes one to four seconds
RPS, LOAD_S = 200, 10


def grpc_hops() -> Iterator[Figure]:
    """Measure one gRPC service called directly, through link and inlet, and through sidecar, link and inlet."""
    import grpc

    with testbed.start(RPC) as mesh:
        (link,) = [one for one in mesh.plan.links if one.edge == "front -> back"]
        (app,) = [process for process in mesh.plan.processes if process.name == "front-1/app"]
        ways = {"direct": link.app, "link and inlet": link.listen, "a sidecar, link and inlet": app.env["BACK_ADDR"]}
        channels = {name: grpc.insecure_channel(address) for name, address in ways.items()}
        calls = {name: channel.unary_unary(CALL) for name, channel in channels.items()}
        taken = in_turns({name: partial(call, b"", timeout=10) for name, call in calls.items()})
        for channel in channels.values():
            channel.close()
    direct = taken.pop("direct")
    yield Figure("a direct gRPC call", median(direct), note=f"one Go service, {ROUNDS} calls of each kind in turns")
    for name, times in taken.items():
        yield Figure(f"{name} add to a gRPC call", added(times, direct), 0.6 if name == "link and inlet" else None)


def lateness() -> Iterator[Figure]:
    """Measure how late the load sends requests in each protocol (p99), with one Go stub."""
    for protocol in ("http", "http2", "grpc"):
        entry = {"app": {"language": "go", "protocol": protocol}}
        with testbed.start(Topology(name="one", entry="app", mesh="none", services=entry)) as mesh:
            with mesh.load(constant_rate(get("/"), rps=RPS)) as traffic:
                traffic.run(for_s=LOAD_S, phase="load")
            (pace,) = [one for one in traffic.result().history.index.paces if one.phase == "load"]
        note = f"p99 of {pace.sent} of {pace.planned} at {RPS}/s"
        yield Figure(f"delay of requests of a load in {protocol}", pace.late_p99_ms, 10, note=note)


def redis_throughput() -> Iterator[Figure]:
    """Measure one Redis with redis-benchmark, many connections and pipelining: directly and through its link, in turns.

    First all processes share all CPUs: with two CPUs the link competes with Redis and its clients. Then Redis and its
    clients use one CPU, so that the link has another.
    """
    if not (shutil.which("redis-server") and shutil.which("redis-benchmark")):
        return
    for depth in DEPTHS:
        yield from _redis(depth)
    if shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        yield from _redis(DEPTHS[0], ("taskset", "-c", "0"))


def _redis(depth: int, pinned: Sequence[str] = ()) -> Iterator[Figure]:
    """Yield the throughput with `depth` commands in flight; `pinned` is the command that sets the CPU of Redis."""
    how = f"{depth} in flight" + ", the link on its own CPU" * bool(pinned)
    direct, linked = _rates(depth, pinned)
    note = f"GET, {CONNECTIONS} connections, {TURNS} runs of each in turns"
    yield Figure(f"a Redis directly, {how}", median(direct) / 1000, unit="thousand/s", note=note)
    yield Figure(f"a Redis through its link, {how}", median(linked) / 1000, unit="thousand/s")
    yield Figure(f"a Redis keeps, {how}", 100 * ratio(linked, direct), 50, unit="%", least=True)


def _rates(depth: int, pinned: Sequence[str]) -> tuple[list[float], list[float]]:
    server = [*pinned, "redis-server", "--bind", "{{self.host}}", "--port", "{{self.port}}"]
    services = {
        "api": {"language": "go"},
        "user": {"command": ["sleep", "infinity"], "calls": ["cache"], "ready": {"command": "true"}},
        "cache": {"command": [*server, "--save", "", "--protected-mode", "no"], "protocol": "tcp"},
    }
    direct: list[float] = []
    linked: list[float] = []
    with testbed.start(Topology(name="cache", entry="api", services=services)) as mesh:
        (link,) = [one for one in mesh.plan.links if one.edge == "user -> cache"]
        for _ in range(TURNS):
            direct.append(_rate(link.app, depth, pinned))
            linked.append(_rate(link.listen, depth, pinned))
    return direct, linked


def _rate(address: str, depth: int, pinned: Sequence[str]) -> float:
    host, _, port = address.rpartition(":")
    size = ["-c", str(CONNECTIONS), "-P", str(depth), "-n", str(REQUESTS * depth)]
    output = subprocess.run(
        [*pinned, "redis-benchmark", "-h", host, "-p", port, *size, "-t", "get", "-q"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return float(re.findall(r"([0-9.]+) requests per second", output)[-1])
