import pytest

from testbed.errors import FaultError
from testbed.faults import unreachable
from testbed.faults.operations import Blackhole
from tests.kit.fault_context import CONTEXT, INTO_PRICING


def test_every_link_of_the_edge_is_off_the_network():
    operations = unreachable().on("checkout -> pricing").operations(CONTEXT, "f1")
    assert operations == tuple(Blackhole(name) for name in INTO_PRICING)


def test_a_request_scope_names_hang():
    with pytest.raises(FaultError, match=r"hang\(\)\.for_users"):
        unreachable().on(service="auth").for_users(percent=5)
