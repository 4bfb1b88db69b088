"""What the process runtime builds and looks for before the start, and what it refuses to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.errors import TopologyError
from testbed.runtime import Runtime, runtime_class
from testbed.runtime.docker.runtime import DockerRuntime
from testbed.runtime.process.runtime import ProcessRuntime
from testbed.spec.load import load_topology
from testbed.spec.topology import Topology


def written(folder: Path, web: str) -> Topology:
    (folder / "t.yaml").write_text(f"name: t\nentry: web\nservices:\n  web: {web}\n")
    return load_topology(folder / "t.yaml")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def refused(kind: type[Runtime], topology: Topology) -> str:
    with pytest.raises(TopologyError) as caught:
        kind.prepare(topology, [].append)
    return str(caught.value).removeprefix(f"{topology.folder}/t.yaml:4: services.web.")


def test_a_build_runs_in_its_folder_and_is_reported(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    said: list[str] = []
    ProcessRuntime.prepare(written(tmp_path, "{command: [./app], build: cp /bin/true app, workdir: src}"), said.append)
    assert said == ["building web: cp /bin/true app"]
    assert (tmp_path / "src/app").is_file()


def test_a_failed_build_is_an_error_with_its_place(tmp_path: Path) -> None:
    said = refused(ProcessRuntime, written(tmp_path, "{command: ls, build: sh -c 'echo broken; exit 3'}"))
    assert said.startswith("build: `sh -c echo broken; exit 3` failed with exit code 3")
    assert said.endswith("| broken")


@pytest.mark.parametrize(
    ("web", "words"),
    [
        ("{command: nothing-there}", "command: 'nothing-there' not found on PATH or in "),
        ("{command: ls, build: nothing-there}", "build: 'nothing-there' not found on PATH or in "),
        ("{image: nginx}", "image: an image needs the docker runtime: use --testbed-run"),
    ],
)
def test_a_service_that_cannot_run_here_is_an_error(tmp_path: Path, web: str, words: str) -> None:
    assert refused(ProcessRuntime, written(tmp_path, web)).startswith(words)


@pytest.mark.parametrize("web", ["{language: go}", "{command: ls}", "{command: '{{dir}}/app'}", "{address: 'a:1'}"])
def test_a_service_that_can_run_here_is_accepted(tmp_path: Path, web: str) -> None:
    ProcessRuntime.prepare(written(tmp_path, web), [].append)


def test_a_container_takes_images_and_no_commands(tmp_path: Path) -> None:
    docker = runtime_class("docker")
    assert docker is DockerRuntime
    docker.prepare(written(tmp_path, "{image: nginx, command: nginx -g x}"), [].append)
    assert refused(docker, written(tmp_path, "{command: ls}")) == (
        "command: a command of this machine cannot run in a container: give the service an image or an address"
    )
