"""The wheel works outside this repository: built, installed into an empty environment, and its scaffold run there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")

FRONT = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import urlopen

class Front(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status = urlopen(os.environ["PRICE_URL"]).status
        except HTTPError as error:
            status = error.code
        self.send_response(status)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Front).serve_forever()
"""

pytestmark = [pytest.mark.e2e, pytest.mark.minutes, pytest.mark.timeout(900)]


def ran(*words: str | Path, cwd: Path) -> str:
    """Run a command as a stranger to this repository would, and return what it says."""
    mine = ("PYTHON", "PYTEST", "VIRTUAL_ENV", "TESTBED", "COV_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=env, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment in which nothing but the wheel, and what it asks for, is installed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    ran(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "dist", ROOT, cwd=folder)
    ran(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    install = [*pip, "--python", folder / "env/bin/python", "install", "--no-compile"]  # all of scipy, for one run
    ran(*install, "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    return folder


def test_the_scaffold_passes_as_it_is(elsewhere: Path) -> None:
    said = ran(
        *(elsewhere / "env/bin/testbed", "init", "--entry", "web", "--command", "", "--calls", "pricing"), cwd=elsewhere
    )
    assert "Now: pytest tests/resilience" in said
    assert "1 passed" in ran(elsewhere / "env/bin/pytest", "tests/resilience", cwd=elsewhere)
    assert not list(elsewhere.glob("*.egg-info"))
    a_command_runs_where_init_was_asked(elsewhere)


def a_command_runs_where_init_was_asked(elsewhere: Path) -> None:
    """As one types it in the folder of a repository, with a program that is there, and knows of no context."""
    (elsewhere / "front.py").write_text(FRONT)
    told = ("--entry", "front", "--command", f"{sys.executable} front.py", "--calls", "price")
    ran(elsewhere / "env/bin/testbed", "init", "tests/own", *told, cwd=elsewhere)
    assert "1 passed" in ran(elsewhere / "env/bin/pytest", "tests/own", cwd=elsewhere)
