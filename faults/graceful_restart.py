"""Graceful restart: a replica is asked to end, finishes what it has begun, and starts anew."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault, positive
from testbed.faults.operations import LinkDown, Operation, ProcessAction, Toxic
from testbed.faults.target import FaultContext, links_of, replicas_of

HELD_MS = 1000  # until it is asked to end, and the inlet has seen which of its connections the app has closed


@dataclass(frozen=True, kw_only=True)
class graceful_restart(ProcessFault):
    """Ask the process to end (SIGTERM), kill it after `within_s` seconds if it has not, and start it again at once.

        rolling(graceful_restart().on(service="pricing"), every_s=5)

    Over when it is ready again. While it finishes, the links stay open for what it has begun, so a new request is not
    refused but broken off, within 1 s: `reset` retries that, `connect-failure` does not. Held so long, it cannot be
    sent on a connection that the app is just closing, which would be the inlet's own and none of the caller's.
    From its end on callers are refused.

    A service says in `terminationGracePeriod` how long it finishes; without, it ends at once. Kubernetes waits 30 s as
    well.
    """

    momentary = True
    within_s: float = 30

    def validate(self) -> None:
        """Raise `FaultError` unless the time is above zero."""
        positive(self, within_s=self.within_s)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Hold what is new, ask the process to end, close the links only when it has, and start it."""
        links, names = (
            links_of(self.target, context, self),
            [replica.name for replica in replicas_of(self.target, context, self)],
        )
        held = tuple(Toxic(link.name, "latency", "upstream", {"latency": HELD_MS}) for link in links)
        asked = tuple(ProcessAction(name, "terminate", amount=self.within_s) for name in names)
        closed = tuple(LinkDown(link.name) for link in links)
        return held + asked + closed + tuple(ProcessAction(name, "restart") for name in names)
