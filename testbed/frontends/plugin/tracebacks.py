"""What a failing test shows of the way to an error: the user's own lines, and the message, which says the rest."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from testbed.errors import Inconclusive, NotContained, TestbedError

OURS = Path(__file__).parents[2]
LIBRARY = Path(sysconfig.get_path("stdlib"))  # contextlib, which stands between a `with` and what it starts
EXPLAINED = (TestbedError, NotContained, Inconclusive)  # what their messages say needs no lines of ours, and no cause


def shorten(found: pytest.ExceptionInfo[BaseException]) -> None:
    """Hide our own lines, and those of the standard library among them; leave errors of other kinds as they are.

    They are marked in their modules, for our errors only, and not removed: pytest would build the whole anew from the
    frames themselves. Its `--full-trace` shows them.
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
