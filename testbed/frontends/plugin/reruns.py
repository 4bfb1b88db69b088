"""A test that runs again: a claim that was violated in one try and held in the next is not green.

It works below any plugin that repeats a test in its own hook, such as pytest-rerunfailures: each try passes `setup`,
`call` and `makereport`. What a test caught itself, with `pytest.raises` or `except`, ends no try, so it never counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from testbed.errors import NotContained
from testbed.report.outcome import THEN_HELD

if TYPE_CHECKING:
    from testbed.checks import Verdict
    from testbed.experiment.record import Record

Claim = tuple[int, str, str, str]  # run, check, population, phase


@dataclass
class Tries:
    """What the earlier tries of one test found."""

    violated: dict[Claim, str] = field(default_factory=dict)  # in tries that failed: the claim, and what was observed
    ended_red: str = ""  # the claim whose violation ended a try, "" if none did
    said: str = ""  # why the present try is not green


KEY = pytest.StashKey[Tries]()


def note_try(item: pytest.Item, record: Record, error: BaseException | None) -> None:
    """Remember the violated claims of a try that ended with an error."""
    tries = item.stash.setdefault(KEY, Tries())
    if error is None or tries.said:
        return
    found = {claim: f"{one.check}: {one.observed}" for claim, one in _claims(record) if one.outcome == "violated"}
    tries.violated |= found
    if isinstance(error, NotContained) and found:
        tries.ended_red = tries.ended_red or next(iter(found.values()))


def refuse_then_held(item: pytest.Item, record: Record) -> None:
    """Raise `NotContained` if this try is green and an earlier one was violated."""
    tries = item.stash.setdefault(KEY, Tries())
    held = [claim for claim, one in _claims(record) if one.outcome == "held"]
    flipped = next((tries.violated[claim] for claim in held if claim in tries.violated), tries.ended_red)
    tries.said = f"{THEN_HELD}: {flipped} in an earlier try of this test" if flipped else ""
    if tries.said:
        raise NotContained(f"{tries.said}. A claim that one run refuted is not proved by another: find out why")


def then_held(item: pytest.Item) -> str:
    """Return why this try is not green although every claim held, "" if there is no such reason."""
    return item.stash.setdefault(KEY, Tries()).said


def begin_try(item: pytest.Item) -> None:
    """Begin a try: what the one before said is no matter of this one."""
    item.stash.setdefault(KEY, Tries()).said = ""


def _claims(record: Record) -> Iterator[tuple[Claim, Verdict]]:
    for number, run in enumerate(record.runs, start=1):
        for one in (verdict for report in run.judged for verdict in report.verdicts):
            yield (number, one.check, one.population, one.phase), one
