"""Checks on an edge that carries tcp: what asks for single requests is refused, what connections show is judged."""

from dataclasses import replace

import pytest

from testbed.checks import (
    CHECKS,
    at_most_once,
    attempts,
    bulkhead,
    call_duration,
    call_statuses,
    circuit_breaker,
    deadline_propagation,
    judge,
    load_shedding,
    outlier_ejection,
    responses,
    retry_amplification,
    retry_budget,
)
from testbed.errors import CheckError
from testbed.frontends.cli.protocol_support import run_over
from testbed.frontends.cli.support import examples
from testbed.history.events import Arrival, Attempt, Call
from testbed.history.outcomes import CONNECT_FAILED
from tests.kit.story import EDGE, EPOCH, Story

AUTH = "checkout -> auth"
SERVICES = {
    "frontend": {"calls": [{"to": "checkout"}]},
    "checkout": {"command": ["checkout"], "calls": [{"to": "pricing"}, {"to": "auth"}]},
    "pricing": {"command": ["store"], "protocol": "tcp", "replicas": 2},
    "auth": {"command": ["auth"]},
}
STORE = {"name": "shop", "entry": "frontend", "services": SERVICES, "policies": []}
AT_THE_ENTRY = {
    "name": "shop",
    "entry": "checkout",
    "services": {name: SERVICES[name] for name in ("checkout", "pricing", "auth")},
}
TWO_STORES = STORE | {"services": SERVICES | {"auth": {"command": ["auth"], "protocol": "tcp"}}}
OF_REQUESTS = (
    attempts(EDGE, at_most=3),
    call_statuses(EDGE, status=200),
    call_statuses(EDGE, grpc_status="OK"),
    circuit_breaker(EDGE, opens_within_s=1),
    retry_budget(EDGE),
    retry_budget(EDGE, percent=20),
    deadline_propagation(EDGE),
    call_duration(EDGE, under_ms=100),
    at_most_once(EDGE),
    load_shedding(EDGE, rejects_within_ms=50),
    responses(EDGE, min_bytes=1),
    retry_amplification("pricing", at_most=1),
)
LOAD = "a check of the load's requests, such as availability"


def told(topology=STORE):
    """Requests each of which makes a connection to one of two replicas, and one call of something else."""
    story = Story(topology=topology)
    for phase, n in (("baseline", 200), ("hold", 400), ("recover", 300)):
        for i, request in enumerate(story.phase(phase, n)):
            connect(story, request.sent - EPOCH, f"pricing-{1 + i % 2}")
            call = {"request": request.id, "edge": AUTH, "caller": "checkout-1", "start": request.sent}
            story.events.append(Call(**call, attempts=1, duration_ms=5.0, status=200, call=f"a-{request.id}"))
            arrived = Arrival(request.id, AUTH, "checkout-1", "auth-1", 1, request.sent, 4.0, 200, method="POST")
            story.events.append(arrived)
            if topology["entry"] == "frontend":
                edge, sent = "frontend -> checkout", request.sent
                story.events.append(Arrival(request.id, edge, "frontend-1", "checkout-1", 1, sent, 9.0, 200))
    return story


def connect(story, at, callee):
    name = f"checkout-1:1/tcp.{len(story.events)}"
    made = {"caller": "checkout-1", "callee": callee, "number": 1, "start": EPOCH + at, "duration_ms": 3.0}
    story.events.append(Attempt("", EDGE, **made, status=0, source="connection", call=name))


@pytest.mark.parametrize("check", OF_REQUESTS)
def test_what_asks_for_single_requests_is_refused_with_edge_protocol_reason_and_remedy(check):
    with pytest.raises(CheckError) as refused:
        told().verdict(check)
    reason = f"{check}: {EDGE} is a tcp edge: it carries connections, not single requests. Use "
    assert str(refused.value).startswith(reason)
    assert str(refused.value).endswith(LOAD)


