"""Ends a child process: it gets time to end by itself, and is killed if it has not."""

from __future__ import annotations

import subprocess
from typing import Any


def end(process: subprocess.Popen[Any], patience_s: float) -> None:
    """Wait for a child that has been asked to end, and kill it after `patience_s`; return when it has been reaped."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
