"""`testbed calibrate`: runs a suite in three arms, and reports whether each scenario is sensitive to its policies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from testbed.campaigns.calibrate.findings import Kind
from testbed.campaigns.calibrate.judgement import GOOD, Judgement, cell, is_scenario, judgement
from testbed.campaigns.suite import SEED, OnProgress, run_suite
from testbed.experiment.arm import Arm
from testbed.report.outcome import TestOutcome, title

Arms = dict[Arm, dict[str, TestOutcome]]


def calibrate(args: Sequence[str], say: OnProgress) -> list[Judgement]:
    """Run the selected suite in all three arms with one seed, and judge every scenario. `args` are those of pytest."""
    seeded = [*args, *seed_for(args)]
    arms: Arms = {}
    for arm in Arm:
        say(f"{arm}: pytest {' '.join(seeded)}")
        kept = f"calibrate/{arm.value.replace(' ', '-')}"
        arms[arm] = run_suite(seeded, arm=arm, kept=kept, on_outcome=partial(_progress, say, arm))
    return judged(arms)


def seed_for(args: Sequence[str]) -> list[str]:
    """Return the flag for a new seed unless the arguments have one, because all arms must send the same load."""
    given = any(arg.partition("=")[0] == SEED for arg in args)
    return [] if given else [f"{SEED}={random.SystemRandom().randrange(10**6)}"]


def _progress(say: OnProgress, arm: Arm, test: TestOutcome, nth: int, of: int) -> None:
    """Print the outcome of one test when it ends."""
    count = f"{nth}/{of}" if of else str(nth)
    say(f"  {count:>7}  {test.seconds:5.1f} s  {title(test.test)}: {cell(test, arm)}")


def judged(arms: Arms) -> list[Judgement]:
    """Judge every scenario, sorted by node id, because the runs have a random order."""
    tests = sorted({test for outcomes in arms.values() for test in outcomes})
    each = {test: {arm: outcomes[test] for arm, outcomes in arms.items() if test in outcomes} for test in tests}
    return [judgement(test, found) for test, found in each.items() if is_scenario(found.values())]


def is_calibrated(judgements: Sequence[Judgement]) -> bool:
    """Whether nothing is wrong and at least one scenario is good, so an empty suite does not pass."""
    return not any(one.bad for one in judgements) and any(one.kind in GOOD for one in judgements)


JSON_NAMES = {  # stable names in the file for CI
    Kind.SENSITIVE: "tells",
    Kind.NOT_APPLICABLE: "apart",
    Kind.INSENSITIVE_TO_POLICY: "blind",
    Kind.SATURATED: "busy",
    Kind.INSENSITIVE_TO_FAULT: "deaf",
}


def as_data(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Return everything as JSON data, for CI."""
    names = [arm.value for arm in Arm]
    scenarios = []
    for one in judgements:
        data = asdict(one) | {"kind": JSON_NAMES.get(one.kind, one.kind.name.lower()), "bad": one.bad}
        scenarios.append(data | {"cells": dict(zip(names, one.cells, strict=True))})
    return {"calibrated": is_calibrated(judgements), "scenarios": scenarios}
