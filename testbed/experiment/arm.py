"""The arms in which a suite is run: as it is written, without its faults, or without its policies."""

from __future__ import annotations

from enum import StrEnum


class Arm(StrEnum):
    """One of the three ways in which `testbed calibrate` runs every scenario."""

    AS_WRITTEN = "as written"
    WITHOUT_FAULT = "without the fault"
    WITHOUT_POLICIES = "without its policies"
