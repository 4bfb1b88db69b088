import pytest

from testbed.checks import probe_steady
from testbed.errors import CheckError
from tests.kit.story import Story, faulty


def probed(values, **more):
    story = faulty()
    story.probed("lag", values, **more)
    return story


def test_it_holds_within_the_range_of_the_baseline():
    verdict = probed(lambda i: i % 3 if i < 8 else 1).verdict(probe_steady("lag"))
    assert (verdict.outcome, verdict.observed, verdict.bound) == ("held", "1 (baseline 0 to 2)", "as in the baseline")


def test_one_reading_outside_violates_it():
    verdict = probed(lambda i: 9 if i == 12 else 10).verdict(probe_steady("lag"))
    assert (verdict.outcome, verdict.observed) == ("violated", "9 to 10")
    assert verdict.why.startswith("1 of 8 readings of lag differ from the baseline (10); the first: 9, 2.01 s after")


@pytest.mark.parametrize(("value", "outcome"), [(89, "violated"), (90, "held"), (110, "held"), (111, "violated")])
def test_a_tolerance_is_a_share_of_the_baseline(value, outcome):
    story = probed(lambda i: value if i >= 8 else 100)
    assert story.verdict(probe_steady("lag", within_percent=10)).outcome == outcome


def test_texts_must_have_occurred():
    assert probed("on").verdict(probe_steady("lag")).outcome == "held"
    assert probed(lambda i: "on" if i < 8 else "off").verdict(probe_steady("lag")).outcome == "violated"
    assert probed(lambda i: "on" if i < 8 else 5).verdict(probe_steady("lag")).outcome == "violated"


def test_an_unknown_baseline_or_window_proves_nothing():
    without = probed(lambda i: None if i < 8 else 1).verdict(probe_steady("lag"))
    assert (without.outcome, without.why) == (
        "inconclusive",
        "the baseline is not known: 8 of 8 readings of lag failed: it failed x 8",
    )
    assert probed(lambda i: None if i == 3 else 1).verdict(probe_steady("lag")).outcome == "inconclusive"
    assert probed(lambda i: None if i == 9 else 1).verdict(probe_steady("lag")).outcome == "inconclusive"


def test_without_a_baseline_it_is_refused():
    story = Story()
    story.phase("hold", 100)
    story.probed("lag", 1)
    with pytest.raises(CheckError, match='no phase "baseline" to compare with'):
        story.verdict(probe_steady("lag"))
    with pytest.raises(CheckError, match="within_percent must be 0 or more"):
        probe_steady("lag", within_percent=-1)
