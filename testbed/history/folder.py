"""The folder of what a run leaves behind, `.testbed`: for its owner only, and never part of a commit."""

from __future__ import annotations

import os
from pathlib import Path

from testbed.errors import TestbedError

NAME = ".testbed"


def output_folder(root: Path) -> Path:
    """Make `.testbed` below a folder, with mode 0700 and a `.gitignore`, and return it.

    Raises `TestbedError` if it cannot be made.
    """
    folder = root / NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        raise TestbedError(f"cannot write into {folder}: {error.strerror}") from error
    return folder
