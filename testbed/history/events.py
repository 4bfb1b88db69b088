"""The one record of a run: typed events on one clock (epoch seconds), kept as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, get_args

from testbed.errors import TestbedError
from testbed.history.codec import Codec
from testbed.spec.grpc_status import as_http as _same

if TYPE_CHECKING:
    from testbed.history.index import Index


def as_http(status: int, grpc: int | None) -> int:
    """Return the HTTP status by which checks judge an answer: its own, or what its gRPC status stands for."""
    return status if grpc is None else _same(grpc)


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
class Request:
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

    @property
    def as_http(self) -> int:
        """The status; of gRPC the HTTP status that says the same."""
        return as_http(self.status, self.grpc_status)


@dataclass(frozen=True, slots=True)
class Attempt:
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

    @property
    def as_http(self) -> int:
        """The status; of gRPC the HTTP status that says the same."""
        return as_http(self.status, self.grpc_status)


@dataclass(frozen=True, slots=True)
class Call:
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

    @property
    def as_http(self) -> int:
        """The status; of gRPC the HTTP status that says the same."""
        return as_http(self.status, self.grpc_status)


@dataclass(frozen=True, slots=True)
class Arrival:
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

    @property
    def as_http(self) -> int:
        """The status; of gRPC the HTTP status that says the same."""
        return as_http(self.status, self.grpc_status)


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


_CODEC: Codec[Event] = Codec(get_args(Event))
_FIRST_LINE = json.dumps({"type": "history", "version": 1})  # the version of the file format


class History:
    """The events of one run, append-only, in the order in which they were recorded."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events: list[Event] = list(events)
        self._index: tuple[int, Index] | None = None

    def append(self, event: Event) -> None:
        """Add one event at the end."""
        self._events.append(event)

    def extend(self, events: Iterable[Event]) -> None:
        """Add events at the end, in their order."""
        self._events.extend(events)

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    @property
    def events(self) -> Sequence[Event]:
        """The events, to be read only."""
        return self._events

    @property
    def index(self) -> Index:
        """The events by phase, edge and request; built on first use, and again after events were added."""
        from testbed.history.index import Index

        if self._index is None or self._index[0] != len(self):
            self._index = (len(self), Index(self._events))
        return self._index[1]

    def write(self, path: str | Path) -> None:
        """Write the history as JSON lines; `read` gives back equal events.

        Raises `TestbedError` if the file cannot be written.
        """
        try:
            with Path(path).open("w", encoding="ascii", newline="\n") as file:
                file.write(_FIRST_LINE + "\n")
                file.writelines(_CODEC.encode(event) + "\n" for event in self._events)
        except OSError as error:
            raise TestbedError(f"cannot write the history {path}: {error.strerror}") from error

    @classmethod
    def read(cls, path: str | Path) -> History:
        """Read a history file.

        Raises `TestbedError`, naming file and line, for a file that is not there, another version of the format,
        an unknown event or field, or a broken line.
        """
        try:
            lines = Path(path).read_bytes().splitlines()
        except OSError as error:
            raise TestbedError(f"cannot read the history {path}: {error.strerror}") from error
        if not lines or lines[0].decode(errors="replace") != _FIRST_LINE:
            raise TestbedError(f"{path}:1: not a history of this version, which begins with {_FIRST_LINE}")
        return cls(_decoded(path, number, line) for number, line in enumerate(lines[1:], start=2))


def _decoded(path: str | Path, number: int, line: bytes) -> Event:
    try:
        return _CODEC.decode(line)
    except ValueError as error:
        raise TestbedError(f"{path}:{number}: {error}") from error
