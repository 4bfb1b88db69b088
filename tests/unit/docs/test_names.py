"""What is registered is offered: one line each, and the same for users, for type checkers and for the registries."""

from importlib import import_module

import pytest

import testbed
from testbed.checks import CHECKS
from testbed.faults import FAULTS
from testbed.faults.base import Fault


@pytest.mark.parametrize(("home", "registered"), [("testbed.faults", FAULTS), ("testbed.checks", CHECKS)])
def test_everything_registered_can_be_imported_from_testbed(home, registered):
    offered = {name: getattr(testbed, name) for name in testbed.__all__ if testbed._HOME_OF[name] == home}
    assert offered == registered


def test_the_registries_hold_what_users_write_and_no_base_classes():
    assert {"abort", "kill", "restart", "outage", "packet_loss"} <= FAULTS.keys()
    assert {"attempts", "breaker", "p99", "quantile"} <= CHECKS.keys()
    assert not {"Fault", "Check", "EdgeCheck", "View", "judge"} & {*FAULTS, *CHECKS}
    assert all(name == fault.__name__ and issubclass(fault, Fault) for name, fault in FAULTS.items())


def test_every_public_name_is_there():
    for name in testbed.__all__:
        assert getattr(testbed, name) is getattr(import_module(testbed._HOME_OF[name]), name)
    assert dir(testbed) == testbed.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = testbed.nothing
