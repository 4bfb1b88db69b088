"""Engines are chosen by the type of an operation, whatever they are and however many."""

from dataclasses import dataclass

import pytest

from testbed.errors import TestbedError, Unsupported
from testbed.history.events import ProcessEvent
from testbed.injection.dispatch import EngineSet, take_all
from testbed.injection.engines import Engine


@dataclass(frozen=True)
class Salt:
    """An operation that no fault of ours asks for."""

    grams: int


@dataclass(frozen=True)
class Pepper:
    """Another one, of another engine."""

    grams: int


class Spice(Engine):
    """Writes down what it is told, into a list that several share; with `broken` it undoes nothing."""

    def __init__(self, name, done, *handles, counts=None, broken=False):
        self.name, self.done, self.handles, self.counts, self.broken = name, done, handles, counts, broken
        self.events = [ProcessEvent(1, name, "spiced")]

    def require(self, operations, *, dry):
        self.done.append((self.name, "require", len(operations), dry))

    def apply(self, operations):
        self.done.append((self.name, "apply", *(op.grams for op in operations)))

    def undo(self, operations):
        self.done.append((self.name, "undo", *(op.grams for op in operations)))
        if self.broken:
            raise TestbedError(f"{self.name} stays")

    def hits(self, operations):
        return self.counts and self.counts * len(operations)

    def caveat(self, operations):
        return f" ({self.name})"


class Plain(Engine):
    """An engine that writes no more than it must."""

    handles = (Salt,)

    def apply(self, operations):
        pass

    def undo(self, operations):
        pass


MIXED = (Salt(1), Salt(2), Pepper(3), Salt(4))


def engines(**more):
    done = []
    return EngineSet(Spice("salt", done, Salt, counts=10), Spice("pepper", done, Pepper, **more)), done


def test_operations_are_carried_out_in_their_order_and_undone_the_last_first():
    spices, done = engines()
    spices.apply(MIXED)
    spices.undo(MIXED)
    assert done[:3] == [("salt", "apply", 1, 2), ("pepper", "apply", 3), ("salt", "apply", 4)]
    assert done[3:] == [("salt", "undo", 4), ("pepper", "undo", 3), ("salt", "undo", 2, 1)]


def test_each_engine_is_asked_once_for_all_of_its_own():
    spices, done = engines()
    spices.require(MIXED, dry=True)
    assert done == [("salt", "require", 3, True), ("pepper", "require", 1, True)]
    assert spices.caveat(MIXED) == " (salt) (pepper)"


def test_one_that_is_not_concerned_is_not_asked():
    spices, done = engines()
    spices.require([Pepper(1)], dry=False)
    spices.undo([])
    assert done == [("pepper", "require", 1, False)]


def test_hits_are_those_of_the_engines_that_count():
    spices, _ = engines()
    assert spices.hits(MIXED) == 30
    assert spices.hits([Pepper(3)]) is None
    assert spices.hits([]) is None
    assert engines(counts=5)[0].hits(MIXED) == 35


def test_what_cannot_be_undone_keeps_nothing_else_in_force():
    spices, done = engines(broken=True)
    with pytest.raises(TestbedError, match="^pepper stays$"):
        spices.undo(MIXED)
    assert done[-1] == ("salt", "undo", 2, 1)


def test_events_of_all_engines_are_kept():
    assert [event.process for event in engines()[0].events] == ["salt", "pepper"]


def test_an_operation_that_no_engine_carries_out_is_said_plainly():
    with pytest.raises(TestbedError, match=r"no engine carries out Pepper\(grams=3\)"):
        EngineSet(Plain()).apply(MIXED)


def test_an_engine_may_leave_out_what_it_has_nothing_to_say_to():
    plain = EngineSet(Plain())
    plain.require([Salt(1)], dry=False)
    plain.apply([Salt(1)])
    assert (plain.hits([Salt(1)]), plain.caveat([Salt(1)]), plain.events) == (None, "", [])


def test_all_steps_are_taken_and_all_failures_raised():
    taken = []

    def fails(error):
        taken.append(error)
        raise error

    steps = [lambda: fails(Unsupported("one")), lambda: taken.append("two"), lambda: fails(ValueError("three"))]
    with pytest.raises(TestbedError, match="^here: one; three$") as raised:
        take_all(steps, "here: ")
    assert len(taken) == 3
    assert raised.value.__cause__ is taken[0]


def test_an_interrupt_is_no_failure_among_others():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_all([interrupt])
