"""The inlet takes all rules at once: the engine keeps those of every fault that is in force."""

import pytest

from testbed.errors import TestbedError
from testbed.faults.operations import Rule
from testbed.injection.inlet.engine import RuleEngine

FIRST, SECOND, THIRD = (Rule(f"f{n}", ("127.9.1.1:20001",), abort=503) for n in (1, 2, 3))


class Inlet:
    """Remembers the rules that it has, or takes none."""

    def __init__(self):
        self.rules, self.broken = (), False

    def set(self, rules):
        if self.broken:
            raise TestbedError("the inlet does not accept rules")
        self.rules = rules


@pytest.fixture
def inlet():
    return Inlet()


@pytest.fixture
def engine(inlet):
    return RuleEngine(inlet)


def test_rules_are_added_to_those_in_force_and_leave_the_others(engine, inlet):
    engine.apply([FIRST, SECOND])
    engine.apply([THIRD])
    assert inlet.rules == (FIRST, SECOND, THIRD)
    engine.undo([SECOND, FIRST])
    assert inlet.rules == (THIRD,)
    engine.undo([THIRD])
    assert inlet.rules == ()


def test_rules_that_could_not_be_set_go_with_their_undoing(engine, inlet):
    engine.apply([FIRST])
    inlet.broken = True
    with pytest.raises(TestbedError, match="does not accept rules"):
        engine.apply([SECOND])
    inlet.broken = False
    engine.undo([SECOND])
    assert inlet.rules == (FIRST,)


def test_rules_that_were_never_in_force_can_be_undone(engine, inlet):
    engine.apply([FIRST])
    engine.undo([SECOND])
    assert inlet.rules == (FIRST,)
