"""constraints.txt: every package that a setup installs, pinned, with hashes, and without the name of any index."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from testbed.runtime.tools.bootstrap import FIRST, pins
from tests.kit import ROOT

TEXT = (ROOT / "constraints.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BLOCKS = re.split(r"^(?=\S)", TEXT, flags=re.MULTILINE)[1:]
PINNED = {canonicalize_name(name): version for name, version in re.findall(r"^(\S+?)==([^\s;]+)", TEXT, re.MULTILINE)}
EXTRAS = PROJECT["optional-dependencies"].values()
ASKED = sorted({*PROJECT["dependencies"], *(one for extra in EXTRAS for one in extra)})


def test_every_package_is_pinned_with_hashes() -> None:
    assert len(BLOCKS) == len(PINNED)
    for block in BLOCKS:
        assert re.fullmatch(r"\S+==\S+(?: ; [^\\]+?)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n", block), block


@pytest.mark.parametrize("asked", ASKED)
def test_what_the_project_asks_for_is_there(asked: str) -> None:
    one = Requirement(asked)
    for name in (one.name, *(f"{one.name}-{extra}" for extra in one.extras)):
        assert one.specifier.contains(PINNED[canonicalize_name(name)])


def test_no_index_is_named() -> None:
    assert "://" not in TEXT
    assert "index" not in TEXT


def test_the_first_packages_are_all_there() -> None:
    found = re.findall(r"^\S+(?===)", pins(TEXT, FIRST), re.MULTILINE)
    assert sorted(found) == sorted(FIRST)


def test_the_first_packages_need_no_others() -> None:
    """With hashes, pip installs nothing that is not listed."""
    needed = {Requirement(row).name for name in FIRST for row in metadata.requires(name) or () if ";" not in row}
    assert needed <= set(FIRST)
