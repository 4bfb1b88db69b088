"""One log that evidence comes from: where it is, how it is read, who vouches that it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.evidence.access_log import Reading, TrafficEvent
from testbed.evidence.completeness import Counts
from testbed.plan.values import Link

Read = Callable[[Iterable[str]], Reading]


@dataclass(frozen=True, slots=True)
class Log:
    """One log file of a run."""

    process: str  # the process that writes it, "pricing-1/proxy"
    path: str  # below the run's folder
    reader: Callable[[int], Read]  # makes a function that reads the lines of the writer's n-th life, part by part
    links: Sequence[Link]  # what it can tell of
    admin: str | None = None  # "ip:port" where the writer tells its counters
    counts: Callable[[str], Counts] = lambda admin: Counts()  # asked there: they say how many lines there must be
    unsent: Callable[[TrafficEvent], bool] = lambda event: False  # whether a logged attempt never left the proxy

    def tells(self, source: str) -> bool:
        """Return whether it is one of the logs that a source ("attempts", "calls", "arrivals") is made of."""
        return (source == "arrivals") == (self.process == "inlet")


class Tail:
    """Reads a growing file line by line; a last line that is not whole yet waits for the next time."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def read(self, most: int = -1) -> list[str]:
        """Return the whole lines that have been written since the last time, none if there is no file yet.

        `most` is how many bytes are read at most; -1: all of them.
        """
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read(most)
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode(errors="replace").splitlines()

    def skip(self) -> None:
        """Go to the end of the file: what is there now belongs to a life of its writer that is over."""
        try:
            self._offset = self._path.stat().st_size
        except FileNotFoundError:
            self._offset = 0
