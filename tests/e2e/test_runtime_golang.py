"""Building Go programs once: into the cache, keyed by their sources, one build for all who ask at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed.errors import Unavailable
from testbed.runtime import binaries, golang, versions
from testbed.runtime.golang import Program

pytestmark = pytest.mark.e2e

ASK = """
import sys
from pathlib import Path
from testbed.runtime import binaries, golang
program = golang.Program("hello", "the greeter", "a moment", folder=Path(sys.argv[1]))
print(golang.build(program, binaries.find("go"), print))
"""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is built yet; only Go's own library need not be compiled again, which takes most of a first build."""
    monkeypatch.setenv("GOCACHE", os.environ.get("GOCACHE") or str(versions.cache_folder().parent / "go-build"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "go.mod").write_text("module hello\n\ngo 1.24\n")
    write(folder, "hello")
    return Program("hello", "the greeter", "a moment", folder=folder)


def write(folder: Path, greeting: str) -> None:
    (folder / "main.go").write_text(f'package main\n\nfunc main() {{\n\tprintln("{greeting}")\n}}\n')


def greet(path: Path) -> str:
    return subprocess.run([path], capture_output=True, text=True, check=True).stderr.strip()


def test_a_program_is_built_once_and_again_when_its_sources_change(program: Program) -> None:
    said: list[str] = []
    first = golang.build(program, binaries.find("go"), said.append)
    assert golang.build(program, binaries.find("go"), said.append) == first
    assert greet(first) == "hello"
    assert said[0] == "building the greeter with Go (about a moment, once) ..."
    assert said[1].startswith("built the greeter in ")
    assert len(said) == 2
    assert program.folder is not None
    write(program.folder, "good morning")
    second = golang.build(program, binaries.find("go"), said.append)
    assert greet(second) == "good morning"
    assert greet(first) == "hello"
    assert {path.suffix for path in first.parent.iterdir()} <= {"", ".lock"}
    assert not list(first.parent.glob(".build-*"))


def test_tests_of_a_program_are_not_part_of_it(program: Program) -> None:
    assert program.folder is not None
    before = golang.cached(program)
    (program.folder / "main_test.go").write_text("package main\n")
    assert golang.cached(program) == before
    (program.folder / "more.go").write_text("package main\n")
    assert golang.cached(program) != before


def test_a_module_of_a_neighbour_is_part_of_it(program: Program, tmp_path: Path) -> None:
    assert program.folder is not None
    shared = tmp_path / "words"
    with (program.folder / "go.mod").open("a") as module:
        module.write("\nrequire words.invalid v0.0.0\n\nreplace words.invalid => ../words\n")
    with pytest.raises(Unavailable, match="words: the installation is incomplete"):
        golang.build(program, binaries.find("go"), print)
    shared.mkdir()
    (shared / "go.mod").write_text("module words.invalid\n\ngo 1.24\n")
    main = 'package main\n\nimport "words.invalid"\n\nfunc main() {\n\tprintln(words.Greeting)\n}\n'
    (program.folder / "main.go").write_text(main)
    for greeting in ("hello", "good morning"):
        (shared / "words.go").write_text(f'package words\n\nconst Greeting = "{greeting}"\n')
        assert greet(golang.build(program, binaries.find("go"), print)) == greeting


def test_those_who_ask_at_the_same_time_share_one_build(program: Program) -> None:
    def ask() -> str:
        command = [sys.executable, "-c", ASK, str(program.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout

    with ThreadPoolExecutor() as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(3)]]
    assert sum("building the greeter" in answer for answer in answers) == 1
    assert len({answer.splitlines()[-1] for answer in answers}) == 1


def test_a_build_that_fails_leaves_nothing_and_says_what_go_says(program: Program) -> None:
    assert program.folder is not None
    write(program.folder, '" + nonsense + "')
    with pytest.raises(
        Unavailable, match=r"could not build the greeter:\n(.|\n)*undefined: nonsense\nOr set TESTBED_HELLO"
    ):
        golang.build(program, binaries.find("go"), print)
    assert not golang.cached(program).exists()


def test_missing_sources_are_an_incomplete_installation(tmp_path: Path) -> None:
    program = Program("hello", "the greeter", "a moment", folder=tmp_path / "nowhere")
    with pytest.raises(Unavailable, match="the installation is incomplete"):
        golang.build(program, binaries.find("go"), print)


def test_a_cache_that_cannot_be_written(program: Program, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(Unavailable, match="set XDG_CACHE_HOME to a writable folder"):
        golang.build(program, binaries.find("go"), print)
