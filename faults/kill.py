"""Kill: the process of a replica ends at once (SIGKILL)."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault
from testbed.faults.operations import LinkDown, Operation
from testbed.faults.target import FaultContext, links_into, process_actions


@dataclass(frozen=True, kw_only=True)
class kill(ProcessFault):
    """Kill the process. Connections are refused until it is healed (started again, ready, and reachable).

        kill().on(replica="pricing-1")

    A mesh proxy is killed with `.on(proxy="checkout-1")` (`"node-1"` where placement is node): every replica that
    uses it is refused, and after healing it starts with closed breakers and empty pools.
    """

    on_proxies = True

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Close the links first, so that the test proxies do not answer for the dead process."""
        closed = (
            () if self.target.proxy else tuple(LinkDown(link.name) for link in links_into(self.target, context, self))
        )
        return closed + process_actions(self.target, context, self, "kill")


@dataclass(frozen=True, kw_only=True)
class restart(kill):
    """Kill the process and start it again at once: it ends when the process is ready again.

    restart().on(service="pricing")
    """

    momentary = True
