"""The arm in which this process runs a suite: as it is written, without its faults, or without its policies."""

from __future__ import annotations

from enum import StrEnum


class Arm(StrEnum):
    """One of the three ways in which `testbed calibrate` runs every scenario."""

    AS_WRITTEN = "as written"
    WITHOUT_FAULT = "without the fault"
    WITHOUT_POLICIES = "without its policies"


_current = Arm.AS_WRITTEN


def current() -> Arm:
    """The arm of this process: as written, unless `testbed calibrate` started it for another."""
    return _current


def choose(arm: Arm) -> None:
    """Run everything that follows in this arm."""
    global _current
    _current = arm
