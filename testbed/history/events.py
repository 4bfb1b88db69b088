"""What can be known of a run: typed events on one clock (epoch seconds), values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from testbed.spec.grpc_status import as_http


class _Answered:
    """What has an HTTP status, and a gRPC status as well where the answer is one of gRPC."""

    __slots__ = ()  # so that the events below need no dictionary each

    status: int
    grpc_status: int | None

    @property
    def as_http(self) -> int:
        """The HTTP status by which checks judge it: its own, or the one that says the same as its gRPC status."""
        return self.status if self.grpc_status is None else as_http(self.grpc_status)


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
    sources: tuple[str, ...]  # what this mesh can show: "attempts", "calls", "arrivals", "requests", "samples"


@dataclass(frozen=True, slots=True)
class Phase:
    """A named stretch of time; a request belongs to the phase in which it was *meant* to be sent."""

    type: ClassVar[str] = "phase"
    name: str  # "warm-up", "baseline", "inject", "hold", "heal", "recover", or the user's own
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Request(_Answered):
    """One request of the load, as the user saw it. `status` 0 means no answer; `error` then says why."""

    type: ClassVar[str] = "request"
    id: str
    user: str
    cohort: str  # "" where the load has none
    intended: float  # when it was due, epoch seconds
    sent: float  # when it really left
    latency_ms: float  # from intended to the last byte of the answer, or to giving up
    status: int
    error: str = ""
    method: str = "GET"
    path: str = "/"
    fallbacks: tuple[str, ...] = ()  # fallbacks that the answer says were taken, anywhere below
    replica: str = ""  # the entry replica it was sent to
    phase: str = ""
    grpc_status: int | None = None  # of a gRPC answer

    @property
    def ok(self) -> bool:
        """Whether a user would call it an answer: any status from 200 to 399, of gRPC OK and nothing else."""
        return 200 <= self.as_http < 400


@dataclass(frozen=True, slots=True)
class Attempt(_Answered):
    """One try that the caller's proxy made (or the app itself where there is none), refused connections included."""

    type: ClassVar[str] = "attempt"
    request: str  # the load's request id, "" if the context was lost
    edge: str
    caller: str  # replica
    callee: str  # replica, "" if no host was chosen
    number: int  # 1 is the first try of this call
    start: float
    duration_ms: float
    status: int  # 0: no answer
    flags: str = ""  # Envoy's response flags, or the client library's error
    source: str = "proxy"  # "proxy" or "app"; "connection": one of a tcp edge, which has no status and no request
    call: str = ""  # joins the attempts of one call: the same for all tries of it
    grpc_status: int | None = None  # of a gRPC answer
    outcome: str = ""  # why it got no answer (see `testbed.history.outcomes`); "" where one came


@dataclass(frozen=True, slots=True)
class Call(_Answered):
    """What the calling app finally got for one call, after all tries of the caller's proxy."""

    type: ClassVar[str] = "call"
    request: str
    edge: str
    caller: str
    attempts: int  # those that left the proxy
    start: float
    duration_ms: float
    status: int
    flags: str = ""
    call: str = ""
    refused: bool = False  # the proxy answered by itself instead of a (further) try: no host, or a limit reached
    grpc_status: int | None = None  # of a gRPC answer, the proxy's own as well
    outcome: str = ""  # why it got no answer (see `testbed.history.outcomes`); "" where one came


@dataclass(frozen=True, slots=True)
class Arrival(_Answered):
    """One request that arrived at the inlet of a callee replica; written when it ended."""

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
    fault: str = ""  # id of the request fault that hit it, if any
    path: str = ""
    own: bool = False  # True: answered by the test's own plane (UF, UC, UO, UH), never the callee's answer
    method: str = ""  # "" in a history that was written before arrivals had it
    grpc_status: int | None = None  # of a gRPC answer
    outcome: str = ""  # why it got no answer (see `testbed.history.outcomes`); "" where one came


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """One window of an injected fault: from `start` (injected and verified) to `end` (heal began).

    A fault that acts over time has several, under one id. Without links it was never in force: it waited until it was
    healed, or, if it was not injected either, the run ended before it.
    """

    type: ClassVar[str] = "fault"
    id: str
    name: str  # "latency"
    text: str  # "latency(ms=800).on('checkout -> pricing')"
    plane: str  # "link", "inlet", "process", "packets"
    links: tuple[str, ...]  # "caller-1--callee-1" of every link that it acts on
    edges: tuple[str, ...]
    start: float
    end: float
    users: tuple[str, ...] | None = None  # fixed beforehand: exactly these users
    cohort: str | None = None  # fixed beforehand: this cohort
    drawn: bool = False  # drawn per request or attempt: nothing fixed beforehand
    packets: int | None = None  # how many the kernel dropped or shaped; None for what is no packet fault
    injected: bool = True  # False: only resolved and recorded (the arm of a calibration without the fault)
    behind: tuple[str, ...] = ()  # of a fault of a mesh proxy: the replicas whose calls it takes
    rising_s: float = 0.0  # before `start`: from the first thing done to the last thing verified
    healing_s: float = 0.0  # after `end`: until the last thing was undone


@dataclass(frozen=True, slots=True)
class PolicyEvent:
    """Other policies came into force while the load was on; no request was under way at that moment."""

    type: ClassVar[str] = "policy"
    at: float
    text: str  # the edges whose policies were overridden, or "restored"
    topology: dict[str, object]  # the whole model as JSON data, as it is in force from here on


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """Something that happened to a process: started, killed, paused, resumed, died, ready."""

    type: ClassVar[str] = "process"
    at: float
    process: str  # "pricing-1/app"
    event: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How well the load kept its schedule in one phase."""

    type: ClassVar[str] = "pace"
    phase: str
    planned: int
    sent: int
    late_p99_ms: float  # p99 of (sent - intended)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Whether one source's record is complete; `missing` says what is not there and why."""

    type: ClassVar[str] = "evidence"
    source: str  # "attempts", "calls", "arrivals", "requests", "samples"
    complete: bool
    missing: str = ""
    edges: tuple[str, ...] = field(default=())  # the edges concerned; empty means all
    since: float = 0.0  # what was under way between these two moments is concerned; until 0: the whole run
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one source said of itself at one moment, a few times a second and at both ends of every phase.

    A caller's proxy tells its counters and gauges, one sample an edge; "testbed" the processor seconds that it and the
    machine have used; "probe" how long a request through the testbed's own plane alone took.
    """

    type: ClassVar[str] = "sample"
    at: float
    source: str  # "checkout-1/proxy", "testbed", "probe"
    values: dict[str, float]
    edge: str = ""  # of a proxy's sample
    callers: tuple[str, ...] = ()  # the replicas whose calls on that edge it speaks of
    life: int = 1  # which life of the process: in each, counters begin at zero


_Traffic = Request | Attempt | Call | Arrival
_Change = Phase | FaultEvent | PolicyEvent | ProcessEvent
Event = RunInfo | _Traffic | _Change | Pace | Evidence | Sample
