"""Starts a mesh from a resolved topology: prepare, plan on leased addresses, start the plan, assemble."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.experiment.planning import plan_for
from testbed.experiment.prepare import prepare
from testbed.experiment.progress import OnProgress, no_progress
from testbed.experiment.record import Record
from testbed.experiment.rejected_config import explain
from testbed.experiment.testbed import Testbed
from testbed.masking.known import KNOWN
from testbed.plan.make import Plan
from testbed.plan.values import File
from testbed.runtime import Lease, NotReady, Runtime, open_files, runtime_class
from testbed.runtime.orphans import folders
from testbed.runtime.orphans.sweep import sweep
from testbed.spec import private
from testbed.spec.topology import Topology

if TYPE_CHECKING:
    from testbed.evidence.telemetry.receiver import SpanReceiver


def launch(
    topology: Topology,
    *,
    runtime: str = "process",
    seed: int = 0,
    keep: Path | None = None,
    say: OnProgress = no_progress,
    record: Record | None = None,
) -> Testbed:
    """Start a mesh and return it; on failure nothing stays running. `keep`: where its folder stays, with all logs.

    `record` is the record of the test.
    """
    open_files.raise_limit()
    keep_secret(topology)
    place = runtime_class(runtime)
    ready = prepare(topology, place, say)
    say(f"starting {ready.name}")
    sweep()
    with ExitStack() as undo:
        directory = folders.new(keep)
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        lease = place.lease()
        undo.callback(lease.release)
        plan = _planned(ready, place, lease, seed)
        receiver = _receiver(plan)
        if receiver is not None:
            undo.callback(receiver.close)
        running = place(directory, lease, keep=keep is not None)
        undo.callback(running.stop)
        _start(running, plan, File(folders.ABOUT, folders.about(ready.name, runtime, plan.space.network)))
        bed = Testbed(plan, running, directory, lease, say, record, receiver)
        undo.pop_all()
    return bed


def keep_secret(topology: Topology) -> None:
    """Hide the values of `env` and the credentials of commands in every message from now on."""
    services = topology.services
    found = (private.values(service.env, service.command or ()) for service in services.values())
    found_in_builds = (private.values({}, service.build or ()) for service in services.values())
    public = [topology.name, *services, *(service.image or "" for service in services.values())]
    KNOWN.learn(chain(*found, *found_in_builds), private.others(topology.model_dump(mode="json")), public)


def _planned(topology: Topology, runtime: type[Runtime], lease: Lease, seed: int) -> Plan:
    return plan_for(topology, runtime.address_space(lease.space, topology), seed)


def _receiver(plan: Plan) -> SpanReceiver | None:
    """Return a receiver of spans that listens, if the topology has telemetry. It is there before the services."""
    if plan.topology.telemetry == "off":
        return None
    from testbed.evidence.telemetry.receiver import SpanReceiver

    return SpanReceiver(plan.space.telemetry_address)


def _start(running: Runtime, plan: Plan, about: File) -> None:
    try:
        running.start(plan.processes, [*plan.files, about])
    except NotReady as error:
        raise explain(error, plan) from error
