"""The first files in a repository that has no scenario yet: a topology, its fixture, and one scenario that passes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import TestbedError

TOPOLOGY = """\
# What runs in the scenarios of this folder. `testbed plan {file}` says what it amounts to.
name: {entry}
entry: {entry}
services:
  {entry}:{what}
{callees}
policies:                          # what the callers' proxies do; in Istio's words, what is not written is off
  - edge: {entry} -> {callee}
    timeout: 500ms
    retries: {{attempts: 1, perTryTimeout: 200ms, retryOn: [5xx, reset, connect-failure]}}
"""
STAND_IN = (
    "  {name}: {{language: go}}  # a stub stands in; yours is {{command: ...}}, {{image: ...}} or {{address: ...}}"
)
COMMAND = """
    command: {command}{workdir}
    calls: [{calls}]
    # if it takes no {variable}_URL or {variable}_ADDR: env: {{MY_VARIABLE: "{{{{upstream.{callee}.address}}}}"}}
    binds: all  # it is told PORT; if it takes a port of its own: port: 5000
    ready: {{tcp: true, within: 60s}}"""
STUB = " {{language: go, calls: [{calls}]}}"
CONFTEST = """\
from testbed import topology

{fixture} = topology("{file}")
"""
SCENARIO = '''\
"""What {callee} may do to the users of {entry}."""

from testbed import {names}


def test_slow_{callee_word}_does_not_hold_up_the_users({fixture}):
    slow = delay(ms=2000).on("{entry} -> {callee}")
    run = {fixture}.experiment(slow, load=constant_rate(get("{path}"), rps=50), hold_s=3)
    run.check(all=[{checks}])
'''
OF_STUBS = (
    "attempts, constant_rate, delay, get, max_latency",
    'max_latency(under_ms=1500), attempts("{entry} -> {callee}", at_most=2)',
)
# A command may not hand on what attempts are told by.
OF_COMMANDS = ("constant_rate, delay, get, max_latency", "max_latency(under_ms=1500)")


@dataclass(frozen=True)
class Answers:
    """What is asked: who is called by the users, how it starts (a stub, if that is not known), and whom it calls."""

    entry: str
    command: str
    calls: Sequence[str]
    path: str = "/"
    workdir: str = "."  # where the command is meant to run, as seen from the topology's folder


def files(answers: Answers) -> Mapping[str, str]:
    """Return the text of each file by its name. Raises `TestbedError` for names that a topology cannot have."""
    calls = list(dict.fromkeys(filter(None, answers.calls)))
    if not calls or answers.entry in calls:
        raise TestbedError("a mesh has at least two services: name another that is called, as in --calls pricing")
    file = f"{answers.entry}.yaml"
    words = {
        "entry": answers.entry,
        "callee": calls[0],
        "calls": ", ".join(calls),
        "command": json.dumps(answers.command),
        "workdir": "" if answers.workdir == "." else f"\n    workdir: {json.dumps(answers.workdir)}",
        "variable": calls[0].upper().replace("-", "_"),
        "callee_word": _identifier(calls[0]),
        "fixture": _identifier(answers.entry),
        "file": file,
        "path": answers.path,
    }
    names, checks = OF_COMMANDS if answers.command else OF_STUBS
    words |= {"names": names, "checks": checks.format(**words)}
    what = (COMMAND if answers.command else STUB).format(**words)
    callees = "\n".join(STAND_IN.format(name=name) for name in calls)
    text = TOPOLOGY.format(what=what, callees=callees, **words)
    _refuse_unless_valid(text)
    scenario = f"test_slow_{words['callee_word']}.py"
    return {file: text, "conftest.py": CONFTEST.format(**words), scenario: SCENARIO.format(**words)}


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write the files, and return their paths. A conftest.py that is there gets its lines at the end.

    Raises `TestbedError` if any other file is there already; then nothing has been written.
    """
    paths = {folder / name: text for name, text in texts.items()}
    there = [path for path in paths if path.exists() and path.name != "conftest.py"]
    if there:
        raise TestbedError(f"{', '.join(map(str, there))}: there already, and left as it is; take another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        before = f"{path.read_text().rstrip()}\n\n" if path.exists() else ""
        path.write_text(before + text)
    return list(paths)


def _identifier(service: str) -> str:
    return service.replace("-", "_")


def _refuse_unless_valid(text: str) -> None:
    import yaml

    from testbed.spec.topology import Topology

    Topology(**yaml.safe_load(text))
