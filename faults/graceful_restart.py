"""Graceful restart: a replica gets SIGTERM, finishes its requests, and starts again."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault, positive
from testbed.faults.operations import LinkDown, Operation, ProcessAction, Toxic
from testbed.faults.target import FaultContext, links_into, replicas_of

HELD_MS = 1000  # until SIGTERM has been sent and the inlet knows which connections the app has closed


@dataclass(frozen=True, kw_only=True)
class graceful_restart(ProcessFault):
    """Send SIGTERM, kill the process after `within_s` seconds if it still runs, and start it again at once.

        rolling(graceful_restart().on(service="pricing"), every_s=5)

    The fault ends when the process is ready again. While the process finishes, the links stay open for its requests, so
    a new request is not refused but its connection is reset within 1 s: `reset` retries this, `connect-failure` does
    not. The inlet holds the request for this time, so that it does not use a connection that the app is closing. After
    the process has ended, connections are refused.

    The key `terminationGracePeriod` of a service sets how long it finishes requests; without it the service ends at
    once. `within_s` is 30 s by default, as in Kubernetes.
    """

    momentary = True
    within_s: float = 30

    def validate(self) -> None:
        """Raise `FaultError` unless the time is above zero."""
        positive(self, within_s=self.within_s)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Hold new requests, send SIGTERM, close the links after the process has ended, and start it."""
        links, names = (
            links_into(self.target, context, self),
            [replica.name for replica in replicas_of(self.target, context, self)],
        )
        held = tuple(Toxic(link.name, "latency", "upstream", {"latency": HELD_MS}) for link in links)
        asked = tuple(ProcessAction(name, "terminate", amount=self.within_s) for name in names)
        closed = tuple(LinkDown(link.name) for link in links)
        return held + asked + closed + tuple(ProcessAction(name, "restart") for name in names)
