"""Asks programs for their versions once, and caches them on disk by path, size and modification time."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ANSWER_S = 20.0  # the first start from a cold disk can take seconds


def cache_folder() -> Path:
    """Return the testbed's cache: $XDG_CACHE_HOME/testbed, or ~/.cache/testbed."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "testbed"


def version(path: Path, arguments: Sequence[str]) -> str:
    """Return the version that a program prints with these arguments, "" if it does not run."""
    status = path.stat()
    key = f"{path} {status.st_size} {status.st_mtime_ns}"
    known = _read()
    if key not in known:
        answer = _ask(path, arguments)
        if not answer:
            return ""
        known = {**_read(), key: answer}
        _write(known)
    return known[key]


def numbers(version: str) -> tuple[int, ...]:
    """Turn "1.40.0" into (1, 40, 0), for comparisons; () for a version without numbers."""
    return tuple(map(int, re.findall(r"\d+", version)))


def parse(answer: str) -> str:
    """Extract the version from the output of a program: the first dotted number, or the last word."""
    match = re.search(r"\d+(\.\d+)+", answer)
    return match.group() if match else answer.split()[-1] if answer.split() else ""


def _ask(path: Path, arguments: Sequence[str]) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        command, env = [str(path), *arguments], {**os.environ, "GOTOOLCHAIN": "local"}
        answer = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=ANSWER_S, check=True, stdin=subprocess.DEVNULL
        )
        return parse(
            (answer.stdout or answer.stderr).replace(str(path), "")
        )  # the output of Envoy begins with its path
    return ""


def _read() -> dict[str, str]:
    with suppress(OSError, ValueError):
        return dict(json.loads((cache_folder() / "versions.json").read_text()))
    return {}


def _write(known: dict[str, str]) -> None:
    with suppress(OSError):  # with a read-only home the next run asks again
        cache_folder().mkdir(parents=True, exist_ok=True)
        draft = cache_folder() / f"versions.{os.getpid()}"
        draft.write_text(json.dumps(known, indent=1))
        draft.replace(cache_folder() / "versions.json")
