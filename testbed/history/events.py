"""The record of a run: typed events on one clock (epoch seconds). Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from testbed.history.outcomes import PARTIAL
from testbed.spec.grpc_status import as_http

SWITCHED = 101  # the answer to an upgrade: from then on the connection carries another protocol
UNKNOWN = -1  # a size that is not recorded


class _Answered:
    """An event with an HTTP status, a gRPC status if the answer is gRPC, and an outcome if it was not whole."""

    __slots__ = ()  # so that the events below have no dictionary

    status: int
    grpc_status: int | None
    outcome: str

    @property
    def as_http(self) -> int:
        """The HTTP status for checks: the status itself, or the one that corresponds to the gRPC status."""
        return self.status if self.grpc_status is None else as_http(self.grpc_status)

    @property
    def whole(self) -> bool:
        """Whether its answer, if one came, came to its end: it did not break off, and the caller was still there."""
        return self.outcome not in PARTIAL

    @property
    def answered(self) -> bool:
        """Whether a whole answer came, with any status."""
        return self.status != 0 and self.whole

    @property
    def ok(self) -> bool:
        """Whether a good answer came: a whole one with a status from 200 to 399 or 101, for gRPC only OK."""
        return self.whole and (200 <= self.as_http < 400 or self.status == SWITCHED)

    def has_status(self, *statuses: int) -> bool:
        """Whether a whole answer with one of these HTTP statuses came (for gRPC, with one that corresponds to it)."""
        return self.answered and self.as_http in statuses


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The first event: what ran. `topology` is the model as JSON data; `versions` maps tool to version."""

    type: ClassVar[str] = "run"
    at: float
    test: str
    seed: int
    mesh: str
    topology: dict[str, object]
    versions: dict[str, str]
    sources: tuple[str, ...]  # the sources of this mesh: "attempts", "calls", "arrivals", "requests", "samples"


@dataclass(frozen=True, slots=True)
class Phase:
    """A named period of time. A request belongs to the phase in which it was *due*."""

    type: ClassVar[str] = "phase"
    name: str  # "warm-up", "baseline", "inject", "hold", "heal", "recover", or a name from the test
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Request(_Answered):
    """One request of the load, as its user saw it.

    `status` 0 means no whole answer; `error` is then the reason, and `begun` the status of an answer that broke off.
    """

    type: ClassVar[str] = "request"
    id: str
    user: str
    cohort: str  # "" if the load has none
    intended: float  # due time, epoch seconds
    sent: float  # actual send time
    latency_ms: float  # from intended to the last byte of the answer, or to the timeout
    status: int
    error: str = ""
    method: str = "GET"
    path: str = "/"
    fallbacks: tuple[str, ...] = ()  # fallbacks that the answer reports, of any service
    replica: str = ""  # the entry replica that got it
    phase: str = ""
    grpc_status: int | None = None  # of a gRPC answer
    outcome: str = ""  # why it got no whole answer (see `testbed.history.outcomes`); "" if it got one
    begun: int = 0  # the status of an answer that broke off
    size: int = UNKNOWN  # bytes of the answer's body that came
    content_type: str = ""
    headers: tuple[str, ...] = ()  # "name: value" of the recorded headers that the answer has
    digest: str = ""  # of the whole body; the text is in an `AnswerBody`, if it was kept
    redirects: int = 0  # redirects that were followed; the answer is the last one
    ended_at: str = ""  # the path of the last answer, after redirects


@dataclass(frozen=True, slots=True)
class Attempt(_Answered):
    """One attempt of the caller's proxy (or of the app, if it has no proxy), including refused connections."""

    type: ClassVar[str] = "attempt"
    request: str  # the load's request id, "" if the context was lost
    edge: str
    caller: str  # replica
    callee: str  # replica, "" if no host was chosen
    number: int  # 1 is the first attempt of this call
    start: float
    duration_ms: float
    status: int  # 0: no answer
    flags: str = ""  # Envoy's response flags, or the client library's error
    source: str = "proxy"  # "proxy" or "app"; "connection": a connection of a tcp edge, without status and request
    call: str = ""  # the same for all attempts of one call
    grpc_status: int | None = None  # of a gRPC answer
    outcome: str = ""  # why it got no whole answer (see `testbed.history.outcomes`); "" if it got one
    sent: int | None = None  # bytes from the caller on a connection that has ended; None if unknown
    received: int | None = None  # bytes to the caller on a connection that has ended; None if unknown
    method: str = ""  # "" if it is not recorded
    path: str = ""


