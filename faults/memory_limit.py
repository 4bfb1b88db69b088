"""Memory limit: a replica has a memory limit, and the kernel kills it if it needs more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.errors import FaultError
from testbed.faults.base import ProcessFault
from testbed.faults.operations import LinkDown, Operation, ProcessAction
from testbed.faults.target import FaultContext, links_into, replicas_of


@dataclass(frozen=True, kw_only=True)
class memory_limit(ProcessFault):
    """Restart the process with a limit of `mb` MiB (a whole number, including swap). Healing restarts it without one.

    The restarts are needed because a limit counts only memory allocated under it; connections are refused meanwhile. If
    the app needs more, the kernel kills it and the run is violated; callers then see connections that close without an
    answer. The fault needs writable control groups, and is refused without them.
    """

    instead: ClassVar[str] = (
        "Use kill() or crash_loop(up_s=, down_s=): callers see the same as for an app out of memory"
    )

    mb: int

    def validate(self) -> None:
        """Raise `FaultError` unless `mb` is a whole number above zero."""
        if not isinstance(self.mb, int) or self.mb < 1:
            raise FaultError(f"{self}: mb is whole MiB, 1 or more")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Close the links while the process starts."""
        closed = tuple(LinkDown(link.name, during_restart=True) for link in links_into(self.target, context, self))
        return closed + tuple(
            ProcessAction(replica.name, "memory", amount=self.mb) for replica in replicas_of(self.target, context, self)
        )
