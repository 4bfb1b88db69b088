"""A pytest plugin for `testbed calibrate` and `testbed soak` alone: chooses the arm, and tells what every test did.

Both start pytest with `-p testbed.frontends.plugin.recorder` and with three variables of the environment: the arm, the
folder for histories, and the number of the pipe into which one process, never an xdist worker, writes a line a test.
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
    """Choose the arm and the folder of the histories, open the pipe; after the plugin proper made its session."""
    session = session_of(config)
    session.arm = Arm(os.environ[ARM])
    session.kept, session.in_campaign = os.environ[KEPT], True
    if not hasattr(config, "workerinput"):
        end_with_parent()
        shutil.rmtree(session.history_path("any").parent, ignore_errors=True)
        config.stash[_pipe] = os.fdopen(int(os.environ[PIPE]), "w")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say how many tests there are."""
    _write(session.config, {COLLECTED: len(session.items)})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Say it where only the workers collect."""
    _write(node.config, {COLLECTED: len(ids)})


class OutcomeWriter:
    """Writes what the reports carry, in the one process that sees all of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what the test did."""
        if outcome := getattr(report, "testbed", None):
            _write(self._config, outcome)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Listen to the reports: their hook does not say whose they are."""
    session.config.pluginmanager.register(OutcomeWriter(session.config), "testbed-outcome-writer")


def _write(config: pytest.Config, data: Mapping[str, Any]) -> None:
    if pipe := config.stash.get(_pipe, None):
        pipe.write(json.dumps(data) + "\n")
        pipe.flush()
