"""Tests ask public questions only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
STANDARD = {"os._exit"}


def parsed(text: str) -> ast.AST:
    """Parse a source. Python 3.11 may fail with SystemError while another thread parses as well: then once more."""
    try:
        return ast.parse(text)
    except SystemError:
        return ast.parse(text)


def private_uses(path: Path) -> Iterator[str]:
    """Every private attribute of another object that a file reads or sets."""
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            said = ast.unparse(node)
            if not said.startswith(("self.", "super().", "cls.")) and said not in STANDARD:
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {said}"


def test_no_test_uses_a_private_attribute_of_another_object() -> None:
    files = [file for folder in ("tests", "examples", "benchmarks") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    assert [use for file in files for use in private_uses(file)] == []
