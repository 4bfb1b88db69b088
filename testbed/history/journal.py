"""A history that is written during the run: it survives a killed run, and another process can follow it."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from testbed.history.events import Event, Phase, RunInfo
from testbed.history.format import CLOSED, CODEC, FIRST_LINE, OPENED

EVERY_S = 0.2  # between two writes, unless one is requested
MOST_BYTES = 256 * 1024  # in memory, at most
_BOUNDARIES = (RunInfo, Phase)  # these are written at once for followers


class _File(Protocol):
    """An unbuffered file, which may write only the first part of the data."""

    def write(self, data: bytes, /) -> int | None: ...
    def close(self) -> None: ...


class Journal:
    """Appends the events of a run to a file as they become known. `History.read` reads it, even without its end.

        journal = Journal.open(path, warn=warnings.append)
        journal.append(event)   # from any thread
        journal.extend(events)
        journal.flush()         # all that was appended is in the file now
        journal.close()         # the run has ended, and all of its events are there

    Append each event once, when its last field is known: the file is never changed. Append the `Evidence` of a source
    after all events of that source, so that a file that ends early does not claim to be complete. Otherwise the order
    of events of different types does not matter.

    There is no thread: an event waits in memory until the first `append` that is at least 0.2 s after the last write.
    A `RunInfo` and a `Phase` are written at once, with all waiting events. Call `flush` before a long pause. A killed
    process loses the waiting events, at most 256 KiB.

    If the run fails and the process goes on, call `close(complete=False)`. The file then looks like that of a killed
    run: `History.read(path).complete` is False.

    A file that cannot be written raises nothing. `warn` is called once, with one line, and the journal then ignores
    later events; the file can still be read. Without `warn` the line goes to standard error. `warn` itself
    must not raise.
    """

    def __init__(
        self,
        path: str | Path,
        new_file: Callable[[], _File],
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._warn, self._clock = path, warn, clock
        self._lock = threading.RLock()
        self._file: _File | None = None
        self._waiting = [FIRST_LINE, OPENED]
        self._bytes = 0
        with self._tolerant():
            self._file = new_file()
        self.flush()

    @classmethod
    def open(cls, path: str | Path, warn: Callable[[str], None] | None = None) -> Journal:
        """Begin a new journal and replace any file of that name; make its folder if needed."""

        def new_file() -> io.FileIO:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            return io.FileIO(path, "w")

        return cls(path, new_file, warn or _to_stderr)

    def append(self, event: Event) -> None:
        """Add one event at the end."""
        line = CODEC.encode(event)
        with self._lock:
            if self._file is None:
                return
            self._waiting.append(line)
            self._bytes += len(line) + 1
            late = self._clock() - self._written_at >= EVERY_S
            if late or self._bytes >= MOST_BYTES or isinstance(event, _BOUNDARIES):
                self._write()

    def extend(self, events: Iterable[Event]) -> None:
        """Add events at the end, in order; events of another thread may come between them."""
        for event in events:
            self.append(event)

    def flush(self) -> None:
        """Write the waiting events."""
        with self._lock:
            self._write()

    def close(self, *, complete: bool = True) -> None:
        """Write the waiting events and end the file; later events are ignored. A second call does nothing.

        `complete`: the run has ended, and all of its events were appended.
        """
        with self._lock:
            self._waiting += [CLOSED] if complete else []
            self._write()
            self._end()

    def _write(self) -> None:
        data = "".join(line + "\n" for line in self._waiting).encode("ascii")
        self._waiting, self._bytes, self._written_at = [], 0, self._clock()
        with self._tolerant():
            while data and self._file is not None:
                data = data[self._file.write(data) or 0 :]

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Turn a file that cannot be written into one warning and the end of the journal."""
        try:
            yield
        except OSError as error:
            self._end()
            self._warn(f"cannot write the journal {self._path}, so it ends here: {error.strerror or error}")

    def _end(self) -> None:
        file, self._file = self._file, None
        with suppress(OSError):
            if file is not None:
                file.close()


def _to_stderr(text: str) -> None:
    print(f"testbed: {text}", file=sys.stderr)
