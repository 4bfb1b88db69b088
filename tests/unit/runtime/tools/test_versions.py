"""Versions are asked for once, and asked for again when the program has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from testbed.runtime.tools.versions import numbers, parse, version


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def program(folder: Path, answer: str) -> Path:
    """A program that counts, by the lines of a file beside it, how often it is asked."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\necho asked >>{folder}/asked\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def asked(folder: Path) -> int:
    return len((folder / "asked").read_text().splitlines())


def test_a_program_is_asked_once(tmp_path: Path) -> None:
    path = program(tmp_path, "program version 1.2.3")
    assert [version(path, ["--version"]) for _ in range(3)] == ["1.2.3"] * 3
    assert asked(tmp_path) == 1


def test_a_changed_program_is_asked_again(tmp_path: Path) -> None:
    version(program(tmp_path, "1.2.3"), [])
    path = program(tmp_path, "1.2.4")
    os.utime(path, ns=(1, 1))  # as big as before, so that only the time tells
    assert version(path, []) == "1.2.4"
    assert asked(tmp_path) == 2


def test_without_a_writable_cache_the_version_is_still_returned(tmp_path: Path, cache: Path) -> None:
    cache.touch()  # a file where the folder should be
    path = program(tmp_path, "1.2.3")
    assert [version(path, []) for _ in range(2)] == ["1.2.3"] * 2
    assert asked(tmp_path) == 2


def test_a_damaged_cache_is_ignored(tmp_path: Path, cache: Path) -> None:
    (cache / "testbed").mkdir(parents=True)
    (cache / "testbed/versions.json").write_text("{")
    assert version(program(tmp_path, "1.2.3"), []) == "1.2.3"


def test_a_program_that_fails_has_no_version(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\necho 1.2.3\nexit 1\n")
    path.chmod(0o755)
    assert version(path, []) == ""


def test_numbers_in_the_programs_own_path_are_not_its_version(tmp_path: Path) -> None:
    folder = tmp_path / "python3.11"
    folder.mkdir()
    path = program(folder, f"{folder}/program version: 1.2.3")
    assert version(path, []) == "1.2.3"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("\nenvoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL\n", "1.40.0"),
        ("go version go1.27.3 linux/amd64", "1.27.3"),
        ("v24.19.0\n", "24.19.0"),
        ("toxiproxy-server version git", "git"),
        ("", ""),
    ],
)
def test_parse(answer: str, expected: str) -> None:
    assert parse(answer) == expected


def test_numbers_compare_as_numbers() -> None:
    assert numbers("1.9") < numbers("1.24") < numbers("1.24.1")
    assert numbers("git") == ()
