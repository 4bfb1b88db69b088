import pytest

from testbed.errors import FaultError
from testbed.faults import node_failure
from testbed.faults.operations import ProcessAction, Toxic
from tests.kit.fault_context import CONTEXT


def test_every_link_to_it_is_silent_and_it_stands_still():
    swallowed = [
        Toxic(name, "timeout", "upstream", {"timeout": 0}) for name in ("checkout-1--auth-1", "checkout-2--auth-1")
    ]
    assert node_failure().on(replica="auth-1").operations(CONTEXT, "f1") == (
        *swallowed,
        ProcessAction("auth-1", "pause"),
    )


def test_a_node_is_lost_for_everyone():
    with pytest.raises(FaultError, match="for_users is not possible"):
        node_failure().on(replica="auth-1").for_users("u1")
    with pytest.raises(FaultError, match="proxy"):
        node_failure().on(proxy="auth-1")
