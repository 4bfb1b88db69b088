"""What is registered is offered: one line each, and the same for users, for type checkers and for the registries."""

import py_compile
import re
import subprocess
import sys
import zipfile
from glob import glob
from importlib import import_module
from pathlib import Path

import pytest

import testbed
from testbed.checks import CHECKS
from testbed.faults import FAULTS
from testbed.faults.base import Fault
from tests.kit import ROOT


@pytest.mark.parametrize(("home", "registered"), [("testbed.faults", FAULTS), ("testbed.checks", CHECKS)])
def test_everything_registered_can_be_imported_from_testbed(home, registered):
    offered = {name: getattr(testbed, name) for name in testbed.__all__ if testbed.HOME_OF[name] == home}
    assert offered == registered


def test_the_registries_hold_what_users_write_and_no_base_classes():
    assert {"abort", "kill", "restart", "outage", "packet_loss"} <= FAULTS.keys()
    assert {"attempts", "circuit_breaker", "p99", "quantile"} <= CHECKS.keys()
    assert not {"Fault", "Check", "EdgeCheck", "View", "judge"} & {*FAULTS, *CHECKS}
    assert all(name == fault.__name__ and issubclass(fault, Fault) for name, fault in FAULTS.items())


IMPORT = re.compile(r"^    from (\S+) import (\w+) as \2$", re.MULTILINE)


def test_names_are_loaded_from_where_type_checkers_look_for_them():
    block = Path(testbed.__file__).read_text().partition("if TYPE_CHECKING:\n")[2]
    assert [(name, home) for home, name in IMPORT.findall(block)] == list(testbed.HOME_OF.items())


def test_names_are_found_where_there_are_no_source_files(tmp_path):
    """As in a zip of compiled modules, from which Python imports as it does from a folder."""
    with zipfile.ZipFile(tmp_path / "testbed.zip", "w") as packed:
        for name in glob("testbed/**/*.py", root_dir=ROOT, recursive=True):
            compiled = py_compile.compile(str(ROOT / name), cfile=str(tmp_path / "module.pyc"), doraise=True)
            packed.write(compiled, f"{name}c")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import testbed as t; print(t.__file__, t.delay.__name__)"
    command = [sys.executable, "-I", "-c", code, tmp_path / "testbed.zip"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [
        f"{tmp_path}/testbed.zip/testbed/__init__.pyc",
        "delay",
    ]


def test_every_public_name_is_there():
    for name in testbed.__all__:
        assert getattr(testbed, name) is getattr(import_module(testbed.HOME_OF[name]), name)
    assert dir(testbed) == testbed.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = testbed.nothing
