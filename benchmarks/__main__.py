"""Measures the testbed on this machine: `make bench`. Prints medians of one run with their targets."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import testbed
from benchmarks import containers, load_drivers, planes, protocols, whole
from benchmarks.table import Figure, machine, render


def figures() -> Iterator[Figure]:
    """Yield all figures, one benchmark after the other."""
    yield from whole.cold_starts()
    with testbed.start(whole.SHOP) as shop:
        yield from whole.journey(shop)
        yield from planes.fidelity(shop)
        yield from planes.switching(shop)
    yield from planes.hops()
    yield from protocols.grpc_hops()
    yield from protocols.lateness()
    yield from protocols.redis_throughput()
    yield from containers.containers()
    yield from whole.plugin()


def main() -> None:
    """Print a line for each figure when it is measured, then one table, then the comparison of load drivers."""
    measured = []
    for figure in figures():
        print(f"{figure.what}: {figure.cells[2]}", file=sys.stderr, flush=True)
        measured.append(figure)
    print(f"\n{machine()}\n\n{render(measured)}\n\nLoad drivers against one local server:")
    load_drivers.compare(200, rounds=3, seconds=3)


if __name__ == "__main__":
    main()
