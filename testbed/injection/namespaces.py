"""The networks of a link's packets: one for all processes, or one for the links and one for each caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from testbed.plan.values import Link

Way = Literal["requests", "answers"]
EnterCommand = tuple[str, ...]  # a command prefix to act in another network
EnterCommandFor = Callable[[str], EnterCommand]  # name of a process -> prefix for its network
LINKS = "links"  # the process with the listeners of all links
LOAD = "client"  # the load as a caller: it is not in the plan, and runs in our network


def same_namespace(process: str) -> EnterCommand:
    """The `EnterCommandFor` of processes in our network."""
    return ()


class NetworkNamespaces:
    """Finds the networks of the packets of each link, in both directions."""

    def __init__(self, processes: Iterable[str], inside: EnterCommandFor = same_namespace) -> None:
        self._processes, self._inside = frozenset(processes), inside

    def receiver(self, link: Link, packets: Way) -> str:
        """Return the process that receives them: the links, the caller's proxy, or the caller if it has no proxy."""
        if packets == "requests":
            return LINKS
        proxy = f"{link.proxy}/proxy"
        return LOAD if link.caller == LOAD else proxy if proxy in self._processes else f"{link.caller}/app"

    def sender(self, link: Link, packets: Way) -> str:
        """Return the process that sends them."""
        return self.receiver(link, "answers" if packets == "requests" else "requests")

    def enter(self, process: str) -> EnterCommand:
        """Return the prefix for its network. Raises `Unsupported`, with the reason, if this is not possible."""
        return () if process == LOAD else self._inside(process)
