"""Examines a machine: which tools and features are installed, which are missing, and how to get them."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.errors import Unavailable
from testbed.runtime.cgroups import Memory
from testbed.runtime.docker.checkup import ANSWER_S
from testbed.runtime.process import netns
from testbed.runtime.tools import binaries, inventory

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one tool or feature. `advice` says how to get it, or what the testbed will do by itself."""

    name: str
    ok: bool
    version: str = ""
    source: str = ""
    path: str = ""
    advice: str = ""


def examine() -> list[Finding]:
    """Examine the machine and every tool. It builds nothing, and starts only `TOOL --version`."""
    here = [_system(), _loopback(), _python(), _privilege(), _memory(), _packets(), _namespaces()]
    return [*here, *_extras(), *map(_tool, binaries.TOOLS)]


def render(findings: Sequence[Finding]) -> str:
    """Return the findings as a plain table: one line each, with the advice below."""
    names, versions = (max(len(getattr(f, part)) for f in findings) for part in ("name", "version"))
    lines = []
    for found in findings:
        mark = "ok     " if found.ok else "missing"
        place = f"{found.source}: {found.path}" if found.path else found.source
        lines.append(f"{mark}  {found.name:{names}}  {found.version:{versions}}  {place}".rstrip())
        lines += [f"         {found.advice}"] if found.advice else []
    missing = [found.name for found in findings if not found.ok]
    return "\n".join([*lines, "", f"missing: {', '.join(missing)}" if missing else "nothing is missing"])


def _system() -> Finding:
    name = platform.system()
    advice = "" if name == "Linux" else "the process runtime needs Linux; use --testbed-runtime=docker elsewhere"
    return Finding("system", name == "Linux", version=platform.release(), source=name, advice=advice)


def _loopback() -> Finding:
    """A listener on a high address in 127/8 must be reachable, because replicas have such addresses."""
    try:
        with socket.create_server(("127.254.254.254", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except OSError as error:
        return Finding("127.0.0.0/8", False, advice=f"127.254.254.254 is not usable ({error.strerror}): is `lo` up?")
    return Finding("127.0.0.0/8", True, source="all addresses are local")


def _python() -> Finding:
    ok = sys.version_info >= OLDEST_PYTHON
    advice = "" if ok else f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed"
    return Finding("interpreter", ok, platform.python_version(), "this Python", sys.executable, advice)


def _privilege() -> Finding:
    user = "root" if os.geteuid() == 0 else "an ordinary user"
    return Finding("privileges", True, source=f"{user}; only packet faults need privileges")


def _packets() -> Finding:
    """Packet faults are optional: without them the result is still ok."""
    from testbed.injection.namespaces import NetworkNamespaces
    from testbed.injection.packets.packets import Packets
    from testbed.plan.values import AddressSpace

    packets = Packets([], AddressSpace("127.0"), NetworkNamespaces(()))
    try:
        packets.ready()
    except Unavailable as error:
        return Finding("packet faults", True, source="not possible for this user", advice=str(error))
    finally:
        packets.close()
    return Finding("packet faults", True, source="possible for this user")


def _namespaces() -> Finding:
    missing = netns.why_not()
    advice = f"{missing}; only services with binds: all and a fixed port need it" if missing else ""
    return Finding(
        "own networks", True, source="not possible for this user" if missing else "namespaces", advice=advice
    )


def _extras() -> list[Finding]:
    """The optional tools: without one the result is still ok, but some features are not available."""
    lacking = inventory.missing()
    return [_extra(extra, lacking.get(name, "")) for name, extra in inventory.extras().items()]


def _extra(extra: inventory.Extra, why: str) -> Finding:
    if why:
        return Finding(extra.name, True, source=f"missing: needed for {extra.without}", advice=why)
    version, path = _daemon() if extra.name == "engine" else ("", extra.path())
    return Finding(extra.name, True, version, "installed", path)


def _daemon() -> tuple[str, str]:
    """Return the version and the address of the Docker engine."""
    from testbed.runtime.docker.engine import Engine

    engine = Engine(ANSWER_S)
    version = str(engine.info.get("ServerVersion", ""))
    engine.close()
    return version, engine.address


def _memory() -> Finding:
    missing = Memory().missing
    advice = f"{missing}; only the fault memory_limit(mb=) needs it" if missing else ""
    return Finding("memory limits", True, source="not possible" if missing else "control groups", advice=advice)


def _tool(name: str) -> Finding:
    try:
        found = binaries.locate(name)
    except Unavailable as error:
        return Finding(name, False, advice=str(error))
    if found is not None:
        return Finding(name, True, found.version, found.source, str(found.path))
    if binaries.TOOLS[name].program is not None and _go():
        return Finding(name, True, source="not built yet", advice="built on first use, or now with `testbed setup`")
    return Finding(name, False, advice=binaries.missing(name))


def _go() -> bool:
    try:
        return binaries.locate("go") is not None
    except Unavailable:
        return False
