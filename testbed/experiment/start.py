"""Starting a mesh: find the topology, apply overrides, lease addresses, start the plan."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.errors import TopologyError, nearest

if TYPE_CHECKING:
    from testbed.experiment.progress import Say
    from testbed.experiment.testbed import Testbed
    from testbed.spec.overrides import Addresses
    from testbed.spec.topology import Topology

Policies = Mapping[str, Mapping[str, Any] | None]


def find_topology(path: str | Path, *folders: Path) -> Path:
    """Return the topology file: relative to the first folder that has it. Raises `TopologyError` if none does."""
    tried = [folder / path for folder in folders]
    for candidate in tried:
        if candidate.is_file():
            return candidate
    beside = {p.name for candidate in tried if candidate.parent.is_dir() for p in candidate.parent.glob("*.y*ml")}
    looked = " or ".join(str(candidate) for candidate in tried)
    raise TopologyError(f"there is no topology {str(path)!r}: looked for {looked}{nearest(Path(path).name, beside)}")


def start_mesh(
    topology: Topology,
    *,
    runtime: str = "process",
    seed: int = 0,
    keep: Path | None = None,
    say: Say | None = None,
) -> Testbed:
    """Start a mesh and return it; on failure nothing is left running. `keep`: where its folder stays, with all logs."""
    from testbed.experiment import arm
    from testbed.experiment.planning import plan_for
    from testbed.experiment.progress import silent
    from testbed.experiment.services import prepared
    from testbed.experiment.testbed import Testbed
    from testbed.plan.custom_services import wildcard_ports_needed
    from testbed.plan.values import File
    from testbed.runtime import NotReady, runtime_class
    from testbed.runtime.orphans import folders
    from testbed.runtime.orphans.sweep import sweep
    from testbed.runtime.process.wildcard_ports import free_ports, with_namespaces

    if arm.current() is arm.Arm.WITHOUT_POLICIES:
        topology = topology.without_policies()
    say = say or silent
    chosen = runtime_class(runtime)
    topology = prepared(topology, runtime, say)
    say(f"starting {topology.name}")
    sweep()
    lease = chosen.lease()
    directory = folders.new(keep)
    try:
        space = with_namespaces(lease.space, topology)
        ports = free_ports(space.network, wildcard_ports_needed(topology, space))
        plan = plan_for(topology, space, seed, ports)
        running = chosen(directory, lease, keep=keep is not None)
        about = File(folders.ABOUT, folders.about(topology.name, runtime, space.network))
        running.start(plan.processes, [*plan.files, about])
        return Testbed(plan, running, directory, lease, say)
    except BaseException as error:
        lease.release()
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, NotReady):
            from testbed.experiment.rejected_config import explained

            raise explained(error, plan) from error
        raise


@contextmanager
def start(
    path: str | Path | Topology,
    *,
    mesh: str | None = None,
    placement: str | None = None,
    policies: Policies | None = None,
    replicas: Mapping[str, int] | None = None,
    addresses: Addresses | None = None,
    request_faults: bool | None = None,
    runtime: str = "process",
    seed: int = 0,
) -> Iterator[Testbed]:
    """Run a mesh for a `with` block, outside pytest or with overrides of one test's own.

    `path` is relative to the current folder, or a `Topology` made in Python. The overrides are those of
    `topology(...)`. Raises `TopologyError` before anything starts, `TestbedError` if the mesh does not come up.
    """
    from testbed.spec.topology import Topology, load_topology

    read = path if isinstance(path, Topology) else load_topology(find_topology(path, Path.cwd()))
    chosen = read.with_overrides(
        mesh=mesh,
        placement=placement,
        policies=policies,
        replicas=replicas,
        addresses=addresses,
        request_faults=request_faults,
    )
    running = start_mesh(chosen, runtime=runtime, seed=seed)
    try:
        yield running
    finally:
        running.stop()
