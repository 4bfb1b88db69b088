"""Circuit breaker: a caller stops sending to a failing callee, and sends again after it has recovered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, cast

from testbed.checks.judging import validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.ejections import kept_closed
from testbed.checks.judging.findings import Finding, combine
from testbed.checks.judging.formatting import count, plural, seconds
from testbed.checks.judging.own_breaker import FEWEST, OwnBreaker, own_breakers
from testbed.checks.judging.proxies import Proxy, can_refuse, failed, faults_on, proxies
from testbed.checks.judging.reach import attempts_per_call
from testbed.checks.judging.validity import missing_record, observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import FaultEvent
from testbed.history.facts import of_the_load
from testbed.history.index import Index
from testbed.history.outcomes import LIMIT, NO_HOST, SKIPPED
from testbed.spec.edges import Edge

ENOUGH = 5  # calls after the deadline that are needed to see a closed breaker


@dataclass(frozen=True)
class circuit_breaker(EdgeCheck):
    """The breaker of every caller on the edge opens and closes again. Each caller is judged separately.

    The breaker of a proxy is open from the first call that the proxy refuses without an attempt: flag UH (every host is
    ejected: outlierDetection) or UO (a limit is reached: circuitBreaker). Where no policy of the edge lets the proxy
    refuse, the breaker of the app is judged: it is open from the first of several requests in a row that the app
    answers without the call that such requests made before the fault (`OwnBreaker`).

    `opens_within_s` counts from the start of the fault on the edge, `closes_within_s` from its end: after that no call
    is refused. A caller that never refuses a call although attempts fail has not opened; this violates all four claims.

    The other two count attempts between the first refusal and the end of the fault. `probes` is the largest number of
    attempts in a row after ejected hosts came back (half-open), according to the counters of the proxy.
    `attempts_while_open` is the largest number of all other attempts, or a pair of smallest and largest. A limit has no
    half-open state. An app has no such counters: `probes` is the largest number of attempts in a row, and each attempt
    counts as sent while open, except the first `probes` of a row.
    """

    opens_within_s: float | None = field(default=None, kw_only=True)
    attempts_while_open: int | tuple[int, int] | None = field(default=None, kw_only=True)
    probes: int | None = field(default=None, kw_only=True)
    closes_within_s: float | None = field(default=None, kw_only=True)

    slack: ClassVar[tuple[str, ...]] = ("opens_within_s", "closes_within_s")

    takes_part: ClassVar[bool] = False

    def validate(self) -> None:
        """Raise `CheckError` unless there is a bound, with times above 0 and whole numbers in order."""
        times = {"opens_within_s": self.opens_within_s, "closes_within_s": self.closes_within_s}
        validation.positive(str(self), **{key: value for key, value in times.items() if value is not None})
        least, most = self._while_open
        validation.whole(str(self), attempts_while_open=least, probes=self.probes or 0)
        validation.whole(str(self), attempts_while_open=most)
        if least > most:
            raise CheckError(f"{self}: no number of attempts is at least {least} and at most {most}")
        if {self.opens_within_s, self.attempts_while_open, self.probes, self.closes_within_s} == {None}:
            names = "opens_within_s=, attempts_while_open=, probes=, closes_within_s="
            raise CheckError(f"{self}: give at least one of {names}; there is no bound")

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge, and for the edge of the load, which has no breaker."""
        super().fits(index)
        if of_the_load(self.edge):
            raise CheckError(f"{self}: there is no proxy between the load and the entry; name an edge between services")

    @property
    def bound(self) -> str:
        """The bounds in words."""
        least, most = self._while_open
        said = {
            f"opens within {seconds(self.opens_within_s or 0)}": self.opens_within_s,
            f"{f'{least} to ' if least else '<= '}{most} attempts while open": self.attempts_while_open,
            f"<= {self.probes} probes in a row": self.probes,
            f"closes within {seconds(self.closes_within_s or 0)}": self.closes_within_s,
        }
        return ", ".join(text for text, given in said.items() if given is not None)

    @property
    def _while_open(self) -> tuple[int, int]:
        given = self.attempts_while_open
        return given if isinstance(given, tuple) else (0, 0 if given is None else given)

    @property
    def _counts(self) -> bool:
        return self.attempts_while_open is not None or self.probes is not None

    @property
    def reaction(self) -> bool:
        """Always: a breaker opens because of a fault."""
        return True

    def needs(self, view: View) -> tuple[str, ...]:
        """Return attempts and calls, and samples if the check distinguishes half-open from open."""
        if not can_refuse(view.index, self.edge):
            return ("requests", "attempts", "calls")
        return ("requests", "attempts", "calls", *(["samples"] if self._counts else []))

    def judge(self, view: View) -> Verdict:
        """Judge the proxy of every caller that called while the fault was in force."""
        source, faults = observer_of(view.index, "calls"), faults_on(view, [self.edge])
        if not faults:
            why = f"no fault of {view.window.name} is on {self.edge}, so no breaker could open"
            return self.verdict(view, "inconclusive", "", 0, source=source, why=why, next="a fault .on() this edge")
        start, end = min(fault.start for fault in faults), max(fault.end for fault in faults)
        if not can_refuse(view.index, self.edge) and (missing := self._unseen_requests(view)):
            return self.verdict(view, "inconclusive", "", 0, source="inlet", why=missing, next="the log of the inlet")
        busy = [one for one in self._breakers(view, faults) if any(start <= call.start < end for call in one.calls)]
        if not busy:
            why = f"no calls on {self.edge} while the fault was in force (at least 1 needed)"
            return self.verdict(
                view, "inconclusive", "no call", 0, source=source, why=why, next="the paths of the load"
            )
        n = sum(1 for one in busy for call in one.calls if start <= call.start < end)
        return combine(
            self, view, [found for one in busy for found in self._findings(view, one, start, end)], n, source
        )

    def unbreakable(self, view: View) -> str:
        """Return why an open breaker may send more than its callers made calls while the fault was in force."""
        faults, each = faults_on(view, [self.edge]), attempts_per_call(view, self.edge)
        if not self._counts or not faults or each == math.inf or not can_refuse(view.index, self.edge):
            return ""
        start, end = min(fault.start for fault in faults), max(fault.end for fault in faults)
        made = [sum(start <= call.start < end for call in proxy.calls) for proxy in proxies(view.index, self.edge)]
        most, given = int(max(made, default=0) * each), {"probes": self.probes}
        given["attempts_while_open"] = None if self.attempts_while_open is None else self._while_open[1]
        loose = [f"{name}={value}" for name, value in given.items() if value is not None and value >= most]
        return f"{loose[0]}, and its calls are at most {plural(most, 'attempt')}" if loose else ""

    def _breakers(self, view: View, faults: Sequence[FaultEvent]) -> Sequence[Proxy | OwnBreaker]:
        if can_refuse(view.index, self.edge):
            return proxies(view.index, self.edge)
        return own_breakers(view.index, self.edge, faults)

    def _unseen_requests(self, view: View) -> str:
        """Return what is missing in the record of the requests that reached the callers."""
        caller = Edge.parse(self.edge).caller
        into = [edge for edge in view.index.arrivals.by_edge if Edge.parse(edge).callee == caller]
        missing = ((edge, missing_record((view,), "arrivals", edge)) for edge in into)
        return next((f"the record of arrivals on {edge} is not complete: {why}" for edge, why in missing if why), "")

    def _findings(self, view: View, proxy: Proxy | OwnBreaker, start: float, end: float) -> Iterator[Finding]:
        if isinstance(proxy, OwnBreaker) and (why := proxy.doubt):
            yield Finding("inconclusive", "", why, "a longer baseline_s=, more load, or paths that make this call")
            return
        opened = next((at for at, _ in proxy.refusals if start <= at < end), None)
        if opened is None:
            yield self._never_opened(view, proxy, start, end)
            return
        if self.opens_within_s is not None:
            yield self._opens(proxy, opened - start)
        if self._counts:
            yield from self._sends(proxy, opened, end)
        if self.closes_within_s is not None:
            yield self._closes(proxy, end)

    def _never_opened(self, view: View, proxy: Proxy | OwnBreaker, start: float, end: float) -> Finding:
        tried = [attempt for attempt in proxy.sent if start <= attempt.start < end]
        bad = sum(1 for attempt in tried if failed(attempt))
        observed = f"{proxy.name} never opened"
        if not bad:
            why = f"none of the {plural(len(tried), 'attempt')} of {proxy.name} failed, so it had no reason to open"
            return Finding("inconclusive", observed, why, "a fault that the callers see as failures")
        if self.opens_within_s is not None and end - start < self.opens_within_s:
            why = f"the fault lasted {seconds(end - start)}, less than the {seconds(self.opens_within_s)} allowed"
            return Finding("inconclusive", observed, why, "a longer hold_s=")
        if isinstance(proxy, OwnBreaker) and proxy.reached(start, end) < FEWEST:
            why = f"only {plural(proxy.reached(start, end), 'request')} that make this call reached {proxy.name} after "
            return Finding("inconclusive", observed, f"{why}a call had failed ({FEWEST} needed)", "a longer hold_s=")
        why = f"{proxy.name} refused no call: {count(bad)} of {plural(len(tried), 'attempt')} failed"
        why += f"; {account}" if (account := proxy.account(start, end)) else ""
        if isinstance(proxy, OwnBreaker):
            return Finding("violated", f"{observed}: {account}", why, f"the breaker of {proxy.name} itself")
        return Finding("violated", observed, why, kept_closed(view, self.edge, proxy, start, end))

    def _opens(self, proxy: Proxy | OwnBreaker, after_s: float) -> Finding:
        limit, observed = cast(float, self.opens_within_s), f"{proxy.name} opened after {seconds(after_s)}"
        if after_s <= limit:
            return Finding("held", observed)
        why = f"{proxy.name} refused its first call {seconds(after_s - limit)} too late"
        return Finding("violated", observed, why, f"attempts of {proxy.name} before it opened", timed=True)

    def _sends(self, proxy: Proxy | OwnBreaker, opened: float, end: float) -> Iterator[Finding]:
        rows = list(proxy.series(opened, end))
        trials = [number for number, trial in rows if trial]
        if self.probes is not None:
            yield self._probes(proxy, trials)
        if self.attempts_while_open is not None:
            sent = sum(number for number, trial in rows if not trial)
            if isinstance(proxy, OwnBreaker):
                sent = sum(max(0, number - (self.probes or 0)) for number in trials)
            (least, most), observed = self._while_open, f"{proxy.name} sent {plural(sent, 'attempt')} while open"
            why = f"{proxy.name} sent {plural(sent, 'attempt')} between its first refusal and the end of the fault"
            fine = least <= sent <= most
            yield Finding("held", observed) if fine else Finding("violated", observed, why, "its limits and timeouts")

    def _probes(self, proxy: Proxy | OwnBreaker, trials: Sequence[int]) -> Finding:
        if not trials:
            why = f"{proxy.name} was never half-open: its counters show that no ejected host came back during the fault"
            if isinstance(proxy, OwnBreaker):
                why = f"{proxy.name} was never half-open: it sent nothing between its opening and the end of the fault"
            return Finding("inconclusive", "", why, "a longer hold_s=; a limit (UO) has no half-open state")
        most = max(trials)
        observed = f"{proxy.name} sent up to {plural(most, 'probe')} in a row ({plural(len(trials), 'trial')})"
        if most <= cast(int, self.probes):
            return Finding("held", observed)
        if isinstance(proxy, OwnBreaker):
            why = f"{proxy.name} sent {plural(most, 'attempt')} in a row between two series of refused calls"
            return Finding("violated", observed, why, "how many trial calls its breaker allows when half-open")
        why = f"{proxy.name} sent {plural(most, 'attempt')} in a row after its hosts came back"
        return Finding("violated", observed, why, _MERGE)

    def _closes(self, proxy: Proxy | OwnBreaker, healed: float) -> Finding:
        limit = cast(float, self.closes_within_s)
        refused = [(at - healed, outcome) for at, outcome in proxy.refusals if at >= healed]
        last, outcome = max(refused, default=(0.0, ""))
        again = any(call.start > healed + last and not call.refused for call in proxy.calls)
        ended = "closed" if again or not refused else "did not close: it still refused a call"
        observed = f"{proxy.name} {ended} {seconds(last)} after healing"
        if last > limit:
            why = f"{proxy.name} refused a call {seconds(last)} after healing, {seconds(last - limit)} too late"
            why += "" if again else ", and sent none after it"
            return Finding("violated", observed, why, _LINGERING.get(outcome, ""), timed=True)
        later = sum(1 for call in proxy.calls if call.start > healed + limit)
        if later < ENOUGH:
            why = f"{proxy.name} made only {plural(later, 'call')} later than {seconds(limit)} after healing "
            why += f"({ENOUGH} needed)"
            return Finding("inconclusive", observed, why, "a longer recover_s=, or more load")
        return Finding("held", observed)


_LINGERING = {
    NO_HOST: "baseEjectionTime and interval: the ejection time grows each time",
    LIMIT: "the limit: do calls queue up, or is it too low for normal load?",
    SKIPPED: "how long the breaker of the app stays open, and what closes it",
}
_MERGE = "of several ejections in one second, Envoy applies the first at once, the others later (update_merge_window)"
