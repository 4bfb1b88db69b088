from itertools import islice

import pytest

from testbed.errors import FaultError
from testbed.faults import crash_loop, kill
from tests.kit.fault_context import CONTEXT

LOOP = crash_loop(up_s=2, down_s=1).on(replica="auth-1")


def test_it_is_a_kill_that_comes_again_and_again():
    steps = list(islice(LOOP.steps(CONTEXT), 3))
    assert {step.part for step in steps} == {kill().on(replica="auth-1")}
    assert [(step.after_s, step.for_s) for step in steps] == [(0, 1), (2, 1), (2, 1)]
    assert LOOP.operations(CONTEXT, "f1") == kill().on(replica="auth-1").operations(CONTEXT, "f1")


def test_the_whole_loop_can_wait():
    assert [step.after_s for step in islice(LOOP.after(s=7).steps(CONTEXT), 2)] == [7, 2]


@pytest.mark.parametrize(("up_s", "down_s"), [(0, 1), (1, 0), (1, -1), (float("nan"), 1)])
def test_both_times_are_above_zero(up_s, down_s):
    with pytest.raises(FaultError, match="must be above 0"):
        crash_loop(up_s=up_s, down_s=down_s)
