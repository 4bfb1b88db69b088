"""Who died of what: a finding, an earlier load's matter, or trouble of the testbed's own."""

from dataclasses import dataclass, field

import pytest

from testbed.errors import TestbedError
from testbed.experiment.deaths import Deaths
from testbed.history.events import FaultEvent, ProcessEvent
from testbed.runtime import Death


@dataclass
class Buried:
    """Stands for a runtime: who died, and everybody's last words."""

    found: list[Death] = field(default_factory=list)

    def deaths(self):
        return self.found

    def log_tail(self, name):
        return f"words of {name}"


def fault(start, end, injected=True):
    return FaultEvent("f1", "memory_limit", "memory_limit(mb=8)", "process", (), (), start, end, injected=injected)


def death(name, at):
    return Death(name, at, "signal 9")


@pytest.mark.parametrize("faults", [[fault(4.0, 6.0)], [fault(7.0, 9.0)], [fault(4.0, 6.0, injected=False)], []])
def test_an_app_that_dies_during_a_load_is_a_finding_and_reported_once(faults):
    deaths = Deaths(Buried([death("back-1/app", 5.0)]))
    found = deaths.since(1.0, faults)
    assert found == [ProcessEvent(5.0, "back-1/app", "died", "signal 9\nwords of back-1/app")]
    assert deaths.since(1.0, faults) == []


@pytest.mark.parametrize(
    ("name", "at", "faults"),
    [
        ("front-1/proxy", 5.0, [fault(4.0, 6.0)]),
        ("links", 5.0, [fault(4.0, 6.0)]),
        ("back-1/app", 0.5, [fault(0.6, 0.9), fault(4.0, 6.0)]),  # before the load, and of no fault
    ],
)
def test_any_other_death_is_our_trouble(name, at, faults):
    with pytest.raises(TestbedError, match=rf"{name} died \(signal 9\); last lines of its log:\nwords of {name}"):
        Deaths(Buried([death(name, at)])).since(1.0, faults)


def test_deaths_of_earlier_faults_and_expected_ones_are_left_out():
    expected = death("front-1/proxy", 2.0)
    assert Deaths(Buried([death("back-1/app", 0.5), expected])).since(1.0, [fault(0.1, 0.9)], [expected]) == []
