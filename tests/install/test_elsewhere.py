"""The wheel works in somebody else's repository: installed with all that it needs, set up, and its scaffold run there.

This is one cell of the matrix (matrix.py), for a user who has downloaded and compiled such things before.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.kit.elsewhere import ROOT, Machine, machine, make_sources, works

pytestmark = [pytest.mark.e2e, pytest.mark.minutes, pytest.mark.timeout(900)]


def test_the_wheel_works_in_somebody_elses_repository(tmp_path: Path) -> None:
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    with machine(python, caches_of_this_user()) as one:
        pins = tmp_path / "pins.txt"  # with hashes, pip would want one of our wheel, too
        pins.write_text("\n".join(re.findall(r"^\S+==[^ ]+", (ROOT / "constraints.txt").read_text(), re.MULTILINE)))
        one.install_with_our_pip(python, "-c", pins, make_sources(tmp_path).wheel)
        works(one)
        a_command_runs_where_init_was_asked(one)


def a_command_runs_where_init_was_asked(one: Machine) -> None:
    """As one types it in the folder of a repository, with a program that is there, and knows of no context."""
    told = ("--entry", "front", "--command", f"{sys.executable} front.py", "--calls", "price")
    one.run("testbed", "init", "tests/own", *told)
    assert "1 passed" in one.run("pytest", "tests/own")


def caches_of_this_user() -> dict[str, str]:
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    usual = {"PIP_CACHE_DIR": cache / "pip", "GOCACHE": cache / "go-build", "GOMODCACHE": home / "go/pkg/mod"}
    return {name: os.environ.get(name) or str(path) for name, path in usual.items()}
