"""Whose death it is, when a process dies during a run."""

from __future__ import annotations


def is_finding(process: str, at: float, first_fault: float) -> bool:
    """Whether a death says something about the services: that of an app, once the first fault is in force.

    Any other death is the testbed's own trouble: of one of its processes, or of an app before any fault.
    """
    return process.endswith("/app") and at >= first_fault
