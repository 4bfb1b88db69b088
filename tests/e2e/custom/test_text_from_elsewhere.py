"""A service that logs escape sequences, and answers with them, acts on no terminal and breaks no file."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # pytester gives its children another home

ACTING = ("\x1b", "\x9b", "\u202e", "\x07")
APP = r"""
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NASTY = "\x1b]0;owned\x07\x1b[2J \u202eevil \x9b31m [red]x[/] ]]> | <b> `a`"
print(NASTY, file=sys.stderr, flush=True)
if "dies" in sys.argv:
    sys.exit(1)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = NASTY.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_header(self, name, value):
        super().send_header(name, value)
        if name == "content-length":
            self._headers_buffer.append("x-cache: \u202eevil [red]x[/] | <b> `a`\r\n".encode())

ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
"""
TOPOLOGY = """
name: loud
entry: app
answerHeaders: [x-cache]
services:
  app: {command: ["%s", app.py%s]}
"""
TEST = """
from testbed import constant_rate, get, responses, statuses, topology

loud = topology("loud.yaml")
dead = topology("dead.yaml")


def test_red(loud):
    run = loud.experiment(load=constant_rate(get("/"), rps=20), hold_s=0.5)
    run.check(all=[statuses(200), responses(headers={"x-cache": "hit"}), responses(text="fine")])


def test_dead(dead):
    pass
"""


def test_what_a_service_says_is_text_everywhere(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    pytester.makefile(".yaml", loud=TOPOLOGY % (sys.executable, ""), dead=TOPOLOGY % (sys.executable, ", dies"))
    pytester.makepyfile(app=APP)
    written = pytester.makepyfile(test_it=TEST)
    result = pytester.runpytest_subprocess("--junitxml=junit.xml", "--color=no", "-p", "no:randomly", str(written))
    result.assert_outcomes(failed=1, errors=1)
    said = {"terminal": result.stdout.str() + result.stderr.str()}
    said |= {name: (pytester.path / name).read_text() for name in ("junit.xml", "summary.md")}
    assert [(name, one) for name, text in said.items() for one in ACTING if one in text] == []
    assert "\\x1b]0;owned\\x07" in said["terminal"]
    assert "\\u202eevil" in said["terminal"]
    assert "[red]x[/]" in said["terminal"]
    assert "<b>" not in said["summary.md"]
    assert ET.fromstring(said["junit.xml"]).tag == "testsuites"
