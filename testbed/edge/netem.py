"""Netem: the kernel delays, corrupts, duplicates or reorders a link's packets; the only file that knows tc.

It changes the queue of the whole loopback, so it acts only inside `testbed sandbox`, whose loopback is nobody else's
and goes with the namespace. Every fault is one class of an htb queue with netem below it; filters lead to it what
belongs to its links, and nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from testbed import sandbox
from testbed.edge.operations import Netem
from testbed.edge.packets import SANDBOX
from testbed.errors import TestbedError, Unsupported
from testbed.plan import Link

ANSWER_S = 5.0
FIRST, LAST = 2, 0xFFFF  # minor numbers of classes
PLACES = {"requests": ("dst", "dport"), "answers": ("src", "sport")}


class Shaper:
    """Shapes packets of one run's links; every change is read back."""

    def __init__(self, links: Iterable[Link]) -> None:
        self._links = {link.name: link.listen for link in links}
        self._classes: dict[str, int] = {}
        self._lock = threading.Lock()

    def ready(self) -> None:
        """Raise `Unsupported`, with what to do, if this kernel, user or place cannot shape packets."""
        if not sandbox.inside():
            raise Unsupported(f"shaping packets changes a whole loopback, so it needs one of its own: {SANDBOX}")
        if problem := _no_netem():
            raise Unsupported(problem)

    def apply(self, operations: Sequence[Netem]) -> None:
        """Put one fault in force."""
        with self._lock:
            fault = operations[0].fault
            number = next(n for n in range(FIRST, LAST) if n not in self._classes.values())
            if not self._classes:
                _tc("qdisc", "replace", "dev", "lo", "root", "handle", "1:", "htb")
            self._classes[fault] = number
            for words in commands(number, operations, self._links):
                _tc(*words)
            if not _queue(number):
                raise TestbedError(f"the kernel was given netem for {fault}, but has none")

    def seen(self, fault: str) -> int:
        """Return how many packets one fault, which is in force, has treated."""
        with self._lock:
            return sum(int(queue.get("packets", 0)) for queue in _queue(self._classes[fault]))

    def undo(self, fault: str) -> None:
        """Heal one fault, and see that it is gone."""
        with self._lock:
            number = self._classes.pop(fault)
            _tc("filter", "del", "dev", "lo", "parent", "1:", "prio", str(number))
            _tc("class", "del", "dev", "lo", "classid", f"1:{number:x}")
            if not self._classes:
                _tc("qdisc", "del", "dev", "lo", "root")
            if _queue(number):
                raise TestbedError(f"netem of {fault} was removed, but it is still there")

    def left(self) -> list[str]:
        """Return the faults that are in force."""
        return sorted(self._classes)


def commands(number: int, operations: Sequence[Netem], listens: dict[str, str]) -> list[tuple[str, ...]]:
    """Return tc's arguments for one fault: its class, its netem, and a filter for each link and way."""
    lo, class_ = ("dev", "lo"), f"1:{number:x}"
    found = [
        ("class", "add", *lo, "parent", "1:", "classid", class_, "htb", "rate", "100gbit", "quantum", "60000"),
        ("qdisc", "add", *lo, "parent", class_, "handle", f"{number:x}:", "netem", *operations[0].treatment),
    ]
    for operation in operations:
        host, _, port = listens[operation.link].rpartition(":")
        side, door = PLACES[operation.packets]
        match = ("match", "ip", side, f"{host}/32", "match", "ip", door, port, "0xffff")
        place = ("protocol", "ip", "prio", str(number), "u32")
        found.append(("filter", "add", *lo, "parent", "1:", *place, *match, "flowid", class_))
    return found


@cache
def _no_netem() -> str:
    """Return why there is no netem here, "" if there is; asked in a namespace that is gone at once."""
    program, unshare = _program(), shutil.which("unshare")
    if unshare is None:
        return "looking for netem needs unshare, which was not found: apt-get install util-linux"
    probe = [unshare, "--net", program, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=ANSWER_S)
    if done.returncode == 0:
        return ""
    said = " ".join(done.stderr.split())
    return f"this kernel has no netem ({said})" if "unknown" in said else f"netem cannot be used: {said}"


def _queue(number: int) -> list[dict[str, Any]]:
    found = json.loads(_tc("-s", "-j", "qdisc", "show", "dev", "lo") or "[]")
    return [queue for queue in found if queue.get("handle") == f"{number:x}:" and queue.get("kind") == "netem"]


def _tc(*words: str) -> str:
    done = subprocess.run([_program(), *words], capture_output=True, text=True, timeout=ANSWER_S)
    if done.returncode != 0:
        raise TestbedError(f"tc {' '.join(words)}: {done.stderr.strip()}")
    return str(done.stdout)


def _program() -> str:
    program = shutil.which("tc", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        raise Unsupported("shaping packets needs tc, which was not found: apt-get install iproute2")
    return program
