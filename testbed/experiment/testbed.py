"""The running mesh, as a test sees it: load it, break it, look at what happened."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from testbed.errors import FaultError, TestbedError
from testbed.evidence.overhead import Probe, Spent
from testbed.evidence.recorder import Recorder
from testbed.evidence.sampler import Sampler
from testbed.experiment import arm, record
from testbed.experiment.deaths import Deaths
from testbed.experiment.policy_override import Swap, Swaps
from testbed.experiment.preflight import in_doubt
from testbed.experiment.processes import Watched
from testbed.experiment.progress import Say, silent
from testbed.experiment.run import Run
from testbed.experiment.sources import logs, unseen
from testbed.experiment.traffic import Traffic
from testbed.faults.base import Fault
from testbed.faults.timed import refuse_late
from testbed.history.events import FaultEvent, ProcessEvent, RunInfo
from testbed.history.file import History
from testbed.injection.injector import FOREVER, Injection, Injector, Place
from testbed.injection.inlet.inlet import InletControl
from testbed.injection.packets.engine import Wire
from testbed.injection.toxiproxy.links import Links
from testbed.load import clients
from testbed.load.driver import Driver
from testbed.load.encoding import spoken
from testbed.load.schedule import Schedule
from testbed.load.workload import Shape
from testbed.mesh import mesh_named
from testbed.plan.make import Plan
from testbed.runtime import Lease, Runtime
from testbed.runtime.tools import binaries

if TYPE_CHECKING:
    import grpc
    import httpx

    from testbed.history.index import Index
    from testbed.spec.overrides import PolicyOverrides
    from testbed.spec.topology import Topology


LEFT_ON = "a test left its load on, and nothing of it was judged: write `with shop.load(...) as traffic:`"


class Testbed:
    """One running mesh. Made by the `topology` fixture or by `testbed.start`; never by hand."""

    __test__ = False

    def __init__(self, plan: Plan, runtime: Runtime, directory: Path, lease: Lease, say: Say = silent) -> None:
        self.say, self._runtime, self._lease = say, runtime, lease
        self._swaps = Swaps(plan, runtime, self._still)
        self._reach = reach = runtime.reach
        self._logs = list(logs(plan, reach))
        self._recorder = Recorder(self._logs, directory, unseen(plan, self._logs))
        self._links = Links(reach(plan.links_api), inside=runtime.inside)
        self._wire = Wire(plan, runtime.inside, reach)
        inlet, processes = InletControl(reach(plan.inlet_control)), Watched(runtime, self._recorder)
        self._injector = Injector(self._links, inlet, processes, self._wire, dry=_faults_are_off())
        self._traffic: Traffic | None = None
        self._users: Mapping[str, str] = {}
        self._runs = 0
        self._faulted: set[str] = set()  # services that saw a fault since the mesh was last clean
        self._deaths = Deaths(runtime)
        self._stopped = False

    @property
    def plan(self) -> Plan:
        """What runs, with the policies that are in force now."""
        return self._swaps.plan

    @property
    def topology(self) -> Topology:
        """What runs, with the policies that are in force now."""
        return self.plan.topology

    # -- what a test uses

    def experiment(
        self,
        *faults: Fault,
        load: Shape | None = None,
        hold_s: float = 10,
        warmup_s: float = 1,
        baseline_s: float | None = None,
        recover_s: float = 3,
    ) -> Run:
        """Warm up, take a baseline, inject, hold, heal, let it recover; return the run, ready to be checked.

        All times in seconds; `baseline_s` is `hold_s` but at most 5 unless given. Without faults it is the control
        experiment: the same phases, nothing broken. Raises `TestbedError` without `load`, `FaultError` for faults
        that do not fit, both before anything is sent; `Inconclusive` as `inject` does.
        """
        if load is None:
            raise TestbedError(
                "experiment(...) without load=: nothing would be sent, so nothing could be seen. "
                "Add load=steady(get('/'), rps=100)"
            )
        refuse_late(faults, hold_s)
        self._injector.check(faults, self._place(load.population(self._seed)))
        with self.load(load) as traffic:
            self._phase(traffic, warmup_s, "warm-up")
            self._phase(traffic, min(hold_s, 5) if baseline_s is None else baseline_s, "baseline")
            self._hold(traffic, faults, hold_s)
            self._phase(traffic, recover_s, "recover")
        return traffic.result()

    def load(self, shape: Shape) -> Traffic:
        """Open-loop load on the entry: `with shop.load(steady(...)) as traffic: traffic.run(for_s=5, phase="...")`."""
        self._must_run()
        said = spoken(shape, self.topology)
        if self._traffic is not None:
            raise TestbedError("there is a load already: one at a time, so that its schedule can be trusted")
        self._runs += 1
        seed, patience_s = self._seed, shape.timeout_s + 1
        self._users = shape.population(seed)
        schedule = Schedule(shape, seed, prefix=f"r{self._runs}.", carriers=self.topology.context)
        self._recorder.begin()
        self._driver = Driver(binaries.find("load"), self._entries, shape.timeout_s, seed, said).start()
        self._load_began = time.time()
        self._swaps_from, self._began_with = len(self._swaps.events), self.topology
        try:
            self._sampler = self._watch()
        except BaseException:
            self._driver.close()
            raise
        self._traffic = Traffic(
            schedule, self._driver, self._finish, self._abandon, patience_s, self.say, self._boundary
        )
        return self._traffic

    def inject(self, *faults: Fault) -> Injection:
        """Inject faults until the end of the `with` block (or until `heal()`), all of them or none.

        Raises `FaultError` for a fault that does not fit the mesh, or two that contradict each other; `Inconclusive`
        if, by what the load has shown so far, nobody would feel one: then the load has ended, and is on record.
        """
        self._must_run()
        if not faults:
            raise FaultError("inject() without a fault")
        self.say("inject " + ", ".join(map(str, faults)))
        place = self._place(self._users)
        self._foresee(faults, place)
        injection = self._injector.inject(faults, place)
        services = {r.name: r.service for r in self.plan.replicas}
        self._faulted |= {services[link.callee] for fault in faults for link in fault.reach(place)}
        self._note(faults, place)
        return injection

    def policies(self, overrides: PolicyOverrides) -> Swap:
        """Other policies until the end of the `with` block (or until `restore()`), without a restart of the services.

        `overrides` maps edges to what changes, merged key by key into what is in force; None removes a policy. The
        proxies that hold these edges begin anew (0.1 s): no breaker is open, nobody is ejected. A load pauses for it.
        Raises `TopologyError` for what is unknown, contradictory or refused by the proxy; then nothing has changed.
        """
        self._must_run()
        self.say("policies of " + ", ".join(map(str, overrides)))
        return self._swaps.begin(overrides)

    def client(self, user: str = "", cohort: str = "") -> httpx.Client:
        """An httpx client at the entry, whose requests carry this user; for plain asserts.

        Raises `TestbedError` where the entry does not speak HTTP/1.1.
        """
        return clients.client(self._door("http"), self._runs, user, cohort, self.topology.context)

    def async_client(self, user: str = "", cohort: str = "") -> httpx.AsyncClient:
        """The same, for `async def` tests."""
        return clients.async_client(self._door("http"), self._runs, user, cohort, self.topology.context)

    def channel(self, user: str = "", cohort: str = "") -> grpc.Channel:
        """A gRPC channel to an entry that speaks gRPC, whose calls carry this user; for plain asserts."""
        address = self._door("grpc").removeprefix("http://")
        return clients.channel(address, self._runs, user, cohort, self.topology.context)

    @property
    def url(self) -> str:
        """The base URL of the entry (its first replica)."""
        return next(iter(self._entries.values()))

    # -- what the plugin uses

    def clean(self) -> None:
        """Leave no toxic, no rule, no dead replica and no policy state behind (rule 7); quick if all is clean."""
        self._must_run()
        left_on = self._traffic is not None
        self._end_load()
        self._injector.heal_all()
        self._swaps.end_all()
        dead = [name for name in self._apps() if not self._runtime.alive(name)]
        for name in dead:
            self._runtime.restart(name)
        self._recorder.restarted(dead)
        if self._faulted or dead:
            proxies = self.plan.proxies_above(self._faulted)
            self._runtime.restart_all(proxies)
            self._recorder.restarted(proxies)
            self._reset_services()
        self._verify_clean()
        self._faulted.clear()
        if left_on:
            warnings.warn(LEFT_ON, stacklevel=2)

    def stop(self) -> None:
        """End every process of this mesh; a second call does nothing."""
        if not self._stopped:
            self._stopped = True
            self._end_load()
            self._links.close()
            self._wire.close()
            self._runtime.stop()
            self._lease.release()

    # -- how it is done

    @property
    def _entries(self) -> dict[str, str]:
        return self.plan.entries(self._reach)

    def _door(self, protocol: str) -> str:
        """The URL of the entry, for a client that speaks this protocol."""
        entry = self.topology.entry
        if (spoken := self.topology.services[entry].protocol) != protocol:
            raise TestbedError(f"{entry} speaks {spoken}: {clients.FOR[spoken]}")
        return self.url

    @property
    def _seed(self) -> int:
        return record.current().seed

    def _phase(self, traffic: Traffic, for_s: float, name: str) -> None:
        if for_s > 0:
            traffic.run(for_s, name)

    def _hold(self, traffic: Traffic, faults: tuple[Fault, ...], hold_s: float) -> None:
        start = time.time()
        injection = self.inject(*faults) if faults else None
        try:
            traffic.mark("inject", start)
            self._phase(traffic, hold_s, "hold")
        finally:
            start = time.time()
            if injection is not None:
                injection.heal()
        traffic.mark("heal", start)

    @contextmanager
    def _still(self, proxies: Sequence[str]) -> Iterator[None]:
        """No request under way, nothing that was logged forgotten, while these proxies are restarted."""
        for name in proxies:
            if self._recorder.mute(name):
                raise TestbedError(f"{name} is killed or paused by a fault: heal it before its policies are swapped")
        if self._traffic is not None and proxies:
            with self._traffic.pause(), self._recorder.renewing(proxies):
                yield
            return
        try:
            yield
        finally:
            self._recorder.restarted(proxies)

    def _foresee(self, faults: Sequence[Fault], place: Place) -> None:
        """End the load, with a verdict, if a service on the way keeps these faults from being felt.

        Not while something is broken: what is on record is no longer what the services do by themselves.
        """
        if self._traffic is None or not self._injector.quiet:
            return
        planned = self._injector.planned(faults, place)
        own = [name for name, service in self.topology.services.items() if service.is_own]
        if not in_doubt(planned, own, len(self._driver.results()), self._recorder.parts):
            return
        from testbed.checks import in_vain_report  # takes its time: not before every fault

        self._injector.check(faults, place)
        if (report := in_vain_report(self._so_far(planned))) is not None:
            self._injector.forgo(planned)
            self._note(faults, place)
            self._traffic.result().end(report)

    def _so_far(self, planned: Sequence[FaultEvent]) -> Index:
        """What is on record by now, as if these faults had begun."""
        events = [*self._fault_events(), *planned, *self._driver.results(), *self._recorder.so_far()]
        return History([self._info(), *events]).index

    def _note(self, faults: Sequence[Fault], place: Place) -> None:
        mesh = self.topology.mesh
        protected = () if mesh == "none" else tuple(policy.edge for policy in self.topology.policies)
        for fault in faults:
            edges = tuple(dict.fromkeys(link.edge for link in fault.reach(place)))
            record.current().injected.append(record.Injected(str(fault), edges, mesh, protected))

    def _place(self, users: Mapping[str, str]) -> Place:
        return Place(self.plan.links, self.plan.replicas, users, self._seed, self.plan.proxies)

    def _watch(self) -> Sampler:
        """Begin to sample the callers' proxies and the testbed's own load."""
        own: dict[str, Callable[[], float]] = {
            name: partial(self._runtime.cpu_seconds, name) for name in ("links", "inlet")
        }
        spent = Spent(own | {"load": self._driver.cpu_seconds})
        proxies = [log for log in self._logs if log.process != "inlet"]
        probe = Probe(self._reach(self.plan.inlet_control), self._reach(self.plan.probe.listen))
        sampler = Sampler(proxies, mesh_named(self.topology.mesh).monitor, spent, probe, self._recorder.mute)
        sampler.start()
        return sampler

    def _boundary(self) -> None:
        """Between two phases: no evidence counts that was taken while a fault did not do what it should."""
        self._sampler.boundary()
        self._injector.check_conductors()

    def _abandon(self) -> None:
        self._traffic = None
        self._users = {}
        self._sampler.stop()
        self._driver.close()

    def _end_load(self) -> None:
        if self._traffic is not None:
            self._traffic.stop()
            self._abandon()

    def _finish(self, traffic: Traffic) -> History:
        """Wait for what is in flight, read the evidence, look for deaths, close the history."""
        try:
            self.say("gathering the evidence")
            self._runtime.deaths()  # a runtime that has died says so better than those whom it no longer runs
            idle = self._driver.wait_idle()
            self._sampler.boundary()
            self._sampler.stop()
            requests = traffic.requests()
            evidence = self._recorder.collect(in_flight=not idle)
        finally:
            self._abandon()
        load = [*traffic.phases, *traffic.paces(requests), *self._fault_events(), *requests, *evidence]
        mesh = [*self._swaps.events[self._swaps_from :], *self._sampler.events()]
        return History([self._info(), *load, *mesh, traffic.completeness(requests), *self._process_events()])

    def _fault_events(self) -> list[FaultEvent]:
        now = time.time()
        self._injector.count_packets()
        events = [event for event in self._injector.events if event.end >= self._load_began]
        return [replace(event, end=now) if event.end == FOREVER else event for event in events]

    def _process_events(self) -> list[ProcessEvent]:
        done = [event for event in self._injector.process_events if event.at >= self._load_began]
        return [*done, *self._deaths.since(self._load_began, self._injector.events, self._swaps.refused)]

    def _info(self) -> RunInfo:
        test = record.current()
        return RunInfo(
            at=time.time(),
            test=test.test,
            seed=test.seed,
            mesh=self.topology.mesh,
            topology=self._began_with.model_dump(mode="json", by_alias=True),
            versions=binaries.versions(),
            sources=("requests", "arrivals", *self.plan.mesh.sources, *self._sampler.sources),
        )

    def _apps(self) -> list[str]:
        return [process.name for process in self.plan.processes if process.role == "app"]

    def _reset_services(self) -> None:
        for replica in self.plan.replicas:
            service = self.topology.services[replica.service]
            if service.reset:
                address = replica.app if replica.external else self._reach(replica.app)
                clients.forget(address, service.reset, service.protocol)

    def _verify_clean(self) -> None:
        left = self._links.verify_clean()
        if left:
            raise TestbedError(f"links that are not clean after healing: {', '.join(left)}")
        if rules := self._wire.left():
            raise TestbedError(f"packet rules that are in force after healing: {', '.join(rules)}")

    def _must_run(self) -> None:
        if self._stopped:
            raise TestbedError("this mesh has been stopped")

    def __enter__(self) -> Testbed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _faults_are_off() -> bool:
    return arm.current() is arm.Arm.WITHOUT_FAULT
