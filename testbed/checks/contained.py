"""Contained: who noticed a failure, where it was seen, and for how long; the check to write first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from testbed.checks.judging import statistics, validation
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.explain import more_load, request_trace
from testbed.checks.judging.formatting import count, ms, outcomes, percent, plural, points, seconds, trim
from testbed.checks.judging.view import View, after_first_fault, latency, outside_scope
from testbed.errors import CheckError, nearest
from testbed.history.events import Call, Request
from testbed.spec.edges import CLIENT, Edge


@dataclass(frozen=True)
class contained(Check):
    """A fault stays where it is: how many users noticed it, on which edges it was seen, for how long.

    `contained()` alone says: nobody outside the faults' own scope noticed. A user noticed if one of their requests
    failed (no answer, or a status outside 200-399), was slower than `slower_than_ms`, or, with `fallbacks=True`, was
    answered with a fallback. It looks at everything from the first fault on, injection, healing and recovery among it,
    unless `during` names a phase; in a run without faults at all but the warm-up.

    The faults' own scope is the users or cohort that were fixed for them (`for_users`, `for_cohort`): in `all=` those
    are left out, because the fault is meant for them. A fault without such a scope leaves nobody out. In any other
    population everyone is judged.

    Bounds, of which `at_most` and `at_most_percent` exclude each other (without any it is `at_most=0`):
    `at_most=12` users, an exact count; `at_most_percent=5` is a claim about all users like these, proved or refuted at
    95 % confidence (Clopper-Pearson); `within_s=2`: nobody who came later than that after the first fault noticed
    (at least 20 requests must have come later). `per="requests"` counts requests instead of users, as it does where the
    load has no users.

    Evidence: the load's requests. The edges are told from the calls (the caller's proxy or app), the one furthest down
    on which each of those requests failed or spent its time; the outcome does not depend on them.
    """

    at_most: int | None = field(default=None, kw_only=True)
    at_most_percent: float | None = field(default=None, kw_only=True)
    within_s: float | None = field(default=None, kw_only=True)
    slower_than_ms: float | None = field(default=None, kw_only=True)
    fallbacks: bool = field(default=False, kw_only=True)
    per: Literal["users", "requests"] = field(default="users", kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` for two bounds on the number, or one that makes no sense."""
        if self.at_most is not None and self.at_most_percent is not None:
            raise CheckError(f"{self}: give at_most= or at_most_percent=, not both")
        if self.at_most is not None:
            validation.whole(str(self), at_most=self.at_most)
        if self.at_most_percent is not None:
            validation.percentage(str(self), at_most_percent=self.at_most_percent)
        for name in ("within_s", "slower_than_ms"):
            if (value := getattr(self, name)) is not None:
                validation.positive(str(self), **{name: value})
        if self.per not in ("users", "requests"):
            raise CheckError(f"{self}: there is no per={self.per!r}{nearest(str(self.per), ('users', 'requests'))}")

    @property
    def bound(self) -> str:
        """The bound in words."""
        later = "" if self.within_s is None else f"nobody after {seconds(self.within_s)}"
        return ", ".join(filter(None, (self._number, later)))

    @property
    def _number(self) -> str:
        if self.at_most_percent is not None:
            return f"at most {trim(f'{self.at_most_percent:.6f}')} %"
        if self._most == math.inf:
            return ""
        return f"at most {count(int(self._most))}" if self._most else "nobody"

    @property
    def _most(self) -> float:
        """The most who may notice, as a count."""
        if self.at_most is not None:
            return self.at_most
        return 0 if self.at_most_percent is None and self.within_s is None else math.inf

    def topic(self) -> Hashable:
        """Return name and what is counted as noticing."""
        return (self.name, self.slower_than_ms, self.fallbacks, self.per)

    def late_limit_ms(self) -> float:
        """Return 10 ms, or a tenth of slower_than_ms if that is more; no limit where only failures count."""
        return math.inf if self.slower_than_ms is None else max(10.0, self.slower_than_ms / 10)

    def views(self, view: View) -> tuple[View, ...]:
        """Return the stretch and the population that are really judged."""
        return (self._judged(view),)

    def _judged(self, view: View) -> View:
        index = view.index
        window = view.window if self.phase else after_first_fault(index)
        return View(index, outside_scope(index) if view.population.name == "all" else view.population, window)

    def judge(self, view: View) -> Verdict:
        """Count who noticed, and compare number, share and time with the bounds."""
        judged = self._judged(view)
        noticed = [request for request in judged.requests if self._noticed(request)]
        units, hit = self._units(judged.requests), self._units(noticed)
        observed = self._observed(judged, noticed, len(hit), len(units))
        confidence = "exact" if self.at_most_percent is None else "95 %"
        say = partial(self.verdict, judged, observed=observed, n=len(units), confidence=confidence)
        clue = request_trace(judged, noticed[0]) if noticed else ""
        late = self._late(judged, noticed)
        if len(hit) > self._most or late:
            off = len(hit) - self._most
            margin = f"{count(int(off))} too many" if off > 0 else f"{plural(len(late), 'request')} too late"
            return say(
                "violated",
                margin=margin,
                why=self._why(judged, noticed, late),
                next=request_trace(judged, (late or noticed)[0]),
            )
        if self.at_most_percent is not None:
            share, n = self.at_most_percent / 100, len(units)
            if (least := statistics.share_lower(len(hit), n)) > share:
                why = f"{self._why(judged, noticed, late)}; with 95 % confidence at least {percent(least)} would notice"
                return say("violated", margin=f"{points(least - share)} over", why=why, next=clue)
            if (most := statistics.share_upper(len(hit), n)) > share:
                return say("inconclusive", why=self._unproved(len(hit), n, most), next=clue or more_load(judged, n))
            return say("held", margin=f"{points(share - most)} to spare")
        if self.within_s is not None and (short := self._too_short(judged)):
            return say("inconclusive", why=short, next="let the phase last longer (hold_s=, recover_s=)")
        return say("held", margin=self._spare(len(hit)))

    def _noticed(self, request: Request) -> bool:
        slow = self.slower_than_ms is not None and latency(request) > self.slower_than_ms
        return not request.ok or slow or (self.fallbacks and bool(request.fallbacks))

    def _units(self, requests: Sequence[Request]) -> set[str]:
        """Return the users of these requests, or the requests themselves."""
        return {request.user if self._by_user(request) else request.id for request in requests}

    def _by_user(self, request: Request) -> bool:
        return self.per == "users" and bool(request.user)

    def _observed(self, view: View, noticed: Sequence[Request], hit: int, n: int) -> str:
        """Return `12 of 400 users noticed (3 %), all on checkout -> pricing, for 1.2 s`."""
        what = "users" if self._by_user(view.requests[0]) else "requests"
        if not noticed:
            return f"none of {count(n)} {what} noticed"
        first = min(request.intended for request in noticed)
        last = max(request.intended + request.latency_ms / 1000 for request in noticed)
        where = Counter(_where(view, request) for request in noticed).most_common()
        edges = f"all on {where[0][0]}" if len(where) == 1 else "on " + ", ".join(f"{e} ({count(k)})" for e, k in where)
        return f"{count(hit)} of {count(n)} {what} noticed ({percent(hit / n)}), {edges}, for {seconds(last - first)}"

    def _late(self, view: View, noticed: Sequence[Request]) -> Sequence[Request]:
        """Return the requests that noticed although they came after the deadline."""
        return [request for request in noticed if request.intended > self._deadline(view)]

    def _deadline(self, view: View) -> float:
        return view.window.start + self.within_s if self.within_s is not None else math.inf

    def _too_short(self, view: View) -> str:
        later = sum(1 for request in view.requests if request.intended > self._deadline(view))
        enough = f"{statistics.ENOUGH_LATER} would have been enough"
        return (
            f"only {plural(later, 'request')} came after the deadline; {enough}"
            if later < statistics.ENOUGH_LATER
            else ""
        )

    def _why(self, view: View, noticed: Sequence[Request], late: Sequence[Request]) -> str:
        failed = [request for request in noticed if not request.ok]
        slow = [r for r in noticed if r.ok and self.slower_than_ms is not None and latency(r) > self.slower_than_ms]
        fell = len(noticed) - len(failed) - len(slow)
        parts = [f"{plural(len(failed), 'request')} failed: {outcomes(failed)}"] if failed else []
        parts += [f"{plural(len(slow), 'request')} took longer than {ms(self.slower_than_ms or 0)}"] if slow else []
        parts += [f"{plural(fell, 'request')} got a fallback"] if fell else []
        parts += [f"{count(len(late))} of them came after the deadline"] if late else []
        return "; ".join(parts)

    def _unproved(self, hit: int, n: int, most: float) -> str:
        needed = statistics.enough_requests(hit, 1 - (self.at_most_percent or 0) / 100)
        enough = f"{count(needed)} with no more than that would be enough, or use a count: at_most={hit}"
        return f"{count(hit)} of {count(n)} proves only at most {percent(most)} with 95 % confidence; {enough}"

    def _spare(self, hit: int) -> str:
        return "" if self._most == math.inf else f"{count(int(self._most) - hit)} to spare"


def _where(view: View, request: Request) -> str:
    """Return the edge furthest down on which a request failed, or spent most of its time; else the load's own."""
    calls = view.index.calls.by_request.get(request.id, ())
    failed = [call for call in calls if not 200 <= call.as_http < 400]
    spent = [call for call in calls if call.duration_ms > request.latency_ms / 2]
    chosen = _furthest(failed) or (_furthest(spent) if request.ok else [])
    return chosen[0].edge if chosen else f"{CLIENT} -> {view.index.wiring.entry or request.replica}"


def _furthest(calls: Sequence[Call]) -> Sequence[Call]:
    """Return the calls below which there is no other of them."""
    edges = {call.edge: Edge.parse(call.edge) for call in calls}
    callers = {edge.caller for edge in edges.values()}
    return [call for call in calls if edges[call.edge].callee not in callers]
