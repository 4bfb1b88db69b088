import re

import pytest

from testbed.checks import Report, Verdict
from testbed.report.junit import warnings
from testbed.report.markdown import markdown, step_summary
from testbed.report.outcome import Narrative, ReportOutcome, RunOutcome, TestOutcome
from testbed.report.verdict_table import table

POLICY = "{timeout: 500ms, retries: {attempts: 2, retryOn: [5xx, reset]}}"
HELD = Verdict(
    check="attempts('checkout -> pricing', at_most=3)",
    title="attempts checkout -> pricing",
    population="affected",
    phase="hold",
    outcome="held",
    observed="1 to 3 (mean 2.5)",
    bound="<= 3 per call",
    n=1200,
    margin="0 to spare",
    source="caller's proxy",
    edge="checkout -> pricing",
    policy=POLICY,
)
VIOLATED = Verdict(
    check="p99(under_ms=250)",
    title="p99",
    population="all",
    phase="hold",
    outcome="violated",
    observed="612.5 ms",
    bound="< 250 ms",
    n=400,
    margin="362.5 ms over",
    confidence="95 %",
    source="load",
    edge="checkout -> pricing",
    policy=POLICY,
    why="58 requests of 400 took 250 ms or more",
    next="request r1-7: 503 after 612.5 ms\n  checkout -> pricing, pricing-1, attempt 1: 503 [FI] after 5 ms",
)
INCONCLUSIVE = Verdict(
    check="availability(at_least_percent=99).during('recover')",
    title="availability",
    population="untouched (descriptive)",
    phase="recover",
    outcome="inconclusive",
    observed="",
    bound=">= 99 %",
    n=50,
    source="load",
    policy=POLICY,
    why="50 of 50 prove only >= 94.18 %; 99 % needs 299 requests",
    next="299 requests take 2.99 s",
)
REPORT = Report((HELD, VIOLATED, INCONCLUSIVE), test="test_it", mesh="envoy", seed=42)


def words(text):
    return " ".join(text.split())


def test_the_table_has_a_row_for_every_verdict():
    head, _, *rows = table(REPORT, width=160).splitlines()
    assert head.split() == ["verdict", "who,", "when", "check", "observed", "expected", "n", "margin"]
    first = "PASS affected, hold attempts checkout -> pricing 1 to 3 (mean 2.5) <= 3 per call 1,200 0 to spare"
    assert words(rows[0]) == first
    assert words(rows[1]) == "FAIL all, hold p99 612.5 ms < 250 ms 400 362.5 ms over"
    assert words(rows[2]) == "INCONCLUSIVE untouched (descriptive), recover availability not judged >= 99 % 50 -"


def test_below_it_stand_the_reasons_for_every_red_row_and_only_those():
    text = table(REPORT, width=160)
    reasons = text.partition("FAIL: p99")[2]
    assert "why     58 requests of 400 took 250 ms or more" in reasons
    assert "edge    checkout -> pricing" in reasons
    assert f"policy  {POLICY}" in reasons  # square brackets are text, not markup
    assert "source  load generator, 95 % confidence" in reasons
    assert "next    request r1-7: 503 after 612.5 ms\n" in reasons
    assert "attempt 1: 503 [FI] after 5 ms" in reasons
    assert (
        "INCONCLUSIVE: availability(at_least_percent=99).during('recover') (untouched (descriptive), recover)"
        in reasons
    )
    assert "99 % needs 299" in reasons
    assert "attempts(" not in text
    assert "counts as red" in text


def test_the_violated_come_before_the_inconclusive_and_nothing_is_said_twice():
    text = table(Report((INCONCLUSIVE, VIOLATED)), width=160)
    assert text.index("FAIL: p99") < text.index("INCONCLUSIVE: availability")
    assert text.count(POLICY) == 1
    assert "policy  as above" in text
    assert text.count("request r1-7") == 1


def test_a_green_report_is_a_table_and_nothing_else():
    assert len(table(Report((HELD,)), width=160).splitlines()) == 3


@pytest.mark.parametrize("width", [40, 60, 71, 72, 80, 89, 90, 100, 200])
def test_no_line_is_wider_than_asked_and_no_figure_is_lost(width):
    text = table(REPORT, width=width)
    assert max(map(len, text.splitlines())) <= width
    letters = re.sub(r"\s", "", text)
    assert {"1,200", "612.5", "400"} <= set(re.findall(r"[\d,.]*\d", text))
    for verdict in REPORT.red:
        assert re.sub(r"\s", "", verdict.why) in letters
    assert ("margin" in text) == (width >= 90)
    assert ("who" in text) == (width >= 72)


