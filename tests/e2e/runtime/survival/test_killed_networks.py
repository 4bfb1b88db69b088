"""kill -9 of pytest, or of what cleans up after it, while apps have networks of their own: those go as well."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.kit.processes import SERVER
from tests.kit.scene import WAITS, Scene, Victim

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.needs("networks")]

MESH = f"""
name: victim
entry: front
services:
  front: {{language: go, calls: [back]}}
  back:
    command: {sys.executable} -u server.py
    binds: all
    port: 8080
    replicas: 2
policies:
  - {{edge: front -> back, timeout: 500ms}}
"""


UNTIL_KILLED = """
        while not Path("killed").exists():
            time.sleep(0.02)
        traffic.run(for_s=0.5)
"""


def owner(victim: Victim) -> Sequence[int]:
    return [victim.process.pid]


def worker(victim: Victim) -> Sequence[int]:
    return victim.reapers()[1:]


def both_reapers_and_owner(victim: Victim) -> Sequence[int]:
    return [*victim.reapers(), victim.process.pid]


@pytest.mark.parametrize("part", [owner, worker, both_reapers_and_owner])
def test_no_process_and_no_network_is_left(tmp_path: Path, part: Callable[[Victim], Sequence[int]]) -> None:
    scene = Scene(tmp_path, WAITS.replace("traffic.run(for_s=60)", UNTIL_KILLED))
    (scene.project / "mesh.yaml").write_text(MESH)
    (scene.project / "server.py").write_text(SERVER)
    with scene.run() as victim, ExitStack() as held:
        scene.up(victim)
        networks = spaces(victim.pids, held) - spaces({os.getpid()})
        assert len(networks) == 2
        victim.kill(*part(victim))
        (scene.project / "killed").touch()
        victim.end()
        if part is both_reapers_and_owner:  # then only the kernel is left to act, and the next start for the folder
            with scene.run("-k", "test_first") as second:
                assert "1 passed" in second.end()
        scene.assert_gone(victim)
        assert not networks & spaces(int(name) for name in os.listdir("/proc") if name.isdigit())


def spaces(pids: Iterable[int], held: ExitStack | None = None) -> set[str]:
    """The network namespaces that processes are in; a number that is `held` is given to no other one."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            if held:
                held.callback(os.close, os.open(f"/proc/{pid}/ns/net", os.O_RDONLY))
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
    return found
