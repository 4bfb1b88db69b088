"""A user's suite to be killed, things of other people beside it, and an eye that does not trust our own bookkeeping."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from testbed.runtime.cgroups import Memory
from testbed.runtime.docker import labels, leftovers
from testbed.runtime.owner import MARK, Owner, me
from testbed.runtime.proc import started
from testbed.runtime.tools.inventory import find
from tests.kit.processes import eventually

MESH = """
name: victim
entry: front
services:
  front: {language: go, calls: [back]}
  back: {language: go, replicas: 2}
policies:
  - {edge: front -> back, timeout: 500ms}
"""
CONFTEST = 'from testbed import topology\ntiny = topology("mesh.yaml")\n'
BEGIN = "import os, time\nfrom pathlib import Path\nimport pytest\nfrom testbed import *\n"
FIRST = """
def test_first(tiny):
    with tiny.client() as client:
        assert client.get("/").status_code == 200
"""
WAITS = f"""
{FIRST}
def test_waits(tiny):
    with tiny.load(constant_rate(get("/"), rps=20)) as traffic, tiny.inject(cpu_limit(share=0.2).on(service="back")):
        Path("up").touch()
        traffic.run(for_s=60)
    traffic.result().check(all=[statuses(200)])
"""
MANY = "TESTBED_KILLS" in os.environ  # `make survive`: all of everything, not a few of each
GONE_S = 6.0 if MANY else 30.0  # 2 s on a machine that has nothing else to do, as in `make survive`
PYTESTS = "pytest-of-"  # the folder of pytest's own temporary folders, which it keeps


T = TypeVar("T")


def some(*values: T, few: int = 1) -> Sequence[T]:
    """The first few values, or all in `make survive`."""
    return values if MANY else values[:few]


def many(test: T) -> T | None:
    """Decorate a test that only `make survive` runs."""
    return test if MANY else None


@dataclass
class Victim:
    """A pytest run of its own, and all that has been seen of it."""

    process: subprocess.Popen[str]
    spare: Path
    pids: set[int] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)

    def note(self) -> None:
        """Remember its descendants: after its death nobody can tell whose they are."""
        self.pids |= {self.process.pid, *descendants(self.process.pid)}
        self.marks |= {f"{MARK}={pid}-{started(pid)}-" for pid in self.pids}

    def reapers(self) -> list[int]:
        """The guards and workers of its meshes, each guard before its worker."""
        return sorted(pid for pid in descendants(self.process.pid) if "reaper.py" in command(pid))

    def part(self, words: str) -> int:
        """The one process of its mesh whose command line has these words."""
        (pid,) = [pid for pid in descendants(self.process.pid) if words in command(pid)]
        return pid

    def kill(self, *pids: int) -> None:
        """Note what there is, and kill -9: several at once, so that none can still react to another's death."""
        self.note()
        for number in (signal.SIGSTOP, signal.SIGKILL) if len(pids) > 1 else (signal.SIGKILL,):
            for pid in pids or (self.process.pid,):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def end(self, within_s: float = 100) -> str:
        """Wait until it has ended; return what it printed."""
        return self.process.communicate(timeout=within_s)[0]


