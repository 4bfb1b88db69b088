"""One load and its recording, from the start of the driver until the history is closed or the load is abandoned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from testbed import clock
from testbed.experiment.foreign import refuse_foreign
from testbed.experiment.load_journal import LoadJournal
from testbed.experiment.progress import OnProgress, no_progress
from testbed.experiment.run import Run
from testbed.experiment.traffic import Traffic
from testbed.history.events import Event, Evidence, FaultEvent, ProcessEvent, Request, RunInfo, SpanEvent
from testbed.history.file import History
from testbed.history.private import without_credentials
from testbed.injection.ledger import FOREVER
from testbed.load.encoding import encoding_for
from testbed.load.recording import AnswerRecording
from testbed.load.schedule import Schedule, trace_id
from testbed.masking.known import KNOWN
from testbed.plan.values import UNDER_WAY_MS
from testbed.runtime.tools import binaries
from testbed.spec import private

if TYPE_CHECKING:
    from testbed.evidence.probing.prober import Prober
    from testbed.evidence.probing.probes import Probe
    from testbed.evidence.sampler import Sampler
    from testbed.experiment.assembly import Parts
    from testbed.experiment.record import Record
    from testbed.history.index import Index
    from testbed.load.driver import Driver
    from testbed.load.workload import Workload
    from testbed.spec.topology import Topology

NO_PROBES: Mapping[str, Probe] = {}


def begin(
    parts: Parts,
    record: Record,
    shape: Workload,
    number: int,
    say: OnProgress = no_progress,
    probes: Mapping[str, Probe] = NO_PROBES,
    *,
    cold: bool = False,
    own: Callable[[LoadSession], object] = lambda session: None,
) -> LoadSession:
    """Forget the logs so far, start a driver, a sampler and a prober, and return the session; a failure stops all.

    `number` makes the ids of the requests of one mesh unique. `cold`: the connections of apps must be replaced first.
    `own` gets the session before anything is started, so that its owner can end it at any time.
    """
    prober = parts.prober(probes)
    said = encoding_for(shape, parts.plan.topology)
    schedule = Schedule(shape, record.seed, prefix=f"r{number}.", carriers=parts.plan.topology.context_headers)
    parts.recorder.begin()
    KNOWN.learn(private.of_load(shape.template.path, {**shape.template.headers, **shape.user_headers}))
    if parts.receiver is not None:
        parts.receiver.begin()
    driver = parts.driver(shape.timeout_s, record.seed, said, _recorded(shape, parts.plan.topology))
    sampler = parts.sampler(driver, probed=bool(probes))
    session = LoadSession(parts, record, shape, schedule, driver, sampler, prober, say, cold=cold)
    own(session)
    session.start()
    return session


def _recorded(shape: Workload, topology: Topology) -> AnswerRecording:
    return AnswerRecording(
        topology.recorded_headers, shape.bodies_kb, shape.follow_redirects, queries=topology.record_queries
    )


class LoadSession:
    """One running load with its recording. `traffic.result()` ends it with a history, `end` without one."""

    def __init__(
        self,
        parts: Parts,
        record: Record,
        shape: Workload,
        schedule: Schedule,
        driver: Driver,
        sampler: Sampler,
        prober: Prober,
        say: OnProgress = no_progress,
        *,
        cold: bool = False,
    ) -> None:
        """`start` starts `driver`, `sampler` and `prober`."""
        self._parts, self.record, self._driver, self.sampler, self._prober = parts, record, driver, sampler, prober
        self._began, self._say = clock.now(), say
        self._clock = ExitStack()  # lets go of the clock
        self._topology, self._swaps_before = parts.plan.topology, len(parts.swaps.events)
        self.users = shape.population(record.seed)
        self.over = False
        patience_s = shape.timeout_s + 1
        self.traffic = Traffic(
            schedule, driver, self._finish, self._abandon, patience_s, say, self._boundary, self._news, cold=cold
        )
        self._journal = LoadJournal(parts.directory, self._info())

    def start(self) -> None:
        """Start everything; a failure or an interrupt ends everything."""
        try:
            self._clock.callback(clock.RUN.release)
            clock.RUN.hold()
            self._driver.start()
            self._began = clock.now()
            self.sampler.start()
            self._prober.start()
        except BaseException:
            self._abandon()
            raise

    @property
    def answered(self) -> int:
        """The number of finished requests."""
        return len(self._driver.results())

    def so_far(self, planned: Sequence[FaultEvent]) -> Index:
        """Return the record so far, as if these faults had begun; it says since when it may lack requests."""
        requests, now = self._driver.results(), clock.now()
        since = min(self.traffic.unfinished_since(requests), now - UNDER_WAY_MS / 1000)
        seen = self._parts.recorder.so_far()
        lacking = [
            Evidence(source, False, "requests are under way", since=since, until=clock.now())
            for source in ("requests", "arrivals")
        ]
        return History([self._info(), *self._fault_events(), *planned, *requests, *seen, *lacking]).index

    def end(self) -> None:
        """End the load without a history, if it is still on."""
        if not self.over:
            self.traffic.stop()
            self._abandon()

    def _boundary(self) -> None:
        """Between two phases: raise an error if a fault has failed, or is not ours: the evidence is then not valid."""
        self.sampler.boundary()
        self._parts.injector.check_timelines()
        self._parts.injector.refuse_foreign()

    def _news(self, before: float) -> None:
        """Add the known events to the journal, and the results of requests that were due before this moment."""
        injector = self._parts.injector
        if before:
            self._journal.add(self.traffic.placed(self._journal.lacks(self._driver.results(), before)))
        self._journal.add(self.traffic.phases)
        self._journal.add(event for event in injector.events if event.end >= self._began)
        self._journal.add(event for event in injector.process_events if event.at >= self._began)
        self._journal.add(self._parts.swaps.events[self._swaps_before :])
        self._journal.add(self.sampler.samples)
        self._journal.add([*self._prober.declared, *self._prober.readings])

    def _abandon(self) -> None:
        """Release everything, without a history."""
        self._release()
        self._journal.give_up()

    def _release(self) -> None:
        self.over = True
        self._clock.close()
        self.sampler.stop()
        self._prober.stop()
        self._driver.close()

    def _finish(self, traffic: Traffic) -> Run:
        """Close the history, and add the run to the record of the test."""
        try:
            events = self._events(traffic)
            self._journal.close(events)
        finally:
            self._journal.give_up()
        queries = self._topology.record_queries
        history = History(without_credentials(event, queries=queries) for event in events)
        run = Run(history, self.record.arm)
        self.record.runs.append(run)
        return run

    def _events(self, traffic: Traffic) -> list[Event]:
        """Wait for requests in flight, read the evidence, look for deaths; return the events of the load."""
        try:
            self._say("gathering the evidence")
            self._parts.runtime.deaths()  # a dead runtime gives a better error than its missing processes
            idle = self._driver.wait_idle()
            self.sampler.boundary()
            self.sampler.stop()
            self._prober.finish()
            requests, bodies = traffic.requests(), self._driver.bodies()
            evidence = self._parts.recorder.collect(in_flight=not idle)
            refuse_foreign(evidence, {event.id for event in self._parts.injector.events})
            inside = self._spans(requests)
        finally:
            self._release()
        load = [*traffic.phases, *traffic.paces(requests), *self._fault_events(), *requests, *bodies, *evidence]
        mesh = [
            *self._parts.swaps.events[self._swaps_before :],
            *self.sampler.events(),
            *self._prober.events(),
            *inside,
        ]
        events: list[Event] = [self._info(), *load, *mesh, traffic.completeness(requests), *self._process_events()]
        return events

    def _spans(self, requests: Sequence[Request]) -> list[SpanEvent | Evidence]:
        """Return the spans that services exported for these requests, and whether there was room for all."""
        receiver = self._parts.receiver
        if receiver is None:
            return []
        from testbed.evidence.telemetry.spans import joined

        found = joined(receiver.settled(), {trace_id(self.record.seed, one.id): one.id for one in requests})
        lost = f"{receiver.dropped} spans were beyond the limit and not kept" if receiver.dropped else ""
        return [*found, Evidence("spans", not lost, lost)]

    def _fault_events(self) -> list[FaultEvent]:
        now, injector = clock.now(), self._parts.injector
        injector.count_hits()
        events = [event for event in injector.events if event.end >= self._began]
        return [replace(event, end=now) if event.end == FOREVER else event for event in events]

    def _process_events(self) -> list[ProcessEvent]:
        injector, deaths = self._parts.injector, self._parts.deaths
        done = [event for event in injector.process_events if event.at >= self._began]
        return [*done, *deaths.since(self._began, injector.events, self._parts.swaps.refused)]

    def _info(self) -> RunInfo:
        return RunInfo(
            at=clock.now(),
            test=self.record.test,
            seed=self.record.seed,
            mesh=self._topology.mesh,
            topology=self._topology.recorded(),
            versions=binaries.versions(),
            sources=("requests", "arrivals", *self._parts.plan.mesh.capabilities.sources, *self.sampler.sources),
        )
