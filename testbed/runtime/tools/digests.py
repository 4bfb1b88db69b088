"""Digests of what was built: recorded beside a file, and compared before the file is used.

Uses only the standard library, because the build runs while pip installs.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_of(path: Path) -> Path:
    """Return the path of the record of a file."""
    return path.with_name(f"{path.name}.sha256")


def record(path: Path) -> None:
    """Write the digest of a file beside it."""
    _write(path, digest_of(path))


def recorded(path: Path) -> str:
    """Return the recorded digest of a file, "" if there is none."""
    return str(_read(path).get("sha256", ""))


def is_intact(path: Path) -> bool:
    """Whether a file exists and is what was recorded. It is read only if the kernel says that it may be another one."""
    known = _read(path)
    try:
        if not known or known.get("status") == _status(path):
            return bool(known)
        digest = digest_of(path)
    except OSError:
        return False
    if digest == known.get("sha256"):
        with suppress(OSError):  # a read-only cache: the next use reads the file again
            _write(path, digest)
        return True
    return False


def _status(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _read(path: Path) -> dict[str, object]:
    with suppress(OSError, ValueError):
        known = json.loads(record_of(path).read_text())
        return known if isinstance(known, dict) else {}
    return {}


def _write(path: Path, digest: str) -> None:
    draft = record_of(path).with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"sha256": digest, "status": _status(path)}))
    draft.replace(record_of(path))
