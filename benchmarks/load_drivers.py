"""Compares load drivers with one local server: their CPU cost, and the latency that they report.

    python benchmarks/load_drivers.py [--install-vegeta] [--rates 200,1000] [--rounds 3] [--seconds 3]

The drivers take turns within every round, each in its own process. Figures are medians over the rounds and ratios to
ours, because only figures from the same run can be compared. Latency is measured from the time when a request was
due, which is what a user waits, and from the time when it was sent, which is all that vegeta reports.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

VEGETA = "github.com/tsenart/vegeta/v12@v12.13.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "testbed" / "benchmarks"
Figures = dict[str, float]


def ours(url: str, rps: float, seconds: float) -> Figures:
    from testbed.load.driver import Driver
    from testbed.load.schedule import Schedule
    from testbed.load.workload import constant_rate, get
    from testbed.runtime.tools import binaries

    binary, before = binaries.find("load"), children()
    used = time.process_time()
    with Driver(binary, {"server": url}) as driver:
        driver.send(Schedule(constant_rate(get("/"), rps=rps), 1).take(seconds))
        driver.wait_idle()
        results = driver.results()
    cpu = time.process_time() - used + children() - before
    late = {r.id: (r.sent - r.intended) * 1000 for r in results}
    return figures(cpu, [r.latency_ms - late[r.id] for r in results if r.ok], [r.latency_ms for r in results if r.ok])


def httpx_asyncio(url: str, rps: float, seconds: float) -> Figures:
    import httpx

    from_sent: list[float] = []
    from_due: list[float] = []

    async def one(client: httpx.AsyncClient, due: float) -> None:
        await asyncio.sleep(due - time.perf_counter())
        sent = time.perf_counter()
        with suppress(httpx.HTTPError):  # no answer: not counted
            (await client.get(url)).raise_for_status()
            from_sent.append((time.perf_counter() - sent) * 1000)
            from_due.append((time.perf_counter() - due) * 1000)

    async def main() -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(limits=limits, timeout=10, trust_env=False) as client:
            start = time.perf_counter() + 0.02
            async with asyncio.TaskGroup() as tasks:
                for i in range(int(rps * seconds)):
                    tasks.create_task(one(client, start + i / rps))

    used = time.process_time()
    with suppress(TimeoutError):  # it did not keep up: count the answers so far
        asyncio.run(asyncio.wait_for(main(), seconds + 10))
    return figures(time.process_time() - used, from_sent, from_due)


def vegeta(url: str, rps: float, seconds: float) -> Figures:
    binary, before = find_vegeta(), children()
    attack = [binary, "attack", f"-rate={rps:g}", f"-duration={seconds:g}s", "-timeout=10s"]
    raw = subprocess.run(attack, input=f"GET {url}/\n".encode(), capture_output=True, check=True).stdout
    cpu = children() - before
    lines = subprocess.run([binary, "encode", "-to=json"], input=raw, capture_output=True, check=True).stdout
    results = [json.loads(line) for line in lines.splitlines()]
    return figures(cpu, [result["latency"] / 1e6 for result in results if result["code"] == 200])


DRIVERS = {"ours": ours, "vegeta": vegeta, "asyncio+httpx": httpx_asyncio}


def figures(cpu_s: float, from_sent: list[float], from_due: list[float] | None = None) -> Figures:
    found = {"answers": float(len(from_sent)), "cpu_s": cpu_s}
    for name, latencies in (("due", sorted(from_due or [])), ("sent", sorted(from_sent))):
        for q in (50, 99):
            found[f"{name}_p{q}"] = latencies[len(latencies) * q // 100] if latencies else math.nan
    return found


def children() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def find_vegeta() -> str:
    return shutil.which("vegeta", path=f"{CACHE}:{os.environ.get('PATH', '')}") or ""


def install_vegeta() -> None:
    from testbed.runtime.tools import binaries

    CACHE.mkdir(parents=True, exist_ok=True)
    go = str(binaries.find("go"))
    subprocess.run([go, "install", VEGETA], env={**os.environ, "GOBIN": str(CACHE)}, check=True)


class Answer(asyncio.Protocol):
    """Answers every request at once and cheaply, so that the cost of the drivers dominates."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for answers."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer all received requests."""
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" * data.count(b"\r\n\r\n"))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def server() -> Iterator[str]:
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def measure(name: str, url: str, rps: float, seconds: float) -> Figures:
    words = [sys.executable, __file__, "--arm", name, "--url", url, "--rates", str(rps), "--seconds", str(seconds)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=10 * seconds + 30, check=True)
    measured: Figures = json.loads(done.stdout)
    return measured


def compare(rps: float, rounds: int, seconds: float) -> None:
    names = [name for name in DRIVERS if name != "vegeta" or find_vegeta()]
    with server() as url:
        taken = [{name: measure(name, url, rps, seconds) for name in names} for _ in range(rounds)]
    print(f"\n{rps:g} requests/s for {seconds:g} s, medians of {rounds} rounds (in brackets: times ours)\n")
    print("| driver | answers | CPU s | from due: p50 ms | p99 ms | from sent: p50 ms | p99 ms |")
    print("| --- " * 7 + "|")
    for name in names:
        answers = f"{median(r[name]['answers'] for r in taken):.0f} of {rps * seconds:.0f}"
        keys = ("cpu_s", "due_p50", "due_p99", "sent_p50", "sent_p99")
        print(f"| {name} | {answers} | {' | '.join(cell(taken, name, key) for key in keys)} |")


def cell(taken: list[dict[str, Figures]], name: str, key: str) -> str:
    figure = median(r[name][key] for r in taken)
    return "-" if math.isnan(figure) else f"{figure:.2f} ({median(r[name][key] / r['ours'][key] for r in taken):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install-vegeta", action="store_true", help=f"build {VEGETA} into the cache first")
    parser.add_argument("--rates", default="200,1000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    for internal in ("--arm", "--url"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    rates = [float(rate) for rate in asked.rates.split(",")]
    if asked.serve:
        asyncio.run(serve())
    elif asked.arm:
        print(json.dumps(DRIVERS[asked.arm](asked.url, rates[0], asked.seconds)))
    else:
        if asked.install_vegeta:
            install_vegeta()
        for rate in rates:
            compare(rate, asked.rounds, asked.seconds)


if __name__ == "__main__":
    main()
