"""The overhead of link and inlet on a call, compared with direct calls in the same run, in turns."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import httpx

import testbed
from benchmarks.table import Figure, took
from benchmarks.turns import ROUNDS, added, in_turns, ratio
from testbed import abort, latency
from testbed.faults import Fault
from testbed.injection.injection import Injection
from testbed.spec.topology import Topology

SWITCHES = 30
ONE = Topology(name="one", entry="app", mesh="none", services={"app": {"language": "go"}})


def hops() -> Iterator[Figure]:
    """Measure one service called directly, through its inlet, and through link and inlet, with kept connections."""
    with testbed.start(ONE) as mesh:
        link = mesh.plan.links[0]
        assert link.inlet is not None
        ways = {"direct": link.app, "inlet": link.inlet, "link and inlet": link.listen}
        connections = {name: http.client.HTTPConnection(address, timeout=10) for name, address in ways.items()}
        taken = in_turns({name: partial(_ask, one) for name, one in connections.items()})
        for one in connections.values():
            one.close()
    direct = taken.pop("direct")
    yield Figure("a direct call", median(direct), note=f"one Go service, {ROUNDS} calls of each kind in turns")
    for name, times in taken.items():
        often = f"{ratio(times, direct):.1f} times a direct call"
        yield Figure(f"{name} add", added(times, direct), 0.6 if "link" in name else None, note=often)


def _ask(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")
    connection.getresponse().read()


def switching(mesh: testbed.Testbed) -> Iterator[Figure]:
    """Measure injecting and healing a fault. The next request must show the effect."""
    for fault in (latency(ms=60).on("client -> frontend"), abort(418).on("client -> frontend")):
        with mesh.client() as client:

            def hit(client: httpx.Client = client) -> bool:
                statuses: list[int] = []
                ms = took(lambda: statuses.append(client.get("/healthz").status_code))
                return statuses == [418] or ms >= 60

            hit()
            yield from _switched(mesh, fault, hit)


def _switched(mesh: testbed.Testbed, fault: Fault, hit: Callable[[], bool]) -> Iterator[Figure]:
    injected, healed, seen, gone = [], [], 0, 0
    for _ in range(SWITCHES):
        injections: list[Injection] = []
        injected.append(took(lambda kept=injections: kept.append(mesh.inject(fault))))
        seen += hit()
        healed.append(took(injections[0].heal))
        gone += not hit()
    met, lost = (f"{count} of {SWITCHES} times" for count in (seen, gone))
    yield Figure(f"inject {fault.name}", median(injected), 10, note=f"effective for the next request {met}")
    yield Figure(f"heal {fault.name}", median(healed), 10, note=f"gone for the next request {lost}")


def fidelity(mesh: testbed.Testbed) -> Iterator[Figure]:
    """Compare injected with measured latency at the median, each request with a request without the fault."""
    with mesh.client() as client:

        def ask() -> float:
            return took(lambda: client.get("/healthz"))

        for asked, rounds in ((10, 60), (100, 30), (500, 12)):
            extra = []
            for _ in range(rounds):
                time.sleep(asked / 1000)  # an idle machine answers later: both requests come after the same idle time
                plain = ask()
                with mesh.inject(latency(ms=asked).on("client -> frontend")):
                    ask()
                    extra.append(ask() - plain)
            off = abs(median(extra) - asked)
            yield Figure(
                f"latency of {asked} ms is off by", off, 1, note=f"measured {median(extra):.2f} ms, {rounds} pairs"
            )
