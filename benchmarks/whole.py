"""The times that users wait for: start, stop, a request through the shop, and pytest runs without a mesh."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import testbed
from benchmarks import load_drivers
from benchmarks.table import Figure
from testbed import constant_rate, get
from testbed.spec.topology import Topology

SHOP = "topologies/shop.yaml"
LEAVES = [f"leaf-{first}{second}" for first in "abcdefg" for second in "abcdefg"]
FIFTY = Topology(
    name="fifty",
    entry="root",
    services={"root": {"language": "go", "calls": [{"parallel": LEAVES}]}, **{n: {"language": "go"} for n in LEAVES}},
)
PLUGIN_ROUNDS = 9


def cold_starts() -> Iterator[Figure]:
    """Measure the start until the first end-to-end answer, and the stop."""
    for name, topology, rounds, asked in (("the shop", SHOP, 5, 1000), ("50 services", FIFTY, 3, 5000)):
        starts, stops = zip(*(cold_start(topology) for _ in range(rounds)), strict=True)
        yield Figure(f"start {name}", median(starts), asked, note=f"to the first end-to-end 200, {rounds} rounds")
        yield Figure(f"stop {name}", median(stops), 500)


def cold_start(topology: str | Topology, runtime: str = "process") -> tuple[float, float]:
    """Start, send one request, and stop. Return the milliseconds of start and stop."""
    begun = time.perf_counter()
    with testbed.start(topology, runtime=runtime) as mesh:
        with mesh.client() as client:
            client.get("/").raise_for_status()
        ready = stopping = time.perf_counter()
    return (ready - begun) * 1000, (time.perf_counter() - stopping) * 1000


def journey(mesh: testbed.Testbed) -> Iterator[Figure]:
    """Measure requests through five services and four edges at 100/s in open loop, from the intended send time."""
    run = mesh.experiment(load=constant_rate(get("/"), rps=100), warmup_s=2, baseline_s=1, hold_s=10, recover_s=0)
    seen = sorted(r.latency_ms for r in run.history.index.requests if r.phase == "hold")
    yield Figure("journey of five services, p50", median(seen), 10, note=f"{len(seen)} journeys at 100/s, open loop")
    yield Figure("journey of five services, p99", seen[int(len(seen) * 0.99)])


def plugin() -> Iterator[Figure]:
    """Measure a pytest run of one empty test, with and without the plugin, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder]
        ways = ([], ["-p", "no:testbed.frontends.plugin.hooks"])

        def run(more: list[str]) -> float:
            before = load_drivers.children()
            subprocess.run([*words, *more], cwd=folder, capture_output=True, check=True)
            return (load_drivers.children() - before) * 1000

        rounds = [[run(more) for more in ways] for _ in range(PLUGIN_ROUNDS)]
    with_it, without = (min(one[way] for one in rounds) for way in (0, 1))  # the fastest of each
    note = f"{with_it / without:.2f} times {without:.0f} ms of CPU time, best of {PLUGIN_ROUNDS}"
    yield Figure("the plugin adds to a pytest run without a mesh", with_it - without, 50, note=note)
