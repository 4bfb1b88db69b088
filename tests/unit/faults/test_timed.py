import pytest

from testbed.errors import FaultError
from testbed.faults import kill, latency
from testbed.faults.timed import refuse_late
from tests.kit.fault_context import CONTEXT

SLOW = latency(ms=50).on("checkout -> pricing")


def test_a_fault_that_waits_is_the_same_fault_later():
    (step,) = SLOW.after(s=2).steps(CONTEXT)
    assert (step.part, step.after_s) == (SLOW, 2)
    assert SLOW.after(s=2).operations(CONTEXT, "f1") == SLOW.operations(CONTEXT, "f1")


def test_it_prints_as_it_was_written():
    assert str(SLOW.after(s=2)) == "latency(ms=50).on('checkout -> pricing').after(s=2)"


@pytest.mark.parametrize("s", [0, -1])
def test_it_waits_for_some_time(s):
    with pytest.raises(FaultError, match="s must be above 0"):
        SLOW.after(s=s)


def test_it_waits_once():
    with pytest.raises(FaultError, match="has a wait already"):
        SLOW.after(s=1).after(s=1)


def test_a_fault_that_would_be_healed_before_it_begins_is_refused():
    refuse_late([SLOW, kill().after(s=4)], hold_s=5)
    with pytest.raises(FaultError, match=r"kill\(\).after\(s=5\) would never be in force: .* hold_s=5"):
        refuse_late([SLOW, kill().after(s=5)], hold_s=5)
