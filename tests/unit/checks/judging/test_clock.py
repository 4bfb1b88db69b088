"""A clock that is set during a run makes every time doubtful, errors at once as well."""

import pytest

from testbed.checks import statuses
from testbed.history.events import Sample
from tests.kit.story import EPOCH, faulty


def told(jump_s, *, after_s=5.0, status=200):
    """Samples of both clocks twice a second; the wall clock jumps once, the clock of the run never."""
    story = faulty(status=status)
    for i in range(18):
        at = EPOCH + i / 2
        wall = at + (jump_s if i / 2 >= after_s else 0.0)
        story.events.append(Sample(at, "machine", {"monotonic_s": 77.0 + i / 2, "wall_s": wall}))
    return story


@pytest.mark.parametrize(("jump_s", "way"), [(3.0, "forward by 3,000 ms"), (-3.0, "back by 3,000 ms")])
def test_planted_a_clock_that_jumped_makes_a_run_inconclusive(jump_s, way):
    for status in (200, 503):
        verdict = told(jump_s, status=status).verdict(statuses(200))
        assert (verdict.outcome, verdict.source) == ("inconclusive", "testbed")
        assert f"the machine's clock was set {way}" in verdict.why


@pytest.mark.parametrize("jump_s", [0.0, 0.05, -0.05])
def test_fixed_a_clock_that_is_corrected_slowly_is_as_good_as_any(jump_s):
    assert told(jump_s).verdict(statuses(200)).outcome == "held"
    assert told(jump_s, status=503).verdict(statuses(200)).outcome == "violated"
