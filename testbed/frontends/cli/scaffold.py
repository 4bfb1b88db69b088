"""The first files for a repository without scenarios: a topology, its fixture, and one passing scenario."""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.errors import TestbedError
from testbed.load.workload import get

TAKEN = (
    "attempts",
    "constant_rate",
    "delay",
    "fault",
    "get",
    "max_latency",
    "request",
    "run",
    "topology",
)  # by a scenario

TOPOLOGY = """\
# The services in the scenarios of this folder. `testbed plan {file}` prints what would run.
name: {key}
entry: {key}
services:
  {key}:{what}
{callees}
policies:                          # of the callers' proxies, with the names of Istio; what is not set is off
  - edge: {entry} -> {callee}
    timeout: 500ms
    retries: {{attempts: 1, perTryTimeout: 200ms, retryOn: [5xx, reset, connect-failure]}}
"""
STAND_IN = "  {name}: {{language: go}}  # a stub; replace it with {{command: ...}}, {{image: ...}} or {{address: ...}}"
COMMAND = """
    command: {command}{workdir}
    calls: [{calls}]
    # if it does not read {variable}_URL or {variable}_ADDR: env: {{MY_VARIABLE: "{{{{upstream.{callee}.address}}}}"}}
    binds: all  # it listens on PORT; if it has a fixed port: port: 5000
    ready: {{tcp: true, within: 60s}}"""
STUB = " {{language: go, calls: [{calls}]}}"
CONFTEST = """\
from testbed import topology

{fixture} = topology("{file}")
"""
SCENARIO = '''\
"""Failures of {callee}, as seen by the users of {entry}."""

from testbed import {names}


def test_slow_{callee_word}_does_not_delay_users({fixture}):
    fault = delay(ms=2000).on("{entry} -> {callee}")
    run = {fixture}.experiment(fault, load=constant_rate(get({path}), rps=50), hold_s=3)
    run.check(all=[{checks}])
'''
OF_STUBS = (
    "attempts, constant_rate, delay, get, max_latency",
    'max_latency(under_ms=1500), attempts("{entry} -> {callee}", at_most=2)',
)
# A custom service may not propagate baggage, which attempts() needs.
OF_COMMANDS = (
    "constant_rate, delay, get, max_latency",
    "max_latency(under_ms=1500)",
)


@dataclass(frozen=True)
class Answers:
    """The answers of the user: the entry service, its start command (empty: a stub), and the services that it calls."""

    entry: str
    command: str
    calls: Sequence[str]
    path: str = "/"
    workdir: str = "."  # the folder of the command, relative to the topology


def files(answers: Answers) -> Mapping[str, str]:
    """Return the text of each file by its name. Raises `TestbedError` for invalid names."""
    calls = list(dict.fromkeys(filter(None, answers.calls)))
    if not calls or answers.entry in calls:
        raise TestbedError("a mesh needs at least two services: name another one, as in --calls pricing")
    _refuse_bad_names(answers.entry, calls)
    file = f"{answers.entry}.yaml"
    words = {
        "entry": answers.entry,
        "callee": calls[0],
        "calls": ", ".join(map(_key, calls)),
        "command": json.dumps(answers.command),
        "workdir": "" if answers.workdir == "." else f"\n    workdir: {json.dumps(answers.workdir)}",
        "variable": calls[0].upper().replace("-", "_"),
        "callee_word": _identifier(calls[0]),
        "fixture": _identifier(answers.entry),
        "file": file,
        "path": json.dumps(get(answers.path).path),
        "key": _key(answers.entry),
    }
    names, checks = OF_COMMANDS if answers.command else OF_STUBS
    words |= {"names": names, "checks": checks.format(**words)}
    what = (COMMAND if answers.command else STUB).format(**words)
    callees = "\n".join(STAND_IN.format(name=_key(name)) for name in calls)
    text = TOPOLOGY.format(what=what, callees=callees, **words)
    _refuse_unless_valid(text)
    scenario = f"test_slow_{words['callee_word']}.py"
    return {file: text, "conftest.py": CONFTEST.format(**words), scenario: SCENARIO.format(**words)}


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write the files and return their paths. Lines are appended to an existing conftest.py.

    Raises `TestbedError` if another file exists already; then nothing is written.
    """
    paths = {folder / name: text for name, text in texts.items()}
    existing = [path for path in paths if path.exists() and path.name != "conftest.py"]
    if existing:
        raise TestbedError(f"{', '.join(map(str, existing))}: already exists, not changed; use another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        before = f"{path.read_text().rstrip()}\n\n" if path.exists() else ""
        path.write_text(before + text)
    return list(paths)


def _key(service: str) -> str:
    """The name in YAML, where three words would mean something else."""
    return json.dumps(service) if service in ("null", "true", "false") else service


def _identifier(service: str) -> str:
    word = service.replace("-", "_")
    return f"{word}_" if keyword.iskeyword(word) or word in TAKEN else word


def _refuse_bad_names(entry: str, calls: Sequence[str]) -> None:
    from testbed.spec.topology import Topology

    services: dict[str, Any] = {entry: {"language": "go", "calls": calls}}
    Topology(name=entry, entry=entry, services=services | {name: {"language": "go"} for name in calls})


def _refuse_unless_valid(text: str) -> None:
    import yaml

    from testbed.spec.topology import Topology

    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise TestbedError(f"the start command or the folder cannot be written as YAML: {error}") from None
    Topology(**data)
