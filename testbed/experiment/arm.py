"""The arms of a calibration: a suite runs as written, without faults, or without policies."""

from __future__ import annotations

from enum import StrEnum


class Arm(StrEnum):
    """One of the three ways in which `testbed calibrate` runs a scenario."""

    AS_WRITTEN = "as written"
    WITHOUT_FAULT = "without the fault"
    WITHOUT_POLICIES = "without its policies"
