import pytest

from testbed.errors import FaultError
from testbed.faults import hang
from testbed.faults.operations import NEVER_MS, Rule
from testbed.injection.inlet.rules import decode, encode
from tests.kit.fault_context import BARE, CONTEXT


def test_a_request_is_held_longer_than_anybody_waits():
    (rule,) = hang().on(service="auth").for_cohort("trondheim").operations(CONTEXT, "f1")
    assert (rule.delay_ms, rule.abort, rule.scope.cohort) == (NEVER_MS, None, "trondheim")
    assert decode(encode([rule])) == (Rule("f1", tuple(sorted(rule.inlets)), delay_ms=NEVER_MS, scope=rule.scope),)


def test_an_edge_without_request_faults_names_the_link_fault_to_use():
    with pytest.raises(FaultError, match=r"requestFaults: off.*Use stall\(\), which acts on the link"):
        hang().on("checkout -> pricing").operations(BARE, "f1")


def test_it_takes_nothing():
    with pytest.raises(TypeError):
        hang(5)
