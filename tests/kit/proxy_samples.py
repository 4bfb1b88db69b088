"""Tells what a caller's proxy sent, refused and counted on one edge, moment by moment."""

from dataclasses import replace

from testbed.envoy.flags import outcome
from testbed.history.events import Attempt, Call, Evidence, Sample
from tests.kit.story import EDGE, EPOCH, SHOP, Story

HOSTS = ("pricing-1", "pricing-2")
PROTECTED = SHOP | {"policies": [{"edge": EDGE, "outlierDetection": {"maxEjectionPercent": 10}}]}
SOURCES = ("requests", "attempts", "calls", "arrivals", "samples")


class Told:
    """A run with a fault on the edge from 2 s to 6 s; calls at given moments, each answered, failed or refused."""

    def __init__(self, caller: str = "checkout-1", *, topology: dict[str, object] = PROTECTED, **fault: object) -> None:
        self.story, self.caller = Story(sources=SOURCES, topology=topology), caller
        self.requests = [
            *self.story.phase("baseline", 200),
            *self.story.phase("hold", 400),
            *self.story.phase("recover", 300),
        ]
        self.story.fault(2.0, 6.0, **fault)
        self.edge = EDGE
        self.send(2.0, callee="pricing-1", status=503)  # so that the fault has touched something

    def send(self, *moments: float, status: int = 200, callee: str = "pricing-1", flags: str = "", ms: float = 5.0):
        """Send one attempt in one call at each moment."""
        for at in moments:
            self._call(at, status, flags, 1, ms)
            call = self._name(at)
            request, start = self._request(at), EPOCH + at
            self.story.events.append(
                Attempt(request, self.edge, self.caller, callee, 1, start, ms, status, flags, call=call)
            )

    def refuse(self, *moments: float, flag: str = "UH"):
        """Refuse one call at each moment."""
        for at in moments:
            self._call(at, 503, flag, 0, 0.0)

    def count(self, at: float, life: int = 1, callers: tuple[str, ...] = (), **values: float):
        """Let the proxy tell its counters; no host is ejected unless told."""
        hosts = {"hosts_ejected": 0.0} | {f"ejected.{host}": 0.0 for host in HOSTS}
        sample = Sample(EPOCH + at, f"{self.caller}/proxy", hosts | values, self.edge, callers or (self.caller,), life)
        self.story.events.append(sample)

    def forget_samples(self):
        self.story.events = [e for e in self.story.events if not isinstance(e, Sample)]
        self.story.without(Evidence, "samples")

    def verdict(self, check):
        return self.story.verdict(check)

    def _call(self, at, status, flags, attempts, ms):
        start, name = EPOCH + at, self._name(at)
        said = outcome(flags, refused=not attempts)
        call = Call(self._request(at), self.edge, self.caller, attempts, start, ms, status, flags, name, not attempts)
        self.story.events.append(replace(call, outcome=said))

    def _name(self, at):
        return f"{self.caller}:{at:.4f}"

    def _request(self, at):
        return self.requests[min(len(self.requests) - 1, int(at * 100))].id


def each(start: float, end: float, every: float = 0.05) -> list[float]:
    """Moments from start on, before end."""
    return [start + every * k for k in range(round((end - start) / every))]
