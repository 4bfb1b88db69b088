"""A bound that nothing could break proves nothing: each check says which of its bounds that is."""

from dataclasses import replace

import pytest

from testbed.checks import (
    at_most_once,
    attempts,
    call_duration,
    call_statuses,
    circuit_breaker,
    contained,
    deadline_propagation,
    load_shedding,
    max_latency,
    outlier_ejection,
    p99,
    quantile,
    retry_amplification,
    retry_budget,
)
from testbed.checks.judging.reach import FAR, FAR_MS
from testbed.errors import CheckError
from testbed.history.events import Attempt, Call, PolicyEvent
from testbed.history.outcomes import NO_HOST
from testbed.spec.grpc_status import NAMES
from testbed.spec.topology import Topology
from tests.kit.story import EDGE, EPOCH, Story

CUT = 500.0  # ms: the timeout of all calls of the entry
FAR_OFF = FAR * (CUT + 10) + FAR_MS  # with the entry's own work


def shop(timeout="500ms", **changes):
    """Let checkout be the entry: all that it does is one call, of three attempts, which its proxy cuts off."""
    data = {
        "name": "shop",
        "entry": "checkout",
        "services": {
            "checkout": {"language": "go", "work": "10ms", "calls": ["pricing"]},
            "pricing": {"language": "go", "replicas": 2},
        },
        "policies": [{"edge": EDGE, "timeout": timeout, "retries": {"attempts": 2, "retryOn": "5xx"}}],
    }
    return Topology.model_validate(data | changes).model_dump(mode="json", by_alias=True)


def told(topology=None, tries=2, n=400, **changes):
    """Tell of a fault that every request of the hold phase meets (4 s to 8 s)."""
    story = Story(topology=topology or shop(), **changes)
    story.phase("baseline", 400)
    requests = story.phase("hold", n)
    story.fault(4.0, 4.0 + n / 100)
    story.attempts(requests, tries)
    story.arrivals(requests, 1, method="POST", path="/")
    story.phase("recover", 100)
    return story


# (a bound that nothing could break, one that something could)
PAIRS = [
    (contained(at_most=20), contained(at_most=19)),
    (contained(at_most=501, per="requests"), contained(at_most=500, per="requests")),
    (attempts(EDGE, at_most=4), attempts(EDGE, at_most=3)),
    (attempts(EDGE, at_most=4, per="request"), attempts(EDGE, at_most=3, per="request")),
    (retry_amplification("pricing", at_most=4), retry_amplification("pricing", at_most=3)),
    (at_most_once(EDGE, at_most=4), at_most_once(EDGE, at_most=3)),
    (retry_budget(EDGE, percent=201), retry_budget(EDGE, percent=200)),
    (retry_budget(EDGE, floor=800), retry_budget(EDGE, floor=799)),
    (p99(under_ms=FAR_OFF), p99(under_ms=FAR_OFF - 1)),
    (quantile(75, above_baseline_ms=FAR_OFF), quantile(75, above_baseline_ms=FAR_OFF - 1)),
    (max_latency(under_ms=FAR_OFF), max_latency(under_ms=FAR_OFF - 1)),
    (call_duration(EDGE, under_ms=2000), call_duration(EDGE, under_ms=1999)),
    (call_duration("client -> checkout", under_ms=FAR_OFF), call_duration("client -> checkout", under_ms=FAR_OFF - 1)),
]


@pytest.mark.parametrize(("loose", "tight"), PAIRS, ids=lambda check: str(check))
def test_a_bound_that_nothing_could_break_is_inconclusive_and_the_next_lower_one_is_judged(loose, tight):
    story = told()
    found = story.verdict(loose)
    assert found.outcome == "inconclusive"
    assert found.why.startswith("nothing could break this bound: ")
    assert story.verdict(tight).outcome == "held"


@pytest.mark.parametrize(
    "make",
    [
        lambda: deadline_propagation(EDGE, wasted_percent=100),
        lambda: retry_budget(EDGE, percent=100, at_once=True),
    ],
    ids=["deadline_propagation", "retry_budget"],
)
def test_a_bound_that_holds_on_any_run_is_refused_as_written(make):
    with pytest.raises(CheckError, match="would always hold"):
        make()


def test_a_red_verdict_stays_red_however_loose_its_bound():
    story = told(tries=9)  # an Envoy that repeats more often than its policy says
    assert story.verdict(attempts(EDGE, at_most=8)).outcome == "violated"


def test_all_of_them_is_no_bound():
    assert told().verdict(contained(at_most_percent=100)).outcome == "inconclusive"
    assert told().verdict(contained(at_most_percent=99)).outcome == "held"


def test_a_second_bound_may_be_broken():
    assert told().verdict(contained(at_most=20, within_s=1)).outcome == "held"


