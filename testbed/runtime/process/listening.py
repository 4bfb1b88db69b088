"""Finds the addresses on which an app listens, if they differ from the plan."""

from __future__ import annotations

from testbed.plan.values import Process
from testbed.runtime import proc
from testbed.runtime.messages import ANYWHERE, keys_for


def wrong_address(process: Process, pid: int) -> str:
    """Return the wrong addresses of a process and its group, as the end of a message; "" if there are none."""
    own = process.network
    right = [f"{ip}:{own.port}" for ip in ANYWHERE] if own else process.listens
    wrong = [one for one in proc.listening(pid) if one not in right and not (own and one in own.upstreams)]
    if not wrong:
        return ""
    return f"; it listens on {', '.join(wrong)} instead of {right[0]} ({keys_for(wrong[0], right[0])})"
