"""Waits for a child process to end, and kills it after a time limit."""

from __future__ import annotations

import subprocess
from typing import Any


def end(process: subprocess.Popen[Any], patience_s: float) -> None:
    """Wait for a child that is expected to end, kill it after `patience_s`, and return when it is reaped."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
