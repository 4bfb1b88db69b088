from dataclasses import replace

import pytest

from testbed.history import exposure
from testbed.history.file import History
from tests.kit.events import arrival, attempt, fault, request, run_info


def touched(*events, by=None):
    by = by or fault()
    return exposure.touched(History([run_info("requests", "attempts", "arrivals"), by, *events]).index, by)


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


def test_arrivals_count_only_if_no_attempts_are_recorded():
    assert touched(arrival("r")) == frozenset()
    by = fault()
    assert exposure.touched(History([run_info("requests", "arrivals"), by, arrival("r")]).index, by) == {"r"}


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


def test_a_touched_request_without_an_id_is_the_empty_id():
    assert touched(attempt("", 12, 5)) == {""}


def test_a_fault_of_a_proxy_touches_what_is_at_a_replica_behind_it():
    """A call that a dead proxy did not take leaves no trace of its own."""
    by = fault(plane="process", behind=("a-1", "c-1"), links=("a-1--b-1",))
    at_entry = request("r1", replica="a-1")
    arrived = arrival("r2", callee="c-1")
    tried = attempt("r3", 12, 5, callee="c-1")
    others = [request("r4", replica="a-2"), arrival("r5", callee="b-1"), arrival("r6", start=30.0, callee="c-1")]
    assert touched(at_entry, arrived, tried, *others, by=by) == {"r1", "r2", "r3"}
    assert exposure.touch_source(History([run_info("requests", "attempts", "arrivals"), by]).index, by) == "arrivals"


def test_a_link_that_neighbours_share_is_met_by_each_of_them():
    by = fault(links=("a@node-1--b-1", "a-1--b-1", "a-3--b-1"))
    there = [attempt("r1", 12, 5), attempt("r3", 12, 5, caller="a-3")]
    assert touched(*there, attempt("r2", 12, 5, caller="a-2"), by=by) == {"r1", "r3"}


def windows(*faults):
    return [[(w.start, w.links) for w in part] for part in exposure.fault_windows(History(faults).index)]


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


CUSTOM = {"name": "s", "entry": "a", "services": {"a": {"command": "a", "calls": ["b"]}, "b": {"command": "b"}}}


@pytest.mark.parametrize(("mesh", "source"), [("none", "arrivals"), ("envoy", "attempts")])
def test_without_a_mesh_the_inlet_alone_records_calls_of_a_custom_service(mesh, source):
    by = fault()
    info = replace(run_info("requests", "attempts", "arrivals", topology=CUSTOM), mesh=mesh)
    index = History([info, by, arrival("r")]).index
    assert exposure.touch_source(index, by) == source
    assert exposure.touched(index, by) == ({"r"} if mesh == "none" else frozenset())
