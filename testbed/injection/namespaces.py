"""Where the packets of a link come in: one network for all processes, or one for the links and one for each caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from testbed.plan.values import Link

Way = Literal["requests", "answers"]
EnterCommand = tuple[str, ...]  # words to put before a command, so that it acts in another network
EnterCommandFor = Callable[[str], EnterCommand]  # a process's name -> how to get into its network
LINKS = "links"  # the process that listens at every link
LOAD = "client"  # the load, as a caller: it is no process of the plan, but runs in our own network


def same_namespace(process: str) -> EnterCommand:
    """The `EnterCommandFor` of processes that share our own network."""
    return ()


class NetworkNamespaces:
    """Knows into which network the packets of each link come, one way and the other."""

    def __init__(self, processes: Iterable[str], inside: EnterCommandFor = same_namespace) -> None:
        self._processes, self._inside = frozenset(processes), inside

    def receiver(self, link: Link, packets: Way) -> str:
        """Return the process that gets them: the links' own, the caller's proxy, or the caller itself without one."""
        if packets == "requests":
            return LINKS
        proxy = f"{link.proxy}/proxy"
        return LOAD if link.caller == LOAD else proxy if proxy in self._processes else f"{link.caller}/app"

    def sender(self, link: Link, packets: Way) -> str:
        """Return the process that they come from."""
        return self.receiver(link, "answers" if packets == "requests" else "requests")

    def enter(self, process: str) -> EnterCommand:
        """Return how to act in its network. Raises `Unsupported`, with the reason, where that is not possible."""
        return () if process == LOAD else self._inside(process)
