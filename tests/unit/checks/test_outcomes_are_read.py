"""A check that reads a status alone takes an answer that broke off for an answer."""

import ast
from pathlib import Path

import pytest

import testbed.checks

ROOT = Path(testbed.checks.__file__).parent
RAW = {"status", "as_http"}
READ_WITH_THE_OUTCOME = {  # each of these asks for `whole`, `answered` or the outcome beside the status
    "statuses.py",
    "bulkhead.py",
    "judging/explain.py",
    "judging/formatting.py",
    "judging/proxies.py",
    "judging/own_breaker.py",
    "call_statuses.py",
}


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_status_is_read_with_its_outcome(file: Path) -> None:
    tree = ast.parse(file.read_text())
    raw = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in RAW]
    read = [node.lineno for node in raw if not (isinstance(node.value, ast.Name) and node.value.id == "self")]
    if str(file.relative_to(ROOT)) not in READ_WITH_THE_OUTCOME:
        assert not read, "use ok, answered or has_status of the event"
    elif read:
        assert {"whole", "outcome", "has_status", "answered"} & {
            node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
        }
