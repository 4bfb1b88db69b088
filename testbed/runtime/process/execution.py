"""How a process of the plan is executed: its program, arguments, environment and network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from testbed.plan.telemetry import ENDPOINT
from testbed.plan.values import Process
from testbed.runtime import folder
from testbed.runtime.tools import binaries, commands

RELAY = "relay"  # the program that connects the network namespace of an app with the network of the run


def tools(processes: Sequence[Process]) -> dict[str, str]:
    """Return the paths of the programs of a plan. Raises `Unavailable` for a missing one."""
    names = {p.argv[0] for p in processes if not p.custom} | {RELAY for p in processes if p.network}
    return {name: str(binaries.find(name)) for name in names}


def argv(process: Process, found: Mapping[str, str], directory: Path) -> list[str]:
    """Return the command; the first word is the path of the program."""
    return [_path(process, found, directory), *(folder.filled(word, directory) for word in process.argv[1:])]


def _path(process: Process, found: Mapping[str, str], directory: Path) -> str:
    if process.custom:
        return commands.program(folder.filled(process.argv[0], directory), Path(process.cwd))
    return found[process.argv[0]]


def environment(process: Process, directory: Path) -> dict[str, str]:
    """Return a minimal environment, the same everywhere; a custom service gets the environment of the user."""
    inherited = commands.inherited() if process.custom else {}
    if ENDPOINT in process.env:  # where this machine sends its own telemetry is another place
        inherited = {key: value for key, value in inherited.items() if not key.startswith("OTEL_")}
    planned = {key: folder.filled(value, directory) for key, value in process.env.items()}
    return {**inherited, **folder.environment(directory), **planned}


def network(process: Process, found: Mapping[str, str]) -> dict[str, object] | None:
    """Return the arguments of `netns.settle` for a process with its own network namespace, or None."""
    address = process.listens[0] if process.listens else ""
    return {"relay": found[RELAY], "address": address, **asdict(process.network)} if process.network else None
