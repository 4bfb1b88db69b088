"""The limit of open files: raised for the processes of the testbed, and named where one of them ran into it."""

from __future__ import annotations

import re
import resource
from contextlib import suppress

MOST = 65_536  # not more, because some programs iterate over all descriptors up to the limit
_FULL = re.compile(r"too many open files|no file descriptors|\bEMFILE\b", re.IGNORECASE)


def limit() -> int:
    """Return how many files a process that this one starts may have open; 0 if there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


def raise_limit() -> None:
    """Let this process, and those that it starts, have as many files open as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def named(words: str) -> str:
    """Return the last words of a process; the limit comes first if it ran out of file descriptors."""
    return f"open files: limit {limit()} (raise it: ulimit -n 4096); {words}" if _FULL.search(words) else words
