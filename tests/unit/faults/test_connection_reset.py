import pytest

from testbed.errors import FaultError
from testbed.faults import connection_reset
from testbed.faults.operations import Toxic
from tests.kit.fault_context import CONTEXT


def test_each_link_resets_when_the_answer_comes():
    (first, *_) = connection_reset().on("checkout -> pricing").operations(CONTEXT, "f1")
    assert first == Toxic("checkout-1--pricing-1", "reset_peer", "downstream", {"timeout": 0})


def test_a_request_scope_names_abort():
    with pytest.raises(FaultError, match=r"abort\(503\)\.for_attempts"):
        connection_reset().on("checkout -> pricing").for_attempts(1)
