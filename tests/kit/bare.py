"""A machine without the optional tools: this one, in mounts of its own where something empty hides each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from testbed.runtime import tools

ENV = {"DOCKER_HOST": "unix:///nonexistent"}  # and no engine


def hiding(spare: Path) -> list[str]:
    """Return the steps of a shell, as root in its own mounts, that hide every tool; `spare` is an empty folder."""
    file, folder = spare / "file", spare / "folder"
    steps = [f"touch {file}", f"mkdir {folder}"]
    steps += [f"mount --bind {file} {path}" for path in sorted(programs())]
    return steps + [f"mount --bind {folder} {path}" for path in sorted(folders())]


def programs() -> set[Path]:
    """Return every file by which a program of the list could be found."""
    places = f"{os.environ['PATH']}:{tools.SBIN}".split(":")
    names = [name for extra in tools.extras().values() for name in extra.programs]
    return {path.resolve() for place in places for name in names if (path := Path(place, name)).is_file()}


def folders() -> Iterator[Path]:
    """Yield the folders in which the list looks for files."""
    for extra in tools.extras().values():
        if extra.glob and (path := Path(extra.glob.partition("/*")[0])).is_dir():
            yield path
