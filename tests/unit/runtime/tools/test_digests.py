"""What was built is used only while it is what was built."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from testbed.runtime.tools import digests


@pytest.fixture
def built(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"built")
    digests.record(path)
    return path


def test_the_digest_is_recorded_beside_the_file(built: Path) -> None:
    assert digests.is_intact(built)
    assert digests.recorded(built) == hashlib.sha256(b"built").hexdigest()


def test_an_intact_file_is_not_read_again(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "digest_of", lambda path: pytest.fail("it was read"))
    assert digests.is_intact(built)


def test_a_changed_file_is_refused_even_with_its_old_time_and_size(built: Path) -> None:
    status = built.stat()
    built.write_bytes(b"other")
    os.utime(built, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not digests.is_intact(built)


def test_the_same_content_in_another_file_is_intact(built: Path) -> None:
    built.unlink()
    built.write_bytes(b"built")
    assert digests.is_intact(built)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256": 1}'])
def test_a_damaged_record_is_none(built: Path, text: str) -> None:
    digests.record_of(built).write_text(text)
    assert not digests.is_intact(built)


def test_without_a_record_or_a_file_nothing_is_intact(built: Path) -> None:
    digests.record_of(built).unlink()
    assert not digests.is_intact(built)
    digests.record(built)
    built.unlink()
    assert not digests.is_intact(built)
