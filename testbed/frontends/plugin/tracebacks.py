"""Shortens the traceback of a failed test to the lines of the user and the message."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from testbed.errors import Inconclusive, NotContained, TestbedError

OURS = Path(__file__).parents[2]
LIBRARY = Path(sysconfig.get_path("stdlib"))  # contextlib is in tracebacks of `with` blocks
EXPLAINED = (
    TestbedError,
    NotContained,
    Inconclusive,
)  # their messages are complete without our lines and without a cause


def shorten(found: pytest.ExceptionInfo[BaseException]) -> None:
    """Hide the lines of the testbed and of the standard library, for errors of the testbed only.

    The lines are marked in their modules and not removed, because pytest rebuilds the traceback from the frames.
    `--full-trace` shows them.
    """
    if not _is_explained(found):
        return
    for entry in found.traceback:
        path = Path(entry.path)
        if path.parent == LIBRARY or OURS in path.parents:
            entry.frame.f_globals["__tracebackhide__"] = _is_explained
    found.value.__cause__, found.value.__suppress_context__ = None, True


def _is_explained(found: pytest.ExceptionInfo[BaseException]) -> bool:
    return found.errisinstance(EXPLAINED)
