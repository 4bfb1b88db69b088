"""The folder of a run: its creation, its files, and the environment that refers to it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Literal

from testbed.errors import TestbedError
from testbed.masking.known import KNOWN
from testbed.plan.values import File, Process
from testbed.runtime.owner import MARK, me
from testbed.spec import private

BESIDE = ".without-secrets"  # the end of the name of a file that is being written


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
    """Return the secret values of a process, which nothing shows; the longest first."""
    inherited = os.environ if process.custom else {}
    return private.values({**inherited, **process.env}, process.argv)


def scrub(folder: Path) -> None:
    """Take secrets out of every file of a folder that is kept; a file that cannot be rewritten is removed."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not path.name.endswith(BESIDE):
            try:
                _rewrite(path)
            except OSError:
                path.unlink(missing_ok=True)


def _rewrite(path: Path) -> None:
    """Rewrite a file line by line, beside it, as it can be long. Bytes that are no UTF-8 stay as they are."""
    beside = path.with_name(path.name + BESIDE)
    with _text(path, "r") as old, _text(beside, "w") as new:
        for line in old:
            text = line.removesuffix("\n")
            new.write(KNOWN.in_message(text) + line[len(text) :])
    beside.replace(path)


def _text(path: Path, mode: Literal["r", "w"]) -> IO[str]:
    return open(path, mode, encoding="utf-8", errors="surrogateescape", newline="\n", opener=_for_its_owner)


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def log_of(name: str, folder: Path) -> Path:
    """Return the log file of a process."""
    return folder / f"{name.replace('/', '-')}.log"
