"""A look at what is logged before a fault: it ends with the first sign that all is well, and says when to read on."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from testbed.errors import Inconclusive
from testbed.experiment.preflight import MOST, foresee, needs_full_read, note
from testbed.experiment.record import Record
from testbed.experiment.run import Run
from testbed.faults import abort, kill, latency
from testbed.faults.resolved import resolve
from testbed.history.events import Arrival, FaultEvent, Request, RunInfo
from testbed.history.file import History
from testbed.injection.injector import Injector

EDGE = "web -> back"
FOR_SOME = FaultEvent("f1", "abort", "abort()", "inlet", (), (EDGE,), 1, 2, users=("u1",), injected=False)
FOR_ALL = replace(FOR_SOME, users=None)
CALL = Arrival("r1", EDGE, "web-1", "back-1", 1, 0.5, 5, 200)
LOST = replace(CALL, request="")
ABOVE = replace(CALL, edge="front -> web")


class Logs:
    """Parts of logs, and how many of them were read."""

    def __init__(self, *parts):
        self.waiting, self.read, self.edges = parts, 0, set()

    def parts(self, edges):
        self.edges = edges
        for part in self.waiting:
            self.read += 1
            yield part


def asked(logs, *faults, requests=100):
    return needs_full_read(faults, requests, logs.parts)


@pytest.mark.parametrize("fault", [FOR_SOME, replace(FOR_SOME, users=None, cohort="oslo")])
def test_the_first_good_sign_ends_the_look(fault):
    logs = Logs([ABOVE], [LOST, LOST, CALL], [CALL] * 500)
    assert not asked(logs, fault)
    assert logs.read == 2
    assert logs.edges == {EDGE}


def test_requests_without_an_id_are_a_reason_to_read_on_from_three_of_them():
    assert asked(Logs([ABOVE] * 10, [LOST] * 3), FOR_SOME)
    assert not asked(Logs([ABOVE] * 10, [LOST] * 2), FOR_SOME)


def test_a_fault_for_everybody_does_not_need_an_id():
    assert not asked(Logs([LOST] * 30), FOR_ALL)


def test_a_link_without_a_call_is_no_reason_to_read_on():
    logs = Logs([ABOVE] * 20)
    assert not asked(logs, FOR_ALL)
    assert not asked(Logs([ABOVE] * 20), FOR_SOME)
    assert logs.read == 0


def test_of_two_requests_nothing_is_concluded():
    logs = Logs([LOST] * 100)
    assert not asked(logs, FOR_SOME, requests=2)
    assert logs.read == 0


def test_a_long_log_is_not_read_to_its_end():
    logs = Logs(*[[ABOVE]] * 500)
    assert not asked(logs, FOR_SOME)
    assert logs.read == MOST


class Load:
    """A load that is on, as far as a preflight sees it: what is on record by now, and whether it was ended."""

    def __init__(self, *events):
        self.record, self.answered, self.traffic = Record(), 100, self
        self.events, self.ended = events, []

    def so_far(self, planned):
        return History([RAN, *self.events, *planned]).index

    def result(self):
        self.record.runs.append(Run(History()))
        return self.record.runs[-1]


def parts_of(bed, read):
    """The parts of a mesh whose service `a` is the user's own, and of whose logs that is read."""
    own = bed.topology.services["a"].model_copy(update={"command": ("x",), "language": None})
    bed.topology.services["a"] = own
    recorder = SimpleNamespace(read_in_parts=lambda edges: iter(read))
    return SimpleNamespace(plan=bed.plan, injector=bed.parts.injector, recorder=recorder)


def resolved(bed, *faults):
    return [resolve(fault, bed.parts.context({}, 1), f"f{n}") for n, fault in enumerate(faults, 1)]


AT_A = [replace(ABOVE, edge="client -> a", callee="a-1", request=f"r{n}") for n in range(30)]
LOSING = [replace(CALL, edge="a -> b", caller="a-1", request="") for n in range(30)]
OWN = {"name": "t", "entry": "a", "services": {"a": {"command": ["x"], "calls": [{"to": "b"}]}, "b": {}, "c": {}}}
RAN = RunInfo(1, "a.py::test", 7, "envoy", OWN, {}, ("requests", "arrivals", "attempts", "calls"))
SENT = [Request(f"r{n}", "u1", "", 1, 1, 5, 200, phase="baseline") for n in range(30)]


def test_a_fault_that_cannot_match_a_request_ends_the_load_and_is_recorded_as_not_injected(bed):
    parts, load = parts_of(bed, [AT_A, LOSING]), Load(*SENT, *AT_A, *LOSING)
    faults = [abort(503).on("a -> b").for_users("u1")]
    with pytest.raises(Inconclusive, match="was not injected"):
        foresee(parts, load, resolved(bed, *faults))
    assert [one.fault for one in load.record.injected] == [str(faults[0])]
    assert [(event.text, event.injected) for event in parts.injector.events] == [(str(faults[0]), False)]
    assert [report.outcome for run in load.record.runs for report in run.reports] == ["inconclusive"]


def test_a_fault_that_will_be_felt_ends_nothing(bed):
    used = replace(CALL, edge="a -> b")
    parts, load = parts_of(bed, [[*AT_A, used]]), Load(*SENT, *AT_A, used)
    foresee(parts, load, resolved(bed, abort(503).on("a -> b").for_users("u1")))
    assert load.record.injected == load.record.runs == []


def test_a_link_that_was_not_used_so_far_ends_nothing(bed):
    parts, load = parts_of(bed, [AT_A]), Load(*SENT, *AT_A)
    foresee(parts, load, resolved(bed, latency(ms=5).on("a -> b")))
    assert load.record.injected == load.record.runs == []


def test_nothing_is_foreseen_while_something_is_broken(bed, monkeypatch):
    parts, load = parts_of(bed, [AT_A, LOSING]), Load(*SENT, *AT_A, *LOSING)
    monkeypatch.setattr(Injector, "is_idle", False)
    foresee(parts, load, resolved(bed, abort(503).on("a -> b").for_users("u1")))
    assert load.record.injected == load.record.runs == []


@pytest.mark.parametrize(("mesh", "protected"), [("envoy", ("a -> b",)), ("none", ())])
def test_a_record_says_which_edges_a_fault_was_on_and_which_had_a_policy(bed, mesh, protected):
    record = Record()
    topology = bed.topology.model_copy(update={"mesh": mesh})
    note(record, topology, resolved(bed, latency(ms=5).on("b -> c"), kill().on(service="c")))
    assert [(one.edges, one.mesh, one.protected) for one in record.injected] == [(("b -> c",), mesh, protected)] * 2