def own(**more):
    """Let a program of the user's own make the calls: it may send headers that change its proxy's policy."""
    changed = shop()
    services = dict(changed["services"])
    services["checkout"] = {"command": ["serve"], "calls": ["pricing"]}
    return shop(services={**services, "pricing": {"language": "go", "replicas": 2}}, **more)


@pytest.mark.parametrize("loose", [loose for loose, _ in PAIRS[2:7] + PAIRS[8:]], ids=str)
def test_nothing_is_said_of_what_a_custom_service_can_do(loose):
    assert told(own()).verdict(loose).outcome == "held"


@pytest.mark.parametrize("loose", [loose for loose, _ in PAIRS[8:]], ids=str)
def test_nothing_is_said_of_a_call_without_a_limit(loose):
    assert told(shop(timeout=None)).verdict(loose).outcome == "held"


def test_nothing_is_said_of_requests_while_the_entry_itself_is_broken():
    story = told()
    story.fault(4.0, 8.0, id="f2", links=("client--checkout-1",), edges=("client -> checkout",))
    story.events = [replace(e, replica="checkout-1") if type(e).__name__ == "Request" else e for e in story.events]
    assert story.verdict(max_latency(under_ms=60_000)).outcome == "held"


def test_nothing_is_said_without_a_proxy_or_of_a_topology_that_changed_in_the_window():
    bare = told(shop(mesh="none", policies=[]), mesh="none")
    assert bare.verdict(attempts(EDGE, at_most=9)).outcome == "held"
    swapped = told()
    swapped.events.append(PolicyEvent(EPOCH + 6, EDGE, shop(timeout="1s")))
    assert swapped.verdict(attempts(EDGE, at_most=9)).outcome == "held"


def test_a_service_with_a_queue_may_answer_later_than_its_calls():
    queued = shop()["services"] | {
        "checkout": {"language": "go", "calls": ["pricing"], "concurrency": {"limit": 1, "queue": 9}}
    }
    assert told(shop(services=queued)).verdict(max_latency(under_ms=60_000)).outcome == "held"


def test_load_shedding_far_above_the_timeout_of_its_edge():
    story = told()
    calls = [e for e in story.events if isinstance(e, Call)]
    story.events = [e for e in story.events if not isinstance(e, Call)]
    story.events += [replace(call, status=503 if i < 9 else 200) for i, call in enumerate(calls)]
    assert story.verdict(load_shedding(EDGE, rejects_within_ms=2000)).outcome == "inconclusive"
    assert story.verdict(load_shedding(EDGE, rejects_within_ms=1999)).outcome == "held"


def ejected(probes):
    """Tell of pricing-1, which fails at once and gets nothing more, while pricing-2 takes all."""
    story = Story(topology=shop())
    story.phase("baseline", 100)
    requests = story.phase("hold", 200)
    story.fault(1.0, 3.0)
    for i, request in enumerate(requests):
        callee, status = ("pricing-1", 503) if i < 3 else ("pricing-2", 200)
        call = f"call-{i}"
        story.events.append(Attempt(request.id, EDGE, "checkout-1", callee, 1, request.sent, 5.0, status, call=call))
        story.events.append(Call(request.id, EDGE, "checkout-1", 1, request.sent, 5.0, status, call=call))
    return story.verdict(outlier_ejection(EDGE, replica="pricing-1", within_s=0.5, probes=probes))


def test_as_many_probes_as_there_were_attempts_are_no_ejection():
    assert ejected(probes=2).outcome == "held"
    found = ejected(probes=200)
    assert found.outcome == "inconclusive"
    assert "probes=200, and no proxy made more than 149 attempts" in found.why


def opened(while_open):
    """Tell of a breaker that refuses all calls after the first five."""
    story = Story(topology=shop(), sources=("requests", "attempts", "calls", "arrivals", "samples"))
    story.phase("baseline", 100)
    requests = story.phase("hold", 100)
    story.fault(1.0, 2.0)
    for i, request in enumerate(requests):
        call = f"call-{i}"
        made = Call(request.id, EDGE, "checkout-1", 1, request.sent, 5.0, 503, call=call)
        if i < 5:
            tried = Attempt(request.id, EDGE, "checkout-1", "pricing-1", 1, request.sent, 5.0, 503, call=call)
            story.events += [tried, made]
        else:
            story.events.append(replace(made, attempts=0, outcome=NO_HOST, refused=True))
    return story.verdict(circuit_breaker(EDGE, attempts_while_open=while_open))


def test_as_many_attempts_while_open_as_there_were_calls_are_no_breaker():
    assert opened(5).outcome == "held"
    assert opened(300).outcome == "inconclusive"


def test_every_status_of_grpc_is_no_claim():
    with pytest.raises(CheckError, match="every gRPC status"):
        call_statuses(EDGE, grpc_status=NAMES)
