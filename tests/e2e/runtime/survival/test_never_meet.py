"""Many meshes at once never meet: no address in common, no failure, each sees its own faults and no other's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.scene import MESH, Scene, environ, environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LIVES = 20
LIFE = """
import importlib, json, multiprocessing, pkgutil
import testbed
from testbed import abort, start

for module in pkgutil.walk_packages(testbed.__path__, "testbed."):  # once, and not in each process
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

def live(barrier, told):
    with start("mesh.yaml", mesh="none") as mesh, mesh.client() as client:
        statuses = [client.get("/").status_code]
        barrier.wait(200)  # for all to be up
        with mesh.inject(abort(418).on("front -> back")):
            statuses.append(client.get("/").status_code)
        statuses.append(client.get("/").status_code)
    told.put((mesh.plan.space.network, statuses))

fork = multiprocessing.get_context("fork")
barrier, told = fork.Barrier(%(lives)d), fork.SimpleQueue()
lives = [fork.Process(target=live, args=(barrier, told)) for _ in range(%(lives)d)]
for life in lives:
    life.start()
for life in lives:
    life.join()
print(json.dumps([told.get() for life in lives if life.exitcode == 0]))
"""


def test_20_concurrent_life_cycles(tmp_path: Path) -> None:
    """In 20 processes, each of which starts a mesh, sends a request, breaks something and stops."""
    (tmp_path / "mesh.yaml").write_text(MESH)
    words = [sys.executable, "-c", LIFE % {"lives": LIVES}]
    done = subprocess.run(words, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=250)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert [statuses for _, statuses in told] == [[200, 503, 200]] * LIVES
    assert len({network for network, _ in told}) == LIVES
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("pymp-")] == ["mesh.yaml"]


TWICE = """
@pytest.mark.parametrize("number", range(4))
def test_it(tiny, number):
    Path(f"{os.getpid()}.network").write_text(tiny.plan.space.network)
    with tiny.inject(abort(503).on("front -> back")), tiny.client() as client:
        assert client.get("/").status_code == 503
    with tiny.client() as client:
        assert client.get("/").status_code == 200
"""


def test_two_runs_at_once_one_of_them_with_workers(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TWICE)
    with scene.run("-n", "2") as one, scene.run() as two:
        said = [run.end(200) for run in (one, two)]
        assert ["4 passed" in words for words in said] == [True, True], said
    networks = [path.read_text() for path in scene.project.glob("*.network")]
    assert len(networks) >= 2  # a worker may have had no test
    assert len(set(networks)) == len(networks)
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and str(scene.spare) in environ(int(pid))]
