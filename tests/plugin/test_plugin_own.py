"""Services of the user's own in a pytest run: addresses of a fixture's making, and mistakes as one message."""

import http.server
import threading

import pytest

OWN = """
name: own
entry: front
services:
  front: {language: go, calls: [db]}
  db: {command: [no-such-database, --port, "{{self.port}}"]}
"""


class Row(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def database():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Row) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address
        server.shutdown()
        thread.join()


def test_a_fixture_may_point_a_service_at_what_runs_already(run, project, database):
    project.makefile(".yaml", own=OWN)
    project.makeconftest(
        f"from testbed import topology\nown = topology('own.yaml', addresses={{'db': {database!r}}})\n"
    )
    result = run(
        """
from testbed import *

def test_it(own):
    load = steady(get("/"), rps=30)
    run = own.experiment(refused().on("front -> db"), load=load, warmup_s=0, baseline_s=0.3, hold_s=0.5, recover_s=0)
    run.check(all=[only_statuses(200).during("baseline"), only_statuses(503).during("hold")])
"""
    )
    result.assert_outcomes(passed=1)


def test_a_command_that_is_not_there_is_one_message(run, project):
    project.makefile(".yaml", own=OWN)
    project.makeconftest("from testbed import topology\nown = topology('own.yaml')\n")
    result = run("def test_it(own): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*TopologyError: */own.yaml:5: services.db.command: there is no 'no-such-database'*"])


def test_an_address_of_an_unknown_service_names_the_nearest(run, project):
    project.makefile(".yaml", own=OWN)
    project.makeconftest("from testbed import topology\nown = topology('own.yaml', addresses={'dbb': ('a', 1)})\n")
    result = run("def test_it(own): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no service 'dbb' (did you mean 'db'?)*"])
