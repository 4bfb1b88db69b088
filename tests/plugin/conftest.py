"""Runs pytest inside pytest, on a real mesh of one service: small enough to start in a fraction of a second."""

import os
from pathlib import Path

import pytest

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # pytester gives its children another home

MESH = """
name: tiny
entry: front
services:
  front: {language: go, calls: [back]}
  back: {language: go}
policies:
  - {edge: front -> back, timeout: 60s, retries: {attempts: 1, perTryTimeout: 50s, retryOn: [5xx]}}
"""
PYPROJECT = """
[tool.pytest]
strict = true
filterwarnings = ["error"]
addopts = ["-p", "no:hypothesispytest"]  # its summary imports all of hypothesis: half of the time of a short run
"""
CONFTEST = """
from testbed import topology
tiny = topology("mesh.yaml")
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """A user's repository: a topology and the one line of conftest.py."""
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)
    monkeypatch.setenv("TMPDIR", str(pytester.mkdir("folders")))  # where --testbed-keep leaves a mesh's logs
    pytester.makefile(".yaml", mesh=MESH)
    pytester.makeconftest(CONFTEST)
    pytester.makepyprojecttoml(PYPROJECT)
    return pytester


@pytest.fixture
def run(project):
    """Write one test file, run pytest in a process of its own, and return its result."""

    def run(source, *args):
        project.makepyfile(source)
        return project.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider", *args, timeout=110)

    return run
