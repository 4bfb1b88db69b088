"""What apps, histories and names say is text in every output: nothing of it acts on a terminal or breaks a file."""

import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import replace
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.checks import Report
from testbed.errors import Inconclusive, NotContained, TestbedError, TopologyError, Unsupported, visible
from testbed.frontends.plugin.progress import line
from testbed.report.failure import raise_if_red
from testbed.report.junit import properties_of
from testbed.report.markdown import markdown
from testbed.report.outcome import Narrative, ReportOutcome, RunOutcome, TestOutcome
from testbed.report.summary import summary
from testbed.report.verdict_table import table
from tests.unit.report.test_verdict_table import VIOLATED

NASTY = (
    "\x1b]0;owned\x07\x1b[2J \u202eevil\u202c \x00 \x9b31m \u2028 \ud800 \ufffe \r "
    + "bell\x07 [red]x[/] ]]> `a` | <b> \U000e0041"
)
anything = st.one_of(st.just(NASTY), st.text(st.characters(), max_size=60))


def acts(text: str) -> list[str]:
    """The characters that a terminal obeys, or that hide or turn other text, or that XML and UTF-8 forbid."""
    kinds = {"Cc", "Cs"}
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return [
        one
        for one in text
        if (unicodedata.category(one) in kinds and one not in "\n\t")
        or unicodedata.bidirectional(one) in turning
        or one in "\u2028\u2029\ufffe\uffff"
    ]


def told(text: str) -> TestOutcome:
    """A test of which every text is from elsewhere."""
    names = ("observed", "why", "next", "edge", "policy", "check", "title", "bound", "margin", "source")
    verdict = replace(VIOLATED, **dict.fromkeys(names, text))
    tale = Narrative(broken=(text,), against=(text,), warnings=(text,), notes=(text,), own=(text,), probes=(text,))
    runs = (RunOutcome((ReportOutcome(Report((verdict,), test=text), tale),)),)
    return TestOutcome(f"test_{text}", "failed", runs=runs, then_held=text)


@settings(deadline=None)  # a shared machine may be slow
@given(anything)
def test_a_terminal_gets_text_alone(text: str) -> None:
    test = told(text)
    assert acts(summary([test], width=100, colour=False)) == []
    assert acts(table(test.report)) == []
    assert acts(line(text, text, 1, 2, 80)) == []
    with pytest.raises(NotContained) as failure:
        raise_if_red(test.report)
    assert acts(str(failure.value)) == []


@settings(deadline=None)  # a shared machine may be slow
@given(anything)
def test_markdown_and_xml_get_text_alone(text: str) -> None:
    test = told(text)
    page = markdown(test.report, test.notes)
    assert acts(page) == []
    assert "<b>" not in page
    for name, value in properties_of(test):
        assert ET.fromstring(f"<property name={quoteattr(name)} value={quoteattr(value)}/>").get("name") == name


@pytest.mark.parametrize("kind", [TestbedError, TopologyError, Unsupported, NotContained, Inconclusive])
def test_every_message_is_text(kind: type[Exception]) -> None:
    said = str(kind(f"the app said {NASTY!s}"))
    assert acts(said) == []
    assert "\\x1b]0;owned\\x07" in said
    assert "\\u202eevil\\u202c" in said


@settings(deadline=None)  # a shared machine may be slow
@given(st.text(st.characters(exclude_categories=["C", "Z"])), st.sampled_from(["\n", "\t", " ", "\u200d", "é", "漢"]))
def test_plain_text_stays_as_it_is(text: str, more: str) -> None:
    kept = text.replace("\ufffe", "") + more
    assert visible(kept) == kept or acts(kept) or any(one in kept for one in "\ufff9\ufffa\ufffb\ufeff")


@settings(deadline=None)  # a shared machine may be slow
@given(anything)
def test_what_was_made_visible_stays_so(text: str) -> None:
    assert visible(visible(text)) == visible(text)
