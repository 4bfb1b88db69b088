import pytest

from testbed.errors import FaultError
from testbed.faults import throttle
from tests.kit.fault_context import BARE, CONTEXT


def test_the_rate_is_the_rules_and_the_scope_is_its_own():
    (rule,) = throttle(kb_per_s=10).on("checkout -> pricing").for_users("u1").for_attempts(1).operations(CONTEXT, "f1")
    assert (rule.kb_per_s, rule.abort, rule.delay_ms, len(rule.inlets)) == (10, None, None, 4)
    assert (rule.scope.users, rule.scope.attempts) == (frozenset({"u1"}), frozenset({1}))


@pytest.mark.parametrize("rate", [0, -1, 0.5, 10_000_001, float("nan"), "10", True])
def test_a_bad_rate_is_refused_when_it_is_made(rate):
    with pytest.raises(FaultError, match="kb_per_s is a whole number from 1 to 10000000, not"):
        throttle(kb_per_s=rate)


def test_an_edge_without_request_faults_names_the_link_fault_to_use():
    with pytest.raises(FaultError, match=r"requestFaults: off.*Use bandwidth\(kb_per_s=...\), which acts on the link"):
        throttle(kb_per_s=10).on("checkout -> pricing").operations(BARE, "f1")
