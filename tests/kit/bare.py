"""A machine without some optional tools: this one, in mounts of its own where something empty hides each of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from testbed.runtime.tools import inventory
from testbed.runtime.tools.inventory import Extra


def environment(names: Collection[str]) -> dict[str, str]:
    """Return the variables that hide these tools, as far as they are no files."""
    return {"DOCKER_HOST": "unix:///nonexistent"} if "engine" in names else {}


def hiding(names: Collection[str], spare: Path) -> list[str]:
    """Return the steps of a shell, as root in its own mounts, that hide these tools; `spare` is an empty folder."""
    extras = [inventory.extras()[name] for name in names]
    file, folder = spare / "file", spare / "folder"
    steps = [f"touch {file}", f"mkdir -p {folder}"]
    steps += [f"mount --bind {file} {path}" for path in sorted(programs(extras))]
    return steps + [f"mount --bind {folder} {path}" for path in sorted(folders(extras))]


def programs(extras: Sequence[Extra]) -> set[Path]:
    """Return every file by which a program of these could be found."""
    places = f"{os.environ['PATH']}:{inventory.SBIN}".split(":")
    names = [name for extra in extras for name in extra.programs]
    return {path.resolve() for place in places for name in names if (path := Path(place, name)).is_file()}


def folders(extras: Sequence[Extra]) -> Iterator[Path]:
    """Yield the folders in which these are looked for."""
    for extra in extras:
        if extra.glob and (path := Path(extra.glob.partition("/*")[0])).is_dir():
            yield path
