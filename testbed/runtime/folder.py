"""A run's own folder: made for it, filled with its files, named in what its processes are told."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from testbed.errors import TestbedError
from testbed.plan.values import File
from testbed.runtime.owner import MARK, me


def make(folder: Path) -> None:
    """Make the folder, with one for temporary files in it. Raises `TestbedError` if there is something in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise TestbedError(f"{folder} is not empty: a run needs a folder of its own, removed at the end")
    (folder / "tmp").mkdir()


def write(folder: Path, files: Iterable[File]) -> None:
    """Write files below the folder, in the place of those that are there."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(file.text, folder))


def filled(text: str, folder: Path) -> str:
    """Name the folder where a plan says `{dir}`."""
    return text.replace("{dir}", str(folder))


def environment(folder: Path) -> dict[str, str]:
    """Small and the same everywhere: nothing of the owner's (proxies, tokens, Python paths) gets in."""
    inherited = {"PATH": os.defpath, "HOME": "/", "LANG": "C.UTF-8"}
    small = {key: os.environ.get(key, default) for key, default in inherited.items()}
    return small | {"TMPDIR": str(folder / "tmp"), MARK: str(me())}


def log_of(name: str, folder: Path) -> Path:
    """Return the log file of a process."""
    return folder / f"{name.replace('/', '-')}.log"
