import pytest

from testbed.errors import FaultError
from testbed.faults import connection_refused
from testbed.faults.operations import LinkDown
from tests.kit.fault_context import CONTEXT, INTO_PRICING


def test_every_link_of_the_edge_is_closed():
    assert connection_refused().on("checkout -> pricing").operations(CONTEXT, "f1") == tuple(
        LinkDown(name) for name in INTO_PRICING
    )


def test_a_service_is_refused_to_all_its_callers():
    closed = [op.link for op in connection_refused().on(service="checkout").operations(CONTEXT, "f1")]
    assert closed == ["client--checkout-1", "client--checkout-2"]


def test_a_request_scope_names_abort():
    with pytest.raises(FaultError, match=r"abort\(503\)\.for_users"):
        connection_refused().on(service="auth").for_users(percent=5)
