"""A chaos and fault-injection testbed for meshed services, driven by pytest.

Tests import every public name from here. Each name is loaded when it is first used:

    from testbed import attempts, delay, get, only_statuses, steady, topology
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.checks import amplification as amplification
    from testbed.checks import answered as answered
    from testbed.checks import attempts as attempts
    from testbed.checks import availability as availability
    from testbed.checks import breaker as breaker
    from testbed.checks import budget_respected as budget_respected
    from testbed.checks import bulkhead as bulkhead
    from testbed.checks import contained as contained
    from testbed.checks import deadline_kept as deadline_kept
    from testbed.checks import ejected as ejected
    from testbed.checks import fallback as fallback
    from testbed.checks import gives_up as gives_up
    from testbed.checks import no_duplicate_effects as no_duplicate_effects
    from testbed.checks import only_statuses as only_statuses
    from testbed.checks import p50 as p50
    from testbed.checks import p90 as p90
    from testbed.checks import p99 as p99
    from testbed.checks import quantile as quantile
    from testbed.checks import recovers as recovers
    from testbed.checks import sheds as sheds
    from testbed.checks import slowest as slowest
    from testbed.errors import Inconclusive as Inconclusive
    from testbed.errors import NotContained as NotContained
    from testbed.errors import TestbedError as TestbedError
    from testbed.experiment.run import Run as Run
    from testbed.experiment.start import start as start
    from testbed.experiment.testbed import Testbed as Testbed
    from testbed.experiment.traffic import Traffic as Traffic
    from testbed.faults import abort as abort
    from testbed.faults import bandwidth as bandwidth
    from testbed.faults import corrupt as corrupt
    from testbed.faults import cpu as cpu
    from testbed.faults import crash_loop as crash_loop
    from testbed.faults import delay as delay
    from testbed.faults import duplicate as duplicate
    from testbed.faults import flapping as flapping
    from testbed.faults import graceful_restart as graceful_restart
    from testbed.faults import hang as hang
    from testbed.faults import kill as kill
    from testbed.faults import latency as latency
    from testbed.faults import lost as lost
    from testbed.faults import memory as memory
    from testbed.faults import outage as outage
    from testbed.faults import packet_delay as packet_delay
    from testbed.faults import packet_loss as packet_loss
    from testbed.faults import partition as partition
    from testbed.faults import pause as pause
    from testbed.faults import refused as refused
    from testbed.faults import reorder as reorder
    from testbed.faults import reset as reset
    from testbed.faults import restart as restart
    from testbed.faults import rolling as rolling
    from testbed.faults import silent as silent
    from testbed.faults import sliced as sliced
    from testbed.faults import slow_close as slow_close
    from testbed.faults import slow_start as slow_start
    from testbed.faults import throttle as throttle
    from testbed.faults import truncated as truncated
    from testbed.faults import unreachable as unreachable
    from testbed.frontends.plugin.fixtures import topology as topology
    from testbed.history.file import History as History
    from testbed.load.workload import get as get
    from testbed.load.workload import poisson as poisson
    from testbed.load.workload import post as post
    from testbed.load.workload import steady as steady
    from testbed.load.workload import unary as unary
    from testbed.spec.load import load_topology as load_topology
    from testbed.spec.topology import Topology as Topology

# The imports above are for type checkers. This table names the module that each public name is loaded from.
_LAZY: dict[str, str] = {
    "amplification": "testbed.checks",
    "answered": "testbed.checks",
    "attempts": "testbed.checks",
    "availability": "testbed.checks",
    "breaker": "testbed.checks",
    "budget_respected": "testbed.checks",
    "bulkhead": "testbed.checks",
    "contained": "testbed.checks",
    "deadline_kept": "testbed.checks",
    "ejected": "testbed.checks",
    "fallback": "testbed.checks",
    "gives_up": "testbed.checks",
    "no_duplicate_effects": "testbed.checks",
    "only_statuses": "testbed.checks",
    "p50": "testbed.checks",
    "p90": "testbed.checks",
    "p99": "testbed.checks",
    "quantile": "testbed.checks",
    "recovers": "testbed.checks",
    "sheds": "testbed.checks",
    "slowest": "testbed.checks",
    "Inconclusive": "testbed.errors",
    "NotContained": "testbed.errors",
    "TestbedError": "testbed.errors",
    "Run": "testbed.experiment.run",
    "start": "testbed.experiment.start",
    "Testbed": "testbed.experiment.testbed",
    "Traffic": "testbed.experiment.traffic",
    "abort": "testbed.faults",
    "bandwidth": "testbed.faults",
    "corrupt": "testbed.faults",
    "cpu": "testbed.faults",
    "crash_loop": "testbed.faults",
    "delay": "testbed.faults",
    "duplicate": "testbed.faults",
    "flapping": "testbed.faults",
    "graceful_restart": "testbed.faults",
    "hang": "testbed.faults",
    "kill": "testbed.faults",
    "latency": "testbed.faults",
    "lost": "testbed.faults",
    "memory": "testbed.faults",
    "outage": "testbed.faults",
    "packet_delay": "testbed.faults",
    "packet_loss": "testbed.faults",
    "partition": "testbed.faults",
    "pause": "testbed.faults",
    "refused": "testbed.faults",
    "reorder": "testbed.faults",
    "reset": "testbed.faults",
    "restart": "testbed.faults",
    "rolling": "testbed.faults",
    "silent": "testbed.faults",
    "sliced": "testbed.faults",
    "slow_close": "testbed.faults",
    "slow_start": "testbed.faults",
    "throttle": "testbed.faults",
    "truncated": "testbed.faults",
    "unreachable": "testbed.faults",
    "topology": "testbed.frontends.plugin.fixtures",
    "History": "testbed.history.file",
    "get": "testbed.load.workload",
    "poisson": "testbed.load.workload",
    "post": "testbed.load.workload",
    "steady": "testbed.load.workload",
    "unary": "testbed.load.workload",
    "load_topology": "testbed.spec.load",
    "Topology": "testbed.spec.topology",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> object:
    """Load a public name, or a third-party fault or check, when it is first used.

    So a pytest run without the testbed does not import it.
    """
    home = _LAZY.get(name)
    value = getattr(import_module(home), name) if home else _third_party(name)
    if value is None:
        raise AttributeError(f"module 'testbed' has no attribute {name!r}")
    globals()[name] = value
    return value


def _third_party(name: str) -> object | None:
    """Load a fault or check by the entry point of another distribution. None if no entry point has this name."""
    if name.startswith("_"):
        return None
    from testbed.frontends.extensions import load

    return load(name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
