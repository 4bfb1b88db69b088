"""The running mesh for a test: load it, inject faults, judge the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from testbed.arguments import checked
from testbed.errors import FaultError, LoadError, TestbedError
from testbed.experiment import recording
from testbed.experiment.assembly import assemble
from testbed.experiment.phases import phase, play, refuse_negative
from testbed.experiment.policy_override import PolicyOverride
from testbed.experiment.preflight import foresee, note
from testbed.experiment.progress import OnProgress, no_progress
from testbed.experiment.record import Record, of_running_test
from testbed.experiment.reset import Cleaner, warn_of
from testbed.experiment.run import Run
from testbed.experiment.traffic import Traffic
from testbed.faults.base import Fault
from testbed.faults.resolved import ResolvedFault
from testbed.faults.timed import refuse_late
from testbed.injection.injection import Injection
from testbed.load import clients
from testbed.load.workload import Workload
from testbed.plan.make import Plan
from testbed.renamed import warn
from testbed.runtime import Lease, Runtime

if TYPE_CHECKING:
    import grpc
    import httpx

    from testbed.evidence.probing.probes import Probe
    from testbed.evidence.telemetry.receiver import SpanReceiver
    from testbed.faults.target import FaultContext
    from testbed.spec.overrides import PolicyOverrides
    from testbed.spec.topology import Topology


class Testbed:
    """One running mesh, made by the `topology` fixture or by `testbed.start`.

    It is long because the public methods say here what they do; each hands over to another object.
    """

    __test__ = False

    def __init__(
        self,
        plan: Plan,
        runtime: Runtime,
        directory: Path,
        lease: Lease,
        say: OnProgress = no_progress,
        record: Record | None = None,
        receiver: SpanReceiver | None = None,
    ) -> None:
        """`record` is the record of the test; the plugin sets a new one for each test.

        `parts` are for tools and tests of the testbed: its runtime, engines and recorder. They may change.
        """
        self.say = say
        self.record = record or Record()
        self.follows_tests = False  # a mesh of `start` may outlive the test that started it
        self._session: recording.LoadSession | None = None  # the last load
        self.parts = assemble(plan, runtime, directory, lease, self.record.arm, self._traffic, receiver)
        self._cleaner = Cleaner(self.parts)
        self._runs = 0
        self._has_client = False  # the URL is known to somebody
        self._stopped = False

    def _join_test(self) -> None:
        """A run belongs to the test that is running when its load begins."""
        if self.follows_tests:
            self.record = of_running_test(self.record)

    @property
    def plan(self) -> Plan:
        """The running plan or topology, with the policies in force."""
        return self.parts.plan

    @property
    def topology(self) -> Topology:
        """The running plan or topology, with the policies in force."""
        return self.plan.topology

    # -- what a test uses

    @checked(TestbedError)
    def experiment(
        self,
        *faults: Fault,
        load: Workload | None = None,
        hold_s: float = 10,
        warmup_s: float = 1,
        baseline_s: float | None = None,
        recover_s: float = 3,
        probes: Mapping[str, Probe] = recording.NO_PROBES,
    ) -> Run:
        """Warm up, take a baseline, inject, hold, heal, recover; return the run for its checks.

        All times in seconds; `baseline_s` is `hold_s` but at most 5 unless given. Without faults it is a control
        run: the same phases, no fault. `probes` are values of the system to read meanwhile, by name. Raises
        `TestbedError` without `load` or for a probe whose place is unknown, and `FaultError` for a fault that does not
        fit, all before anything is sent; `Inconclusive` like `inject`.
        """
        if load is None:
            raise TestbedError(
                "experiment(...) without load=: no request would be sent. Add load=constant_rate(get('/'), rps=100)"
            )
        refuse_negative(hold_s=hold_s, warmup_s=warmup_s, baseline_s=baseline_s or 0, recover_s=recover_s)
        refuse_late(faults, hold_s)
        self._join_test()
        context = self.parts.context(load.population(self.record.seed), self.record.seed)
        resolved = self.parts.injector.check(faults, context)
        with self.load(load, probes) as traffic:
            baseline_s = min(hold_s, 5) if baseline_s is None else baseline_s
            play(
                traffic,
                partial(self._inject, faults, lambda: resolved) if faults else None,
                warmup_s,
                baseline_s,
                hold_s,
            )
            phase(traffic, recover_s, "recover")
        return traffic.result()

    @checked(LoadError)
    def load(self, shape: Workload, probes: Mapping[str, Probe] = recording.NO_PROBES) -> Traffic:
        """Open-loop load on the entry. `probes` are values of the system to read meanwhile, by name.

        with shop.load(constant_rate(get("/"), rps=100)) as traffic:
            traffic.run(for_s=5, phase="...")
        """
        self._must_run()
        if self.running_load is not None:
            raise TestbedError("there is a load already: one at a time, so that its schedule can be trusted")
        self._join_test()
        self._runs += 1
        cold = self._is_cold()
        begin = partial(recording.begin, self.parts, self.record, shape, self._runs, self.say, probes)
        return begin(cold=cold, own=partial(setattr, self, "_session")).traffic

    def _is_cold(self) -> bool:
        """Whether the apps lost connections because of us, and nothing is broken: then the load can replace them."""
        return self.parts.injector.is_idle and self._cleaner.take_broken_connections()

    @checked(FaultError)
    def inject(self, *faults: Fault) -> Injection:
        """Inject faults until the end of the `with` block (or until `heal()`), either all or none.

        Raises `FaultError` for a fault that does not fit the mesh, or two that contradict each other; `Inconclusive`
        if the load so far shows that a fault cannot match requests: the load then ends, and its run is recorded.
        """
        self._must_run()
        if not faults:
            raise FaultError("inject() without a fault")
        return self._inject(faults, lambda: self.parts.injector.check(faults, self._context()))

    def override_policies(self, overrides: PolicyOverrides) -> PolicyOverride:
        """Change policies until the end of the `with` block (or until `restore()`), without a restart of the services.

        `overrides` maps edges to what changes, merged key by key into the policies in force; None removes a policy. The
        proxies of these edges restart (0.1 s): every breaker is closed, no host is ejected. A load pauses meanwhile.
        Raises `TopologyError` for unknown, contradictory or rejected values; then nothing has changed.
        """
        self._must_run()
        self.say("policies of " + ", ".join(map(str, overrides)))
        return self.parts.swaps.begin(overrides)

    def policies(self, overrides: PolicyOverrides) -> PolicyOverride:
        """Do the same by its old name, with a warning."""
        warn("policies", "override_policies")
        return self.override_policies(overrides)

    @checked(TestbedError)
    def client(self, user: str = "", cohort: str = "") -> httpx.Client:
        """An httpx client for the entry, for plain asserts. Its requests carry this user.

        Raises `TestbedError` if the entry does not speak HTTP/1.1.
        """
        return clients.client(self._endpoint("http"), self._runs, user, cohort, self.topology.context_headers)

    @checked(TestbedError)
    def async_client(self, user: str = "", cohort: str = "") -> httpx.AsyncClient:
        """The same, for `async def` tests."""
        return clients.async_client(self._endpoint("http"), self._runs, user, cohort, self.topology.context_headers)

    @checked(TestbedError)
    def channel(self, user: str = "", cohort: str = "") -> grpc.Channel:
        """A gRPC channel to an entry that speaks gRPC, for plain asserts. Its calls carry this user."""
        address = self._endpoint("grpc").removeprefix("http://")
        return clients.channel(address, self._runs, user, cohort, self.topology.context_headers)

    @property
    def url(self) -> str:
        """The base URL of the entry (its first replica)."""
        self._join_test()
        self._has_client = self.record.has_client = True
        return next(iter(self.parts.entries.values()))

    # -- what the plugin uses

    def clean(self) -> None:
        """Remove every toxic, rule, dead replica and policy state (rule 7); fast if all is clean."""
        self._must_run()
        load, self._session = self.running_load, None  # an ended load holds its requests and its run
        self._cleaner.clean(load)

    def stop(self) -> None:
        """End every process of this mesh; a second call does nothing. Warns about a running load."""
        if not self._stopped:
            self._stopped = True
            load = self.running_load
            try:
                if load is not None:
                    load.end()
            finally:
                self.parts.close()
            if load is not None:
                warn_of(load, stacklevel=3)

    # -- how it is done

    @property
    def running_load(self) -> recording.LoadSession | None:
        """The load that is on."""
        return None if self._session is None or self._session.over else self._session

    def _traffic(self) -> Traffic | None:
        return self.running_load.traffic if self.running_load is not None else None

    def _inject(self, faults: Sequence[Fault], check: Callable[[], Sequence[ResolvedFault]]) -> Injection:
        self._must_run()
        if self.running_load is None:
            self._join_test()
        self.say("inject " + ", ".join(map(str, faults)))
        resolved = check()
        if self.running_load is not None:
            foresee(self.parts, self.running_load, resolved)
        injection = self.parts.injector.inject(resolved)
        services = {r.name: r.service for r in self.plan.replicas}
        for fault in resolved:
            packets = fault.fault.plane == "packets"
            self._cleaner.note_faulted((services[link.callee] for link in fault.links), packets=packets)
        note(self.record, self.topology, resolved)
        self.record.has_client |= self._has_client
        return injection

    def _context(self) -> FaultContext:
        """The present context of faults."""
        return self.parts.context(self.running_load.users if self.running_load is not None else {}, self.record.seed)

    def _endpoint(self, protocol: str) -> str:
        """The URL of the entry, for a client that speaks this protocol."""
        entry = self.topology.entry
        if (spoken := self.topology.services[entry].protocol) != protocol:
            raise TestbedError(f"{entry} speaks {spoken}: {clients.FOR[spoken]}")
        return self.url

    def _must_run(self) -> None:
        if self._stopped:
            raise TestbedError("this mesh has been stopped")

    def __enter__(self) -> Testbed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
