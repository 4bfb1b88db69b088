"""A pytest plugin only for `testbed calibrate` and `testbed soak`: sets the arm, and reports the outcome of each test.

Both start pytest with `-p testbed.frontends.plugin.recorder` and three environment variables: the arm, the folder for
histories, and the number of a pipe. The main process (not an xdist worker) writes one line per test to the pipe.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import IO, Any

import pytest

from testbed.campaigns.suite import ARM, COLLECTED, KEPT, PIPE
from testbed.experiment.arm import Arm
from testbed.frontends.plugin.session import session_of
from testbed.runtime.interrupts import end_with_parent

_pipe: pytest.StashKey[IO[str]] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Set the arm and the folder of histories, and open the pipe. Runs after the main plugin."""
    session = session_of(config)
    session.arm = Arm(os.environ[ARM])
    session.kept, session.in_campaign = os.environ[KEPT], True
    if not hasattr(config, "workerinput"):
        end_with_parent()
        shutil.rmtree(session.history_path("any").parent, ignore_errors=True)
        config.stash[_pipe] = os.fdopen(int(os.environ[PIPE]), "w")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Report the number of tests."""
    _write(session.config, {COLLECTED: len(session.items)})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Report the number of tests if only xdist workers collect."""
    _write(node.config, {COLLECTED: len(ids)})


class OutcomeWriter:
    """Writes the outcomes of all reports, in the main process."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the outcome of a test."""
        if outcome := getattr(report, "testbed", None):
            _write(self._config, outcome)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Register for reports with the config, which the report hook does not pass."""
    session.config.pluginmanager.register(OutcomeWriter(session.config), "testbed-outcome-writer")


def _write(config: pytest.Config, data: Mapping[str, Any]) -> None:
    if pipe := config.stash.get(_pipe, None):
        pipe.write(json.dumps(data) + "\n")
        pipe.flush()
