"""Memory limit: a replica has only so much memory, and is killed by the kernel if it needs more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.errors import FaultError
from testbed.faults.base import ProcessFault
from testbed.faults.operations import LinkDown, Operation, ProcessAction
from testbed.faults.target import FaultContext, links_of, replicas_of


@dataclass(frozen=True, kw_only=True)
class memory_limit(ProcessFault):
    """Restart the process with a limit of `mb` MiB (whole, swap included), and without one when it is healed.

    A limit counts only what is taken under it, hence the restarts; callers are refused meanwhile. An app that needs
    more is killed by the kernel, which is a finding: the run is violated. Its callers then see connections that are
    closed without an answer. Needs control groups that we may write to, and is refused elsewhere.
    """

    instead: ClassVar[str] = "Use kill() or crash_loop(up_s=, down_s=): what callers see of an app out of memory"

    mb: int

    def validate(self) -> None:
        """Raise `FaultError` unless `mb` is a whole number above zero."""
        if not isinstance(self.mb, int) or self.mb < 1:
            raise FaultError(f"{self}: mb is whole MiB, 1 or more")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Close the links only while the process starts."""
        closed = tuple(LinkDown(link.name, during_restart=True) for link in links_of(self.target, context, self))
        return closed + tuple(
            ProcessAction(replica.name, "memory", amount=self.mb) for replica in replicas_of(self.target, context, self)
        )
