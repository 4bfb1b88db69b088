"""The closed history of one run, and its file of JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from testbed.errors import TestbedError
from testbed.history.events import Event
from testbed.history.format import CLOSED, CODEC, FIRST_LINE, OPENED, UNFINISHED
from testbed.history.index import Index


class History:
    """The events of one run, in the order in which they were recorded."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events: Sequence[Event] = tuple(events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    @property
    def complete(self) -> bool:
        """False for a journal that was not closed: the run was killed, or is not over."""
        return UNFINISHED not in self.events

    @cached_property
    def index(self) -> Index:
        """The events by phase, edge and request."""
        return Index(self.events)

    def write(self, path: str | Path) -> None:
        """Write the history as JSON lines; `read` gives back equal events. Until it is whole, an old file stays.

        Raises `TestbedError` if the file cannot be written.
        """
        beside = Path(f"{path}.new")
        try:
            with beside.open("w", encoding="ascii", newline="\n") as file:
                file.write(FIRST_LINE + "\n")
                file.writelines(CODEC.encode(event) + "\n" for event in self.events)
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise TestbedError(f"cannot write the history {path}: {error.strerror}") from error

    @classmethod
    def read(cls, path: str | Path) -> History:
        """Read a history file or a journal; of a journal that was not closed, all whole lines.

        The last event is then an incomplete `Evidence`, and this history proves nothing.

        Raises `TestbedError`, naming file and line, for a missing file, another version of the format,
        an unknown event or field, or a broken line.
        """
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise TestbedError(f"cannot read the history {path}: {error.strerror}") from error
        first, *lines = text.removesuffix(b"\n").split(b"\n")
        if first.decode(errors="replace") != FIRST_LINE:
            raise TestbedError(f"{path}:1: not a history of this version: the first line must be {FIRST_LINE}")
        found, complete = _events_in(list(enumerate(lines, start=2)), torn=not text.endswith(b"\n"))
        events = [_decoded(path, number, line) for number, line in found]
        return cls(events if complete else [*events, UNFINISHED])


Numbered = list[tuple[int, bytes]]


def _events_in(lines: Numbered, *, torn: bool) -> tuple[Numbered, bool]:
    """Return the lines that are events, and whether these are all; `torn`: the last line lacks its newline."""
    if not lines or lines[0][1] != OPENED.encode():
        return lines, True  # a history, not a journal
    if lines[-1][1] == CLOSED.encode():
        return lines[1:-1], True
    return lines[1:-1] if torn else lines[1:], False


def _decoded(path: str | Path, number: int, line: bytes) -> Event:
    try:
        return CODEC.decode(line)
    except ValueError as error:
        raise TestbedError(f"{path}:{number}: {error}") from error
