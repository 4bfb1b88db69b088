"""What a bar writes: one line over and over on a terminal, a new one now and then elsewhere."""

from __future__ import annotations

import io
import time

import pytest

from testbed.runtime.tools import bar
from testbed.runtime.tools.bar import Bar, Piece


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "TICK_S", 0.001)


def until(out: io.StringIO, text: str) -> None:
    while text not in out.getvalue():
        time.sleep(0.001)


def test_on_a_terminal_the_line_is_updated_and_cleared_at_the_end() -> None:
    out, pip, go = Terminal(), Piece("12 of 230 MB of wheels", 0.5), Piece()
    with Bar(pip.state, go.state, out=out):
        until(out, "12 of 230 MB of wheels")
        go.at("7 of 270 packages", 1.0)
        until(out, "7 of 270")
    assert "\r\x1b[K[#####---------------]  25%  12 of 230 MB of wheels\r" in out.getvalue()
    assert "\r\x1b[K[###############-----]  75%  12 of 230 MB of wheels; 7 of 270 packages\r" in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[K")
    assert "\n" not in out.getvalue()


def test_without_a_terminal_each_tenth_is_a_line() -> None:
    out, piece = io.StringIO(), Piece("begun", 0.01)
    with Bar(piece.state, out=out):
        until(out, "begun")
        for share in (0.05, 0.1, 0.15, 0.2):
            piece.at(f"at {share}", share)
            time.sleep(0.05)
        until(out, "at 0.2")
    assert [line.split("  ")[-1] for line in out.getvalue().splitlines()] == ["begun", "at 0.1", "at 0.2"]


def test_without_a_terminal_a_line_comes_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "QUIET_S", 0.01)
    out, piece = io.StringIO(), Piece("at it", 0.5)
    with Bar(piece.state, out=out):
        while out.getvalue().count("   50%  at it\n") < 3:
            time.sleep(0.001)


@pytest.mark.parametrize(("out", "expected"), [(io.StringIO(), "built\n"), (Terminal(), "\r\x1b[Kbuilt\n")])
def test_a_line_that_stays(out: io.StringIO, expected: str) -> None:
    Bar(out=out).say("built")
    assert out.getvalue() == expected
