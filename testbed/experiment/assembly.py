"""The parts of a running mesh, and the only function that assembles them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.evidence.overhead import CpuUsage, FilesUsed, Probe
from testbed.evidence.probing.prober import Prober
from testbed.evidence.probing.probes import Probe as SystemProbe
from testbed.evidence.probing.site import Site
from testbed.evidence.recorder import Recorder
from testbed.evidence.sampler import Sampler
from testbed.evidence.source import Log
from testbed.experiment.arm import Arm
from testbed.experiment.deaths import Deaths
from testbed.experiment.detours import detour_watch
from testbed.experiment.policy_override import ActiveOverrides
from testbed.experiment.processes import RecordedProcesses
from testbed.experiment.sources import logs, unseen
from testbed.experiment.stillness import still
from testbed.experiment.traffic import Traffic
from testbed.faults.target import FaultContext
from testbed.injection.dispatch import EngineSet
from testbed.injection.injector import Injector
from testbed.injection.inlet.engine import RuleEngine
from testbed.injection.inlet.inlet import InletControl
from testbed.injection.packets.engine import PacketEngine
from testbed.injection.processes import ProcessActions
from testbed.injection.toxiproxy.engine import LinkEngine
from testbed.injection.toxiproxy.links import TOKEN, Links
from testbed.load.driver import Driver
from testbed.load.encoding import RequestEncoding
from testbed.load.recording import AnswerRecording
from testbed.mesh import mesh_named
from testbed.plan.make import Plan
from testbed.runtime import Lease, Runtime
from testbed.runtime.tools import binaries

if TYPE_CHECKING:
    from testbed.evidence.telemetry.receiver import SpanReceiver


@dataclass(frozen=True)
class Parts:
    """The parts of one running mesh. Each part gets only the parts that it needs."""

    runtime: Runtime
    directory: Path  # the run's folder
    lease: Lease
    logs: tuple[Log, ...]
    recorder: Recorder
    links: Links
    packets: PacketEngine
    injector: Injector
    swaps: ActiveOverrides
    deaths: Deaths
    receiver: SpanReceiver | None = None  # of spans, where the topology has telemetry

    @property
    def plan(self) -> Plan:
        """The running plan, with the policies in force."""
        return self.swaps.plan

    @property
    def entries(self) -> dict[str, str]:
        """Each replica of the entry, with its base URL for this process."""
        return self.plan.entries(self.runtime.reach)

    def context(self, users: Mapping[str, str], seed: int) -> FaultContext:
        """Return the context that faults are resolved in, with these users of the load."""
        return FaultContext(self.plan.links, self.plan.replicas, users, seed, self.plan.proxies)

    def driver(self, timeout_s: float, seed: int, said: RequestEncoding, recorded: AnswerRecording) -> Driver:
        """Return a load driver that sends to the entry; it is not started."""
        return Driver(binaries.find("load"), self.entries, timeout_s, seed, said, recorded)

    def sampler(self, driver: Driver, *, probed: bool = False) -> Sampler:
        """Return a sampler of the callers' proxies, of testbed overhead and of detours; it is not started."""
        own: dict[str, Callable[[], float]] = {
            name: partial(self.runtime.cpu_seconds, name) for name in ("links", "inlet")
        }
        spent = CpuUsage(own | {"load": driver.cpu_seconds})
        proxies = [log for log in self.logs if log.process != "inlet"]
        reach = self.runtime.reach
        probe = Probe(reach(self.plan.inlet_control), reach(self.plan.probe.listen))
        watch = detour_watch(self.plan, self.runtime, probed=probed)
        names = ["links", "inlet", *(one.name for one in self.plan.processes if one.role == "proxy")]
        files = FilesUsed({name: partial(self.runtime.pid, name) for name in names})
        monitor = mesh_named(self.plan.topology.mesh).monitor
        return Sampler(proxies, monitor, spent, probe, self.recorder.is_unreachable, files, watch)

    def prober(self, probes: Mapping[str, SystemProbe]) -> Prober:
        """Return a prober of these probes; it is not started. Raises `TestbedError` for a place that is not there."""
        return Prober(probes, Site(self.plan, self.runtime))

    def close(self) -> None:
        """End every process and release the addresses; a failure does not keep the rest from being closed."""
        with ExitStack() as last_first:
            last_first.callback(self.lease.release)
            if self.receiver is not None:
                last_first.callback(self.receiver.close)
            last_first.callback(self.runtime.stop)
            last_first.callback(self.packets.close)
            last_first.callback(self.links.close)


def assemble(
    plan: Plan,
    runtime: Runtime,
    directory: Path,
    lease: Lease,
    arm: Arm,
    traffic: Callable[[], Traffic | None],
    receiver: SpanReceiver | None = None,
) -> Parts:
    """Assemble the parts of a running mesh. `traffic` returns the load that is on, which a policy change pauses."""
    reach = runtime.reach
    sources = tuple(logs(plan, reach))
    recorder = Recorder(sources, directory, unseen(plan, sources), queries=plan.topology.record_queries)
    token = directory / TOKEN if plan.space.shares_one_address else None
    links = Links(reach(plan.links_api), inside=runtime.inside, links=[*plan.links, plan.probe], token=token)
    packets = PacketEngine(plan, runtime.inside, reach)
    rules, actions = (
        RuleEngine(InletControl(reach(plan.inlet_control))),
        ProcessActions(RecordedProcesses(runtime, recorder)),
    )
    return Parts(
        runtime=runtime,
        directory=directory,
        lease=lease,
        logs=sources,
        recorder=recorder,
        links=links,
        packets=packets,
        injector=Injector(EngineSet(LinkEngine(links), rules, actions, packets), dry=arm is Arm.WITHOUT_FAULT),
        swaps=ActiveOverrides(plan, runtime, partial(still, recorder, traffic), arm),
        deaths=Deaths(runtime),
        receiver=receiver,
    )
