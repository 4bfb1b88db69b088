from pathlib import Path

import pytest

from testbed.evidence.source import Tail


def test_a_file_that_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.read() == []
    path.write_text("one\ntwo\nthr")
    assert tail.read() == ["one", "two"]
    with path.open("a") as file:
        file.write("ee\n")
    assert tail.read() == ["three"]
    assert tail.read() == []


def test_skipping_an_earlier_life(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    tail.skip()
    path.write_text("old\nhalf a li")
    tail.skip()
    with path.open("a") as file:
        file.write("new\n")
    assert tail.read() == ["new"]


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\n")
    assert len(Tail(tmp_path / "log").read()) == 1


def test_a_part_at_a_time_ends_with_a_whole_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\nthree\n")
    tail = Tail(tmp_path / "log")
    assert [tail.read(9), tail.read(9), tail.read(9)] == [["one", "two"], ["three"], []]


@pytest.mark.parametrize("inside", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_a_line_feed_ends_a_line(tmp_path: Path, inside: str) -> None:
    (tmp_path / "app.log").write_bytes(f'{{"path": "/a{inside}b"}}\nnext\n'.encode())
    assert Tail(tmp_path / "app.log").read() == [f'{{"path": "/a{inside}b"}}', "next"]
