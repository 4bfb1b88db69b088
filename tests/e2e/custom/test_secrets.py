"""Secrets of a service and of a load are in nothing that a run leaves: history, messages, kept logs, JUnit, summary."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # pytester gives its children another home

SECRETS = {
    "env": "correct-horse-battery",
    "plain": "staple-of-no-secret-name",
    "login": "open-sesame-77",
    "option": "k-998877665544",
    "query": "card-4711-0815",
    "bearer": "eyJhbGciOiJub25l",
    "cookie": "session-abcdef012345",
    "answered": "set-by-the-app-1234",
}
APP = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        said = "".join(f"{name}: {value}\\n" for name, value in self.headers.items())
        print(dict(os.environ), sys.argv, self.requestline, dict(self.headers), said, file=sys.stderr, flush=True)
        env = {name: value for name, value in os.environ.items() if name != "MODE"}  # no name says that it is secret
        body = json.dumps({"env": env, "headers": dict(self.headers), "path": self.path}).encode()
        self.send_response(302 if "go" in self.path else 500)
        self.send_header("set-cookie", "id=%(answered)s")
        self.send_header("location", "/else?card=%(query)s")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
"""
TOPOLOGY = """
name: vault
entry: app
answerHeaders: [set-cookie, location]
effectKeys: [cookie]
services:
  app:
    command: ["%(python)s", app.py, --api-key, %(option)s]
    env: {DB_PASSWORD: %(env)s, MODE: %(plain)s, DB_URL: "postgres://ann:%(login)s@db/x"}
"""
TEST = """
from testbed import constant_rate, get, statuses, topology

vault = topology("topology.yaml")
HEADERS = {"authorization": "Bearer %(bearer)s", "cookie": "id=%(cookie)s"}


def test_red(vault):
    run = vault.experiment(load=constant_rate(get("/pay?card=%(query)s", headers=HEADERS), rps=20), hold_s=0.5)
    run.check(all=[statuses(200)])


def test_dead(vault):
    vault.parts.runtime.kill("app-1/app")
    raise AssertionError(vault.parts.runtime.log_tail("app-1/app"))
"""


def test_no_secret_is_in_what_a_run_leaves(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    inside = {
        name: text % {**SECRETS, "python": sys.executable}
        for name, text in (("topology", TOPOLOGY), ("test_it", TEST), ("app", APP))
    }
    pytester.makefile(".yaml", topology=inside["topology"])
    pytester.makepyfile(app=inside["app"])
    written = pytester.makepyfile(test_it=inside["test_it"])
    result = pytester.runpytest_subprocess("--testbed-keep", "--junitxml=junit.xml", "--tb=line", str(written))
    result.assert_outcomes(failed=2)
    left = {path: path.read_bytes() for path in _kept(pytester.path)}
    left[Path("terminal")] = result.stdout.str().encode() + result.stderr.str().encode()
    assert {path.name for path in left} >= {"junit.xml", "summary.md", "app-1-app.log"}
    assert any(path.suffix == ".jsonl" for path in left)
    found = {
        (path.name, name) for path, text in left.items() for name, value in SECRETS.items() if value.encode() in text
    }
    assert found == set()


def _kept(folder: Path) -> list[Path]:
    """All that the run wrote, with logs and configurations of proxies."""
    written = [folder / "junit.xml", folder / "summary.md", *(folder / ".testbed").rglob("*")]
    return [path for path in written if path.is_file()]
