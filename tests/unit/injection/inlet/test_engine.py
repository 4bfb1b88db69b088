"""The inlet takes all rules at once: the engine keeps those of every fault that is in force."""

import pytest

from testbed.errors import TestbedError
from testbed.faults.operations import Rule
from testbed.injection.inlet.engine import RuleEngine
from testbed.injection.inlet.rules import as_read

FIRST, SECOND, THIRD = (Rule(f"f{n}", ("127.9.1.1:20001",), abort=503) for n in (1, 2, 3))


class Inlet:
    """Remembers the rules that it has, or takes none."""

    def __init__(self):
        self.has, self.broken = (), False

    def set(self, rules):
        if self.broken:
            raise TestbedError("the inlet does not accept rules")
        self.has = rules

    def rules(self):
        return None if self.broken else as_read(self.has)


@pytest.fixture
def inlet():
    return Inlet()


@pytest.fixture
def engine(inlet):
    return RuleEngine(inlet)


def test_rules_are_added_to_those_in_force_and_leave_the_others(engine, inlet):
    engine.apply([FIRST, SECOND])
    engine.apply([THIRD])
    assert inlet.has == (FIRST, SECOND, THIRD)
    engine.undo([SECOND, FIRST])
    assert inlet.has == (THIRD,)
    engine.undo([THIRD])
    assert inlet.has == ()


def test_rules_that_could_not_be_set_go_with_their_undoing(engine, inlet):
    engine.apply([FIRST])
    inlet.broken = True
    with pytest.raises(TestbedError, match="does not accept rules"):
        engine.apply([SECOND])
    inlet.broken = False
    engine.undo([SECOND])
    assert inlet.has == (FIRST,)


def test_rules_that_were_never_in_force_can_be_undone(engine, inlet):
    engine.apply([FIRST])
    engine.undo([SECOND])
    assert inlet.has == (FIRST,)


def test_a_rule_of_somebody_else_and_a_lost_one_are_told(engine, inlet):
    engine.apply([FIRST])
    assert engine.foreign([FIRST]) == []
    inlet.has = (FIRST, SECOND)
    (other,) = engine.foreign([FIRST])
    assert other.startswith("the inlet has a rule that this run did not set (Rule(fault='f2'")
    inlet.has = ()
    assert engine.foreign([FIRST]) == ["the inlet has lost the rule of f1"]


def test_an_inlet_that_does_not_answer_tells_nothing(engine, inlet):
    inlet.broken = True
    assert engine.foreign([FIRST]) == []
