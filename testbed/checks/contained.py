"""Contained: how many users a failure affects, on which edges, and for how long. Write this check first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, Literal

from testbed.checks.judging import statistics, validation
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.contents import Predicate, callable_or_none, example, says_yes, sort_answers
from testbed.checks.judging.culprit import place_of
from testbed.checks.judging.explain import more_load, request_trace, worst
from testbed.checks.judging.formatting import count, ms, outcomes, percent, plural, points, seconds, trim
from testbed.checks.judging.view import View, after_first_fault, latency, outside_scope
from testbed.errors import CheckError, nearest
from testbed.history.events import Request


@dataclass(frozen=True)
class contained(Check):
    """A fault affects only few users: how many, on which edges, and for how long.

    `contained()` claims: no user outside the scope of the faults is affected. A user is affected if a request of this
    user failed (no whole answer, or a status outside 200-399), was slower than `slower_than_ms`, with `fallbacks=True`
    was answered with a fallback, or got an answer of which `unless=` is true, a function of an `Answer`:
    `unless=lambda answer: "sorry" in answer.text`.

    The check covers everything from the first fault on, including injection, healing and recovery, unless `during`
    names a phase. In a run without faults it covers everything except the warm-up.

    The scope of the faults is the users or the cohort that were fixed for them (`for_users`, `for_cohort`). In `all=`
    these users are left out. A fault without such a scope leaves no user out. In any other population all users count.

    Bounds (without one it is `at_most=0`; give only one of the first two): `at_most=12` users is an exact count.
    `at_most_percent=5` is a statistical claim, proved or refuted at 95 % confidence (Clopper-Pearson). `within_s=2`: no
    request that is later than this after the first fault is affected (at least 20 later requests needed).
    `per="requests"` counts requests instead of users, and so does a load without users.

    Evidence: the load's requests. For each affected request the calls (caller's proxy or app) show the deepest edge on
    which it failed or spent its time; the outcome does not depend on these edges.
    """

    at_most: int | None = field(default=None, kw_only=True)
    at_most_percent: float | None = field(default=None, kw_only=True)
    within_s: float | None = field(default=None, kw_only=True)
    slower_than_ms: float | None = field(default=None, kw_only=True)
    fallbacks: bool = field(default=False, kw_only=True)
    per: Literal["users", "requests"] = field(default="users", kw_only=True)
    unless: Predicate | None = field(default=None, kw_only=True)

    slack: ClassVar[tuple[str, ...]] = ("within_s",)

    def validate(self) -> None:
        """Raise `CheckError` for two bounds on the number, or an impossible one."""
        if self.at_most is not None and self.at_most_percent is not None:
            raise CheckError(f"{self}: give at_most= or at_most_percent=, not both")
        if self.at_most is not None:
            validation.whole(str(self), at_most=self.at_most)
        if self.at_most_percent is not None:
            validation.percentage(str(self), at_most_percent=self.at_most_percent)
        for name in ("within_s", "slower_than_ms"):
            if (value := getattr(self, name)) is not None:
                validation.positive(str(self), **{name: value})
        callable_or_none(str(self), unless=self.unless)
        if self.per not in ("users", "requests"):
            raise CheckError(f"{self}: there is no per={self.per!r}{nearest(str(self.per), ('users', 'requests'))}")

    @property
    def bound(self) -> str:
        """The bound in words."""
        later = "" if self.within_s is None else f"0 after {seconds(self.within_s)}"
        return ", ".join(filter(None, (self._number, later)))

    @property
    def _number(self) -> str:
        if self.at_most_percent is not None:
            return f"<= {trim(f'{self.at_most_percent:.6f}')} %"
        if self._most == math.inf:
            return ""
        return f"<= {count(int(self._most))}" if self._most else "0"

    @property
    def _most(self) -> float:
        """The largest allowed number of affected users, as a count."""
        if self.at_most is not None:
            return self.at_most
        return 0 if self.at_most_percent is None and self.within_s is None else math.inf

    def topic(self) -> Hashable:
        """Return the name, and what counts as affected."""
        return (self.name, self.slower_than_ms, self.fallbacks, self.per, self.unless)

    def bounds_latency(self) -> bool:
        """Return whether slow answers count, and not only failures."""
        return self.slower_than_ms is not None

    def when_steady(self) -> contained:
        """Return the claim without its time after the first fault."""
        return replace(self, within_s=None)

    def views(self, view: View) -> tuple[View, ...]:
        """Return the window and the population that are really judged."""
        return (self._judged(view),)

    def _judged(self, view: View) -> View:
        index = view.index
        window = view.window if self.phase else after_first_fault(index)
        return View(index, outside_scope(index) if view.population.name == "all" else view.population, window)

    def judge(self, view: View) -> Verdict:
        """Count the affected users, and compare number, share and time with the bounds."""
        judged = self._judged(view)
        if self.unless is None:
            return self._compare(judged, [request for request in judged.requests if self._is_affected(request)])
        found = sort_answers(judged.index, [one for one in judged.requests if one.ok], says_yes(self.unless))
        bad = {id(one) for one, _ in found.bad}
        verdict = self._compare(judged, [one for one in judged.requests if self._is_affected(one) or id(one) in bad])
        if found.bad and verdict.outcome != "held":
            why = f"{verdict.why}; {plural(len(found.bad), 'answer')}: {found.reasons}".removeprefix("; ")
            verdict = replace(verdict, why=why, next=f"{example(judged.index, found.bad)}\n{verdict.next}")
        if found.doubt and verdict.outcome != "violated":
            return replace(verdict, outcome="inconclusive", margin="", why=found.doubt, next=found.unknown[0][1])
        return verdict

    def _compare(self, judged: View, affected: Sequence[Request]) -> Verdict:
        units, hit = self._units(judged.requests), self._units(affected)
        observed = self._observed(judged, affected, len(hit), len(units))
        confidence = "exact" if self.at_most_percent is None else "95 %"
        say = partial(self.verdict, judged, observed=observed, n=len(units), confidence=confidence)
        clue = request_trace(judged, worst(affected)) if affected else ""
        late = self._late(judged, affected)
        if len(hit) > self._most or late:
            off = len(hit) - self._most
            margin = f"{count(int(off))} too many" if off > 0 else f"{plural(len(late), 'request')} too late"
            return say(
                "violated",
                margin=margin,
                why=self._why(judged, affected, late),
                next=request_trace(judged, worst(late or affected)),
            )
        if self.at_most_percent is not None:
            share, n = self.at_most_percent / 100, len(units)
            if (least := statistics.share_lower(len(hit), n)) > share:
                why = f"{self._why(judged, affected, late)}; with 95 % confidence >= {percent(least)} are affected"
                return say("violated", margin=f"{points(least - share)} over", why=why, next=clue)
            if (most := statistics.share_upper(len(hit), n)) > share:
                return say("inconclusive", why=self._unproved(len(hit), n, most), next=clue or more_load(judged, n))
            return say("held", margin=f"{points(share - most)} to spare")
        if self.within_s is not None and (short := self._too_short(judged)):
            return say("inconclusive", why=short, next="let the phase last longer (hold_s=, recover_s=)")
        return say("held", margin=self._spare(len(hit)))

    def unbreakable(self, view: View) -> str:
        """Return why a count of all users, or more, cannot be exceeded."""
        judged = self._judged(view)
        n = len(self._units(judged.requests))
        if self.at_most_percent == 100 and self.within_s is None:
            return "at_most_percent=100 is all of them"
        if self.at_most is None or self.within_s is not None or self.at_most < n:
            return ""
        what = "users" if self._by_user(judged.requests[0]) else "requests"
        return f"at_most={self.at_most}, and there were only {count(n)} {what}"

    def _is_affected(self, request: Request) -> bool:
        slow = self.slower_than_ms is not None and latency(request) > self.slower_than_ms
        return not request.ok or slow or (self.fallbacks and bool(request.fallbacks))

    def _units(self, requests: Sequence[Request]) -> set[str]:
        """Return the users of these requests, or the requests themselves."""
        return {request.user if self._by_user(request) else request.id for request in requests}

    def _by_user(self, request: Request) -> bool:
        return self.per == "users" and bool(request.user)

    def _observed(self, view: View, affected: Sequence[Request], hit: int, n: int) -> str:
        """Return `12 of 400 users affected (3 %), all on checkout -> pricing, for 1.2 s`."""
        what = "users" if self._by_user(view.requests[0]) else "requests"
        if not affected:
            return f"0 of {count(n)} {what} affected"
        first = min(request.intended for request in affected)
        last = max(request.intended + request.latency_ms / 1000 for request in affected)
        where = Counter(place_of(view.index, request) for request in affected).most_common()
        edges = f"all on {where[0][0]}" if len(where) == 1 else "on " + ", ".join(f"{e} ({count(k)})" for e, k in where)
        return f"{count(hit)} of {count(n)} {what} affected ({percent(hit / n)}), {edges}, for {seconds(last - first)}"

    def _late(self, view: View, affected: Sequence[Request]) -> Sequence[Request]:
        """Return the affected requests after the deadline."""
        return [request for request in affected if request.intended > self._deadline(view)]

    def _deadline(self, view: View) -> float:
        return view.window.start + self.within_s if self.within_s is not None else math.inf

    def _too_short(self, view: View) -> str:
        later = sum(1 for request in view.requests if request.intended > self._deadline(view))
        enough = f"{statistics.ENOUGH_LATER} needed"
        return (
            f"only {plural(later, 'request')} came after the deadline ({enough})"
            if later < statistics.ENOUGH_LATER
            else ""
        )

    def _why(self, view: View, affected: Sequence[Request], late: Sequence[Request]) -> str:
        failed = [request for request in affected if not request.ok]
        slow = [r for r in affected if r.ok and self.slower_than_ms is not None and latency(r) > self.slower_than_ms]
        fell = sum(1 for r in affected if self.fallbacks and r.fallbacks and r not in failed and r not in slow)
        parts = [f"{plural(len(failed), 'request')} failed: {outcomes(failed)}"] if failed else []
        parts += [f"{plural(len(slow), 'request')} took longer than {ms(self.slower_than_ms or 0)}"] if slow else []
        parts += [f"{plural(fell, 'request')} got a fallback"] if fell else []
        parts += [f"{count(len(late))} of them came after the deadline"] if late else []
        return "; ".join(parts)

    def _unproved(self, hit: int, n: int, most: float) -> str:
        needed = statistics.enough_requests(hit, 1 - (self.at_most_percent or 0) / 100)
        enough = f"a proof needs {count(needed)} with at most {hit}, or use a count: at_most={hit}"
        return f"{count(hit)} of {count(n)} prove only <= {percent(most)} with 95 % confidence; {enough}"

    def _spare(self, hit: int) -> str:
        return "" if self._most == math.inf else f"{count(int(self._most) - hit)} to spare"