@pytest.mark.parametrize(
    ("check", "topology", "remedy"),
    [
        (call_duration(EDGE, under_ms=100), STORE, f"call_duration on frontend -> checkout, or {LOAD}"),
        (call_duration(EDGE, under_ms=100), AT_THE_ENTRY, f"call_duration on client -> checkout, or {LOAD}"),
        (attempts(EDGE, at_most=3), STORE, f"attempts on frontend -> checkout, or {LOAD}"),
        (attempts(EDGE, at_most=3), AT_THE_ENTRY, LOAD),  # the load never retries
        (call_statuses(EDGE, grpc_status="OK"), STORE, LOAD),  # nothing here speaks gRPC
        (retry_budget(EDGE), STORE, LOAD),  # no policy states one
        (retry_amplification("pricing"), STORE, LOAD),
    ],
)
def test_the_same_check_is_named_only_where_it_works(check, topology, remedy):
    with pytest.raises(CheckError) as refused:
        told(topology).verdict(check)
    assert str(refused.value).rpartition(". Use ")[2] == remedy


def test_of_all_that_are_registered_no_others_are_refused_there():
    found = {name for name, made in CHECKS.items() if any(map(_refused, examples(made)))}
    assert found == {check.name for check in OF_REQUESTS}
    of_edges = {name for name, made in CHECKS.items() if any(check.on_edge() for check in examples(made))}
    assert of_edges - found == {"bulkhead", "outlier_ejection"}


def _refused(check):
    try:
        judge(run_over("tcp"), all=[check])
    except CheckError as error:
        return "is a tcp edge" in str(error)
    return False


def test_late_work_is_searched_on_all_other_edges():
    story = told()
    assert "no call was given up" in story.verdict(deadline_propagation()).why
    given_up = next(event for event in story.events if isinstance(event, Call) and event.request == "hold-1")
    story.events.append(replace(given_up, outcome="timeout"))
    verdict = story.verdict(deadline_propagation())
    assert (verdict.outcome, verdict.n) == ("held", 800)
    assert EDGE not in verdict.edge
    late = next(event for event in story.events if isinstance(event, Arrival) and event.request == "hold-0")
    story.events.append(replace(late, start=late.start + 1))
    assert story.verdict(deadline_propagation()).outcome == "violated"


def test_a_bulkhead_is_judged_by_the_calls_of_others_and_not_by_their_connections():
    story = told()
    story.fault(2.0, 6.0)
    assert story.verdict(bulkhead(EDGE)).observed == "checkout -> auth: 400 of 400 (100 %)"
    story.events = [e for e in story.events if not (isinstance(e, Call) and e.request.startswith("hold-1"))]
    assert story.verdict(bulkhead(EDGE)).outcome == "violated"
    with pytest.raises(
        CheckError, match="checkout has no other dependency except over tcp, where calls are not recorded"
    ):
        told(TWO_STORES).verdict(bulkhead(EDGE))


@pytest.mark.parametrize(
    "check", [outlier_ejection(EDGE, within_s=1), outlier_ejection(replica="pricing-1", within_s=1)]
)
def test_a_replica_that_gets_no_connections_is_ejected(check):
    story = told()
    story.fault(2.0, 6.0)
    verdict = story.verdict(check)
    assert (verdict.outcome, verdict.observed) == (
        "violated",
        "checkout-1 to pricing-1: 149 attempts later than 1 s, last after 3.98 s",
    )
    gone = [e for e in story.events if isinstance(e, Attempt) and e.callee == "pricing-1" and 3 <= e.start - EPOCH < 6]
    story.events = [event for event in story.events if event not in gone]
    assert "had no reason to eject it" in story.verdict(check).why
    bad = [e for e in story.events if isinstance(e, Attempt) and e.callee == "pricing-1" and 2 <= e.start - EPOCH < 3]
    story.events = [replace(e, outcome=CONNECT_FAILED) if e in bad else e for e in story.events]
    assert story.verdict(check).outcome == "held"
    assert story.verdict(outlier_ejection(EDGE, back_within_s=1)).outcome == "held"
