"""Checks before the start whether all addresses of a plan can be bound, and which process holds them."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator

from testbed.errors import TestbedError
from testbed.plan.values import Process
from testbed.runtime import proc
from testbed.runtime.process import netns

SHOWN = 5
EVERYWHERE = "0.0.0.0"
WILDCARD = (
    "no other process may use the port of a service with binds: all. Remove port: if the service follows PORT, "
    "or run it as an image with --testbed-runtime=docker, where every replica has its own network"
)


def check_addresses(processes: Iterable[Process]) -> None:
    """Raise one `TestbedError` with all addresses that cannot be bound, and the processes that need and hold them."""
    conflicts = list(_conflicts(processes))
    if not conflicts:
        return
    lines = [f"cannot start, addresses are in use: {len(conflicts)}", *(f"  {each}" for each in conflicts[:SHOWN])]
    if len(conflicts) > SHOWN:
        lines.append(f"  ... and {len(conflicts) - SHOWN} more")
    lines.append("Stop these processes, or set other ports in the topology: `ports: {app: 18080}` (or proxy, admin)")
    raise TestbedError("\n".join(lines))


def _conflicts(processes: Iterable[Process]) -> Iterator[str]:
    wanted: dict[str, str] = {}
    first: dict[str, str] = {}  # port -> the first address with it
    widest: dict[str, str] = {}  # port -> the first 0.0.0.0 address with it
    for process in processes:
        for address in process.listens:
            ip, _, port = address.rpartition(":")
            rival = (first if ip == EVERYWHERE else widest).get(port)
            if address in wanted:
                yield f"{address}, needed by both {wanted[address]} and {process.name}{_advice(ip)}"
            elif rival:
                yield f"{address}, needed by {process.name}; {rival}, needed by {wanted[rival]}{_advice(EVERYWHERE)}"
            elif reason := _unavailable(address):
                yield f"{address}, needed by {process.name}: {reason}{_advice(ip)}"
            wanted[address] = process.name
            first.setdefault(port, address)
            if ip == EVERYWHERE:
                widest.setdefault(port, address)


def _advice(ip: str) -> str:
    if ip != EVERYWHERE:
        return ""
    reason = netns.why_not()
    return f": {WILDCARD}" + (f". The process runtime could isolate it too, but {reason}" if reason else "")


def _unavailable(address: str) -> str:
    """Return why an "ip:port" cannot be bound, "" if it can."""
    ip, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers: ignore past connections
        try:
            probe.bind((ip, int(port)))
        except OSError as error:
            return _holder(ip, int(port)) if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
    return ""


def _holder(ip: str, port: int) -> str:
    listener = proc.listener_on(ip, port)
    if listener is None:
        return "held by a socket that does not listen, so its process is unknown"
    at = f"[{listener.address}]" if ":" in listener.address else listener.address
    return f"held by {proc.owner(listener)}, listening on {at}:{port}"
