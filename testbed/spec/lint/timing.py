"""How long calls can take according to the policies: the arithmetic for the warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.spec.calls import Call, Fallback, calls_of
from testbed.spec.policies.policy import Policy
from testbed.spec.routes import Node, callee_of, nodes_bottom_up

if TYPE_CHECKING:
    from testbed.spec.spec import Spec


class Times:
    """The longest times that the policies and timeouts of a topology allow, in milliseconds.

    A call without a limit takes as long as the limits of the callee allow. A service without limits takes the time of
    its work. So a time is what the limits allow, not a guarantee that no call takes longer.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._known: dict[Node, float] = {}
        for node in nodes_bottom_up(spec):
            self.route(node)

    def route(self, node: Node) -> float:
        """The longest time until a route answers: its work, then the slowest call of each step."""
        if node not in self._known:
            route = self._spec.services[node.service].route_table[node.route]
            steps = (max(self.call(node, call) for call in calls_of(step)) for step in route.calls)
            self._known[node] = max((route.work or {}).values(), default=0.0) + sum(steps)
        return self._known[node]

    def call(self, caller: Node, call: Call) -> float:
        """The longest time of one call with all tries of the application, the pauses and the fallback call."""
        each = min(call.timeout or float("inf"), self.try_time(caller, call))
        pauses = call.retry.retries * call.retry.pause if call.retry else 0.0
        fallback = call.on_failure.call if isinstance(call.on_failure, Fallback) else None
        return call.tries * each + pauses + (self.call(caller, fallback) if fallback else 0.0)

    def try_time(self, caller: Node, call: Call) -> float:
        """The longest time of one try of the application: all attempts of its proxy and the pauses between them."""
        policy = self._spec.policy(f"{caller.service} -> {call.to}")
        answer = self.route(callee_of(self._spec, call))
        return answer if policy is None else policy_time(policy, answer)


def policy_time(policy: Policy, answer: float) -> float:
    """The longest time of a call under `policy`. An attempt without a limit takes `answer` milliseconds."""
    limit = policy.timeout or float("inf")
    if policy.timeout and not policy.per_try:
        return limit
    pauses = policy.retries.backoff.longest(policy.retries.attempts) if policy.retries else 0.0
    if policy.hedged and policy.per_try and policy.retries:
        return min(limit, policy.retries.attempts * policy.per_try + answer)
    return min(limit, policy.attempts * (policy.per_try or answer) + pauses)
