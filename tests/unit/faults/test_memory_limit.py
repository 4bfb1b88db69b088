import pytest

from testbed.errors import FaultError
from testbed.faults import memory_limit
from testbed.faults.operations import LinkDown, ProcessAction
from tests.kit.fault_context import CONTEXT


def test_links_are_closed_only_while_it_starts():
    assert memory_limit(mb=64).on(replica="auth-1").operations(CONTEXT, "f1") == (
        LinkDown("checkout-1--auth-1", during_restart=True),
        LinkDown("checkout-2--auth-1", during_restart=True),
        ProcessAction("auth-1", "memory", amount=64),
    )


@pytest.mark.parametrize("mb", [0, -1, 0.5, "64"])
def test_a_limit_is_whole_mib(mb):
    with pytest.raises(FaultError, match="mb is whole MiB, 1 or more"):
        memory_limit(mb=mb)
