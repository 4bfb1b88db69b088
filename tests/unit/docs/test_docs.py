"""The README and the pages of docs/ are true: snippets parse, links lead somewhere, no key is missing."""

import ast
import json
import re
import subprocess
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import yaml

import testbed
from testbed.history.events import Event
from testbed.spec.schema import reference, schema
from testbed.spec.topology import Topology

ROOT = Path(__file__).parents[3]
PATTERNS = [page for page in sorted(ROOT.glob("docs/patterns/*.md")) if page.name != "README.md"]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")]
PAGES += sorted(ROOT.glob("docs/**/*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)#]*)(#[^)]*)?\)")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def snippets(page, language):
    return [text for kind, text in FENCE.findall(page.read_text()) if kind == language]


@pages
def test_python_parses_and_imports_only_what_there_is(page):
    for text in snippets(page, "python"):
        for node in ast.walk(ast.parse(textwrap.dedent(text))):
            if isinstance(node, ast.ImportFrom) and node.module == "testbed":
                assert [name.name for name in node.names if not hasattr(testbed, name.name)] == []


@pages
def test_every_topology_is_valid(page):
    for text in snippets(page, "yaml"):
        data = yaml.safe_load(text)
        if data is not None and "entry" in data:  # not an excerpt
            Topology.model_validate(data)


@pages
def test_json_lines_parse(page):
    for text in snippets(page, "json"):
        for line in text.splitlines():
            json.loads(line)


@pages
def test_links_lead_to_files_and_headings(page):
    for target, anchor in LINK.findall(FENCE.sub("", page.read_text())):
        if target.startswith("http"):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{page.name} links to {target}, which is not there"
        if anchor and there.suffix == ".md":
            assert anchor[1:] in headings(there), f"{page.name} links to {target}{anchor}: no such heading"


def headings(page):
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("folder", ["docs", "docs/patterns"])
def test_every_page_is_in_the_index(folder):
    index = (ROOT / folder / "README.md").read_text()
    assert [page.name for page in ROOT.glob(f"{folder}/*.md") if f"({page.name})" not in index] == ["README.md"]


def test_every_pattern_has_a_page_and_an_example():
    examples = sorted(path.parent.name for path in ROOT.glob("examples/patterns/*/test_*.py"))
    assert sorted(page.stem for page in PATTERNS) == examples


@pytest.mark.parametrize("page", PATTERNS, ids=lambda page: page.stem)
def test_a_pattern_is_short_and_shows_its_own_example(page):
    example = ROOT / "examples/patterns" / page.stem
    files = {"yaml": example / "topology.yaml", "python": example / f"test_{page.stem.replace('-', '_')}.py"}
    assert len(page.read_text().splitlines()) <= 60
    for language, file in files.items():
        shown = "".join(snippets(page, language)).splitlines()
        assert shown
        assert [line for line in shown if line not in file.read_text().splitlines()] == []


def test_every_key_of_a_topology_is_documented():
    text = (ROOT / "docs/topology.md").read_text()
    assert text.partition("### Topology\n")[2].strip() == reference(schema()).partition("### Topology\n")[2].strip(), (
        "docs/topology.md is behind the schema: run `make docs`"
    )


@pytest.mark.parametrize("event", get_args(Event), ids=lambda event: event.type)
def test_every_event_of_a_history_is_documented(event):
    text = (ROOT / "docs/evidence.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{event.type}` |")]
    assert re.findall(r"`(\w+)`", row)[1:] == [field.name for field in fields(event)]


def test_make_help_names_every_target_that_says_what_it_does():
    words = ["make", "-s", "--no-print-directory", "help"]  # under `make test` make is make's child
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    described = re.findall(r"^(\S+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [line.split()[0] for line in told.splitlines()] == described
