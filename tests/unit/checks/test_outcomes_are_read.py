"""A check that reads a status alone takes an answer that broke off for an answer."""

import ast
from pathlib import Path

import pytest

import testbed.checks

ROOT = Path(testbed.checks.__file__).parent
RAW = {"status", "as_http"}
READ_WITH_THE_OUTCOME = {  # each asks for the outcome beside the status, or writes both
    "availability.py",
    "judging/contents.py",
    "statuses.py",
    "bulkhead.py",
    "judging/doubt.py",
    "judging/explain.py",
    "judging/formatting.py",
    "judging/proxies.py",
    "judging/own_breaker.py",
}


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_status_is_read_with_its_outcome(file: Path) -> None:
    raw = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)]
    raw = [node for node in raw if node.attr in RAW]
    read = [node.lineno for node in raw if not (isinstance(node.value, ast.Name) and node.value.id == "self")]
    if str(file.relative_to(ROOT)) not in READ_WITH_THE_OUTCOME:
        assert not read, "use ok, answered or has_status of the event"
