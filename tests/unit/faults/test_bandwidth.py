import pytest

from testbed.errors import FaultError
from testbed.faults import bandwidth
from testbed.faults.operations import Toxic
from testbed.faults.toxics import checked
from tests.kit.fault_context import CONTEXT, INTO_PRICING


def test_one_toxic_for_each_link_of_the_edge():
    operations = bandwidth(kb_per_s=64).on("checkout -> pricing").operations(CONTEXT, "f1")
    assert operations == tuple(Toxic(name, "bandwidth", "downstream", {"rate": 64}) for name in INTO_PRICING)
    assert checked(operations[0])


def test_requests_can_be_slow_instead_of_answers():
    fault = bandwidth(kb_per_s=64, direction="requests").on(replica="auth-1")
    assert {op.stream for op in fault.operations(CONTEXT, "f1")} == {"upstream"}


@pytest.mark.parametrize("rate", [0, -1, 0.5, 10_000_001, float("nan"), float("inf"), True, "64", None])
def test_a_rate_that_toxiproxy_would_die_of_is_refused_when_it_is_made(rate):
    with pytest.raises(FaultError, match=r"kb_per_s is a whole number from 1 to 10000000, not"):
        bandwidth(kb_per_s=rate)


def test_an_unknown_direction_is_refused():
    with pytest.raises(FaultError, match="direction is one of answers, requests"):
        bandwidth(kb_per_s=1, direction="up")


def test_a_request_scope_names_throttle():
    with pytest.raises(FaultError, match=r"throttle\(kb_per_s=...\)\.for_cohort"):
        bandwidth(kb_per_s=1).on(service="auth").for_cohort("trondheim")


def test_it_prints_as_it_was_written():
    assert str(bandwidth(kb_per_s=64).on("a -> b")) == "bandwidth(kb_per_s=64).on('a -> b')"
