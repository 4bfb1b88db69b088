"""This suite's own plugin: where every tool is required, nothing is skipped that an install step could have removed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from testbed.runtime.tools import inventory
from tests.kit import ROOT

OPTIONS = ("-p", "tests.kit.skips", "-p", "no:randomly", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")

ACCEPTED = """
import pytest
from tests.kit.needs import skip
from testbed.errors import Unsupported

def test_what_the_kernel_lacks():
    skip("memory", "no control groups")

def test_what_testbed_refuses_because_of_the_kernel():
    raise Unsupported("no netem", lacks="netem")

def test_an_expected_failure():
    pytest.xfail("known")
"""
REFUSED = """
import pytest
from tests.kit.needs import skip
from testbed.errors import Unsupported

def test_a_missing_tool():
    skip("nghttpd", "needs nghttpd")

def test_what_testbed_refuses_because_of_a_missing_tool():
    raise Unsupported("no nft", lacks="nft")

def test_a_reason_that_nobody_knows():
    pytest.skip("today is a Monday")
"""
NAMED = [
    "*skipped, though*",
    "test_it.py::test_a_missing_tool: needs nghttpd",
    "test_it.py::test_what_testbed_refuses_because_of_a_missing_tool: no nft",
    "test_it.py::test_a_reason_that_nobody_knows: today is a Monday",
    "*3 skipped*",
]
BEFORE_FIXTURES = """
import pytest

pytestmark = pytest.mark.needs("engine")

@pytest.fixture(autouse=True)
def broken():
    raise ValueError

def test_it():
    pass
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a file of tests in a process of its own, where every tool is required."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TESTBED_TOOLS", "required")

    def run(source: str, *words: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=source)
        return pytester.runpytest_subprocess(*OPTIONS, *words, timeout=100)

    return run


def test_what_no_installation_brings_may_be_skipped(run: Run) -> None:
    result = run(ACCEPTED)
    assert result.ret == 0
    assert "though an install step" not in result.stdout.str()


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_any_other_skip_is_red_and_named(run: Run, workers: tuple[str, ...]) -> None:
    result = run(REFUSED, *workers)
    assert result.ret == 1
    result.stdout.fnmatch_lines(NAMED)


def test_workers_tell_the_controller_what_is_lacking_and_of_modules(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_other="import pytest\npytest.skip('no module', allow_module_level=True)")
    result = run(ACCEPTED, "-n", "1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*skipped, though*", "test_other.py: no module", "*xfailed*"])
    assert "test_it.py::" not in result.stdout.str()


def test_a_tool_that_this_machine_cannot_have_is_named_by_hand(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_TOOLS_EXCEPT", "engine nft")
    assert run(REFUSED, "-k", "refuses").ret == 0


def test_a_mark_skips_before_any_fixture_is_made(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    monkeypatch.delenv("TESTBED_TOOLS")
    result = run(BEFORE_FIXTURES, "-rs")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*needs a Docker engine that answers (--testbed-runtime=docker*): no Docker daemon*"])


def test_a_word_that_is_not_known_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_TOOLS", "require")
    assert run(ACCEPTED).ret == pytest.ExitCode.USAGE_ERROR


def test_what_is_said_to_be_lacking_is_on_the_list() -> None:
    names = {name for path in ROOT.glob("testbed/**/*.py") for name in re.findall(r'lacks="([^"]+)"', path.read_text())}
    assert {"netem", "packets", "root"} <= names <= {*inventory.machine(), *inventory.extras()}
