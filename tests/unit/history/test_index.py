from dataclasses import replace

import pytest

from testbed.history.events import Arrival, Attempt, Call, FaultEvent, Phase, PolicyEvent, Request, RunInfo
from testbed.history.facts import wiring as read
from testbed.history.file import History

EDGE = "a -> b"


def fault(**changes):
    usual = {"id": "f1", "name": "latency", "text": "", "plane": "link", "links": ("a-1--b-1",), "edges": (EDGE,)}
    return FaultEvent(**{**usual, "start": 10.0, "end": 20.0, **changes})


def request(name, at=12.0, **changes):
    return replace(Request(name, "u", "", intended=at, sent=at, latency_ms=1, status=200), **changes)


def attempt(name, start, ms, callee="b-1", caller="a-1", edge=EDGE):
    return Attempt(name, edge, caller, callee, 1, start, ms, 200, call=f"c-{name}")


def arrival(name, start=12.0, **changes):
    return replace(Arrival(name, EDGE, "a-1", "b-1", 1, start, 5.0, 200), **changes)


def run_info(*sources, topology=None):
    return RunInfo(0, "t", 1, "envoy", topology or {}, {}, sources)


def touched(*events, by=None):
    by = by or fault()
    return History([run_info("requests", "attempts", "arrivals"), by, *events]).index.touched(by)


@pytest.mark.parametrize(
    ("start", "ms", "met"),
    [
        (9.0, 900, False),  # over before the fault
        (9.0, 1000, False),  # ends at its very start
        (9.0, 1001, True),  # under way when the fault came
        (10.0, 5, True),
        (19.99, 5, True),
        (20.0, 5, False),  # after healing
        (25.0, 5, False),
    ],
)
def test_a_link_fault_touches_what_is_on_its_link_while_it_is_in_force(start, ms, met):
    assert touched(attempt("r", start, ms)) == ({"r"} if met else frozenset())


def test_other_links_edges_and_attempts_without_a_replica_are_not_touched():
    others = [attempt("r1", 12, 5, callee="b-2"), attempt("r2", 12, 5, caller="a-2"), attempt("r3", 12, 5, callee="")]
    assert touched(*others, attempt("r4", 12, 5, edge="x -> y")) == frozenset()


def test_arrivals_count_only_where_nobody_records_attempts():
    assert touched(arrival("r")) == frozenset()
    by = fault()
    assert History([run_info("requests", "arrivals"), by, arrival("r")]).index.touched(by) == {"r"}


def test_a_request_fault_touches_what_arrives_with_its_id_at_any_time():
    by = fault(plane="inlet")
    events = [
        arrival("r1", fault="f1"),
        arrival("r2", fault="f2"),
        arrival("r3"),
        arrival("r4", start=99.0, fault="f1"),
    ]
    assert touched(*events, attempt("r3", 12, 5), by=by) == {"r1", "r4"}


def test_the_loads_own_link_touches_requests_by_their_replica():
    by = fault(links=("client--a-1",), edges=("client -> a",))
    there = request("r1", replica="a-1")
    other = request("r2", replica="a-2")
    early = request("r3", at=5.0, replica="a-1")
    slow = request("r4", at=9.0, latency_ms=1500, replica="a-1")
    late = request("r5", at=20.0, replica="a-1")
    assert touched(there, other, early, slow, late, by=by) == {"r1", "r4"}


def test_lost_context_is_seen_as_a_touch_of_nobody():
    assert touched(attempt("", 12, 5)) == {""}


def test_events_are_found_by_edge_and_request():
    first, second, other = attempt("r1", 1, 1), attempt("r2", 2, 1), attempt("r1", 3, 1, edge="x -> y")
    call = Call("r1", EDGE, "a-1", 1, 1, 1, 200)
    index = History([first, other, call, second]).index
    assert list(index.attempts.on(EDGE)) == [first, second]
    assert list(index.attempts.by_request["r1"]) == [first, other]
    assert list(index.calls.on(EDGE)) == [call]
    assert list(index.calls.on("no -> where")) == []


def test_phases_keep_their_order_and_hold_the_requests_that_belong_to_them():
    index = History([Phase("a", 0, 1), Phase("b", 1, 2), request("r1", phase="b"), request("r2", phase="x")]).index
    assert {name: [r.id for r in found] for name, found in index.by_phase.items()} == {
        "a": [],
        "b": ["r1"],
        "x": ["r2"],
    }
    assert list(index.by_phase) == ["a", "b", "x"]


