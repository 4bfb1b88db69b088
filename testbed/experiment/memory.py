"""Which proxies still know the failures of the last test: they ejected a host, or a streak of failures may go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.history.counters import EJECTIONS, HOSTS_EJECTED
from testbed.history.events import Attempt
from testbed.mesh import mesh_named
from testbed.runtime.http import ask

if TYPE_CHECKING:
    from testbed.evidence.reader import LogReader
    from testbed.evidence.recorder import Recorder
    from testbed.evidence.sampler import Monitor
    from testbed.plan.make import Plan

Host = tuple[str, str]  # an edge and a replica of its callee
MOST_MS = 5.0  # the clocks of two attempts that end together agree by this


def remembering(plan: Plan, recorder: Recorder, proxies: Collection[str]) -> list[str]:
    """Return those of these proxies that ejected a host since their start, or may count failures in a row now.

    One good answer of a host ends its streak. A proxy that does not tell its counters is one of them.
    """
    monitor = mesh_named(plan.topology.mesh).monitor
    watched = {policy.edge for policy in plan.topology.policies if policy.outlier_detection}
    readers = [(name, recorder.reader(name)) for name in sorted(proxies)]
    return [name for name, reader in readers if monitor is None or reader is None or _knows(reader, monitor, watched)]


def _knows(reader: LogReader, monitor: Monitor, watched: Collection[str]) -> bool:
    log = reader.log
    try:
        texts = [ask(log.admin or "", path, f"{log.process} does not tell its counters") for path in monitor.paths]
    except TestbedError:
        return True
    found = [text for status, text in texts if status == 200]
    if len(found) < len(texts):
        return True
    values = monitor.values(found, log.links)
    if any(one.get(EJECTIONS) or one.get(HOSTS_EJECTED) for edge, one in values.items() if edge in watched):
        return True
    failed = {host for host in monitor.failed(found, log.links) if host[0] in watched}
    if not failed:
        return False
    reader.flush()
    reader.read_on()
    return not failed <= well_again(event for event in reader.everything() if isinstance(event, Attempt))


def well_again(attempts: Iterable[Attempt]) -> set[Host]:
    """Return the hosts whose last attempts were good, so that no failures in a row are counted of them."""
    good: dict[Host, float] = {}
    bad: dict[Host, float] = {}
    for one in attempts:
        ends = bad if not one.answered or one.outcome or one.as_http >= 500 else good
        host, end = (one.edge, one.callee), one.start + one.duration_ms / 1000
        ends[host] = max(end, ends.get(host, end))
    return {host for host, end in good.items() if end > bad.get(host, 0.0) + MOST_MS / 1000}
