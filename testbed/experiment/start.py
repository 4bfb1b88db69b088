"""`start(...)`: a mesh for a `with` block, outside pytest or with other overrides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:
    from testbed.experiment.testbed import Testbed
    from testbed.spec.overrides import Overrides
    from testbed.spec.topology import Topology


@contextmanager
def start(
    path: str | Path | Topology,
    *,
    runtime: str = "process",
    seed: int = 0,
    **overrides: Unpack[Overrides],
) -> Iterator[Testbed]:
    """Run a mesh for a `with` block, outside pytest or with other overrides.

    `path` is relative to the current folder, or a `Topology` made in Python. The overrides are those of
    `topology(...)`: `mesh`, `placement`, `policies`, `replicas`, `addresses` and `request_faults`. Raises
    `TopologyError` before anything starts, `TestbedError` if the mesh does not come up.
    """
    from testbed.experiment.launch import launch
    from testbed.experiment.record import of_running_test
    from testbed.experiment.resolve import resolve
    from testbed.spec.load import find_topology, load_topology
    from testbed.spec.overrides import given
    from testbed.spec.topology import Topology

    wanted = given("start", overrides)
    read = path if isinstance(path, Topology) else load_topology(find_topology(path, Path.cwd()))
    record = of_running_test()
    running = launch(resolve(read, wanted, record.arm), runtime=runtime, seed=seed, record=record)
    running.follows_tests = True
    try:
        yield running
    finally:
        running.stop()