def test_edges_are_those_of_the_topology_and_those_seen():
    topology = {"entry": "a", "services": {"a": {"calls": ["b"]}, "b": {}}}
    index = History([run_info(topology=topology), attempt("r", 1, 1, edge="x -> y"), fault(edges=("p -> q",))]).index
    assert index.edges == ("client -> a", "a -> b", "x -> y", "p -> q")


def test_sources_are_what_the_run_says_else_what_it_shows():
    assert History([run_info("requests", "calls"), arrival("r")]).index.sources == {"requests", "calls"}
    assert History([request("r"), arrival("r")]).index.sources == {"requests", "arrivals"}
    assert History([]).index.run is None


def test_a_fault_of_a_proxy_touches_what_is_at_a_replica_behind_it():
    """A call that a dead proxy did not take leaves no trace of its own."""
    by = fault(plane="process", behind=("a-1", "c-1"), links=("a-1--b-1",))
    at_entry = request("r1", replica="a-1")
    arrived = arrival("r2", callee="c-1")
    tried = attempt("r3", 12, 5, callee="c-1")
    others = [request("r4", replica="a-2"), arrival("r5", callee="b-1"), arrival("r6", start=30.0, callee="c-1")]
    assert touched(at_entry, arrived, tried, *others, by=by) == {"r1", "r2", "r3"}
    assert History([run_info("requests", "attempts", "arrivals"), by]).index.touch_source(by) == "arrivals"


def test_a_link_that_neighbours_share_is_met_by_each_of_them():
    by = fault(links=("a@node-1--b-1", "a-1--b-1", "a-3--b-1"))
    there = [attempt("r1", 12, 5), attempt("r3", 12, 5, caller="a-3")]
    assert touched(*there, attempt("r2", 12, 5, caller="a-2"), by=by) == {"r1", "r3"}


def windows(*faults):
    return [[(w.start, w.links) for w in part] for part in History(faults).index.windows]


def test_the_windows_of_a_fault_are_together_unless_they_were_on_other_links():
    one, two = ("a-1--b-1",), ("a-1--b-2",)
    assert windows(fault(start=1, end=2), fault(start=3, end=4)) == [[(1, one), (3, one)]]
    assert windows(fault(start=1, end=2), fault(start=3, end=4, links=two)) == [[(1, one)], [(3, two)]]
    assert windows(fault(start=1, end=2), fault(start=1, end=2, id="f2")) == [[(1, one)], [(1, one)]]


@pytest.mark.parametrize(("end", "there"), [(3.4, False), (3.6, True)])
def test_a_last_part_that_healing_has_cut_short_is_left_out(end, there):
    rolling = [fault(start=1, end=2), fault(start=3, end=end, links=("a-1--b-2",))]
    assert len(windows(*rolling)) == 1 + there


def test_what_was_under_way_while_a_fault_was_injected_or_healed_was_touched():
    by = fault(rising_s=0.5, healing_s=0.5)
    assert touched(attempt("r1", 9.6, 1), attempt("r2", 20.4, 1), by=by) == {"r1", "r2"}
    assert touched(attempt("r1", 9.4, 1), attempt("r2", 20.6, 1), by=by) == frozenset()


def test_a_part_of_a_request_fault_touched_what_arrived_on_its_own_links():
    first, second = fault(plane="inlet"), fault(plane="inlet", links=("a-1--b-2",), start=30.0, end=40.0)
    hits = [arrival("r1", fault="f1"), arrival("r2", fault="f1", callee="b-2", start=32.0)]
    assert (touched(*hits, by=first), touched(*hits, by=second)) == ({"r1"}, {"r2"})


def test_a_stretch_has_the_policies_that_were_in_force_in_it():
    def topology(timeout):
        return {"name": "t", "entry": "a", "policies": [{"edge": "a -> b", "timeout": timeout}]}

    run = RunInfo(0.0, "t", 1, "envoy", topology(100), {}, ())
    index = History(
        [run, PolicyEvent(10.0, "a -> b", topology(200)), PolicyEvent(20.0, "restored", topology(100))]
    ).index

    def texts(start, end):
        return [wiring.policies["a -> b"] for wiring in map(read, index.topologies(start, end))]

    assert texts(0, 9) == texts(21, 30) == texts(0, 10) == ["{timeout: 100ms}"]
    assert texts(10, 19) == ["{timeout: 200ms}"]
    assert texts(5, 15) == ["{timeout: 100ms}", "{timeout: 200ms}"]
    assert texts(0, 30) == ["{timeout: 100ms}", "{timeout: 200ms}", "{timeout: 100ms}"]
