"""Packets: the kernel drops some of a link's packets (nftables), and counts them.

Each fault is a separate chain in the *input* hook. (After a drop in the output hook, TCP sees local congestion and
retransmits at once, which is not loss.) So it acts in the network that receives the packets: the network of the links
for requests, of the caller for answers. Every network has a separate `nft` process, which owns the rules.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from testbed.errors import FaultError, TestbedError, nearest
from testbed.faults.operations import PacketDrop
from testbed.injection.namespaces import EnterCommand, NetworkNamespaces
from testbed.injection.packets.nft import Session
from testbed.plan.values import AddressSpace, Link

MILLION = 1_000_000  # shares are drawn in millionths
WAYS = {"requests": ("daddr", "dport"), "answers": ("saddr", "sport")}
_NUMBER = count(1)  # numbers the tables of this process


@dataclass(frozen=True, slots=True)
class Seen:
    """The counters of the rules of a fault."""

    packets: int  # on its links
    dropped: int


class Packets:
    """Drops packets of the links of one run. Thread-safe; every change is read back.

    No rule can match an address outside the address space of the run. Methods raise `TestbedError` if the
    kernel has other rules than requested.
    """

    def __init__(self, links: Iterable[Link], space: AddressSpace, namespaces: NetworkNamespaces) -> None:
        self._links, self._space, self._namespaces = {link.name: link for link in links}, space, namespaces
        self.table = f"testbed_{space.network.replace('.', '_')}_{os.getpid()}_{next(_NUMBER)}"
        self.sessions: dict[EnterCommand, Session] = {}
        self._active: dict[str, list[Session]] = {}  # the sessions of each fault in force
        self._lock = threading.Lock()

    def ready(self, drops: Sequence[PacketDrop] = ()) -> None:
        """Raise `Unsupported`, with advice, if this machine or user cannot drop packets in the networks of these drops.

        Without drops: in our network.
        """
        with self._lock:
            for enter in self._placed(drops) or [()]:
                self._started(enter)

    def look(self, address: str, act: Callable[[], object]) -> int:
        """Return the number of packets from an address of the run into our network during `act`."""
        with self._lock:
            session, chain = self._started(()), f"inet {self.table} look"
            rule = f"{matched('answers', self._own(address))} counter"
            session.chain(f"{_added(chain)}; add rule {chain} {rule}", chain)
            try:
                act()
                return sum(map(_packets, session.chain("", chain)))
            finally:
                session.chains(_removed(chain))

    def apply(self, drops: Sequence[PacketDrop]) -> None:
        """Put the rules of one fault in force. Raises `FaultError` for a link that does not exist."""
        with self._lock:
            fault, placed = drops[0].fault, self._placed(drops)
            self._active[fault] = []
            for enter, texts in placed.items():
                session = self._started(enter)
                self._active[fault].append(session)
                self._add(session, fault, texts)

    def seen(self, fault: str) -> Seen:
        """Return the counters of the rules of a fault in force."""
        with self._lock:
            there = self._active.get(fault, [])
            found = [rule for session in there for rule in session.chain("", self._chain(fault))]
            counts = [(_packets(rule), _drops(rule)) for rule in found]
            return Seen(sum(n for n, drops in counts if not drops), sum(n for n, drops in counts if drops))

    def undo(self, fault: str) -> None:
        """Remove the rules of a fault, and verify it."""
        with self._lock:
            chain, left = self._chain(fault), []
            for session in self._active.pop(fault, []):
                left += session.chains(_removed(chain)).get(self.table, [])
            if fault in left:
                raise TestbedError(f"the packet rules of {fault} were removed, but they are still there")

    def left(self) -> list[str]:
        """Return the faults with rules in force."""
        with self._lock:
            found = [session.chains("").get(self.table, []) for session in self.sessions.values()]
            return sorted({fault for faults in found for fault in faults})

    def close(self) -> None:
        """End the processes that own the rules and verify it: the kernel then removes every rule."""
        with self._lock:
            while self.sessions:
                self.sessions.popitem()[1].close()
            self._active.clear()

    def _placed(self, drops: Sequence[PacketDrop]) -> dict[EnterCommand, list[str]]:
        """Return the rules of each network, by its command prefix."""
        found: dict[EnterCommand, list[str]] = {}
        for drop in drops:
            link = self._link(drop.link)
            enter = self._namespaces.enter(self._namespaces.receiver(link, drop.packets))
            found.setdefault(enter, []).extend(rules(drop, self._own(link.listen)))
        return found

    def _add(self, session: Session, fault: str, texts: Sequence[str]) -> None:
        chain = self._chain(fault)
        steps = [_added(chain), *(f"add rule {chain} {text}" for text in texts)]
        found = session.chain("; ".join(steps), chain)
        if len(found) != len(texts):
            raise TestbedError(f"{len(texts)} packet rules were added, but the kernel has {len(found)}")

    def _chain(self, fault: str) -> str:
        return f"inet {self.table} {fault}"

    def _started(self, enter: EnterCommand) -> Session:
        if enter not in self.sessions:
            self.sessions[enter] = Session(enter, self.table)
        return self.sessions[enter]

    def _link(self, name: str) -> Link:
        if name not in self._links:
            raise FaultError(f"there is no link {name!r}{nearest(name, self._links)}")
        return self._links[name]

    def _own(self, address: str) -> str:
        if not self._space.holds(address):
            raise TestbedError(
                f"{address} is outside the network of this run, {self._space.shared_address or self._space.network}"
            )
        return address


def matched(way: str, address: str) -> str:
    """Return the nftables match of packets to an address, or from it."""
    host, _, port = address.rpartition(":")
    side, door = WAYS[way]
    return f"ip {side} {host} tcp {door} {port}"


def rules(drop: PacketDrop, address: str) -> tuple[str, str]:
    """Return the two nftables rules of a drop: one that counts all packets, one that drops a share and counts it."""
    match = matched(drop.packets, address)
    some = "" if drop.share >= 1 else f" numgen random mod {MILLION} < {max(1, round(drop.share * MILLION))}"
    return f"{match} counter", f"{match}{some} counter drop"


def _added(chain: str) -> str:
    return f"add chain {chain} {{ type filter hook input priority 0; policy accept; }}"


def _removed(chain: str) -> str:
    """Return the steps that remove a chain, even if it does not exist."""
    return f"add chain {chain}; flush chain {chain}; delete chain {chain}"


def _packets(rule: Mapping[str, Any]) -> int:
    return next((int(step["counter"]["packets"]) for step in rule["expr"] if "counter" in step), 0)


def _drops(rule: Mapping[str, Any]) -> bool:
    return any("drop" in step for step in rule["expr"])
