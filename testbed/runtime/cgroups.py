"""Memory limits by control groups (v2 or v1): whether this machine lets us set them, and where."""

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
LIMITS = {  # file -> what to write, None for the size; swap is counted where the kernel counts it
    "memory.limit_in_bytes": None,
    "memory.memsw.limit_in_bytes": None,
    "memory.max": None,
    "memory.swap.max": "0",
}
NAMES = count(1)


@dataclass(frozen=True, slots=True)
class Group:
    """A control group to be made: its folder, and what to write into which of its files."""

    folder: str
    limits: Mapping[str, str]


class Memory:
    """The memory controller of this machine, below our own control group. `root` is for the tests.

    `note` is told of a group that is made to try it out, before it is made: whoever dies meanwhile cannot remove it.
    """

    def __init__(self, root: Path = Path("/"), note: Callable[[str], None] = lambda folder: None) -> None:
        self._root, self._note = root, note
        self._found: tuple[Path, tuple[str, ...]] | None = None

    @cached_property
    def missing(self) -> str:
        """Why limits cannot be set here, "" if they can; tried out with a process, once."""
        try:
            self._home()
        except Unavailable as reason:
            return str(reason)
        return ""

    def group(self, block: int, mb: int) -> Group:
        """Return a new group with a limit of `mb` MiB, swap included. Raises `Unavailable` where `missing` says why."""
        parent, files = self._home()
        limits = {name: LIMITS[name] or str(mb * MIB) for name in files}
        return Group(str(parent / me().called(f"{block}-{next(NAMES)}")), limits)

    def _home(self) -> tuple[Path, tuple[str, ...]]:
        """Return where groups can be made, and the files of their limits."""
        if self._found is None:
            reasons = []
            for parent in self.parents():
                try:
                    self._found = parent, _try(parent, self._note)
                    return self._found
                except (OSError, subprocess.SubprocessError) as error:
                    reasons.append(f"no control group can be made in {parent} ({error})")
            nothing = "this machine shows us no memory controller of control groups, neither v2 nor v1"
            raise Unavailable(reasons[0] if reasons else nothing)
        return self._found

    def parents(self) -> Iterator[Path]:
        """Yield folders for groups of our own, nearest first: below our own group, so that its limits hold as well."""
        for version, mount, below in self._mounts():
            own = mount / _relative(self._own(version), below)
            if version == 1:
                yield own
                continue
            for folder in (own, *own.parents):  # v2 shares out memory only where no process is
                if "memory" in _read(folder / "cgroup.subtree_control").split():
                    yield folder
                if folder == mount:
                    break

    def _mounts(self) -> Iterator[tuple[int, Path, str]]:
        """Yield version, mount point and what of the hierarchy is mounted there."""
        for line in _read(self._root / "proc/self/mountinfo").splitlines():
            words, _, rest = line.partition(" - ")
            kind, _, options = rest.split(" ", 2)
            below, point = words.split()[3:5]
            if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
                yield 2 if kind == "cgroup2" else 1, self._root / point.lstrip("/"), below

    def _own(self, version: int) -> str:
        """Our own group in that hierarchy, as /proc names it."""
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
    """Make a group, limit it, put a process into it, remove it; return the files of its limits. Raises `OSError`."""
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
