"""Builds Go programs once into the cache, so that parallel test runs share one build."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import Unavailable
from testbed.runtime.versions import cache_folder

MINIMUM = (1, 24)  # the oldest Go that builds all of them
ROOT = Path(__file__).parents[2]  # of the checkout, or site-packages
_LOCAL = re.compile(r"=>\s+(\.\.?/\S+)")  # a module that go.mod takes from a folder


@dataclass(frozen=True, slots=True)
class Program:
    """A Go program: either a folder of sources with a go.mod, or a module path and its version."""

    name: str
    title: str
    takes: str  # about how long a first build takes, for the progress line
    folder: Path | None = None
    module: str = ""
    pinned: str = ""
    stamp: str = ""  # the variable that the linker sets to the version

    def version(self) -> str:
        """Return the pinned version, or a hash of the sources."""
        return self.pinned if self.folder is None else _hash(self.folders)

    @property
    def folders(self) -> list[Path]:
        """The folders of its sources: its own, and those of modules that its go.mod takes from here."""
        if self.folder is None or not (module := self.folder / "go.mod").exists():
            return []
        return [self.folder, *((self.folder / local).resolve() for local in _LOCAL.findall(module.read_text()))]

    def command(self, go: Path, target: Path) -> list[str]:
        """Return the command that leaves the binary, under whatever name, in the folder `target`."""
        flags = ["-trimpath", "-buildvcs=false"]
        if self.folder is not None:
            return [str(go), "build", *flags, "-o", str(target / self.name), "."]
        linker = f"-ldflags=-s -w -X {self.stamp}={self.pinned}"
        return [str(go), "install", *flags, linker, f"{self.module}@v{self.pinned}"]


TOXIPROXY = Program(
    "toxiproxy",
    "Toxiproxy 2.12.0",
    takes="half a minute",
    module="github.com/Shopify/toxiproxy/v2/cmd/server",
    pinned="2.12.0",
    stamp="github.com/Shopify/toxiproxy/v2.Version",
)
STUB = Program("stub-go", "the Go stub", takes="a quarter of a minute", folder=ROOT / "topologies/stubs/go")
LOAD = Program("load", "the load driver", takes="a quarter of a minute", folder=ROOT / "testbed/load/driver")
RELAY = Program("relay", "the relay", takes="five seconds", folder=ROOT / "testbed/runtime/relay")


def cached(program: Program) -> Path:
    """Return where the built program is, or would be."""
    return cache_folder() / "bin" / f"{program.name}-{program.version()}-{platform.machine()}"


def build(program: Program, go: Path, say: Callable[[str], None]) -> Path:
    """Build a program unless another process has just done so; `say` gets a line before and after.

    Raises `Unavailable` with Go's own words if the build fails.
    """
    path = cached(program)
    for folder in program.folders or filter(None, [program.folder]):
        if not (folder / "go.mod").exists():
            raise Unavailable(f"the sources of {program.title} are not at {folder}: the installation is incomplete")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(path, lambda: say(f"waiting for another process that builds {program.title} ...")):
            if not path.exists():
                _build(program, go, path, say)
    except OSError as error:
        text = f"cannot write {path.parent}: {error.strerror}; set XDG_CACHE_HOME to a writable folder"
        raise Unavailable(text) from error
    return path


@contextmanager
def _only_one(path: Path, when_waiting: Callable[[], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout  # only a build needs it

    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        when_waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(program: Program, go: Path, path: Path, say: Callable[[str], None]) -> None:
    say(f"building {program.title} with Go (about {program.takes}, once) ...")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".build-") as name:
        folder = Path(name)
        made = subprocess.run(
            program.command(go, folder), cwd=program.folder, env=_environment(folder), capture_output=True, text=True
        )
        if made.returncode != 0:
            raise Unavailable(_failure(program, go, made.stdout + made.stderr))
        next(folder.iterdir()).replace(path)
    say(f"built {program.title} in {time.monotonic() - begin:.1f} s")


def _environment(target: Path) -> dict[str, str]:
    """The user's own, for module proxies and the like; the Go that was found, and no other, builds static binaries."""
    fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOBIN": str(target), "GOWORK": "off"}
    return {"HOME": str(Path.home()), **os.environ, **fixed}


def _failure(program: Program, go: Path, output: str) -> str:
    last = "\n".join(f"  | {line}" for line in output.splitlines()[-10:])
    variable = "TESTBED_" + program.name.upper().replace("-", "_")
    return f"{go} could not build {program.title}:\n{last}\nOr set {variable} to a binary of it"


def _hash(folders: Sequence[Path]) -> str:
    """Hash everything that goes into a build, names included."""
    total = hashlib.sha256()
    for folder, path in ((where, path) for where in folders for path in sorted(where.rglob("*"))):
        if path.name in ("go.mod", "go.sum") or (path.suffix == ".go" and not path.name.endswith("_test.go")):
            total.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:12]
