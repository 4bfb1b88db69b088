import pytest

from testbed.errors import FaultError
from testbed.faults import limit_data
from testbed.faults.operations import Toxic
from testbed.faults.toxics import checked
from tests.kit.fault_context import CONTEXT, INTO_PRICING


@pytest.mark.parametrize("count", [0, 1000])
def test_one_toxic_for_each_link_of_the_edge(count):
    operations = limit_data(bytes=count).on("checkout -> pricing").operations(CONTEXT, "f1")
    assert operations == tuple(Toxic(name, "limit_data", "downstream", {"bytes": count}) for name in INTO_PRICING)
    assert checked(operations[0])


@pytest.mark.parametrize("count", [-1, 0.5, float("nan"), "9"])
def test_what_is_no_count_is_refused_when_it_is_made(count):
    with pytest.raises(FaultError, match="bytes is a whole number from 0 to"):
        limit_data(bytes=count)


def test_an_unknown_direction_is_refused():
    with pytest.raises(FaultError, match="direction is one of answers, requests"):
        limit_data(bytes=1, direction="up")


def test_a_request_scope_names_abort():
    with pytest.raises(FaultError, match=r"abort\(503\)\.for_requests"):
        limit_data(bytes=1).on(service="auth").for_requests(percent=5)
