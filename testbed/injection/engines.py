"""What the injector needs of the planes: small interfaces that the edge and the runtime implement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from testbed.faults.operations import Drop, LinkOperation, Netem, Rule


class LinkControl(Protocol):
    """What the injector needs of the links."""

    def ready(self, operations: Iterable[LinkOperation]) -> None:
        """Raise `Unsupported` if they cannot be carried out here."""

    def apply(self, operation: LinkOperation) -> None:
        """Carry out and read back."""

    def undo(self, operation: LinkOperation) -> None:
        """Undo and read back."""


class RuleControl(Protocol):
    """What the injector needs of the inlet."""

    def set(self, rules: Sequence[Rule]) -> None:
        """Replace all rules and read them back."""


class ProcessControl(Protocol):
    """What the injector needs of the runtime; each call returns when its effect has been seen."""

    def kill(self, name: str) -> None:
        """End it at once."""

    def pause(self, name: str) -> None:
        """Stop it."""

    def resume(self, name: str) -> None:
        """Let it go on."""

    def restart(self, name: str) -> None:
        """Start it (again) and wait until it is ready."""

    def terminate(self, name: str, within_s: float) -> None:
        """Ask it to end, and end it if it has not within this time."""

    def throttle(self, name: str, share: float) -> None:
        """Give it only this share of one processor."""

    def unthrottle(self, name: str) -> None:
        """Give it as much as it likes."""

    def confine(self, name: str, mb: int) -> None:
        """Start it again with this much memory (MiB)."""

    def cannot(self, action: str) -> str:
        """Why an action is not possible here, "" if it is."""


class PacketControl(Protocol):
    """What the injector needs of the wire; each call acts for one fault."""

    def ready(self, operations: Sequence[Drop | Netem]) -> None:
        """Raise `Unsupported` if they cannot be carried out here."""

    def caveat(self, operations: Sequence[Drop | Netem]) -> str:
        """Return what to add to the fault's text where its effect is only approximate."""

    def apply(self, operations: Sequence[Drop | Netem]) -> None:
        """Carry out and read back."""

    def seen(self, operations: Sequence[Drop | Netem]) -> int:
        """Return how many packets have been hit so far."""

    def undo(self, operations: Sequence[Drop | Netem]) -> None:
        """Undo and read back."""
