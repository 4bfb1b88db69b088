from testbed.history.events import Call, Phase, PolicyEvent, RunInfo
from testbed.history.facts import facts_of as read
from testbed.history.file import History
from testbed.history.index import remembered
from tests.kit.events import EDGE, arrival, attempt, fault, request, run_info


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


def test_a_stretch_has_the_policies_that_were_in_force_in_it():
    def topology(timeout):
        return {"name": "t", "entry": "a", "policies": [{"edge": "a -> b", "timeout": timeout}]}

    run = RunInfo(0.0, "t", 1, "envoy", topology(100), {}, ())
    index = History(
        [run, PolicyEvent(10.0, "a -> b", topology(200)), PolicyEvent(20.0, "restored", topology(100))]
    ).index

    def texts(start, end):
        return [facts_of.policies["a -> b"] for facts_of in map(read, index.topologies(start, end))]

    assert texts(0, 9) == texts(21, 30) == texts(0, 10) == ["{timeout: 100ms}"]
    assert texts(10, 19) == ["{timeout: 200ms}"]
    assert texts(5, 15) == ["{timeout: 100ms}", "{timeout: 200ms}"]
    assert texts(0, 30) == ["{timeout: 100ms}", "{timeout: 200ms}", "{timeout: 100ms}"]


def test_a_remembered_answer_is_computed_once_for_each_index_and_argument():
    asked = []

    @remembered
    def how_many(index, kind):
        """How many there are."""
        asked.append(kind)
        return len(getattr(index, kind))

    full, empty = History([request("r")]).index, History([]).index
    assert [how_many(full, "requests") for _ in range(3)] == [1, 1, 1]
    assert (how_many(full, "phases"), how_many(empty, "requests")) == (0, 0)
    assert asked == ["requests", "phases", "requests"]
    assert how_many.__doc__ == "How many there are."
