"""A user's file of before: old names and old keys do what they did, and are warned of where they stand."""

import pytest

pytestmark = pytest.mark.e2e

MESH = """
name: tiny
entry: front
services:
  front: {language: go, calls: [back], wiring: proxy}
  back:
    language: go
    grace: 1s
    onHangUp: stop
    reset: /forget
forward: [x-tenant]
policies:
  - {edge: front -> back, timeout: 60s}
"""
OLD = """
from testbed import get, gives_up, only_statuses, outage, silent, steady
import testbed

def test_it(tiny):
    load = steady(get("/"), rps=50)
    back = "front -> back"
    with tiny.policies({back: {"timeout": "100ms"}}), tiny.load(load) as traffic:
        with tiny.inject(silent().on(back)):
            traffic.run(for_s=0.5, phase="silent")
        with tiny.inject(outage("back", kind="silent")):
            traffic.run(for_s=0.5, phase="out")
    phases = ("silent", "out")
    traffic.result().check(all=[gives_up(back, within_ms=1_100).during(phase) for phase in phases])
    failed = testbed.only_statuses(503)
    traffic.result().check(all=[failed.during(phase) for phase in phases])
"""
AT_LINES = {  # of the test
    1: [
        "gives_up(within_ms=)` is now `call_duration(under_ms=)",
        "only_statuses` is now `statuses",
        "silent` is now `stall",
        "steady` is now `constant_rate",
    ],
    7: ["policies` is now `override_policies"],
    10: ["kind='silent'` is now `kind='stall'"],
    14: ["only_statuses` is now `statuses"],
}
OF_THE_FILE = {  # of the topology
    4: "services.front: `wiring: proxy` is now `outbound: httpProxy",
    7: "services.back: `grace` is now `terminationGracePeriod",
    8: "services.back: `onHangUp: stop` is now `onClientDisconnect: cancel",
    9: "services.back: `reset` is now `resetPath",
    10: "`forward` is now `forwardHeaders",
}
GONE = "; the old name goes in 0.2"


@pytest.fixture
def before(project):
    """A repository that was written before, and shows warnings as pytest does by itself."""
    project.makefile(".yaml", mesh=MESH)
    project.makepyprojecttoml('[tool.pytest]\naddopts = ["-p", "no:hypothesispytest"]\n')
    return project


def test_old_names_and_keys_work_and_are_warned_of_once(before, run):
    result = run(OLD)
    result.assert_outcomes(passed=1, warnings=12)
    shown = result.stdout.str()
    for line, texts in AT_LINES.items():
        assert [text for text in texts if f".py:{line}: DeprecationWarning: `{text}`{GONE}" not in shown] == [], shown
    for line, text in OF_THE_FILE.items():
        assert f"/mesh.yaml:{line}: DeprecationWarning: mesh.yaml:{line}: {text}`{GONE}" in shown


def test_where_warnings_are_errors_the_line_is_named(before, run):
    result = run("from testbed import silent\ndef test_it(tiny): pass\n", "-W", "error::DeprecationWarning")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_*.py:1: in <module>", f"E *DeprecationWarning: `silent` is now `stall`{GONE}"])
