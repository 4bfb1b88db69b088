"""Building Go programs once: into the cache, keyed by their sources, one build for all who ask at the same time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed.errors import Unavailable
from testbed.runtime.tools import binaries, digests, golang, versions
from testbed.runtime.tools.golang import OnProgress, Program

pytestmark = pytest.mark.e2e

ASK = """
import sys
from pathlib import Path
from testbed.runtime.tools import binaries, golang
program = golang.Program("hello", "the greeter", "./cmd/hello", folder=Path(sys.argv[1]))
golang.build([program], binaries.find("go"), print)
print(golang.cached(program))
"""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is built yet; only Go's own library need not be compiled again, which takes most of a first build."""
    monkeypatch.setenv("GOCACHE", os.environ.get("GOCACHE") or str(versions.cache_folder().parent / "go-build"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = tmp_path / "sources"
    (folder / "cmd/hello").mkdir(parents=True)
    (folder / "go.mod").write_text("module words.invalid\n\ngo 1.24\n")
    write(folder, "hello")
    return Program("hello", "the greeter", "./cmd/hello", folder=folder)


def write(folder: Path, greeting: str, name: str = "hello") -> None:
    (folder / "cmd" / name).mkdir(exist_ok=True)
    text = f'package main\n\nfunc main() {{\n\tprintln("{greeting}")\n}}\n'
    (folder / "cmd" / name / "main.go").write_text(text)


def built(program: Program, say: OnProgress = print) -> Path:
    golang.build([program], binaries.find("go"), say)
    return golang.cached(program)


def greet(path: Path) -> str:
    return subprocess.run([path], capture_output=True, text=True, check=True).stderr.strip()


def test_a_program_is_built_once_and_again_when_its_sources_change(program: Program) -> None:
    said: list[str] = []
    first = built(program, said.append)
    assert built(program, said.append) == first
    assert greet(first) == "hello"
    assert said[0] == "building the greeter with Go (about half a minute, only once) ..."
    assert said[1].startswith("built the greeter in ")
    assert len(said) == 2
    write(program.folder, "good morning")
    second = built(program, said.append)
    assert greet(second) == "good morning"
    assert greet(first) == "hello"
    assert {path.suffix for path in first.parent.iterdir()} <= {"", ".lock", ".sha256"}
    assert not list(first.parent.glob(".build-*"))


def test_programs_of_one_module_share_a_build_and_only_what_is_absent_is_built(program: Program) -> None:
    write(program.folder, "goodbye", name="bye")
    first = built(program)
    bye = Program("bye", "the leaver", "./cmd/bye", folder=program.folder)
    said: list[str] = []
    golang.build([program, bye], binaries.find("go"), said.append)
    assert said[0] == "building the leaver with Go (about half a minute, only once) ..."
    assert [greet(first), greet(golang.cached(bye))] == ["hello", "goodbye"]
    for path in (first, golang.cached(bye)):
        path.unlink()
    golang.build([program, bye], binaries.find("go"), said.append)
    assert said[2] == "building the greeter and the leaver with Go (about half a minute, only once) ..."
    assert [greet(first), greet(golang.cached(bye))] == ["hello", "goodbye"]


def test_a_build_tells_how_many_packages_of_how_many_are_done(program: Program) -> None:
    steps: list[tuple[str, float]] = []
    write(program.folder, f"what nobody has ever compiled, {time.time_ns()}")
    golang.build([program], binaries.find("go"), print, lambda words, share: steps.append((words, share)))
    assert steps[0] == ("fetching modules", 0)
    assert re.fullmatch(r"\d+ of \d+ packages", steps[-1][0])
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 1


def test_who_watches_can_end_a_build(program: Program) -> None:
    def stop(words: str, share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        golang.build([program], binaries.find("go"), print, stop)
    assert not golang.cached(program).exists()
    assert greet(built(program)) == "hello"


def test_tests_of_a_program_are_not_part_of_it(program: Program) -> None:
    before = golang.cached(program)
    (program.folder / "main_test.go").write_text("package main\n")
    assert golang.cached(program) == before
    (program.folder / "more.go").write_text("package main\n")
    assert golang.cached(program) != before


def test_a_repository_that_git_refuses_to_read_does_not_matter(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOENV", "off")  # a user's own flags might hide the trouble
    subprocess.run(["git", "init", "-q", program.folder], check=True)
    with (program.folder / ".git/config").open("a") as config:  # it fails as in one that belongs to somebody else
        config.write("[core]\n\trepositoryformatversion = 99\n")
    assert greet(built(program)) == "hello"


def test_those_who_ask_at_the_same_time_share_one_build(program: Program) -> None:
    def ask() -> str:
        command = [sys.executable, "-c", ASK, str(program.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout

    with ThreadPoolExecutor() as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(3)]]
    assert sum("building the greeter" in answer for answer in answers) == 1
    assert len({answer.splitlines()[-1] for answer in answers}) == 1


def test_a_build_that_fails_leaves_nothing_and_says_what_go_says(program: Program) -> None:
    write(program.folder, '" + nonsense + "')
    with pytest.raises(
        Unavailable, match=r"could not build the greeter:\n(.|\n)*undefined: nonsense\nOr set TESTBED_HELLO"
    ):
        built(program)
    assert not golang.cached(program).exists()


def test_no_setting_of_the_user_changes_a_build(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each would make it fail, or make another program of it."""
    (tmp_path / "settings").write_text("GOFLAGS=-mod=vendor\nGOOS=plan9\n")
    work = tmp_path / "go.work"
    work.write_text("go 9.99\n")
    harmful = {
        "GOENV": str(tmp_path / "settings"),
        "GOFLAGS": "-tags=x -mod=mod -nonsense",
        "GOWORK": str(work),
        "GOOS": "windows",
        "GOARCH": "riscv64",
        "GOROOT": "/nonexistent",
        "GOTOOLCHAIN": "go9.99.0",
        "GOEXPERIMENT": "nonsense",
        "CGO_ENABLED": "1",
    }
    plain = digests.digest_of(built(program))
    for name, value in harmful.items():
        monkeypatch.setenv(name, value)
    golang.cached(program).unlink()
    assert digests.digest_of(built(program)) == plain


def test_the_users_place_of_modules_is_kept(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOENV", str(tmp_path / "settings"))
    monkeypatch.delenv("GOPROXY", raising=False)
    (tmp_path / "settings").write_text("GOPROXY=file:///of/the/company\nGOFLAGS=-mod=vendor\n")
    found = golang.environment(binaries.find("go"), program.folder)
    assert (found["GOPROXY"], found["GOFLAGS"], found["GOENV"]) == ("file:///of/the/company", "", "off")


def test_a_changed_program_is_built_again_with_a_line(program: Program) -> None:
    path, said = built(program), list[str]()
    with path.open("ab") as file:
        file.write(b"more")
    assert built(program, said.append) == path
    assert said[0] == f"{path} is not the file that was built (its SHA-256 differs): it is replaced"
    assert greet(path) == "hello"
    assert built(program, said.append) == path
    assert len(said) == 3


def test_missing_sources_are_an_incomplete_installation(tmp_path: Path) -> None:
    program = Program("hello", "the greeter", "./cmd/hello", folder=tmp_path / "nowhere")
    with pytest.raises(Unavailable, match="the installation is incomplete"):
        built(program)


def test_a_cache_that_cannot_be_written(program: Program, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(Unavailable, match="set XDG_CACHE_HOME to a writable folder"):
        built(program)


def test_our_own_programs_are_built_without_a_network_where_toxiproxy_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toxiproxy = tmp_path / "toxiproxy"
    toxiproxy.symlink_to("/bin/true")
    monkeypatch.setenv("TESTBED_TOXIPROXY", str(toxiproxy))
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    said: list[str] = []
    assert binaries.find("load", said.append) == golang.cached(golang.LOAD)
    assert said[0] == "building the Go stub, the load driver and the relay with Go (about half a minute, only once) ..."
