import math
from dataclasses import replace

from testbed.checks import availability, judge
from testbed.history.events import Attempt, ProcessEvent
from testbed.history.exposure import touched, touched_indirectly
from tests.kit.story import EPOCH, Story

STORE: dict[str, object] = {
    "name": "store",
    "entry": "gateway",
    "services": {
        "gateway": {"command": ["gateway"], "calls": ["inventory"]},
        "inventory": {"command": ["inventory"], "calls": ["redis"]},
        "redis": {"protocol": "tcp", "command": ["redis-server"]},
        "checker": {"command": ["checker"], "calls": ["inventory"]},
    },
}
CLAIM = availability(at_least_percent=90)
EDGES = {"inventory -> redis": "inventory-1--redis-1", "checker -> inventory": "checker-1--inventory-1"}


def broken(edge="inventory -> redis", **changes):
    """Two seconds of requests before the fault, and two with it."""
    story = Story(topology=STORE)
    for name in ("baseline", "hold"):
        story.phase(name, 200, **changes if name == "hold" else {})
    fault = story.fault(2.0, 4.0, links=(EDGES[edge],), edges=(edge,), text="a fault")
    return story, fault


def hop(at, edge="inventory -> redis", ms=5.0, status=200, **changes):
    caller, callee = EDGES[edge].split("--")
    return Attempt("", edge, caller, callee, 1, EPOCH + at, ms, status, **changes)


def connection(at, ms=5.0):
    return hop(at, ms=ms, status=0, source="connection")


def process_fault(story, fault, event="killed"):
    process = fault.links[0].partition("--")[2] if "redis" in fault.links[0] else "checker-1"
    story.events[story.events.index(fault)] = replace(fault, plane="process")
    story.events.append(ProcessEvent(EPOCH + 2.1, f"{process}/app", event))
    return story.history.index.faults[0]


def outcome(story):
    return judge(story.history, all=[CLAIM]).verdicts[0].outcome


def test_a_store_behind_a_service_without_context_is_judged_by_time():
    for connections in ([connection(3.0)], [connection(0.5, ms=9000)]):  # opened meanwhile, or long before
        story, fault = broken()
        story.events += connections
        index = story.history.index
        assert len(touched(index, fault) & index.request_ids) == len(index.by_phase["hold"]) + 1  # and one under way
        assert "1 connections without a request id on inventory -> redis met it" in touched_indirectly(
            index, fault
        ).sentence(fault)
        assert outcome(story) == "held"


def test_its_failures_are_found():
    story, _ = broken(status=lambda n: 502 if n % 2 else 200)
    story.events.append(connection(3.0))
    assert outcome(story) == "violated"


def test_an_edge_that_nothing_used_while_the_fault_lasted_proves_nothing():
    story, fault = broken()
    story.events.append(connection(0.5))
    assert touched_indirectly(story.history.index, fault) is None
    assert outcome(story) == "inconclusive"


def test_a_fault_for_some_users_is_never_judged_by_time():
    story, fault = broken()
    story.events[story.events.index(fault)] = replace(fault, users=("u1",))
    story.events.append(connection(3.0))
    assert touched_indirectly(story.history.index, story.history.index.faults[0]) is None


def test_a_silenced_health_check_is_judged_by_its_own_calls():
    story, fault = broken("checker -> inventory")
    story.events += [hop(at / 10, "checker -> inventory") for at in range(0, 40, 5)]
    assert outcome(story) == "held"
    assert touched_indirectly(story.history.index, fault)


def test_a_killed_health_checker_is_judged_by_the_calls_that_it_made_before():
    story, fault = broken("checker -> inventory")
    fault = process_fault(story, fault)
    assert outcome(story) == "inconclusive"
    story.events.append(hop(0.5, "checker -> inventory"))
    found = touched_indirectly(story.history.index, fault)
    assert "checker-1 had 1 calls of its own on checker -> inventory" in found.sentence(fault)
    assert outcome(story) == "held"


def test_a_killed_primary_that_no_link_shows_is_judged_by_the_failures_of_users():
    story, fault = broken(status=lambda n: 500 if n < 80 else 200)
    process_fault(story, fault)
    assert outcome(story) == "violated"
    story, fault = broken()
    process_fault(story, fault)
    assert outcome(story) == "inconclusive"  # nothing shows that the dead process was in use


def test_requests_whose_record_shows_another_way_are_not_touched():
    """gateway -> inventory hands on ids, so a request without a call there did not reach redis."""
    story, fault = broken()
    requests = story.history.index.by_phase["hold"]
    for request in requests[:50]:
        there = Attempt(request.id, "gateway -> inventory", "gateway-1", "inventory-1", 1, request.sent, 5.0, 200)
        story.events.append(there)
    story.events.append(connection(3.0, ms=math.inf))
    index = story.history.index
    assert touched(index, fault) & index.request_ids == {request.id for request in requests[:50]}
