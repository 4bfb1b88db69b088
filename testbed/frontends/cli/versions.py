"""Every version that a run depends on, each with a digest: programs, our own package, and the packages below it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from testbed.errors import Unavailable
from testbed.runtime.tools import binaries, digests

OURS = "pytest-testbed"
ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Version:
    """One line: what it is, and the SHA-256 of it."""

    name: str
    version: str
    digest: str
    source: str


def versions() -> list[Version]:
    """Return programs, then our package, then the packages that it needs, by name."""
    return [*_programs(), _ours(), *map(_package, _needed())]


def render(lines: Sequence[Version]) -> str:
    """Return one line each: name, version, digest, source."""
    names, numbers = (max(len(getattr(line, part)) for line in lines) for part in ("name", "version"))
    return "\n".join(
        f"{line.name:{names}}  {line.version:{numbers}}  sha256:{line.digest}  {line.source}" for line in lines
    )


def _programs() -> Iterator[Version]:
    for name in binaries.TOOLS:
        with suppress(Unavailable):  # a tool that is not installed, or whose variable is wrong: see `testbed doctor`
            if found := binaries.locate(name):
                path = found.path.resolve()
                yield Version(name, found.version, digests.digest_of(path), f"{found.source}: {path}")


def _ours() -> Version:
    """Our package with the digest of its files, which may be those of a checkout."""
    total = hashlib.sha256()
    for path in sorted(one for one in ROOT.rglob("*") if one.is_file() and "__pycache__" not in one.parts):
        total.update(f"{path.relative_to(ROOT)}\0{digests.digest_of(path)}\0".encode())
    return Version(OURS, metadata.version(OURS), total.hexdigest(), f"files: {ROOT}")


def _needed() -> list[str]:
    """Return the names of all installed packages that ours needs, directly or not."""
    found: dict[str, None] = {}
    waiting = _requirements(OURS)
    while waiting:
        name = waiting.pop()
        if name not in found:
            with suppress(metadata.PackageNotFoundError):  # for another system or Python
                waiting += _requirements(name)
                found[name] = None
    return sorted(found)


def _requirements(name: str) -> list[str]:
    rows = [row for row in metadata.requires(name) or () if "extra ==" not in row.partition(";")[2]]
    return [re.sub(r"[-_.]+", "-", match[0]).lower() for row in rows if (match := NAME.match(row))]


def _package(name: str) -> Version:
    """A package with the digest of what pip recorded of its files, without what differs between machines."""
    one = metadata.distribution(name)
    rows = sorted(
        f"{file}={file.hash.value}" for file in one.files or () if file.hash is not None and not is_of_machine(file)
    )
    return Version(name, one.version, hashlib.sha256("\n".join(rows).encode()).hexdigest(), "package")


def is_of_machine(file: metadata.PackagePath) -> bool:
    """Whether the installer wrote it: launchers with the path of this Python, and its own notes."""
    return ".." in file.parts or file.parts[0].endswith(".dist-info")
