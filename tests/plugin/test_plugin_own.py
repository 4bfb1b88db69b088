"""Services of the user's own in a pytest run: addresses of a fixture's making, and what every report says of them."""

import http.server
import sys
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


def test_a_fixture_may_replace_a_service_by_an_external_one(run, project, database):
    project.makefile(".yaml", own=OWN)
    project.makeconftest(
        f"from testbed import topology\nown = topology('own.yaml', addresses={{'db': {database!r}}})\n"
    )
    result = run(
        """
from testbed import *

def test_it(own):
    load = constant_rate(get("/"), rps=30)
    fault = connection_refused().on("front -> db")
    run = own.experiment(fault, load=load, warmup_s=0, baseline_s=0.3, hold_s=0.5, recover_s=0)
    run.check(all=[statuses(200).during("baseline"), statuses(503).during("hold")])
"""
    )
    result.assert_outcomes(passed=1)


DROPS = """
import http.server, os, urllib.request

class Web(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def do_GET(self):
        urllib.request.urlopen(os.environ["BACK_URL"], timeout=5).read()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

Server((os.environ["ADDR"], int(os.environ["PORT"])), Web).serve_forever()
"""
FOR_SOME = """
from testbed import *

def test_for_some(own):
    fault = abort(503).on("web -> back").for_users(percent=50)
    run = own.experiment(fault, load=constant_rate(get("/"), rps=20), warmup_s=0.2, baseline_s=1, hold_s=600)
    run.check(unaffected=[statuses(200)], all=[recovery(within_s=1)])

def test_for_all(own):
    load = constant_rate(get("/"), rps=20)
    run = own.experiment(delay(ms=5).on("web -> back"), load=load, warmup_s=0.2, baseline_s=1, hold_s=1, recover_s=0)
    run.check(all=[statuses(200)])
"""


def test_a_run_that_ends_before_its_fault_and_what_the_services_do_is_in_every_report(run, project, monkeypatch):
    services = f"""
name: own
entry: front
services:
  front: {{language: go, calls: [web]}}
  web: {{command: [{sys.executable}, service.py], calls: [back]}}
  back: {{language: go}}
"""
    (project.path / "service.py").write_text(DROPS)
    project.makefile(".yaml", own=services)
    project.makeconftest("from testbed import topology\nown = topology('own.yaml')\n")
    markdown = project.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(markdown))
    for arguments in (("--testbed-keep", "--junitxml=report.xml"), ("--testbed-replay=.testbed/runs",)):
        markdown.write_text("")
        result = run(FOR_SOME, *arguments)
        result.assert_outcomes(failed=1, passed=1)
        said = " ".join(result.stdout.str().split())
        assert "Inconclusive: 1 check: 1 INCONCLUSIVE; precondition for all: abort(" in said
        assert said.count("warning web does not propagate baggage") == 2  # in the summary, for each test
        assert markdown.read_text().count("- **warning**: web does not propagate baggage") == 2
    junit = (project.path / "report.xml").read_text()
    assert junit.count('name="testbed.warning.1" value="web does not propagate baggage') == 2
    assert 'name="testbed.outcome" value="inconclusive"' in junit
