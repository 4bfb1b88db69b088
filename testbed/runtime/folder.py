"""The folder of a run: its creation, its files, and the environment that refers to it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from testbed.errors import TestbedError
from testbed.plan.values import File, Process
from testbed.runtime.owner import MARK, me
from testbed.spec import private


def make(folder: Path) -> None:
    """Create the folder with a subfolder for temporary files. Raises `TestbedError` if it is not empty."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise TestbedError(
            f"{folder} is not empty: a run needs an empty folder, because it removes the folder at the end"
        )
    (folder / "tmp").mkdir()


def write(folder: Path, files: Iterable[File]) -> None:
    """Write files into the folder, replacing existing ones."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(file.text, folder))


def filled(text: str, folder: Path) -> str:
    """Replace `{dir}` by the path of the folder."""
    return text.replace("{dir}", str(folder))


def environment(folder: Path) -> dict[str, str]:
    """A minimal environment, the same everywhere: without proxies, tokens and Python paths of the user."""
    inherited = {"PATH": os.defpath, "HOME": "/", "LANG": "C.UTF-8"}
    small = {key: os.environ.get(key, default) for key, default in inherited.items()}
    return small | {"TMPDIR": str(folder / "tmp"), MARK: str(me())}


def hidden_of(process: Process) -> tuple[str, ...]:
    """Return the secret values of a process, which no log copy and no message shows; the longest first."""
    inherited = os.environ if process.custom else {}
    return private.values({**inherited, **process.env}, process.argv)


def scrub(folder: Path, processes: Iterable[Process]) -> None:
    """Take the secret values of each process out of its log, if the log is kept."""
    for process in processes:
        log = log_of(process.name, folder)
        with suppress(FileNotFoundError):
            kept = log.read_bytes()
            hidden = private.scrubbed(kept.decode("latin-1"), map(_as_bytes, hidden_of(process))).encode("latin-1")
            if hidden != kept:
                log.write_bytes(hidden)


def _as_bytes(value: str) -> str:
    return value.encode(errors="surrogateescape").decode("latin-1")


def log_of(name: str, folder: Path) -> Path:
    """Return the log file of a process."""
    return folder / f"{name.replace('/', '-')}.log"
