import pytest

from testbed.errors import FaultError
from testbed.faults import kill, slow_start
from testbed.faults.operations import LinkDown, ProcessAction
from tests.kit.fault_context import CONTEXT


def test_the_links_are_closed_before_the_process_is_restarted():
    operations = slow_start(takes_s=2).on(replica="auth-1").operations(CONTEXT, "f1")
    assert operations[:-1] == kill().on(replica="auth-1").operations(CONTEXT, "f1")[:-1]
    assert isinstance(operations[0], LinkDown)
    assert operations[-1] == ProcessAction("auth-1", "restart")


def test_it_ends_by_itself():
    fault = slow_start(takes_s=2).on(replica="auth-1")
    (step,) = fault.steps(CONTEXT)
    assert (step.part, step.after_s, step.for_s) == (fault, 0, 2)
    assert fault.passing


@pytest.mark.parametrize("takes_s", [0, -1, float("inf")])
def test_it_takes_some_time(takes_s):
    with pytest.raises(FaultError, match="takes_s must be above 0"):
        slow_start(takes_s=takes_s)
