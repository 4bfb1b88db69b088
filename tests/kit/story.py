"""Histories made by hand: a small shop, phases of requests, faults, and what the planes would have recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from testbed.checks import Check, Verdict, judge
from testbed.history.events import (
    Arrival,
    Attempt,
    Call,
    Event,
    Evidence,
    FaultEvent,
    Phase,
    ProbeEvent,
    ProbeReading,
    Request,
    RunInfo,
    Sample,
    ScheduleAdherence,
)
from testbed.history.file import History

T = TypeVar("T")
Each = T | Callable[[int], T]  # a value for all, or one for each by its number

EDGE = "checkout -> pricing"
LINK = "checkout-1--pricing-1"
SHOP: dict[str, object] = {
    "name": "shop",
    "entry": "frontend",
    "services": {
        "frontend": {"calls": [{"to": "checkout"}]},
        "checkout": {"calls": [{"to": "pricing", "onFailure": {"fallback": "list-price", "answer": 100}}]},
        "pricing": {"replicas": 2},
    },
    "policies": [
        {
            "edge": EDGE,
            "timeout": 500.0,
            "retries": {"attempts": 2, "perTryTimeout": 150.0, "retryOn": ["5xx", "reset"]},
        }
    ],
}
SOURCES = ("requests", "attempts", "calls", "arrivals")
EPOCH = 1_000_000.0


def _of(each: Each[Any], number: int) -> Any:
    return each(number) if callable(each) else each


class Story:
    """Tells a run phase after phase; every part of the record is complete and punctual unless told otherwise."""

    def __init__(
        self, *, sources: Sequence[str] = SOURCES, mesh: str = "envoy", topology: dict[str, object] | None = None
    ) -> None:
        self.now = EPOCH
        self.events: list[Event] = [
            RunInfo(EPOCH, "test_it", 42, mesh, SHOP if topology is None else topology, {}, tuple(sources)),
            *(Evidence(source, complete=True) for source in sources),
        ]

    def phase(
        self,
        name: str,
        n: int,
        *,
        rps: float = 100,
        latency: Each[float] = 20.0,
        status: Each[int] = 200,
        cohort: Each[str] = "",
        fallbacks: Each[tuple[str, ...]] = (),
        pace: bool = True,
        **pace_changes: Any,
    ) -> list[Request]:
        """Send n requests at this rate; `pace_changes` are fields of its Pace; so late is each."""
        start, end = self.now, self.now + n / rps
        requests = [
            Request(
                id=f"{name}-{i}",
                user=f"u{i % 20}",
                cohort=_of(cohort, i),
                intended=start + i / rps,
                sent=start + i / rps + pace_changes.get("late_p99_ms", 0.0) / 1000,
                latency_ms=_of(latency, i),
                status=_of(status, i),
                fallbacks=_of(fallbacks, i),
                replica="frontend-1",
                phase=name,
            )
            for i in range(n)
        ]
        self.events += [Phase(name, start, end), *requests]
        if pace:
            self.events.append(replace(ScheduleAdherence(name, n, n, 1.0), **pace_changes))
        self.now = end
        return requests

    def fault(self, start: float, end: float, **changes: Any) -> FaultEvent:
        """Record a fault on the link from checkout-1 to pricing-1; times in seconds since the run's start."""
        usual = FaultEvent(
            id="f1",
            name="latency",
            text=f"latency(ms=800).on({EDGE!r})",
            plane="link",
            links=(LINK,),
            edges=(EDGE,),
            start=EPOCH + start,
            end=EPOCH + end,
        )
        event = replace(usual, **changes)
        self.events.append(event)
        return event

    def attempts(self, requests: Sequence[Request], tries: Each[int] = 1, **changes: Any) -> None:
        """Let every request make one call on the edge, of so many attempts (0: the breaker was open)."""
        for i, request in enumerate(requests):
            number = _of(tries, i)
            call = f"call-{request.id}"
            made = [
                Attempt(request.id, EDGE, "checkout-1", "pricing-1", k, request.sent + k / 1e3, 5.0, 200, call=call)
                for k in range(1, number + 1)
            ]
            self.events += [replace(attempt, **changes) for attempt in made]
            self.events.append(Call(request.id, EDGE, "checkout-1", number, request.sent, 5.0 * number, 200, call=call))

    def arrivals(self, requests: Sequence[Request], times: Each[int] = 1, **changes: Any) -> None:
        """Let the attempts of every request arrive at the inlet so many times."""
        for i, request in enumerate(requests):
            arrived = [
                Arrival(request.id, EDGE, "checkout-1", "pricing-1", k, request.sent + k / 1e3, 4.0, 200)
                for k in range(1, _of(times, i) + 1)
            ]
            self.events += [replace(arrival, **changes) for arrival in arrived]

    def probes(self, start: float, end: float, ms: Each[float]) -> None:
        """Let the testbed ask its own plane ten times a second; times in seconds since the run's start."""
        for i in range(round((end - start) * 10)):
            values = {"inlet_ms": 0.5, "through_ms": _of(ms, i)}
            self.events.append(Sample(EPOCH + start + (i + 0.5) / 10 + values["through_ms"] / 1000, "probe", values))

    def probed(
        self,
        name: str,
        values: Each[float | str | None],
        start: float = 0.0,
        end: float | None = None,
        *,
        every_ms: float = 500,
        place: str = "",
        places: tuple[str, ...] = (),
        unit: str = "",
        error: Each[str] = "it failed",
        timeout_ms: float = 0.0,
    ) -> None:
        """Read a probe on schedule, to the end of what was told so far; a value None is a failed reading."""
        if not any(isinstance(e, ProbeEvent) and e.name == name for e in self.events):
            self.events.append(ProbeEvent(name, f"http_probe({name!r})", every_ms, unit, places, timeout_ms))
        lasts = (self.now - EPOCH if end is None else end) - start
        for i in range(math.ceil(lasts * 1000 / every_ms - 1e-6)):
            value, at = _of(values, i), EPOCH + start + (i * every_ms + 10) / 1000
            number = float(value) if isinstance(value, (int, float)) else None
            failed = _of(error, i) if value is None else ""
            text = "" if value is None else f"{value:g}" if number is not None else str(value)
            took_ms = timeout_ms if value is None and timeout_ms else 5.0
            self.events.append(ProbeReading(at, name, took_ms, place, number, text, failed))

    def spent(self, at: float, **seconds: float) -> None:
        """Record the processor seconds used so far."""
        self.events.append(Sample(EPOCH + at, "testbed", seconds))

    def without(self, kind: type, source: str = "") -> None:
        """Forget all events of a kind (and source)."""
        self.events = [e for e in self.events if not (isinstance(e, kind) and source in ("", getattr(e, "source", "")))]

    @property
    def history(self) -> History:
        """The run as it was told."""
        return History(self.events)

    def verdict(self, check: Check, who: str = "all") -> Verdict:
        """Judge one check."""
        (found,) = judge(self.history, **{who: [check]}).verdicts
        return found


def quiet(n: int = 400, **hold: Any) -> Story:
    """Tell of a run without any fault: warm-up, baseline, and a hold phase as told."""
    story = Story()
    story.phase("warm-up", 50)
    story.phase("baseline", 400)
    story.phase("hold", n, **hold)
    return story


def faulty(n: int = 400, *, tries: Each[int] = 1, recover: int = 100, **hold: Any) -> Story:
    """Tell of a run whose hold phase, from 4 s on, has a link fault that every request meets."""
    story = Story()
    story.phase("baseline", 400)
    requests = story.phase("hold", n, **hold)
    story.fault(4.0, 4.0 + n / 100)
    story.attempts(requests, tries)
    story.phase("recover", recover)
    return story
