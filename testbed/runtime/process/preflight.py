"""Finds out before anything starts whether every address of a plan can be bound, and who is in the way."""

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
ALONE = (
    "who listens on all addresses must be alone with its port; leave out port: where it takes the one in PORT, "
    "or run it as an image with --testbed-runtime=docker, where every replica has a network of its own"
)


def check_addresses(processes: Iterable[Process]) -> None:
    """Raise one `TestbedError` that names every address which cannot be bound, who wants it and who holds it."""
    conflicts = list(_conflicts(processes))
    if not conflicts:
        return
    lines = [f"cannot start, addresses are in use: {len(conflicts)}", *(f"  {each}" for each in conflicts[:SHOWN])]
    if len(conflicts) > SHOWN:
        lines.append(f"  ... and {len(conflicts) - SHOWN} more")
    lines.append("End the holders or choose other ports in the topology: `ports: {app: 18080}` (or proxy, admin)")
    raise TestbedError("\n".join(lines))


def _conflicts(processes: Iterable[Process]) -> Iterator[str]:
    wanted: dict[str, str] = {}
    first: dict[str, str] = {}  # port -> the first address with it, and
    widest: dict[str, str] = {}  # the first that is all addresses
    for process in processes:
        for address in process.listens:
            ip, _, port = address.rpartition(":")
            rival = (first if ip == EVERYWHERE else widest).get(port)
            if address in wanted:
                yield f"{address}, wanted by both {wanted[address]} and {process.name}{_alone(ip)}"
            elif rival:
                yield f"{address}, wanted by {process.name}, and {rival}, wanted by {wanted[rival]}{_alone(EVERYWHERE)}"
            elif reason := _unavailable(address):
                yield f"{address}, wanted by {process.name}: {reason}{_alone(ip)}"
            wanted[address] = process.name
            first.setdefault(port, address)
            if ip == EVERYWHERE:
                widest.setdefault(port, address)


def _alone(ip: str) -> str:
    if ip != EVERYWHERE:
        return ""
    reason = netns.why_not()
    return f": {ALONE}" + (f". It would have one here as well, but {reason}" if reason else "")


def _unavailable(address: str) -> str:
    """Return why an "ip:port" cannot be bound, "" if it can."""
    ip, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers do: past connections are no obstacle
        try:
            probe.bind((ip, int(port)))
        except OSError as error:
            return _holder(ip, int(port)) if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
    return ""


def _holder(ip: str, port: int) -> str:
    listener = proc.listener_on(ip, port)
    if listener is None:
        return "held by a socket that does not listen, so /proc does not show whose it is"
    at = f"[{listener.address}]" if ":" in listener.address else listener.address
    return f"held by {proc.owner(listener)}, listening on {at}:{port}"
