"""`testbed soak`: runs a suite many times with different orders and seeds. No verdict may change."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from importlib.util import find_spec
from os.path import relpath
from pathlib import Path

from testbed.campaigns.suite import SEED, VERDICTS, OnProgress, run_suite
from testbed.checks import SATURATED, Verdict
from testbed.report.outcome import TestOutcome

Round = Mapping[str, TestOutcome]
RED = ("failed", "error")


@dataclass(frozen=True)
class Change:
    """A verdict or test outcome that differs from the first round, both as text."""

    test: str
    about: str
    first: str
    now: str
    histories: tuple[str, ...]


@dataclass
class Tally:
    """The totals of a soak."""

    rounds: int = 0
    verdicts: int = 0
    changed: int = 0
    failed: int = 0
    set_aside: int = 0

    @property
    def stable(self) -> bool:
        """Whether every test passed and no verdict changed."""
        return not self.changed and not self.failed


def soak(args: Sequence[str], times: int, say: OnProgress, seed: int | None = None, strict: bool = False) -> bool:
    """Run the suite `times` times. Report the changes after each round, and the totals at the end.

    Each round has the next seed, starting at `seed` or at a random one. If all changed or failed tests of a round ran
    while the testbed lacked CPU time, the round is reported, not counted and repeated, unless `strict`. At most as many
    rounds are repeated as counted. Returns whether all rounds were counted, all tests passed and no verdict changed.
    The histories of the first round and of tests with a changed verdict stay in .testbed/soak.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    if not find_spec("pytest_randomly"):
        say("pytest-randomly is not installed: all rounds run the tests in file order")
    first: Round = {}
    tally, number = Tally(), 0
    while tally.rounds < times and tally.set_aside <= max(tally.rounds, 3):
        number, begun = number + 1, time.monotonic()
        now = run_suite([*args, *_flags(seed + number)], kept=f"soak/round-{number}", on_outcome=lambda *_: None)
        found = compare(first or now, now)
        excuse = "" if strict else _saturated(now, found)
        _count(tally, now, found, excuse)
        which = "round not counted" if excuse else f"round {tally.rounds} of {times}"
        say(f"{which}: {_counts(now, found)}; {time.monotonic() - begun:.0f} s, seed {seed + number}")
        for text in (*map(describe, found), *filter(None, [excuse])):
            say(text)
        if first or excuse:
            _forget(now, keep={change.test for change in found})
        first = first or ({} if excuse else now)
    say(_sum(tally, seed))
    return tally.stable and tally.rounds == times


def _saturated(now: Round, found: Sequence[Change]) -> str:
    """Return why a round does not count: all its changes and failures happened while the testbed was saturated."""
    tests = {change.test for change in found} | {test for test, one in now.items() if one.outcome in RED}
    why = [now[test].starved if test in now else "" for test in tests]
    return f"    not counted: {SATURATED}: {why[0]}" if tests and all(why) else ""


def _count(tally: Tally, now: Round, found: Sequence[Change], excuse: str) -> None:
    if excuse:
        tally.set_aside += 1
        return
    tally.rounds += 1
    tally.changed += len(found)
    tally.failed += _red(now)
    tally.verdicts += _verdicts_of(now)


def _red(now: Round) -> int:
    return sum(1 for one in now.values() if one.outcome in RED)


def _verdicts_of(now: Round) -> int:
    return sum(len(one.verdicts) for one in now.values())


def _counts(now: Round, found: Sequence[Change]) -> str:
    return f"{len(now)} tests ({_red(now)} failed), {_verdicts_of(now)} verdicts, {len(found)} changed"


def _sum(tally: Tally, seed: int) -> str:
    repeated = f"; {tally.set_aside} more not counted: {SATURATED}" if tally.set_aside else ""
    counted = f"{tally.rounds} rounds: {tally.verdicts} verdicts, {tally.changed} changed; {tally.failed} tests failed"
    return f"{counted}{repeated}. Reproduce with: --seed={seed}"


def _flags(seed: int) -> list[str]:
    order = [f"--randomly-seed={seed}"] if find_spec("pytest_randomly") else []
    return [*order, f"{SEED}={seed}"]


def compare(first: Round, now: Round) -> list[Change]:
    """Return all verdicts that differ between two rounds, and tests with another outcome but no changed verdict."""
    changes = []
    for test in dict.fromkeys([*first, *now]):
        before, after = first.get(test), now.get(test)
        kept = tuple(one.history for one in (before, after) if one and one.history)
        verdicts = [Change(test, *one, kept) for one in _verdicts(before, after) if _word(one[1]) != _word(one[2])]
        whole = Change(test, "the test", _ended(before), _ended(after), kept)
        changes += verdicts or ([whole] if _word(whole.first) != _word(whole.now) else [])
    return changes


def _verdicts(before: TestOutcome | None, after: TestOutcome | None) -> list[tuple[str, str, str]]:
    first, now = before.keyed if before else {}, after.keyed if after else {}
    return [(_about(key), _shown(first.get(key)), _shown(now.get(key))) for key in dict.fromkeys([*first, *now])]


def _about(key: tuple[int, str, str, str, int]) -> str:
    run, check, population, phase, _ = key
    return f"{check} ({population}, {phase}), run {run}"


def _shown(verdict: Verdict | None) -> str:
    if verdict is None:
        return "missing"
    return f"{VERDICTS[verdict.outcome]}: {verdict.observed or 'not judged'}{f'; {verdict.why}' if verdict.why else ''}"


def _ended(test: TestOutcome | None) -> str:
    return "missing" if test is None else f"{test.outcome}: {test.why}" if test.why else test.outcome


def _word(text: str) -> str:
    return text.partition(":")[0]


def describe(change: Change) -> str:
    """Return a change as lines: the check, its verdict in the first round and now, and both histories."""
    lines = [f"  CHANGED {change.test}", change.about, f"first: {change.first}", f"now:   {change.now}"]
    return "\n    ".join([*lines, *(f"history: {relpath(path)}" for path in change.histories)])


def _forget(now: Round, keep: Set[str]) -> None:
    """Delete the histories of a round, except those of the tests in `keep`."""
    for test, outcome in now.items():
        if outcome.history and test not in keep:
            Path(outcome.history).unlink(missing_ok=True)
