"""Memory limits by control groups (v2 or v1): whether this machine supports them, and where."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

from testbed.errors import Unavailable
from testbed.runtime.owner import me

MIB = 1024 * 1024
PROBE_MB = 64
LIMITS = {  # file -> value to write, None for the size; swap is included if the kernel counts it
    "memory.limit_in_bytes": None,
    "memory.memsw.limit_in_bytes": None,
    "memory.max": None,
    "memory.swap.max": "0",
}
NAMES = count(1)


@dataclass(frozen=True, slots=True)
class Group:
    """A control group to create: its folder, and the value for each of its files."""

    folder: str
    limits: Mapping[str, str]


class Memory:
    """The memory controller of this machine, below the control group of this process. `root` is for tests.

    `note` gets the folder of a trial group before it is created, so that it can be removed after a crash.
    """

    def __init__(self, root: Path = Path("/"), note: Callable[[str], None] = lambda folder: None) -> None:
        self._root, self._note = root, note
        self._found: tuple[Path, tuple[str, ...]] | None = None

    @cached_property
    def missing(self) -> str:
        """Why limits cannot be set here, "" if they can. Tested once, with a process."""
        try:
            self._home()
        except Unavailable as reason:
            return str(reason)
        return ""

    def group(self, block: int, mb: int) -> Group:
        """Return a new group with a limit of `mb` MiB including swap. Raises `Unavailable` with the reason."""
        parent, files = self._home()
        limits = {name: LIMITS[name] or str(mb * MIB) for name in files}
        return Group(str(parent / me().called(f"{block}-{next(NAMES)}")), limits)

    def _home(self) -> tuple[Path, tuple[str, ...]]:
        """Return the folder for new groups, and the files of their limits."""
        if self._found is None:
            reasons = []
            for parent in self.parents():
                try:
                    self._found = parent, _try(parent, self._note)
                    return self._found
                except (OSError, subprocess.SubprocessError) as error:
                    reasons.append(f"cannot create a control group in {parent} ({error})")
            nothing = "this machine has no memory controller for control groups (v2 or v1)"
            raise Unavailable(reasons[0] if reasons else nothing)
        return self._found

    def parents(self) -> Iterator[Path]:
        """Yield folders for new groups, the nearest first: below our group, so that its limits apply too."""
        for version, mount, below in self._mounts():
            own = mount / _relative(self._own(version), below)
            if version == 1:
                yield own
                continue
            for folder in (own, *own.parents):  # v2 allows limits only in groups without processes
                if "memory" in _read(folder / "cgroup.subtree_control").split():
                    yield folder
                if folder == mount:
                    break

    def _mounts(self) -> Iterator[tuple[int, Path, str]]:
        """Yield the version, the mount point and the mounted part of each hierarchy."""
        for line in _read(self._root / "proc/self/mountinfo").splitlines():
            words, _, rest = line.partition(" - ")
            kind, _, options = rest.split(" ", 2)
            below, point = words.split()[3:5]
            if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
                yield 2 if kind == "cgroup2" else 1, self._root / point.lstrip("/"), below

    def _own(self, version: int) -> str:
        """The control group of this process in a hierarchy, from /proc."""
        for line in _read(self._root / "proc/self/cgroup").splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" if version == 2 else "memory" in controllers.split(","):
                return path
        return "/"


def _relative(path: str, below: str) -> str:
    return os.path.relpath(path, below) if path.startswith(below) else "."


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""


def _try(parent: Path, note: Callable[[str], None]) -> tuple[str, ...]:
    """Create a group with a limit and a process, and remove it. Return the files of its limits. Raises `OSError`."""
    folder = parent / me().called(f"probe-{next(NAMES)}")
    note(str(folder))
    folder.mkdir()
    try:
        files = tuple(name for name in LIMITS if (folder / name).exists())
        for name in files:
            (folder / name).write_text(LIMITS[name] or str(PROBE_MB * MIB))
        joined = subprocess.run(
            ["/bin/sh", "-c", f'echo $$ > "{folder}/cgroup.procs"'], capture_output=True, timeout=5, check=False
        )
        if joined.returncode or not files:
            raise OSError(joined.stderr.decode(errors="replace").strip() or "it has no limits")
        return files
    finally:
        with suppress(OSError):
            folder.rmdir()
