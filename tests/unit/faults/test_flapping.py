from itertools import islice

import pytest

from testbed.errors import FaultError
from testbed.faults import crash_loop, delay, flapping, latency, rolling, slow_start
from tests.kit.fault_context import CONTEXT

EDGE = "checkout -> pricing"
SLOW = latency(ms=50).on(EDGE)


def test_it_begins_with_the_fault_and_goes_on_for_ever():
    steps = list(islice(flapping(SLOW, up_s=2, down_s=1).steps(CONTEXT), 200))
    assert {step.part for step in steps} == {SLOW}
    assert [(step.after_s, step.for_s) for step in steps[:3]] == [(0, 1), (2, 1), (2, 1)]


def test_it_is_on_the_plane_of_its_fault_and_reaches_what_that_reaches():
    fault = flapping(delay(ms=5).on("checkout -> pricing").for_users("u1"), up_s=2, down_s=1)
    assert fault.plane == "inlet"
    assert fault.operations(CONTEXT, "f1") == fault.fault.operations(CONTEXT, "f1")
    assert fault.affected_links(CONTEXT) == fault.fault.affected_links(CONTEXT)


def test_it_prints_as_it_was_written():
    text = "flapping(latency(ms=50).on('checkout -> pricing'), up_s=2, down_s=1).after(s=3)"
    assert str(flapping(SLOW, up_s=2, down_s=1).after(s=3)) == text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: flapping(SLOW, up_s=0, down_s=1), "up_s must be above 0"),
        (lambda: flapping(SLOW, up_s=1, down_s=-1), "down_s must be above 0"),
        (lambda: flapping("latency", up_s=1, down_s=1), "the first argument is a fault"),
        (lambda: flapping(latency, up_s=1, down_s=1), "first argument is a fault, such as outage"),
        (lambda: flapping(slow_start(takes_s=1), up_s=1, down_s=1), "slow_start ends by itself. Use crash_loop"),
        (lambda: flapping(crash_loop(up_s=1, down_s=1), up_s=1, down_s=1), "comes and goes, or waits"),
        (lambda: flapping(rolling(SLOW, every_s=1), up_s=1, down_s=1), "rolling.* already comes and goes"),
        (lambda: flapping(SLOW.after(s=1), up_s=1, down_s=1), r"after\(s=1\) already comes and goes, or waits"),
        (
            lambda: flapping(SLOW, up_s=1, down_s=1).on(service="auth"),
            r"write flapping\(latency\(...\).on\(...\), ...\)",
        ),
        (lambda: flapping(SLOW, up_s=1, down_s=1).for_cohort("x"), r"write flapping\(latency\(...\).for_cohort"),
    ],
)
def test_bad_input_is_refused_when_it_is_made(make, words):
    with pytest.raises(FaultError, match=words):
        make()