@dataclass(frozen=True, slots=True)
class Call(_Answered):
    """The final result of one call for the calling app, after all attempts of the caller's proxy."""

    type: ClassVar[str] = "call"
    request: str
    edge: str
    caller: str
    attempts: int  # attempts that left the proxy
    start: float
    duration_ms: float
    status: int
    flags: str = ""
    call: str = ""
    refused: bool = False  # the proxy answered without a (further) attempt: no host, or a limit was reached
    grpc_status: int | None = None  # of a gRPC answer, also from the proxy
    outcome: str = ""  # why it got no whole answer (see `testbed.history.outcomes`); "" if it got one
    size: int = UNKNOWN  # bytes of the answer's body that went to the caller
    content_type: str = ""
    headers: tuple[str, ...] = ()  # "name: value" of the recorded headers that the answer has
    sent: int = UNKNOWN  # bytes of the request's body that came to the proxy
    steering: tuple[str, ...] = ()  # "name: value" of headers of the app that override the policy
    handed_on: tuple[str, ...] = ()  # of a call without an id: "name: value" of other headers that may tell its request
    method: str = ""  # "" if it is not recorded
    path: str = ""


@dataclass(frozen=True, slots=True)
class Arrival(_Answered):
    """One request at the inlet of a callee replica, recorded while it is under way and when it ended."""

    type: ClassVar[str] = "arrival"
    request: str
    edge: str
    caller: str
    callee: str
    attempt: int
    start: float
    duration_ms: float
    status: int
    flags: str = ""
    fault: str = ""  # ids of the request faults that matched it, with commas
    path: str = ""
    own: bool = False  # True: answered by the test proxy (UF, UC, UO, UH) and not by the callee
    method: str = ""  # "" in a history from an older version
    grpc_status: int | None = None  # of a gRPC answer
    outcome: str = ""  # why it got no whole answer (see `testbed.history.outcomes`); "" if it got one
    size: int = UNKNOWN  # bytes of the answer's body that went to the caller
    content_type: str = ""
    headers: tuple[str, ...] = ()  # "name: value" of the recorded headers that the answer has
    answered_in: str = ""  # "HTTP/2" if the callee answered in it to HTTP/1.1
    keys: tuple[str, ...] = ()  # "name: value" of the request's headers that may name its effect
    reset: bool = False  # True: the callee's side reset the connection (RST) before an answer, and did not close it


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """One window of an injected fault: from `start` (injected and verified) to `end` (heal began).

    A fault that comes and goes has several windows under one id. A window without links was never in force: the fault
    was healed during its wait, or the run ended before the injection.
    """

    type: ClassVar[str] = "fault"
    id: str
    name: str  # "latency"
    text: str  # "latency(ms=800).on('checkout -> pricing')"
    plane: str  # "link", "inlet", "process", "packets"
    links: tuple[str, ...]  # "caller-1--callee-1" for each of its links
    edges: tuple[str, ...]
    start: float
    end: float
    users: tuple[str, ...] | None = None  # fixed before the run: exactly these users
    cohort: str | None = None  # fixed before the run: this cohort
    drawn: bool = False  # drawn for each request or attempt, so nothing is fixed before the run
    packets: int | None = None  # number dropped or shaped by the kernel; None if it is not a packet fault
    injected: bool = True  # False: only resolved and recorded (the arm of a calibration without the fault)
    behind: tuple[str, ...] = ()  # for a fault of a mesh proxy: the replicas that use this proxy
    rising_s: float = 0.0  # before `start`: from the first action to the last verification
    healing_s: float = 0.0  # after `end`: until everything was undone
    momentary: bool = False  # it ends as soon as it is done (a restart), and what it did is felt later


@dataclass(frozen=True, slots=True)
class PolicyEvent:
    """Policies changed while the load was on. No request was under way at that moment."""

    type: ClassVar[str] = "policy"
    at: float
    text: str  # the edges with overridden policies, or "restored"
    topology: dict[str, object]  # the whole model as JSON data, in force from now on


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """A change of a process: started, killed, paused, resumed, died, ready."""

    type: ClassVar[str] = "process"
    at: float
    process: str  # "pricing-1/app"
    event: str
    detail: str = ""
    left: tuple[str, ...] = ()  # its descendants that still ran when it ended after SIGTERM: "node (pid 12)"


