"""The list of optional tools: what is said of one that is missing, and how they are installed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from testbed.errors import Unsupported
from testbed.frontends.cli.main import main
from testbed.runtime.docker import images
from testbed.runtime.tools import installing, inventory
from tests.kit import ROOT

PACKAGED = [extra for extra in inventory.extras().values() if extra.debian]


class Machine:
    """A machine with some programs, whose apt-get brings everything that it is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here: set[str] = {"apt-get"}
        self.ran: list[list[str]] = []
        self.brings, self.code, self.engine, self.image = True, 0, "no engine", "no image"
        monkeypatch.setattr("shutil.which", lambda name, path=None: f"/bin/{name}" if name in self.here else None)
        monkeypatch.setattr(inventory, "glob", lambda pattern: [pattern] if pattern in self.here else [])
        monkeypatch.setattr(subprocess, "run", self._run)
        monkeypatch.setitem(inventory.PROBES, "engine", lambda: self.engine)
        monkeypatch.setitem(inventory.PROBES, "image", lambda: self.image)
        monkeypatch.setattr(images, "build", self._build)
        self.user(0, monkeypatch)

    def user(self, uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: uid)

    def give(self, *names: str) -> None:
        for extra in map(inventory.extras().__getitem__, names or inventory.extras()):
            self.here |= {*extra.programs, extra.glob}

    def _run(self, words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.ran.append(words)
        if self.brings:
            self.give(*(extra.name for extra in PACKAGED if extra.debian in words))
        return subprocess.CompletedProcess(words, self.code, "", "E: no such package")

    def _build(self, say: Callable[[str], None]) -> None:
        self.ran.append(["build"])
        self.image = ""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, ["tools", *words])


def test_the_list_is_complete() -> None:
    for extra in inventory.extras().values():
        assert extra.without
        assert bool(extra.debian) != bool(extra.probe)
        assert not extra.probe or extra.probe in inventory.PROBES
        assert not extra.after or extra.after in inventory.extras()


def test_missing_tools_are_one_line_each_and_one_command(machine: Machine) -> None:
    machine.give()
    machine.engine = machine.image = ""
    machine.here -= {"redis-server", "tc"}
    assert asked().output.splitlines() == [
        f"missing: iproute2, needed for {inventory.extras()['iproute2'].without}",
        "missing: redis-server, needed for tests of tcp edges to Redis",
        "to install them: make tools",
    ]
    machine.give()
    assert asked().output == "all tools are installed\n"


def test_an_ordinary_user_gets_the_command_to_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.user(1000, monkeypatch)
    machine.give()
    machine.engine = ""
    machine.here -= {"redis-server", "etcd"}
    assert asked().output.endswith(
        "to install them: sudo apt-get install -y redis-server etcd-server && testbed images build\n"
    )
    done = asked("--install")
    assert (done.exit_code, done.output) == (1, "sudo apt-get install -y redis-server etcd-server\n")
    assert machine.ran == []


def test_outside_a_checkout_there_is_no_make(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installing, "CHECKOUT", tmp_path)
    assert asked().output.endswith("to install them: testbed tools --install\n")


def test_without_apt_the_programs_are_named(machine: Machine) -> None:
    machine.give()
    machine.here -= {"apt-get", "ip", "tc", "/usr/lib/postgresql/*/bin/initdb"}
    assert "install these with the package manager of this system: ip, tc, postgresql\n" in asked().output
    assert asked("--install").exit_code == 1


def test_only_missing_tools_are_installed_once(machine: Machine) -> None:
    machine.give()
    machine.here -= {"nft", "etcd"}
    done = asked("--install")
    assert done.exit_code == 0
    assert machine.ran == [
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "nftables", "etcd-server"],
    ]
    assert "missing: a Docker engine that answers, needed for --testbed-runtime=docker and its tests (no engine)" in (
        done.output
    )


def test_the_image_is_built_where_an_engine_answers(machine: Machine) -> None:
    machine.engine = ""
    assert asked("--install").output.endswith("all tools are installed\n")
    assert machine.ran[-1] == ["build"]
    machine.ran.clear()
    assert asked("--install").output == "all tools are installed\n"
    assert machine.ran == []


def test_a_failure_of_apt_is_reported_with_its_output(machine: Machine) -> None:
    machine.code = 100
    done = asked("--install")
    assert (done.exit_code, done.output.splitlines()[1:]) == (
        1,
        ["apt-get update failed (exit code 100):", "E: no such package"],
    )


def test_a_package_without_its_program_is_an_error(machine: Machine) -> None:
    machine.give()
    machine.here -= {"nghttpd"}
    machine.brings = False
    done = asked("--install")
    assert done.exit_code == 1
    assert done.output.endswith("the packages are installed, but these tools are still missing: nghttpd\n")


def test_a_program_that_is_missing_is_named_with_its_package(machine: Machine) -> None:
    with pytest.raises(
        Unsupported, match="shaping packets needs tc, which was not found: apt-get install iproute2"
    ) as no:
        inventory.program("tc", "shaping packets")
    assert no.value.lacks == "iproute2"
    machine.give("iproute2")
    assert inventory.program("tc", "shaping packets") == "/bin/tc"


def test_no_package_is_named_anywhere_else() -> None:
    names = [f"apt-get install {extra.debian}" for extra in PACKAGED]
    files = [ROOT / ".ci/run", ROOT / "Makefile", *ROOT.glob("testbed/**/*.py"), *ROOT.glob("examples/**/*.py")]
    assert [path for path in files for name in names if name in path.read_text()] == []
