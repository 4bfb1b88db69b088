import pytest

from testbed.errors import FaultError
from testbed.faults import slow_close
from testbed.faults.operations import Toxic
from testbed.faults.toxics import checked
from tests.kit.fault_context import CONTEXT, INTO_PRICING


def test_one_toxic_for_each_link_of_the_edge():
    operations = slow_close(ms=500).on("checkout -> pricing").operations(CONTEXT, "f1")
    assert operations == tuple(Toxic(name, "slow_close", "downstream", {"delay": 500}) for name in INTO_PRICING)
    assert checked(operations[0])


@pytest.mark.parametrize("ms", [0, -1, 0.5, 3_600_001, float("nan"), "500"])
def test_a_bad_time_is_refused_when_it_is_made(ms):
    with pytest.raises(FaultError, match="ms is a whole number from 1 to 3600000, not"):
        slow_close(ms=ms)


def test_an_unknown_direction_is_refused():
    with pytest.raises(FaultError, match="direction is one of answers, requests"):
        slow_close(ms=1, direction="up")


def test_a_request_scope_names_delay():
    with pytest.raises(FaultError, match=r"delay\(ms=...\)\.for_users"):
        slow_close(ms=1).on(service="auth").for_users("u1")
