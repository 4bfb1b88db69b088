"""Asks one check of a run, for tests that look at a verdict more closely than `run.check` does."""

from testbed.checks import SATURATED


def verdict(run, check):
    """The verdict on one check for all requests."""
    (found,) = run.judge(all=[check]).verdicts
    return found


def rejected(run, check):
    """The verdict on a check that is about time, and that this run must not pass.

    It is violated, or could not be told on a machine as busy as those that run many tests at once.
    """
    found = verdict(run, check)
    assert found.outcome == "violated" or found.why.startswith(SATURATED), found
    return found
