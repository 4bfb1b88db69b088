"""Bad input gets one clear message, with nothing started or everything stopped."""

import re
import socket
import subprocess
import sys
from fnmatch import fnmatchcase

IMPORTS = "from testbed import *\n"
SHORT = "load=constant_rate(get('/'), rps=50), warmup_s=0.1, baseline_s=0.1, hold_s=0.3, recover_s=0"

BROKEN = [
    (("calls: [back]", "cals: [back]"), "*mesh.yaml:4: services.front.cals: unknown key (did you mean 'calls'?)*"),
    (
        ("calls: [back]", "calls: [bakc]"),
        "*mesh.yaml:4: services.front.calls*no service 'bakc' (did you mean 'back'?)*",
    ),
    (("edge: front -> back", "edge: back -> front"), "*mesh.yaml:7: policies*no edge 'back -> front'*"),
    (("timeout: 60s", "timeout: 60 parsecs"), "*mesh.yaml:7: policies*timeout*60 parsecs*"),
    (
        ("back: {language: go}", "back: {language: go, calls: [front]}"),
        "*circular calls that never terminate: *front -> back -> front*",
    ),
]


OWN = """
name: own
entry: front
services:
  front: {language: go, calls: [db]}
  db: {command: [no-such-database, --port, "{{self.port}}"]}
"""
UNUSABLE = [
    ("topology('mash.yaml')", "*TopologyError*mash.yaml*did you mean 'mesh.yaml'*"),
    ("topology('own.yaml')", "*TopologyError: */own.yaml:5: services.db.command: 'no-such-database' not found*"),
    ("topology('own.yaml', addresses={'dbb': ('a', 1)})", "*no service 'dbb' (did you mean 'db'?)*"),
]


def test_an_invalid_topology_is_an_error_with_file_line_field_and_nearest_choice(run, project):
    mesh = (project.path / "mesh.yaml").read_text()
    fixtures = ["from testbed import topology"]
    for number, (change, _) in enumerate(BROKEN):
        project.mkdir(f"broken{number}").joinpath("mesh.yaml").write_text(mesh.replace(*change))
        fixtures.append(f"tiny{number} = topology('broken{number}/mesh.yaml')")
    project.makefile(".yaml", own=OWN)
    fixtures += [f"tiny{number} = {made}" for number, (made, _) in enumerate(UNUSABLE, len(BROKEN))]
    with socket.socket() as holder:
        port = next(p for p in range(9000, 9900) if _bound(holder, p))
        holder.listen()
        project.makefile(".yaml", port=f"{mesh}\nports: {{app: {port}}}\n")
        words = [words for _, words in BROKEN + UNUSABLE]
        words.append(f"*:{port}, needed by front-1/app: held by python*")
        fixtures.append(f"tiny{len(words) - 1} = topology('port.yaml')")
        project.makeconftest("\n".join(fixtures))
        result = run("\n".join(f"def test_{number}(tiny{number}): pass" for number in range(len(words))))
    result.assert_outcomes(errors=len(words))
    assert_told(result, words)
    result.stdout.fnmatch_lines(["*addresses are in use*"])


def assert_told(result, messages):
    """The part of each test in the report has a line that matches the test's message."""
    parts = re.findall(r"^_+ [\w ]*test_\d+ _+$(.*?)(?=^_+ [\w ]*test_|^=+ )", result.stdout.str(), re.M | re.S)
    found = [
        any(fnmatchcase(line, words) for line in part.splitlines()) for part, words in zip(parts, messages, strict=True)
    ]
    assert found == [True] * len(messages)


MISTAKES = [
    (
        "tiny.experiment(abort(503).on('front -> bak'), LOAD)",
        "*FaultError*no edge 'front -> bak'*did you mean 'front -> back'*",
    ),
    ("tiny.experiment(latency(ms=-5).on('front -> back'), LOAD)", "*FaultError*ms must be above 0*"),
    ("tiny.experiment(delay(ms=5).on('front -> back').for_users(percent=500), LOAD)", "*FaultError*at most 100*"),
    (
        "tiny.experiment(latency(ms=5).on('front -> back').for_users(percent=5), LOAD)",
        "*FaultError*Use delay(ms=...).for_users*",
    ),
    (
        "tiny.experiment(connection_refused().on('front -> back'), latency(ms=5).on('front -> back'), LOAD)",
        "*FaultError*contradict each other*",
    ),
    ("tiny.experiment(connection_refused().on('front -> back'))", "*TestbedError*without load=*"),
    ("tiny.experiment(LOAD).check()", "*Inconclusive*without any check*"),
    ("tiny.experiment(LOAD).check(all=[availability(at_least_percent=500)])", "*CheckError*500*"),
    (
        "tiny.experiment(LOAD).check(all=[attempts('front -> bakc', at_most=1)])",
        "*CheckError*front -> bakc*front -> back*",
    ),
    ("with tiny.load(constant_rate(get('/'), rps=-1)): pass", "*LoadError*rps=-1*"),
]


def test_a_mistake_in_a_test_is_one_clear_message(run):
    lines = [line.replace("LOAD", SHORT) for line, _ in MISTAKES]
    result = run(IMPORTS + "\n".join(f"def test_{number}(tiny):\n    {line}" for number, line in enumerate(lines)))
    result.assert_outcomes(failed=len(MISTAKES))
    assert_told(result, [words for _, words in MISTAKES])


def test_a_missing_binary_is_an_error_with_advice(run, monkeypatch):
    monkeypatch.setenv("TESTBED_TOXIPROXY", "/nowhere/toxiproxy")
    result = run("def test_it(tiny): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Unavailable*TESTBED_TOXIPROXY*/nowhere/toxiproxy*"])


def _bound(holder, port):
    try:
        holder.bind(("0.0.0.0", port))
    except OSError:
        return False
    return True


def test_collecting_starts_nothing(run, project):
    (project.path / "mesh.yaml").write_text("this is no topology")
    result = run(f"{IMPORTS}\ndef test_it(tiny): pass\n", "--collect-only")
    assert result.ret == 0


def test_an_unused_plugin_costs_little():
    """Nothing heavy is imported by a pytest run that has no mesh."""
    heavy = "{'pydantic', 'httpx', 'rich', 'scipy'}"
    code = (
        f"import sys, testbed.frontends.plugin.hooks; print(sorted({{m.split('.')[0] for m in sys.modules}} & {heavy}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
