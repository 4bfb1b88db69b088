"""The breaker of an app: requests that are answered without their usual call show it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testbed.checks import Verdict, circuit_breaker
from testbed.history.events import Arrival, Attempt, Call, Request
from tests.kit.story import EDGE, EPOCH, Story

OPENS = circuit_breaker(EDGE, opens_within_s=1)
Calls = Callable[[float], bool]  # whether the request at this second makes its call


def always(at: float) -> bool:
    return True


def opened(at: float) -> bool:
    """After half a second of failures, it calls again two seconds after healing at most."""
    return not 2.5 <= at < 6.4


def trials(at: float) -> bool:
    """Like `opened`, with one trial call a second."""
    return opened(at) or at % 1 < 0.005


def told(
    calls: Calls = opened,
    *,
    fault: tuple[float, float] = (2.0, 6.0),
    bad_ms: float = 3.0,
    status: int = 503,
    arrives: Calls = always,
    answer: Callable[[float], tuple[int, float]] = lambda at: (200, 5.0),
    path: Callable[[float], str] = lambda at: "/",
    user: Callable[[float], str] = lambda at: "u1",
    policies: bool = False,
    **changes: Any,
) -> Story:
    """2 s of baseline, 4 s of a fault on the edge, 3 s after it, at 100 requests/s."""
    story = Story() if policies else Story(topology=UNPROTECTED)
    story.fault(*fault, **changes)
    requests = [*story.phase("baseline", 200), *story.phase("hold", 400), *story.phase("recover", 300)]
    for one in requests:
        at = one.intended - EPOCH
        _named(story, one, path(at), user(at))
        if arrives(at):
            said, ms = answer(at)
            arrival = Arrival(one.id, "frontend -> checkout", "frontend-1", "checkout-1", 1, one.sent, ms, said)
            story.events.append(_with(arrival, path=path(at), method="GET"))
            if calls(at):
                _call(story, one, *((status, bad_ms) if fault[0] <= at < fault[1] else (200, 3.0)))
    return story


UNPROTECTED: dict[str, object] = {
    "name": "shop",
    "entry": "frontend",
    "services": {"frontend": {"calls": ["checkout"]}, "checkout": {"calls": ["pricing", "stock"]}, "pricing": {}},
}


def _with(event: Any, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(event, **changes)


def _named(story: Story, one: Request, path: str, user: str) -> None:
    story.events[story.events.index(one)] = _with(one, path=path, user=user)


def _call(story: Story, one: Request, status: int, ms: float, edge: str = EDGE) -> None:
    link, key = ("checkout-1", "pricing-1"), f"call-{one.id}-{edge}"
    story.events.append(Attempt(one.id, edge, *link, 1, one.sent, ms, status, call=key))
    story.events.append(Call(one.id, edge, "checkout-1", 1, one.sent, ms, status, call=key))


def why(verdict: Verdict, outcome: str) -> str:
    assert verdict.outcome == outcome, verdict
    return f"{verdict.observed}; {verdict.why}"


def test_requests_without_their_call_show_that_it_opened_and_closed() -> None:
    verdict = told().verdict(circuit_breaker(EDGE, opens_within_s=1, attempts_while_open=0, closes_within_s=0.5))
    assert why(verdict, "held").startswith("checkout-1 (the app itself) opened after 0.5 s; ")
    assert "closed 0.39 s after healing" in verdict.observed
    late = told().verdict(circuit_breaker(EDGE, opens_within_s=0.4))
    assert "refused its first call 0.1 s too late" in why(late, "violated")
    assert "refused a call 0.39 s after healing" in why(
        told().verdict(circuit_breaker(EDGE, closes_within_s=0.3)), "violated"
    )


def test_one_that_sends_every_call_never_opened() -> None:
    verdict = told(always).verdict(OPENS)
    said = why(verdict, "violated")
    assert said.startswith(
        "checkout-1 (the app itself) never opened: 399 calls for 399 requests after the first failure; "
    )


def test_trial_calls_are_seen_and_counted() -> None:
    assert told(trials).verdict(circuit_breaker(EDGE, probes=1, attempts_while_open=0)).outcome == "held"
    assert "sent up to 1 probe in a row (3 trials)" in told(trials).verdict(circuit_breaker(EDGE, probes=1)).observed
    assert "sent 3 attempts while open" in why(
        told(trials).verdict(circuit_breaker(EDGE, attempts_while_open=2)), "violated"
    )
    many = told(lambda at: opened(at) or 4 <= at < 4.045)
    assert "sent 5 attempts in a row" in why(many.verdict(circuit_breaker(EDGE, probes=4)), "violated")
    assert "never half-open" in why(told().verdict(circuit_breaker(EDGE, probes=1)), "inconclusive")


@pytest.mark.parametrize(
    "story",
    [
        told(always, arrives=lambda at: not 2.5 <= at < 6.4),  # it was down, or the load went elsewhere or slowed
        told(answer=lambda at: (0, 5.0) if 2.5 <= at < 6.4 else (200, 5.0)),  # it did not answer
        told(answer=lambda at: (503, 800.0) if 2.5 <= at < 6.4 else (200, 5.0)),  # they waited in a queue
        told(path=lambda at: "/other" if 2.5 <= at < 6.4 else "/"),  # other pages, which need no call
    ],
)
def test_requests_that_could_not_call_do_not_show_an_open_breaker(story: Story) -> None:
    assert "reached checkout-1" not in story.verdict(OPENS).why
    assert why(story.verdict(OPENS), "violated").startswith("checkout-1 (the app itself) never opened: 49 calls for 49")


def test_a_cache_does_not_show_an_open_breaker() -> None:
    cached = told(lambda at: at % 0.5 < 0.005)  # as before the fault: every half second
    assert "before the fault only" in why(cached.verdict(OPENS), "inconclusive")
    per_user = told(opened, user=lambda at: f"u{round(at * 100) % 200}")  # each user asks again every two seconds
    assert per_user.verdict(OPENS).outcome != "held"


def test_a_bulkhead_is_no_breaker() -> None:
    """Ten at once hang for a second; what comes meanwhile is refused."""
    verdict = told(lambda at: not 2 <= at < 6 or round(at * 100) % 100 < 10, bad_ms=1000.0, status=0).verdict(OPENS)
    assert "only while as many calls were under way" in why(verdict, "violated")


def test_a_request_that_failed_at_another_callee_shows_nothing() -> None:
    story = told()
    for one in [e for e in story.events if isinstance(e, Request) and e.phase == "hold"]:
        _call(story, one, 503, 3.0, "checkout -> stock")
    assert story.verdict(OPENS).outcome != "held"


def test_a_breaker_that_was_still_open_when_the_load_began_is_judged() -> None:
    assert told(lambda at: opened(at) and at > 0.3).verdict(OPENS).outcome == "held"


def test_too_few_requests_show_nothing() -> None:
    few = told(arrives=lambda at: round(at * 100) % 50 == 0).verdict(OPENS)
    assert "4 requests at checkout-1" in why(few, "inconclusive")
    short = told(always, arrives=lambda at: at < 2.05 or at >= 6).verdict(OPENS)
    assert "only 4 requests that make this call reached" in why(short, "inconclusive")


def test_an_incomplete_record_of_its_requests_shows_nothing() -> None:
    from testbed.history.events import Evidence

    story = told()
    story.events.append(Evidence("arrivals", False, "inlet: 3 unreadable lines", ("frontend -> checkout",)))
    assert "arrivals on frontend -> checkout is not complete" in why(story.verdict(OPENS), "inconclusive")


def test_a_proxy_that_could_refuse_is_judged_by_what_it_refused() -> None:
    story = told()
    assert story.events[0].topology is UNPROTECTED  # type: ignore[union-attr]
    policy = {"edge": EDGE, "outlierDetection": {"interval": 1000.0}}
    story.events[0] = _with(story.events[0], topology=UNPROTECTED | {"policies": [policy]})
    assert why(story.verdict(OPENS), "violated").startswith("checkout-1 never opened; checkout-1 refused no call")
    retries = {"edge": EDGE, "circuitBreaker": {"maxRetries": 3}}
    story.events[0] = _with(story.events[0], topology=UNPROTECTED | {"policies": [retries]})
    assert story.verdict(OPENS).outcome == "held"
