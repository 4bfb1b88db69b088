import pytest

from testbed.errors import FaultError
from testbed.faults import stall
from testbed.faults.operations import Toxic
from tests.kit.fault_context import CONTEXT


def test_requests_are_swallowed_for_ever():
    operations = stall().on(replica="auth-1").operations(CONTEXT, "f1")
    assert operations == tuple(
        Toxic(name, "timeout", "upstream", {"timeout": 0}) for name in ("checkout-1--auth-1", "checkout-2--auth-1")
    )


def test_answers_can_be_swallowed_instead():
    assert stall(direction="answers").on(replica="auth-1").operations(CONTEXT, "f1")[0].stream == "downstream"


def test_an_unknown_direction_is_refused():
    with pytest.raises(FaultError, match="direction is one of answers, requests"):
        stall(direction="sideways")
