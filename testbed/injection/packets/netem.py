"""Netem: the kernel delays, corrupts, duplicates or reorders a link's packets; the only module that uses tc.

It changes the queue of a whole device, so it acts only on a device of our namespace, which disappears with it: the
loopback of `testbed sandbox`, or the device by which packets leave a container. Every fault is one class of an htb
queue with netem below it; filters send only the packets of its links to it.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from testbed.errors import TestbedError, Unsupported
from testbed.faults.operations import PacketShaping
from testbed.injection.namespaces import EnterCommand, NetworkNamespaces
from testbed.injection.packets.nft import SANDBOX
from testbed.plan.values import AddressSpace, Link
from testbed.runtime import sandbox
from testbed.runtime.tools.inventory import program

ANSWER_S = 5.0
FIRST, LAST = 2, 0xFFFF  # minor numbers of classes
PLACES = {"requests": ("dst", "dport"), "answers": ("src", "sport")}


Device = tuple[EnterCommand, str]  # a network, and its device for outgoing packets


class Shaper:
    """Shapes outgoing packets of the links of one run; every change is read back."""

    def __init__(self, links: Iterable[Link], space: AddressSpace, namespaces: NetworkNamespaces) -> None:
        self._links, self._space, self._namespaces = {link.name: link for link in links}, space, namespaces
        self._classes: dict[str, int] = {}
        self._devices: dict[str, list[Device]] = {}  # the devices of each fault
        self._lock = threading.Lock()

    def ready(self, operations: Sequence[PacketShaping] = ()) -> None:
        """Raise `Unsupported`, with advice, if this kernel, user or network cannot shape these packets."""
        if () in {self._enter(operation) for operation in operations} or not operations:
            if self._space.shares_one_address:
                raise Unsupported(
                    "requests of the load leave by a network outside the run, so their packets cannot be "
                    "shaped; packets of answers can: direction='answers'",
                    lacks="far",
                )
            if not sandbox.inside():
                raise Unsupported(
                    f"shaping packets changes a whole loopback device, so it needs a separate one: {SANDBOX}",
                    lacks="sandbox",
                )
        if problem := _no_netem():
            raise Unsupported(problem, lacks="netem")

    def apply(self, operations: Sequence[PacketShaping]) -> None:
        """Put one fault in force."""
        with self._lock:
            fault = operations[0].fault
            number = next(n for n in range(FIRST, LAST) if n not in self._classes.values())
            placed: dict[Device, list[PacketShaping]] = {}
            for operation in operations:
                placed.setdefault(self._device(operation), []).append(operation)
            self._classes[fault], self._devices[fault] = number, []
            for device, some in placed.items():
                self._shape(fault, device, some)

    def seen(self, fault: str) -> int:
        """Return the number of packets shaped by one fault in force."""
        with self._lock:
            there = self._devices.get(fault, [])
            found = [queue for device in there for queue in _queue(device, self._classes[fault])]
            return sum(int(queue.get("packets", 0)) for queue in found)

    def undo(self, fault: str) -> None:
        """Heal one fault, and verify it."""
        with self._lock:
            number, devices = self._classes.pop(fault, 0), self._devices.pop(fault, [])
            for device in devices:
                _tc(device, "filter", "del", "parent", "1:", "prio", str(number))
                _tc(device, "class", "del", "classid", f"1:{number:x}")
                if not self._used(device):
                    _tc(device, "qdisc", "del", "root")
            if any(_queue(device, number) for device in devices):
                raise TestbedError(f"netem of {fault} was removed, but it is still there")

    def left(self) -> list[str]:
        """Return the faults in force."""
        return sorted(self._classes)

    def _shape(self, fault: str, device: Device, operations: Sequence[PacketShaping]) -> None:
        if not self._used(device):
            _tc(device, "qdisc", "replace", "root", "handle", "1:", "htb")
        self._devices[fault].append(device)
        for words in commands(self._classes[fault], operations, {name: at.listen for name, at in self._links.items()}):
            _tc(device, *words)
        if not _queue(device, self._classes[fault]):
            raise TestbedError(f"netem for {fault} was added, but the kernel has none")

    def _used(self, device: Device) -> bool:
        return any(device in devices for devices in self._devices.values())

    def _enter(self, operation: PacketShaping) -> EnterCommand:
        return self._namespaces.enter(self._namespaces.sender(self._links[operation.link], operation.packets))

    def _device(self, operation: PacketShaping) -> Device:
        """Return the device of an operation's outgoing packets."""
        enter = self._enter(operation)
        if not enter:
            return enter, "lo"
        to = f"{self._space.network}.255.254"  # any address of the network is fine
        return enter, str(json.loads(_run([*enter, _program("ip"), "-j", "route", "get", to]))[0]["dev"])


def commands(number: int, operations: Sequence[PacketShaping], listens: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return tc's arguments for one fault: its class, its netem, and a filter for each link and way."""
    class_ = f"1:{number:x}"
    found = [
        ("class", "add", "parent", "1:", "classid", class_, "htb", "rate", "100gbit", "quantum", "60000"),
        ("qdisc", "add", "parent", class_, "handle", f"{number:x}:", "netem", *operations[0].netem_args),
    ]
    for operation in operations:
        host, _, port = listens[operation.link].rpartition(":")
        side, door = PLACES[operation.packets]
        match = ("match", "ip", side, f"{host}/32", "match", "ip", door, port, "0xffff")
        place = ("protocol", "ip", "prio", str(number), "u32")
        found.append(("filter", "add", "parent", "1:", *place, *match, "flowid", class_))
    return found


@cache
def _no_netem() -> str:
    """Return why there is no netem here, "" if there is; tested in a short-lived namespace."""
    unshare = program("unshare", "looking for netem")
    probe = [unshare, "--net", _program("tc"), "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=ANSWER_S)
    if done.returncode == 0:
        return ""
    said = " ".join(done.stderr.split())
    return f"this kernel has no netem ({said})" if "unknown" in said else f"netem cannot be used: {said}"


def _queue(device: Device, number: int) -> list[dict[str, Any]]:
    found = json.loads(_tc(device, "-s", "-j", "qdisc", "show") or "[]")
    return [queue for queue in found if queue.get("handle") == f"{number:x}:" and queue.get("kind") == "netem"]


def _tc(device: Device, *words: str) -> str:
    """Run tc on a device; `dev` and its name follow the first two words, such as "qdisc", "add"."""
    enter, name = device
    place = next(n for n, word in enumerate(words) if not word.startswith("-")) + 2
    return _run([*enter, _program("tc"), *words[:place], "dev", name, *words[place:]])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S)
    if done.returncode != 0:
        raise TestbedError(f"{' '.join(command)}: {done.stderr.strip()}")
    return str(done.stdout)


def _program(name: str) -> str:
    return program(name, "shaping packets")
