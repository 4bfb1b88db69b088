"""Scenarios told by hand: what one test did in each arm of a calibration."""

from dataclasses import replace

from testbed.campaigns.calibrate.judgement import judgement
from testbed.checks import Report, Verdict
from testbed.experiment.arm import Arm
from testbed.report.injected import Injected
from testbed.report.outcome import ReportOutcome, RunOutcome, TestOutcome

TEST = "test_shop.py::test_slow_pricing"
EDGE = "checkout -> pricing"
FAULT = Injected("delay(ms=800)", (EDGE,), "envoy", (EDGE,))


def seen(outcome="held", check="max_latency(under_ms=700)", **changes):
    """One verdict."""
    title = check.partition("(")[0]
    usual = Verdict(check, "all", "hold", outcome, "318 ms", "under 700 ms", 400, title=title)
    return replace(usual, **changes)


def run(*verdicts, starved=""):
    """One run with these verdicts."""
    return RunOutcome((ReportOutcome(Report(verdicts)),), starved)


def told(*verdicts, starved="", more=(), **changes):
    """One test in one arm, with one run; it ends as its verdicts let it. `more` are the verdicts of a second run."""
    red = any(one.outcome != "held" for one in (*verdicts, *more))
    ended = (
        {"outcome": "failed", "asserts": "checks", "why": "NotContained: max_latency"} if red else {"outcome": "passed"}
    )
    runs = (run(*verdicts, starved=starved), *([run(*more)] if more else []))
    usual = {"injected": (FAULT,), "runs": runs, "history": "kept.jsonl"}
    return TestOutcome(TEST, **{**usual, **ended, **changes})


def quiet(*verdicts, **changes):
    """The same in an arm in which red checks do not end a test."""
    return told(*verdicts, **{"outcome": "passed", "asserts": "held", "why": "", **changes})


def judged(written, healthy, bare):
    """Judge the scenario; None stands for an arm that has nothing of it."""
    arms = zip(Arm, (written, healthy, bare), strict=True)
    return judgement(TEST, {arm: one for arm, one in arms if one is not None})
