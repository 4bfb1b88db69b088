"""Statuses of an edge: `call_statuses`, and attempts that are counted by how they ended."""

from dataclasses import replace

import pytest

from testbed.checks import attempts, call_statuses
from testbed.errors import CheckError
from testbed.history.events import Attempt, Call, Evidence
from tests.kit.story import EDGE, SHOP, Story

GRPC = {**SHOP, "services": {**SHOP["services"], "pricing": {"replicas": 2, "protocol": "grpc"}}}


def told(*endings, topology=GRPC):
    """Requests, each with one call on the edge, whose tries ended so."""
    story = Story(topology=topology)
    requests = story.phase("hold", len(endings))
    for request, tries in zip(requests, endings, strict=True):
        grpc = topology is GRPC
        common = {"request": request.id, "edge": EDGE, "caller": "checkout-1", "start": request.sent}
        common["duration_ms"] = 5.0
        for number, code in enumerate(tries, 1):
            ended = {"status": 200, "grpc_status": code} if grpc else {"status": code}
            story.events.append(Attempt(**common, **ended, callee="pricing-1", number=number, call=request.id))
        story.events.append(Call(**common, **ended, attempts=len(tries), call=request.id))
    return story


def test_every_call_with_one_of_the_statuses_holds():
    check = call_statuses(EDGE, grpc_status=("OK", "UNAVAILABLE"))
    verdict = told([0], [14, 0], [14, 14]).verdict(check)
    assert (verdict.outcome, verdict.n, verdict.bound) == ("held", 3, "only OK, UNAVAILABLE")
    assert verdict.observed == "OK x 2, UNAVAILABLE x 1"


def test_one_that_ended_otherwise_violates_and_is_shown():
    verdict = told([0], [5]).verdict(call_statuses(EDGE, grpc_status="OK"))
    assert (verdict.outcome, verdict.margin) == ("violated", "1 non-OK")
    assert "NOT_FOUND" in verdict.why
    assert "checkout -> pricing, pricing-1, attempt 1: NOT_FOUND after 5 ms" in verdict.next


def test_http_statuses_on_an_edge_that_carries_http():
    assert told([200], [404], topology=SHOP).verdict(call_statuses(EDGE, status=(200, 404))).outcome == "held"
    assert told([200], [503], topology=SHOP).verdict(call_statuses(EDGE, status=200)).outcome == "violated"


def test_a_status_whose_answer_broke_off_is_not_that_status():
    story = told([200], [200], topology=SHOP)
    story.events[-1] = replace(story.events[-1], outcome="broken_off", flags="UPE")
    verdict = story.verdict(call_statuses(EDGE, status=200))
    assert (verdict.outcome, verdict.observed) == ("violated", "200 x 1, 200, answer broke off x 1")


def test_on_the_loads_own_edge_the_calls_are_its_requests():
    story = Story(topology=SHOP)
    story.phase("hold", 10, status=lambda number: 503 if number == 7 else 200)
    story.without(Evidence, "calls")
    verdict = story.verdict(call_statuses("client -> frontend", status=(200, 503)))
    assert (verdict.outcome, verdict.n, verdict.source) == ("held", 10, "load")
    verdict = story.verdict(call_statuses("client -> frontend", status=200))
    assert (verdict.outcome, verdict.observed) == ("violated", "200 x 9, 503 x 1")
    assert verdict.next.startswith("request hold-7 ")


def test_without_any_call_nothing_is_known():
    story = Story(topology=GRPC)
    story.phase("hold", 5)
    assert story.verdict(call_statuses(EDGE, grpc_status="OK")).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: call_statuses(EDGE), "give status= .HTTP. or grpc_status="),
        (lambda: call_statuses(EDGE, status=200, grpc_status="OK"), "one of the two"),
        (lambda: call_statuses(EDGE, grpc_status="OKAY"), "no gRPC status 'OKAY'.*did you mean 'OK'"),
        (lambda: call_statuses(EDGE, grpc_status=()), "name at least one"),
        (lambda: call_statuses(EDGE, status=14), "14 is not an HTTP status"),
        (lambda: attempts(EDGE, at_most=1, grpc_status="INTERNL"), "no gRPC status 'INTERNL'.*did you mean 'INTERNAL'"),
    ],
)
def test_what_is_no_status_is_refused_when_it_is_written_down(make, words):
    with pytest.raises(CheckError, match=words):
        make()


@pytest.mark.parametrize(
    ("check", "topology", "words"),
    [
        (call_statuses(EDGE, grpc_status="OK"), SHOP, "carries http, which has no gRPC status; use status="),
        (call_statuses(EDGE, status=200), GRPC, "carries gRPC: use grpc_status="),
        (attempts(EDGE, at_most=1, grpc_status="OK"), SHOP, "carries http, which has no gRPC status"),
        (
            call_statuses("client -> frontend", grpc_status="OK"),
            GRPC,
            "carries http, which has no gRPC status",
        ),
    ],
)
def test_a_status_that_the_edge_does_not_have_is_refused(check, topology, words):
    with pytest.raises(CheckError, match=words):
        told([200 if topology is SHOP else 0], topology=topology).verdict(check)


def test_attempts_are_counted_by_how_they_ended():
    story = told([14, 0], [0], [14, 14, 0])
    assert story.verdict(attempts(EDGE, at_most=2, grpc_status="UNAVAILABLE")).outcome == "held"
    verdict = story.verdict(attempts(EDGE, exactly=0, grpc_status="UNAVAILABLE"))
    assert (verdict.outcome, verdict.observed) == ("violated", "0 to 2 (mean 1)")
    assert story.verdict(attempts(EDGE, exactly=1, grpc_status="OK")).outcome == "held"
    assert story.verdict(attempts(EDGE, at_most=3)).outcome == "held"
