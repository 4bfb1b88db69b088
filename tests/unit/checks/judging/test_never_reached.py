"""A fault that limits bytes, far above every answer that it met, touched nothing."""

from dataclasses import replace

import pytest

from testbed.checks import statuses
from testbed.history.events import FaultEvent, Request
from tests.kit.story import EDGE, faulty

BIG = f"limit_data(bytes=1000000).on({EDGE!r})"


def told(text, *, sizes=512, **arrival):
    """A run in which each request meets a link fault of this text, and has an answer of so many bytes."""
    story = faulty()
    story.arrivals([e for e in story.events if isinstance(e, Request) and e.phase == "hold"], size=sizes, **arrival)
    story.events = [
        replace(e, name=text.partition("(")[0], text=text) if isinstance(e, FaultEvent) else e for e in story.events
    ]
    return story


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BIG, "the largest answer had 512 bytes, the limit is 1,000,000, and no answer broke off"),
        (f"bandwidth(kb_per_s=1000).on({EDGE!r})", "the largest answer had 512 bytes, which take less than 1 ms"),
    ],
)
def test_planted_a_limit_that_no_answer_reached_is_no_fault(text, why):
    verdict = told(text).verdict(statuses(200))
    assert (verdict.outcome, why in verdict.why) == ("inconclusive", True), verdict


@pytest.mark.parametrize(
    "story",
    [
        told(f"limit_data(bytes=500).on({EDGE!r})"),
        told(BIG, sizes=2_000_000),
        told(BIG, outcome="broken_off"),  # many small answers on one connection
        told(BIG, sizes=-1),
        told(f"limit_data(bytes=1000000, direction='requests').on({EDGE!r})"),
        told(f"bandwidth(kb_per_s=64).on({EDGE!r})"),
        told(f"latency(ms=800).on({EDGE!r})"),
    ],
    ids=["lower", "large", "broken", "unknown", "requests", "slow", "latency"],
)
def test_fixed_a_limit_that_an_answer_may_have_reached_is_judged(story):
    assert story.verdict(statuses(200)).outcome == "held"
