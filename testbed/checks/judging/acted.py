"""Which policies acted on the requests of a view, and which apps gave up before their proxy did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from testbed.checks.judging.culprit import PROMPT_S
from testbed.checks.judging.formatting import count, plural
from testbed.checks.judging.view import View
from testbed.history.events import Attempt, Call, Request
from testbed.history.index import Index
from testbed.history.outcomes import BROKEN_OFF, CLIENT_GONE, LIMIT, NO_HOST, TIMEOUT
from testbed.spec.edges import Edge

GAVE_UP, RETRIES = "gave up", "retries"
OUT_OF_TIME = "UT"  # the flag of a call that its timeout ended, also in the middle of an answer
_WORDS = {
    TIMEOUT: "its timeout ended {calls}",
    LIMIT: "its circuit breaker refused {calls}",
    NO_HOST: "all hosts were ejected for {calls}",
    GAVE_UP: "{caller} itself gave up {calls}",
    RETRIES: "{retries}",
}


def policies_of(view: View, edges: Sequence[str]) -> str:
    """Return the policies that acted on the requests of a view, each with what it did; else those of these edges."""
    found = acted(view)
    if not found:
        return view.policies(edges)
    several = [*found] != [*edges]
    lines = [(edge, f"{view.policies((edge,))} ({', '.join(words)})") for edge, words in found.items()]
    return "\n".join(f"{edge}: {text}" if several else text for edge, text in lines)


def acted(view: View) -> Mapping[str, Sequence[str]]:
    """Return each edge whose policy acted on the requests of a view, with words for what it did: timeouts first."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for request in view.requests:
        calls = view.index.calls.by_request.get(request.id, ())
        for call in calls:
            found[call.edge].update(_deeds(view.index, request, call, calls))
    ranked = sorted(found.items(), key=lambda one: [-one[1][deed] for deed in _WORDS])
    return {edge: [_said(edge, deed, deeds[deed]) for deed in _WORDS if deeds[deed]] for edge, deeds in ranked if deeds}


def _said(edge: str, deed: str, number: int) -> str:
    retries = "1 retry" if number == 1 else f"{count(number)} retries"
    return _WORDS[deed].format(calls=plural(number, "call"), retries=retries, caller=Edge.parse(edge).caller)


def _deeds(index: Index, request: Request, call: Call, calls: Sequence[Call]) -> Iterator[str]:
    """Yield what the policy of its edge did to a call, and whether the calling app gave it up."""
    if call.outcome == TIMEOUT or (call.outcome == BROKEN_OFF and OUT_OF_TIME in call.flags.split(",")):
        yield TIMEOUT
    if call.refused and call.outcome in (LIMIT, NO_HOST):
        yield call.outcome
    if call.outcome == CLIENT_GONE and not _had_to_stop(index, request, call, calls):
        yield GAVE_UP
    yield from (RETRIES for _ in range(call.attempts - 1))


def _had_to_stop(index: Index, request: Request, call: Call, calls: Sequence[Call]) -> bool:
    """Whether a caller left a call because its own caller had left, or because another of its calls had failed."""
    caller = Edge.parse(call.edge).caller
    into = index.attempts.by_request.get(request.id, ())
    ends = [_end(hop) for hop in into if Edge.parse(hop.edge).callee == caller and hop.outcome]
    ends += [_end(one) for one in calls if one is not call and Edge.parse(one.edge).caller == caller and _failed(one)]
    if caller == index.facts.entry and not request.answered:
        ends.append(request.intended + request.latency_ms / 1000)
    return any(abs(end - _end(call)) < PROMPT_S for end in ends)


def _failed(call: Call) -> bool:
    return not call.ok and call.outcome != CLIENT_GONE


def _end(hop: Attempt | Call) -> float:
    return hop.start + hop.duration_ms / 1000