@dataclass(frozen=True, slots=True)
class ScheduleAdherence:
    """The schedule adherence of the load in one phase."""

    type: ClassVar[str] = "pace"
    phase: str
    planned: int
    sent: int
    late_p99_ms: float  # p99 of (sent - intended)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Whether the record of one source is complete. `missing` is the gap and its reason."""

    type: ClassVar[str] = "evidence"
    source: str  # "attempts", "calls", "arrivals", "requests", "samples"
    complete: bool
    missing: str = ""
    edges: tuple[str, ...] = field(default=())  # the edges of the statement; empty: all
    since: float = 0.0  # the period of the statement; until 0: the whole run
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures of one source at one moment, a few times a second and at both ends of every phase.

    A caller's proxy gives its counters and gauges, one sample for each edge. "testbed" gives the CPU seconds of the
    testbed and of the machine, "machine" those of the machine alone and the seconds of both its clocks, "files" the
    share of its file descriptors that each proxy of the testbed uses. "probe" gives the duration of the no-op probe.
    """

    type: ClassVar[str] = "sample"
    at: float
    source: str  # "checkout-1/proxy", "testbed", "probe"
    values: dict[str, float]
    edge: str = ""  # for a sample of a proxy
    callers: tuple[str, ...] = ()  # the replicas that call through this proxy on the edge
    life: int = 1  # number of restarts plus 1; a restart sets counters to zero


@dataclass(frozen=True, slots=True)
class AnswerBody:
    """One of the distinct bodies of the load's answers. Of a body above 64 KiB only the beginning is kept."""

    type: ClassVar[str] = "body"
    digest: str
    size: int  # of the whole body
    text: str
    base64: bool = False  # the text is base64, because the body is no UTF-8


@dataclass(frozen=True, slots=True)
class ProbeEvent:
    """A probe of the run: what it reads, how often, and where."""

    type: ClassVar[str] = "probe"
    name: str  # as the test calls it: "pool_idle"
    text: str  # as written in the test: "http_probe('orders', '/stats', json='pool.idle')"
    every_ms: float
    unit: str = ""
    places: tuple[str, ...] = ()  # the replicas that it reads; empty: one place outside the services
    timeout_ms: float = 0.0  # the time limit of one reading; 0: not recorded


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """One reading of a probe: a number, a text, or the reason why there is neither."""

    type: ClassVar[str] = "reading"
    at: float  # when it began
    probe: str
    took_ms: float
    place: str = ""  # the replica, "" outside the services
    value: float | None = None  # None: it is a text, or the reading failed
    text: str = ""  # the value as it was read, at most 200 characters
    error: str = ""  # why there is no value

    @property
    def end(self) -> float:
        """When it ended: the value is from a moment between `at` and this."""
        return self.at + self.took_ms / 1000


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """One span that a service exported, of a request of the load. It is shown beside a verdict and decides none."""

    type: ClassVar[str] = "span"
    request: str
    service: str
    place: str  # the replica, "" if the service does not say it
    name: str
    text: str  # what it did: the statement, the URL, or its name
    kind: str  # "server", "client", "internal", "producer", "consumer"
    start: float
    duration_ms: float
    failed: bool = False
    why: str = ""  # of a failed one
    span: str = ""
    parent: str = ""
    notes: tuple[str, ...] = ()  # its events, such as exceptions and changes of a breaker


@dataclass(frozen=True, slots=True)
class DetourEvent:
    """Connections of a caller past its link during the run: different ones that were seen, no rate."""

    type: ClassVar[str] = "detour"
    at: float  # since when it was looked for
    caller: str  # replica; the service if the kernel does not tell whose they were
    edge: str
    past: int
    own: int  # on its link
    to: tuple[str, ...]  # "ip:port" of each other end
    owned: bool = True  # False: closed connections, whose owner the kernel does not tell any more


_Traffic = Request | Attempt | Call | Arrival
_Change = Phase | FaultEvent | PolicyEvent | ProcessEvent
_Told = ProbeEvent | ProbeReading | SpanEvent | DetourEvent
Event = RunInfo | _Traffic | AnswerBody | _Change | ScheduleAdherence | Evidence | Sample | _Told
