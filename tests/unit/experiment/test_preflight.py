"""A look at what is logged before a fault: it ends with the first sign that all is well, and says when to read on."""

from dataclasses import replace

import pytest

from testbed.experiment.preflight import MOST, in_doubt
from testbed.history.events import Arrival, Attempt, FaultEvent

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


def asked(logs, *faults, requests=100, own=("web",)):
    return in_doubt(faults, own, requests, logs.parts)


@pytest.mark.parametrize("fault", [FOR_SOME, replace(FOR_SOME, users=None, cohort="oslo"), FOR_ALL])
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


def test_a_link_that_nobody_has_used_is_a_reason_to_read_on():
    assert asked(Logs([ABOVE] * 20), FOR_ALL)
    assert asked(Logs(*[[ABOVE]] * 50), FOR_ALL)


def test_a_refused_try_is_a_use_of_its_link():
    assert not asked(Logs([Attempt("r1", EDGE, "web-1", "", 1, 0.5, 1, 0)]), FOR_ALL)


@pytest.mark.parametrize(
    ("fault", "requests", "own"),
    [
        (FOR_ALL, 19, ("web",)),  # too few requests for a word on an unused link
        (FOR_SOME, 2, ("web",)),
        (FOR_ALL, 100, ()),  # a stub keeps to its wiring
        (replace(FOR_ALL, edges=(EDGE, "other -> back")), 100, ("web",)),  # it is felt on the other edge
        (replace(FOR_ALL, plane="process"), 100, ("web",)),  # a dead process is felt past the mesh as well
    ],
)
def test_nothing_is_read_where_nothing_could_be_said(fault, requests, own):
    logs = Logs([ABOVE] * 100)
    assert not asked(logs, fault, requests=requests, own=own)
    assert logs.read == 0


def test_where_nobody_tells_of_a_link_nothing_is_said():
    assert not asked(Logs(), FOR_ALL)


def test_a_long_log_is_not_read_to_its_end():
    logs = Logs(*[[ABOVE]] * 500)
    assert not asked(logs, FOR_SOME, own=())
    assert logs.read == MOST
