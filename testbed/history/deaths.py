"""The meaning of a process that dies during a run: a finding or a testbed error."""

from __future__ import annotations


def is_finding(process: str, at: float, first_fault: float) -> bool:
    """Whether a death is a finding about the services: an app died after the first fault came into force.

    Any other death is a testbed error: a testbed process died, or an app died before any fault.
    """
    return process.endswith("/app") and at >= first_fault
