"""How the corpus of verdicts is counted."""

from __future__ import annotations

from benchmarks.truth import Case, cases, changed, table

JUNIT = """<testsuites><testsuite>
<testcase name="test_planted_slow_store[1]"/>
<testcase name="test_planted_place"><failure message="green"/></testcase>
<testcase name="test_fixed"><error message="no mesh"/></testcase>
<testcase name="test_wrong_load"><skipped message="no root"/></testcase>
<testcase name="test_the_table"/>
</testsuite></testsuites>"""


def test_a_case_is_right_unless_it_failed_and_is_not_counted_if_it_was_skipped() -> None:
    assert [(case.arm, case.right) for case in cases(JUNIT)] == [
        ("planted", True),
        ("planted", False),
        ("fixed", False),
        ("other", True),
    ]


def test_the_table_has_every_arm() -> None:
    text = table([list(cases(JUNIT))] * 2)
    assert "| planted bugs that are found | 2 | 4 |" in text
    assert "| wrong tests that are caught | 0 | 0 |" in text


def test_a_case_that_is_wrong_once_is_named() -> None:
    assert changed([[Case("test_fixed", True)], [Case("test_fixed", False)]]) == {"test_fixed": 1}
