"""`testbed soak`: the same suite many times, each in another order and with another seed; no verdict may change."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from importlib.util import find_spec
from os.path import relpath
from pathlib import Path

from testbed.calibration.suite import SEED, run_suite
from testbed.calibration.told import Seen, Told

Say = Callable[[str], None]
Round = Mapping[str, Told]


@dataclass(frozen=True)
class Change:
    """A verdict, or the outcome of a whole test, that differs from the first round's; both as text."""

    test: str
    about: str
    first: str
    now: str
    histories: tuple[str, ...]


def soak(args: Sequence[str], times: int, say: Say, seed: int | None = None) -> bool:
    """Run the suite `times` times; say after each round what changed, at the end how much was compared.

    Round n has the seed `seed + n` (of a new one, which is said). Returns whether every test passed and no verdict ever
    changed. Histories of the first round, and of every test with a changed verdict, stay below .testbed/soak.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    if not find_spec("pytest_randomly"):
        say("pytest-randomly is not installed: every round keeps the order of the files")
    first: Round = {}
    failed = changed = compared = 0
    for number in range(1, times + 1):
        begun = time.time()
        now = run_suite([*args, *_flags(seed + number)], kept=f"soak/round-{number}", heard=lambda *_: None)
        first = first or now
        found, red = compare(first, now), sum(1 for told in now.values() if told.outcome in ("failed", "error"))
        verdicts = sum(len(told.verdicts) for told in now.values())
        if number > 1:
            _forget(now, keep={change.test for change in found})
        counts = f"{len(now)} tests ({red} failed), {verdicts} verdicts, {len(found)} changed"
        say(f"round {number} of {times}: {counts}; {time.time() - begun:.0f} s, seed {seed + number}")
        for change in found:
            say(describe(change))
        failed, changed, compared = failed + red, changed + len(found), compared + verdicts
    say(f"{times} rounds: {compared} verdicts, {changed} changed; {failed} tests failed. The same again: --seed={seed}")
    return not changed and not failed


def _flags(seed: int) -> list[str]:
    order = [f"--randomly-seed={seed}"] if find_spec("pytest_randomly") else []
    return [*order, f"{SEED}={seed}"]


def compare(first: Round, now: Round) -> list[Change]:
    """Return every verdict that differs between two rounds, and every test that ended otherwise without one."""
    changes = []
    for test in dict.fromkeys([*first, *now]):
        was, told = first.get(test), now.get(test)
        kept = tuple(one.history for one in (was, told) if one and one.history)
        verdicts = [Change(test, *one, kept) for one in _verdicts(was, told) if _word(one[1]) != _word(one[2])]
        whole = Change(test, "the test", _ended(was), _ended(told), kept)
        changes += verdicts or ([whole] if _word(whole.first) != _word(whole.now) else [])
    return changes


def _verdicts(was: Told | None, told: Told | None) -> list[tuple[str, str, str]]:
    before, after = was.keyed if was else {}, told.keyed if told else {}
    keys = dict.fromkeys([*before, *after])
    return [(_about(key), _shown(before.get(key)), _shown(after.get(key))) for key in keys]


def _about(key: tuple[int, str, str, str, int]) -> str:
    run, check, population, phase, _ = key
    return f"{check} ({population}, {phase}), run {run}"


def _shown(seen: Seen | None) -> str:
    if seen is None:
        return "missing"
    return f"{seen.outcome}: {seen.observed or 'not judged'}{f'; {seen.why}' if seen.why else ''}"


def _ended(told: Told | None) -> str:
    return "missing" if told is None else f"{told.outcome}: {told.why}" if told.why else told.outcome


def _word(text: str) -> str:
    return text.partition(":")[0]


def describe(change: Change) -> str:
    """A change in a few lines: what, how it was in the first round, how it is now, where both histories are."""
    lines = [f"  CHANGED {change.test}", change.about, f"first: {change.first}", f"now:   {change.now}"]
    return "\n    ".join([*lines, *(f"history: {relpath(path)}" for path in change.histories)])


def _forget(now: Round, keep: Set[str]) -> None:
    """Delete the histories of a round, but for those tests."""
    for test, told in now.items():
        if told.history and test not in keep:
            Path(told.history).unlink(missing_ok=True)