def test_the_width_is_that_of_the_environment_else_100(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert table(REPORT) == table(REPORT, width=60)
    for nothing in ("", "0", "wide"):
        monkeypatch.setenv("COLUMNS", nothing)
        assert table(REPORT) == table(REPORT, width=100)
    monkeypatch.delenv("COLUMNS")
    assert table(REPORT) == table(REPORT, width=100)


def test_a_hopeless_width_is_read_as_40():
    assert table(REPORT, width=3) == table(REPORT, width=40)


def test_colours_are_there_only_when_asked_for(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" not in table(REPORT, width=100)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31mFAIL" in table(REPORT, width=100, colour=True)


def test_markdown_has_a_table_and_folds_the_reasons():
    text = markdown(REPORT)
    lines = text.splitlines()
    assert lines[0] == r"### test\_it"
    assert lines[2].startswith("3 checks: 1 FAIL, 1 INCONCLUSIVE, 1 PASS")
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 5
    assert rows[2] == (
        "| PASS | affected, hold | attempts checkout -&gt; pricing | 1 to 3 (mean 2.5) | &lt;= 3 per call | 1,200 "
        "| 0 to spare |"
    )
    assert rows[3].startswith("| **FAIL** | all, hold | p99 |")
    assert text.count("<details>") == text.count("</details>") == 2
    assert r"- **policy**: {timeout: 500ms, retries: {attempts: 2, retryOn: \[5xx, reset\]}}" in lines
    assert "- **next**: request r1-7: 503 after 612.5 ms<br>  checkout -&gt; pricing" in text
    assert "counts as red" in text


NOTES = ("web never used its link to back in 36 requests: it calls back past the mesh. Look at [BACK_URL]", "another")


def test_junit_has_a_property_for_each_warning_about_the_services():
    assert warnings(NOTES) == [("testbed.warning.1", NOTES[0]), ("testbed.warning.2", "another")]


def test_markdown_has_the_warnings_about_the_services_above_the_table():
    lines = markdown(REPORT, NOTES).splitlines()
    assert lines[4].startswith("- **warning**: web never used its link to back in 36 requests")
    assert lines[4].endswith(r"Look at \[BACK\_URL\]")
    assert lines[5:7] == ["- **warning**: another", ""]
    assert "warning" not in markdown(REPORT)


def test_a_steps_summary_has_each_warning_once():
    assert step_summary([outcome_of("red", "failed", VIOLATED, HELD, notes=NOTES)]).count("- **warning**") == 2


def test_markdown_of_nothing_says_so():
    assert "load without any check" in markdown(Report(()))
    assert "|" not in markdown(Report(()))


def outcome_of(test, outcome, *verdicts, notes=()):
    """A test with two reports on one run."""
    reports = [ReportOutcome(Report((verdict,)), Narrative(notes=notes)) for verdict in verdicts]
    return TestOutcome(test, outcome, runs=(RunOutcome(tuple(reports)),))


def test_a_steps_summary_has_the_red_tests_first():
    text = step_summary([outcome_of("green", "passed", HELD), outcome_of("red", "failed", VIOLATED, HELD)])
    assert text.index("### red") < text.index("### green")
    assert text.count("| PASS |") == 2


def test_a_steps_summary_is_capped_and_says_so():
    text = step_summary([outcome_of(f"test{n}", "passed", HELD) for n in range(50)], most_bytes=3000)
    shown = text.count("### test")
    assert len(text.encode()) < 3100
    assert 1 < shown < 50
    assert f"{50 - shown} of 50 tests are left out" in text


def test_what_could_be_markup_is_shown_as_it_is():
    odd = Verdict("f(a|b)", "all", "hold", "held", "<b>*x*</b> & `y`", "[1]", 1, title="f a|b")
    assert r"&lt;b&gt;\*x\*&lt;/b&gt; &amp; \`y\`" in markdown(Report((odd,)))
    assert r"f a\|b" in markdown(Report((odd,)))
    assert "[1]" in table(Report((odd,)), width=100)
