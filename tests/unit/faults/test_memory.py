import pytest

from testbed.errors import FaultError
from testbed.faults import memory
from testbed.faults.operations import Closed, Signal
from tests.kit.fault_context import SITE


def test_links_are_closed_only_while_it_starts():
    assert memory(mb=64).on(replica="auth-1").operations(SITE, "f1") == (
        Closed("checkout-1--auth-1", brief=True),
        Closed("checkout-2--auth-1", brief=True),
        Signal("auth-1", "memory", amount=64),
    )


@pytest.mark.parametrize("mb", [0, -1, 0.5, "64"])
def test_a_limit_is_whole_mib(mb):
    with pytest.raises(FaultError, match="mb is whole MiB, 1 or more"):
        memory(mb=mb)
