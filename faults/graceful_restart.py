"""Graceful restart: a replica leaves the load balancing, gets SIGTERM, finishes its requests, and starts again."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.errors import FaultError
from testbed.faults.base import ProcessFault, positive
from testbed.faults.operations import LinkDown, Operation, ProcessAction
from testbed.faults.target import FaultContext, links_into, replicas_of


@dataclass(frozen=True, kw_only=True)
class graceful_restart(ProcessFault):
    """Send SIGTERM, kill the process after `within_s` seconds if it still runs, and start it again at once.

        rolling(graceful_restart().on(service="pricing"), every_s=5)

    The fault ends when the process is ready again. As in Kubernetes, two things begin at the same time. The process is
    asked to end: SIGTERM, after `pre_stop_ms` (a preStop hook that sleeps). And it leaves the load balancing, which its
    callers learn late: new connections are still taken for `drain_delay_ms`, and are refused then, or as soon as the
    process itself refuses them. Open connections stay until the process has ended.

    SIGTERM goes to the first process of the service alone, as to PID 1 of a container: a wrapper without a handler
    (`sh -c "a; b"`) does not hear it and does not hand it on, and what a wrapper leaves behind when it ends is killed.
    The key `terminationGracePeriod` of a stub sets how long it finishes requests; without it the stub ends at once.
    `within_s` is 30 s by default, as in Kubernetes, and includes `pre_stop_ms`.
    """

    momentary = True
    within_s: float = 30
    drain_delay_ms: float = 500
    pre_stop_ms: float = 0

    def validate(self) -> None:
        """Raise `FaultError` unless the times are in order."""
        positive(self, within_s=self.within_s)
        for name in ("drain_delay_ms", "pre_stop_ms"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise FaultError(f"{self}: {name} must be at least 0")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Ask the processes to end while new requests come, close the links when they have ended, and start them."""
        links = links_into(self.target, context, self)
        names = [replica.name for replica in replicas_of(self.target, context, self)]
        asked = tuple(
            ProcessAction(
                name,
                "terminate",
                amount=self.within_s,
                links=tuple(link.listen for link in links if link.callee == name),
                drain_delay_ms=self.drain_delay_ms,
                pre_stop_ms=self.pre_stop_ms,
            )
            for name in names
        )
        closed = tuple(LinkDown(link.name) for link in links)
        return asked + closed + tuple(ProcessAction(name, "restart") for name in names)
