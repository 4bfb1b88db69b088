"""Measures the testbed itself on this machine: `make bench`. Figures are medians of one run; nothing is judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import testbed
from faults import Fault
from testbed import abort, get, latency, steady
from testbed.injection import Injection
from testbed.model.topology import Topology

SHOP = "topologies/shop.yaml"
LEAVES = [f"leaf-{first}{second}" for first in "abcdefg" for second in "abcdefg"]
FIFTY = Topology(
    name="fifty",
    entry="root",
    services={"root": {"language": "go", "calls": [{"parallel": LEAVES}]}, **{n: {"language": "go"} for n in LEAVES}},
)


def took(act: Callable[[], object]) -> float:
    """Milliseconds that one call takes."""
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def cold_start(topology: str | Topology) -> tuple[float, float]:
    """Milliseconds from nothing to the first end-to-end answer, and to stop."""
    begun = time.perf_counter()
    with testbed.start(topology) as mesh:
        with mesh.client() as client:
            client.get("/").raise_for_status()
        ready, stopping = time.perf_counter(), time.perf_counter()
    return (ready - begun) * 1000, (time.perf_counter() - stopping) * 1000


def switched(mesh: testbed.Testbed, fault: Fault) -> tuple[float, float]:
    """Milliseconds to inject a fault, and to heal it."""
    injections: list[Injection] = []
    inject = took(lambda: injections.append(mesh.inject(fault)))
    return inject, took(injections[0].heal)


def main() -> None:
    """Print every figure."""
    for name, topology, rounds in (("shop, 5 services", SHOP, 5), ("50 services", FIFTY, 2)):
        starts, stops = zip(*(cold_start(topology) for _ in range(rounds)), strict=True)
        print(f"cold start to first answer, {name}: {median(starts):.0f} ms; stop {median(stops):.0f} ms")
    with testbed.start(SHOP) as shop, shop.client() as client:
        plain = median(took(lambda: client.get("/")) for _ in range(100))
        with shop.inject(latency(ms=100).on("client -> frontend")):
            slow = median(took(lambda: client.get("/")) for _ in range(50))
        print(f"latency asked 100 ms, got {slow - plain:.2f} ms over the undisturbed {plain:.2f} ms")
        for fault in (latency(ms=1).on("checkout -> pricing"), abort(503).on("checkout -> pricing")):
            rounds = [switched(shop, fault) for _ in range(20)]
            print(f"{fault}: inject {median(i for i, _ in rounds):.1f} ms, heal {median(h for _, h in rounds):.1f} ms")
        run = shop.experiment(load=steady(get("/"), rps=100), warmup_s=1, baseline_s=1, hold_s=5, recover_s=0)
        seen = sorted(r.latency_ms for r in run.history.index.requests if r.phase == "hold")
        p99 = seen[int(len(seen) * 0.99)]
        print(f"journey of five services at 100 requests/s: p50 {median(seen):.1f} ms, p99 {p99:.1f} ms")


if __name__ == "__main__":
    main()
