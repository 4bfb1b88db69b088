"""Many meshes at once never meet: no address in common, no failure, each sees its own faults and no other's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scene import MESH, Scene, environ

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LIVES = 20
LIFE = """
import json, sys
from testbed import abort, start

with start("mesh.yaml", mesh="none") as mesh, mesh.client() as client:
    print(json.dumps(mesh.plan.ground.network), flush=True)
    statuses = [client.get("/").status_code]
    sys.stdin.readline()  # until all are up
    with mesh.inject(abort(418).on("front -> back")):
        statuses.append(client.get("/").status_code)
    statuses.append(client.get("/").status_code)
print(json.dumps(statuses), flush=True)
"""


def test_20_concurrent_life_cycles(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(MESH)
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    lives = [
        subprocess.Popen([sys.executable, "-c", LIFE], cwd=tmp_path, env=env, text=True, **pipes) for _ in range(LIVES)
    ]
    try:
        networks = [json.loads(life.stdout.readline()) for life in lives]
        said = [life.communicate("go\n", timeout=200) for life in lives]
    finally:
        for life in lives:
            life.kill()
    assert len(set(networks)) == LIVES
    assert [err for _, err in said if err] == []
    assert [json.loads(out) for out, _ in said] == [[200, 503, 200]] * LIVES
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.yaml"]


TWICE = """
@pytest.mark.parametrize("number", range(4))
def test_it(tiny, number):
    Path(f"{os.getpid()}.network").write_text(tiny.plan.ground.network)
    run = tiny.experiment(abort(503).on("front -> back"), load=steady(get("/"), rps=20),
                          warmup_s=0, baseline_s=0.1, hold_s=0.5, recover_s=0.1)
    run.check(touched=[only_statuses(503)])
"""


def test_two_runs_at_once_one_of_them_with_four_workers(tmp_path: Path) -> None:
    scene = Scene(tmp_path, TWICE)
    with scene.run("-n", "4") as one, scene.run() as two:
        said = [run.end(200) for run in (one, two)]
        assert ["4 passed" in words for words in said] == [True, True], said
    networks = [path.read_text() for path in scene.project.glob("*.network")]
    assert len(networks) >= 3  # a worker may have had no test
    assert len(set(networks)) == len(networks)
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and str(scene.spare) in environ(int(pid))]
