"""The summary of a night: a row for each step, and the end of what each printed."""

import re

from benchmarks.nightly import ROOT, STEPS, Step, summary


def test_a_failed_step_is_listed_with_the_others() -> None:
    text = summary([Step("soak", 0, 120, "50 rounds"), Step("bench", 2, 60, "no figures")])
    assert "| soak | ok | 2.0 min |" in text
    assert "| bench | FAILED (exit code 2) | 1.0 min |" in text
    assert "## bench\n\n```text\nno figures\n```" in text


def test_every_step_is_a_target_of_the_makefile() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(STEPS) - targets == set()
