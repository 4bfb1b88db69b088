"""Scenarios told by hand: what one test did in each arm of a calibration."""

from dataclasses import replace

from testbed.campaigns.calibrate.judgement import judgement
from testbed.campaigns.outcomes import Seen, Told
from testbed.experiment.arm import Arm
from testbed.experiment.record import Injected

TEST = "test_shop.py::test_slow_pricing"
EDGE = "checkout -> pricing"
FAULT = Injected("delay(ms=800)", (EDGE,), "envoy", (EDGE,))


def seen(outcome="held", check="slowest(under_ms=700)", **changes):
    """One verdict."""
    usual = Seen(
        1, check, check.partition("(")[0], "all", "hold", outcome, "318 ms", "under 700 ms", 400, "", reaction=False
    )
    return replace(usual, **changes)


def told(*verdicts, **changes):
    """One test in one arm; it ends as its verdicts let it."""
    red = any(one.outcome != "held" for one in verdicts)
    ended = {"outcome": "failed", "own": "checks", "why": "NotContained: slowest"} if red else {"outcome": "passed"}
    usual = {"verdicts": verdicts, "injected": (FAULT,), "runs": 1, "history": "kept.jsonl"}
    return Told(TEST, **{**usual, **ended, **changes})


def quiet(*verdicts, **changes):
    """The same in an arm in which red checks do not end a test."""
    return told(*verdicts, **{"outcome": "passed", "own": "held", "why": "", **changes})


def judged(written, healthy, bare):
    """Judge the scenario; None stands for an arm that has nothing of it."""
    arms = zip(Arm, (written, healthy, bare), strict=True)
    return judgement(TEST, {arm: one for arm, one in arms if one is not None})
