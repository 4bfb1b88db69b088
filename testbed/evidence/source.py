"""One log with evidence: its path, its reader, and the counters that show whether it is complete."""

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
    reader: Callable[[int], Read]  # for the n-th start of the writer, a function that reads lines
    links: Sequence[Link]  # the links that it records
    admin: str | None = None  # "ip:port" of the counters of the writer
    counts: Callable[[str], Counts] = lambda admin: Counts()  # gets the counters there: the expected number of lines
    unsent: Callable[[TrafficEvent], bool] = lambda event: False  # whether a logged attempt never left the proxy

    def tells(self, source: str) -> bool:
        """Return whether it contains a source ("attempts", "calls", "arrivals")."""
        return (source == "arrivals") == (self.process == "inlet")


class Tail:
    """Reads a growing file line by line; an incomplete last line waits for the next read."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def read(self, most: int = -1) -> list[str]:
        """Return the complete new lines, none if there is no file yet.

        `most` is the maximum number of bytes; -1: no maximum.
        """
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read(most)
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode(errors="replace").split("\n")[:-1]  # an app may log U+2028, which ends no line

    def skip(self) -> None:
        """Go to the end of the file: the lines so far are from before the restart of the writer."""
        try:
            self._offset = self._path.stat().st_size
        except FileNotFoundError:
            self._offset = 0
