"""Packets: the kernel drops some of a link's packets (nftables), and counts them; the only file that knows nft.

One `nft` process a run holds a table with the flag `owner`: the kernel removes the table, and every rule with it, as
soon as that process ends, and nobody else can change it. It ends with its standard input, hence with its owner,
however that dies. Each fault is a chain of its own in the *input* hook (dropped in the output hook, TCP would see
local congestion and send again at once, which is not loss).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from testbed.edge.operations import Drop
from testbed.errors import FaultError, TestbedError, Unsupported, nearest
from testbed.leftovers.owner import MARK, me
from testbed.plan import Link

ANSWER_S = 5.0
MILLION = 1_000_000  # shares are drawn in millionths
WAYS = {"requests": ("daddr", "dport"), "answers": ("saddr", "sport")}
_NUMBER = count(1)  # of the tables that this process has named
SANDBOX = "run it as `testbed sandbox -- pytest ...` (a namespace of its own, no root needed) or as root"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fault's rules have counted."""

    packets: int  # that went over its links
    dropped: int


class Packets:
    """Drops packets of one run's links; safe to use from several threads. Every change is read back.

    `network` is the run's address block ("127.50"): no rule can match an address outside it. `enter` is put before
    the command, to act in another network namespace. Methods raise `TestbedError` if the kernel does something else.
    """

    def __init__(self, links: Iterable[Link], network: str, enter: Sequence[str] = ()) -> None:
        self._links = {link.name: link.listen for link in links}
        self._network, self._enter = network, tuple(enter)
        self._table = f"testbed_{network.replace('.', '_')}_{os.getpid()}_{next(_NUMBER)}"
        self._session: _Session | None = None
        self._lock = threading.Lock()

    def ready(self) -> None:
        """Raise `Unsupported`, with what to do, if this machine or user cannot drop packets."""
        with self._lock:
            self._started()

    def apply(self, drops: Sequence[Drop]) -> None:
        """Put the rules of one fault in force. Raises `FaultError` for a link that does not exist."""
        with self._lock:
            chain = f"inet {self._table} {drops[0].fault}"
            steps = [f"add chain {chain} {{ type filter hook input priority 0; policy accept; }}"]
            for drop in drops:
                steps += [f"add rule {chain} {rule}" for rule in rules(drop, self._address(drop.link))]
            found = self._started().chain("; ".join(steps), chain)
            if len(found) != 2 * len(drops):
                raise TestbedError(f"the kernel was given {2 * len(drops)} packet rules, but has {len(found)}")

    def seen(self, fault: str) -> Seen:
        """Return what the rules of a fault that is in force have counted."""
        with self._lock:
            found = self._started().chain("", f"inet {self._table} {fault}")
            counts = [(_packets(rule), _drops(rule)) for rule in found]
            return Seen(sum(n for n, drops in counts if not drops), sum(n for n, drops in counts if drops))

    def undo(self, fault: str) -> None:
        """Remove the rules of a fault, and see that they are gone."""
        with self._lock:
            chain = f"inet {self._table} {fault}"
            left = self._started().chains(f"flush chain {chain}; delete chain {chain}")
            if fault in left.get(self._table, ()):
                raise TestbedError(f"the packet rules of {fault} were removed, but they are still there")

    def left(self) -> list[str]:
        """Return the faults whose rules are in force."""
        with self._lock:
            return sorted(self._session.chains("").get(self._table, ())) if self._session else []

    def close(self) -> None:
        """End the process that holds the table, and see that it has ended: the kernel has removed every rule."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _started(self) -> _Session:
        if self._session is None:
            self._session = _Session(self._enter, self._table)
        return self._session

    def _address(self, link: str) -> str:
        if link not in self._links:
            raise FaultError(f"there is no link {link!r}{nearest(link, self._links)}")
        address = self._links[link]
        if not address.startswith(f"{self._network}."):
            raise TestbedError(f"the link {link} is at {address}, outside this run's own {self._network}.0.0")
        return address


def rules(drop: Drop, address: str) -> tuple[str, str]:
    """Return the two nftables rules of a drop: one that counts all packets, one that drops and counts its share."""
    host, _, port = address.rpartition(":")
    side, door = WAYS[drop.packets]
    match = f"ip {side} {host} tcp {door} {port}"
    some = "" if drop.share >= 1 else f" numgen random mod {MILLION} < {max(1, round(drop.share * MILLION))}"
    return f"{match} counter", f"{match}{some} counter drop"


def _packets(rule: Mapping[str, Any]) -> int:
    return next((int(step["counter"]["packets"]) for step in rule["expr"] if "counter" in step), 0)


def _drops(rule: Mapping[str, Any]) -> bool:
    return any("drop" in step for step in rule["expr"])


class _Session:
    """One `nft` in interactive mode, which owns a table; each line is a transaction."""

    def __init__(self, enter: Sequence[str], table: str) -> None:
        program = shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
        if program is None:
            raise Unsupported("dropping packets needs nft, which was not found: apt-get install nftables")
        self._process = subprocess.Popen(
            [*enter, program, "-j", "-i"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, MARK: str(me())},
        )
        try:
            self.chains(f"add table inet {table} {{ flags owner; }}")
        except TestbedError as error:
            self.close()
            raise Unsupported(f"this user or kernel cannot drop packets ({error}): {SANDBOX}") from None

    def chain(self, steps: str, chain: str) -> list[dict[str, Any]]:
        """Carry out steps, and return the rules of a chain."""
        found = self._ask(steps, f"list chain {chain}")
        return [entry["rule"] for entry in found if "rule" in entry]

    def chains(self, steps: str) -> dict[str, list[str]]:
        """Carry out steps, and return the chains of every table."""
        tables: dict[str, list[str]] = {}
        for entry in self._ask(steps, "list chains inet"):
            if "chain" in entry:
                tables.setdefault(entry["chain"]["table"], []).append(entry["chain"]["name"])
        return tables

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _ask(self, steps: str, question: str) -> list[dict[str, Any]]:
        """Write steps and a question; the answer is one line of JSON, anything before it a complaint."""
        assert self._process.stdin is not None
        text = f"{steps}\n{question}\n" if steps else f"{question}\n"
        try:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()
            complaint, answer = self._read()
        except OSError as problem:
            raise TestbedError(f"nft has gone: {problem}") from problem
        if complaint or not answer:
            raise TestbedError(f"nft says: {next(iter(complaint.splitlines()), 'nothing')}")
        found: list[dict[str, Any]] = json.loads(answer)["nftables"]
        return found

    def _read(self) -> tuple[str, str]:
        """Return what was said before the answer, and the answer ("" if it does not come)."""
        assert self._process.stdout is not None
        output, deadline = b"", time.monotonic() + ANSWER_S
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._process.stdout], [], [], left)[0]:
                break
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            output += data
            *said, last = output.decode(errors="replace").splitlines() or [""]
            if output.endswith(b"\n") and last.startswith("{"):
                return "\n".join(said), last
            if not data:
                break
        return output.decode(errors="replace"), ""
