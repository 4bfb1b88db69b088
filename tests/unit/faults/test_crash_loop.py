from itertools import islice

import pytest

from testbed.errors import FaultError
from testbed.faults import crash_loop, kill
from tests.kit.fault_context import SITE

LOOP = crash_loop(up_s=2, down_s=1).on(replica="auth-1")


def test_it_is_a_kill_that_comes_again_and_again():
    beats = list(islice(LOOP.beats(SITE), 3))
    assert {beat.part for beat in beats} == {kill().on(replica="auth-1")}
    assert [(beat.after_s, beat.for_s) for beat in beats] == [(0, 1), (2, 1), (2, 1)]
    assert LOOP.operations(SITE, "f1") == kill().on(replica="auth-1").operations(SITE, "f1")


def test_the_whole_loop_can_wait():
    assert [beat.after_s for beat in islice(LOOP.after(s=7).beats(SITE), 2)] == [7, 2]


@pytest.mark.parametrize(("up_s", "down_s"), [(0, 1), (1, 0), (1, -1), (float("nan"), 1)])
def test_both_times_are_above_zero(up_s, down_s):
    with pytest.raises(FaultError, match="must be above 0"):
        crash_loop(up_s=up_s, down_s=down_s)
