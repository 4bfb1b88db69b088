"""What one test did in one run of pytest, as plain data that crosses processes: outcome, verdicts, faults."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from testbed.checks.judging.base import Outcome
from testbed.experiment.record import Injected

# what a campaign tells the pytest that it starts, by its environment: the arm, the folder for histories, a pipe
ARM, KEPT, PIPE = "TESTBED_ARM", "TESTBED_KEPT", "TESTBED_PIPE"
COLLECTED = "collected"  # in the pipe: how many tests there are

Key = tuple[int, str, str, str, int]  # run, check, population, phase, and the how manieth of these


@dataclass(frozen=True, slots=True)
class Seen:
    """One verdict, and in which run of its test it was given (the first run is 1)."""

    run: int
    check: str
    title: str  # the check without its bounds
    population: str
    phase: str
    outcome: Outcome
    observed: str
    bound: str
    n: int
    why: str
    reaction: bool  # the check asks for something that only a fault brings

    @property
    def text(self) -> str:
        """What was seen and demanded, in one line."""
        seen = self.observed or "not judged"
        return f"{self.title} ({self.population}, {self.phase}): {seen}, bound {self.bound}"


@dataclass(frozen=True, slots=True)
class Told:
    """What one test did: how it ended for pytest, what its own asserts said, and every verdict."""

    test: str  # pytest's node id
    outcome: Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
    own: Literal["held", "violated", "error", "checks"] = "held"  # its own code; "checks": a red check ended it
    why: str = ""  # the first line of what ended it
    seconds: float = 0.0
    verdicts: tuple[Seen, ...] = ()
    injected: tuple[Injected, ...] = ()
    runs: int = 0
    control: str | None = None  # the reason given to @pytest.mark.control
    history: str = ""  # the path of its history
    starved: str = ""  # how badly the testbed lacked processor time in one of its runs

    @property
    def keyed(self) -> Mapping[Key, Seen]:
        """The verdicts, each under what it is about."""
        count: Counter[tuple[int, str, str, str]] = Counter()
        keyed: dict[Key, Seen] = {}
        for seen in self.verdicts:
            about = (seen.run, seen.check, seen.population, seen.phase)
            keyed[(*about, count[about])] = seen
            count[about] += 1
        return keyed

    @property
    def expected(self) -> bool:
        """Whether pytest is content with how it ended."""
        return self.outcome in ("passed", "xfailed", "xpassed")

    def of(self, outcome: Outcome) -> list[Seen]:
        """Return the verdicts of one outcome."""
        return [seen for seen in self.verdicts if seen.outcome == outcome]

    def line(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps(asdict(self))


def read(line: str) -> Told:
    """Read what `line` wrote."""
    data: dict[str, Any] = json.loads(line)
    verdicts = tuple(Seen(**one) for one in data.pop("verdicts"))
    injected = tuple(
        Injected(one["fault"], tuple(one["edges"]), one["mesh"], tuple(one["protected"]))
        for one in data.pop("injected")
    )
    return Told(**data, verdicts=verdicts, injected=injected)
