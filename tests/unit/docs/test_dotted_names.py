"""Every dotted name of the package that the sources write, in code or in a text, leads to something."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS, FILES = ("testbed", "topologies"), ("pyproject.toml", "Makefile", ".ci/run")
BUILT = {".pyc", ".so", ".wasm"}
NAME = re.compile(r"(?<![\w.\-/])testbed(?:[.:][A-Za-z_]\w*)+")

NO_CODE = {
    "testbed.invalid": "a domain in the paths of Go modules",
    "testbed.v1.Stub": "the gRPC service of the stubs",
    "testbed.faults": "a group of entry points",
    "testbed.caller": "filter state of a connection at the inlet",
    **dict.fromkeys(("testbed.attempt", "testbed.fault", "testbed.id"), "dynamic metadata of a request at the inlet"),
    "testbed.seed": "a property of a pytest report",
    **dict.fromkeys(("testbed.check", "testbed.outcome", "testbed.warning"), "a property in a JUnit file"),
    **dict.fromkeys(
        (f"testbed.{label}" for label in ("boot", "owner", "place", "process", "run", "user")), "a Docker label"
    ),
}
"""Names of other things, and of what: they stay when code moves."""


def sources() -> Iterator[Path]:
    """The files in which a name is looked for; none that was built."""
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in BUILT)
    yield from (ROOT / file for file in FILES)


@cache
def written() -> dict[str, set[str]]:
    """Every dotted name, and the files that have it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sources():
        for name in NAME.findall(path.read_text(encoding="utf-8")):
            found[name.replace(":", ".")].add(str(path.relative_to(ROOT)))
    return found


def leads_somewhere(name: str) -> bool:
    """Whether a name is a module, or an attribute of something in one."""
    parts = name.split(".")
    found: object = import_module(parts[0])
    for number, part in enumerate(parts[1:], start=2):
        try:
            found = getattr(found, part) if hasattr(found, part) else import_module(".".join(parts[:number]))
        except ModuleNotFoundError:
            return False
    return True


def test_every_dotted_name_can_be_imported() -> None:
    lost = {name: files for name, files in written().items() if name not in NO_CODE and not leads_somewhere(name)}
    assert not lost


def test_the_names_of_other_things_are_written_somewhere() -> None:
    assert NO_CODE.keys() <= written().keys()


def test_names_that_only_a_text_has_are_among_them() -> None:
    assert {
        "testbed.frontends.plugin.hooks",
        "testbed.frontends.cli.main.main",
        "testbed.frontends.plugin.recorder",
        "testbed.injection.toxiproxy.blackhole",
    } <= written().keys()


@pytest.mark.parametrize("name", ["testbed.nothing", "testbed.spec.nothing", "testbed.spec.topology.Nothing"])
def test_a_name_that_leads_nowhere_is_noticed(name: str) -> None:
    assert not leads_somewhere(name)