class Scene:
    """A folder with a suite, a temporary directory of its own, and foreign things that must stay."""

    def __init__(self, path: Path, suite: str = WAITS) -> None:
        self.project, self.spare = path / "project", path / "tmp"
        for folder in (self.project, self.spare):
            folder.mkdir()
        (self.project / "mesh.yaml").write_text(MESH)
        (self.project / "conftest.py").write_text(CONFTEST)
        (self.project / "pyproject.toml").write_text('[tool.pytest]\naddopts = ["-p", "no:hypothesispytest"]\n')
        (self.project / "test_it.py").write_text(BEGIN + suite)

    def environment(self) -> dict[str, str]:
        return environment(self.spare)

    @contextmanager
    def run(self, *args: str, module: str = "pytest", **env: str) -> Iterator[Victim]:
        """Run the suite; kill what is left of it at the end, for the sake of the next test."""
        usual = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly"] if module == "pytest" else []
        with subprocess.Popen(
            [sys.executable, "-m", module, *args, *usual],
            cwd=self.project,
            env={**self.environment(), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            victim = Victim(process, self.spare)
            try:
                yield victim
            finally:
                process.kill()
                for pid in self._alive(victim):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def up(self, victim: Victim) -> None:
        """Wait until the suite is in the middle of a test."""
        eventually(lambda: (self.project / "up").exists() or victim.process.poll() is not None, within_s=150)
        assert victim.process.poll() is None, victim.end()
        victim.note()

    def testbed(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        words = [sys.executable, "-m", "testbed", *args]
        return subprocess.run(
            words, cwd=self.project, env=self.environment(), capture_output=True, text=True, timeout=60
        )

    def _alive(self, victim: Victim) -> set[int]:
        """Every process that shows in any way that it belongs to a victim."""
        signs = [str(self.spare), *victim.marks]
        pids = {int(name) for name in os.listdir("/proc") if name.isdigit()} - {os.getpid()}
        return {pid for pid in pids if started(pid) and any(sign in environ(pid) for sign in signs)}

    def _folders(self) -> set[str]:
        return {name for name in os.listdir(self.spare) if not name.startswith(PYTESTS)}

    def left(self, victim: Victim, foreign: Foreign | None = None) -> list[str]:
        """All that is left of a victim, in words; nothing, it is hoped. With its processes goes its address block."""
        kept = foreign.names if foreign else set()
        return [
            *(f"process {pid}: {command(pid)}" for pid in self._alive(victim)),
            *(f"folder {name}" for name in self._folders() - kept),
            *(f"group {path}" for path in groups() if any(f"testbed-{pid}-" in path.name for pid in victim.pids)),
            *(f"{kind} {name}" for kind, name, owner in in_docker() if owner in victim.pids),
            *(f"table {name}" for name in tables() if any(f"_{pid}_" in name for pid in victim.pids)),
        ]

    def assert_gone(self, victim: Victim, within_s: float = GONE_S, foreign: Foreign | None = None) -> float:
        """Nothing of a victim is left in time; return how long that took."""
        begun = time.monotonic()
        while left := self.left(victim, foreign):
            took = time.monotonic() - begun
            assert took < within_s, f"left after {took:.1f} s: {left}"
            time.sleep(0.02)
        if foreign:
            foreign.assert_untouched()
        return time.monotonic() - begun


def environment(spare: Path) -> dict[str, str]:
    """With a temporary directory of its own; and what one run has compiled, the next need not compile again."""
    return {**os.environ, "TMPDIR": str(spare), "PYTHONDONTWRITEBYTECODE": ""}


@dataclass
class Foreign:
    """Things that look like ours and are somebody else's: of a living owner, or of none that can be told."""

    spare: Path
    process: subprocess.Popen[bytes]
    folders: list[Path]
    group: Path | None
    table: str

    @property
    def names(self) -> set[str]:
        return {folder.name for folder in self.folders}

    def assert_untouched(self) -> None:
        """All of it is there."""
        assert self.process.poll() is None
        assert [folder for folder in self.folders if not (folder / "precious").exists()] == []
        assert self.group is None or self.group.exists()
        assert not self.table or self.table in tables()


@contextmanager
def foreign(spare: Path) -> Iterator[Foreign]:
    """Put foreign things beside a suite, and take them away at the end."""
    process = subprocess.Popen(["sleep", "600"], env={"PATH": os.defpath, MARK: str(me())})
    other = Owner(process.pid, started(process.pid) or 0, me().boot, me().place)
    elsewhere = Owner(1, 1, me().boot, "0" * 8)
    folders = [spare / name for name in ("testbed-old", other.called("aa"), elsewhere.called("bb"), "other")]
    for folder in folders:
        folder.mkdir()
        (folder / "precious").touch()
    memory = Memory()
    group = None if memory.missing else next(iter(memory.parents())) / other.called("1")
    table = f"testbed_127_1_{process.pid}_1" if nft("list", "tables") is not None else ""
    try:
        if group:
            group.mkdir()
        if table:
            nft("add", "table", "inet", table)
        yield Foreign(spare, process, folders, group, table)
    finally:
        process.kill()
        process.wait()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if group and group.exists():
            group.rmdir()
        if table:
            nft("delete", "table", "inet", table)


def descendants(pid: int) -> set[int]:
    """All processes below one, as the process tree has it now."""
    parents: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(name))
    found, todo = set[int](), [pid]
    while todo:
        below = parents.get(todo.pop(), [])
        found |= set(below)
        todo += below
    return found


def command(pid: int) -> str:
    return _read(pid, "cmdline").replace("\0", " ")


def environ(pid: int) -> str:
    return _read(pid, "environ")


def _read(pid: int, name: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    return ""


def groups() -> list[Path]:
    """The control groups beside ours that have our name."""
    return [path for parent in Memory().parents() for path in parent.glob("testbed-*")]


def in_docker() -> list[tuple[str, str, int]]:
    """What runs have at the Docker daemon: kind, id, and the owner's pid; only in `make survive`, it takes its time."""
    found = leftovers.found() if MANY else []
    return [(kind, name, int(marks[labels.OWNER])) for kind, name, marks in found]


def nft(*words: str) -> str | None:
    """What nft reports; None where it may not."""
    program = find("nft")
    done = subprocess.run([program, *words], capture_output=True, text=True) if program else None
    return done.stdout if done and done.returncode == 0 else None


def tables() -> list[str]:
    return [line.split()[-1] for line in (nft("list", "tables") or "").splitlines() if "testbed_" in line]
