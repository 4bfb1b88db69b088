"""What is executed for a process of the plan: which program, with which words, in which environment and network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from testbed.plan.values import Process
from testbed.runtime import folder
from testbed.runtime.tools import binaries, commands

RELAY = "relay"  # the program that connects a network of an app's own with the run's


def tools(processes: Sequence[Process]) -> dict[str, str]:
    """Return the paths of the testbed's programs that a plan needs. Raises `Unavailable` for a missing one."""
    names = {p.argv[0] for p in processes if not p.custom} | {RELAY for p in processes if p.network}
    return {name: str(binaries.find(name)) for name in names}


def argv(process: Process, found: Mapping[str, str], directory: Path) -> list[str]:
    """Return the words, of which the first is the path of the program."""
    return [_path(process, found, directory), *(folder.filled(word, directory) for word in process.argv[1:])]


def _path(process: Process, found: Mapping[str, str], directory: Path) -> str:
    if process.custom:
        return commands.program(folder.filled(process.argv[0], directory), Path(process.cwd))
    return found[process.argv[0]]


def environment(process: Process, directory: Path) -> dict[str, str]:
    """Small and the same everywhere, so that nothing of the owner's gets in; the user's own have the user's."""
    inherited = commands.inherited() if process.custom else {}
    told = {key: folder.filled(value, directory) for key, value in process.env.items()}
    return {**inherited, **folder.environment(directory), **told}


def network(process: Process, found: Mapping[str, str]) -> dict[str, object] | None:
    """Say how a network of the process's own is made, as `netns.settle` takes it; None if it has none."""
    address = process.listens[0] if process.listens else ""
    return {"relay": found[RELAY], "address": address, **asdict(process.network)} if process.network else None
