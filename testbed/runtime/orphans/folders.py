"""The folders of runs in the temporary directory. Their names contain their owner."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from testbed import clock
from testbed.runtime.orphans.resource import Resource
from testbed.runtime.owner import me, named

ABOUT = "run.json"  # a file in the folder that describes the run for `testbed ps`


def new(kept: Path | None = None) -> Path:
    """Return the path of a new folder, which is not created yet. A folder in `kept` is not temporary."""
    return (kept or Path(tempfile.gettempdir())) / me().called(os.urandom(4).hex())


def about(topology: str, runtime: str, network: str) -> str:
    """Return the text of the file that describes a run and its owner."""
    program = Path(sys.argv[0])
    words = [program.parent.name if program.name == "__main__.py" else program.name, *sys.argv[1:]]
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    command = " ".join(words if worker is None else ["pytest, xdist worker", worker])
    about = {"topology": topology, "runtime": runtime, "network": network, "since": clock.wall(), "command": command}
    return json.dumps(about)


def read_about(folder: str) -> Mapping[str, Any]:
    """Return the description of a run; empty while its folder is being created."""
    with suppress(OSError, ValueError), open(f"{folder}/{ABOUT}") as file:
        found = json.load(file)
        return found if isinstance(found, dict) else {}
    return {}


def found() -> list[Resource]:
    """Return all folders of this user's runs."""
    things, user = [], os.geteuid()
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if (parsed := named(entry.name)) and _is_ours(entry, user):
                things.append(Resource("folder", entry.path, parsed[0], run=parsed[1]))
    return things


def remove(things: Sequence[Resource]) -> list[Resource]:
    """Remove folders with their content. Return those that remain."""
    for thing in things:
        shutil.rmtree(thing.name, ignore_errors=True)
    return [thing for thing in things if os.path.lexists(thing.name)]


def _is_ours(entry: os.DirEntry[str], user: int) -> bool:
    with suppress(OSError):  # gone meanwhile
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == user
    return False
