"""A chaos and fault-injection testbed for meshed services, driven by pytest.

Tests import every public name from here. Each name is loaded when it is first used:

    from testbed import attempts, constant_rate, delay, get, statuses, topology
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from testbed import renamed

if TYPE_CHECKING:
    from testbed.checks import at_most_once as at_most_once
    from testbed.checks import attempts as attempts
    from testbed.checks import availability as availability
    from testbed.checks import bulkhead as bulkhead
    from testbed.checks import call_duration as call_duration
    from testbed.checks import call_statuses as call_statuses
    from testbed.checks import circuit_breaker as circuit_breaker
    from testbed.checks import contained as contained
    from testbed.checks import deadline_propagation as deadline_propagation
    from testbed.checks import fallback as fallback
    from testbed.checks import load_shedding as load_shedding
    from testbed.checks import max_latency as max_latency
    from testbed.checks import outlier_ejection as outlier_ejection
    from testbed.checks import p50 as p50
    from testbed.checks import p90 as p90
    from testbed.checks import p99 as p99
    from testbed.checks import probe as probe
    from testbed.checks import probe_availability as probe_availability
    from testbed.checks import probe_effects as probe_effects
    from testbed.checks import probe_steady as probe_steady
    from testbed.checks import quantile as quantile
    from testbed.checks import recovery as recovery
    from testbed.checks import responses as responses
    from testbed.checks import retry_amplification as retry_amplification
    from testbed.checks import retry_budget as retry_budget
    from testbed.checks import statuses as statuses
    from testbed.errors import Inconclusive as Inconclusive
    from testbed.errors import NotContained as NotContained
    from testbed.errors import TestbedError as TestbedError
    from testbed.evidence.probing.probes import command_probe as command_probe
    from testbed.evidence.probing.probes import http_probe as http_probe
    from testbed.evidence.probing.probes import metric_probe as metric_probe
    from testbed.evidence.probing.probes import promql_probe as promql_probe
    from testbed.experiment.run import Run as Run
    from testbed.experiment.start import start as start
    from testbed.experiment.testbed import Testbed as Testbed
    from testbed.experiment.traffic import Traffic as Traffic
    from testbed.faults import abort as abort
    from testbed.faults import bandwidth as bandwidth
    from testbed.faults import connection_refused as connection_refused
    from testbed.faults import connection_reset as connection_reset
    from testbed.faults import cpu_limit as cpu_limit
    from testbed.faults import crash_loop as crash_loop
    from testbed.faults import delay as delay
    from testbed.faults import flapping as flapping
    from testbed.faults import graceful_restart as graceful_restart
    from testbed.faults import hang as hang
    from testbed.faults import kill as kill
    from testbed.faults import latency as latency
    from testbed.faults import limit_data as limit_data
    from testbed.faults import memory_limit as memory_limit
    from testbed.faults import node_failure as node_failure
    from testbed.faults import outage as outage
    from testbed.faults import packet_corrupt as packet_corrupt
    from testbed.faults import packet_delay as packet_delay
    from testbed.faults import packet_duplicate as packet_duplicate
    from testbed.faults import packet_loss as packet_loss
    from testbed.faults import packet_reorder as packet_reorder
    from testbed.faults import partition as partition
    from testbed.faults import pause as pause
    from testbed.faults import restart as restart
    from testbed.faults import rolling as rolling
    from testbed.faults import slicer as slicer
    from testbed.faults import slow_close as slow_close
    from testbed.faults import slow_start as slow_start
    from testbed.faults import stall as stall
    from testbed.faults import throttle as throttle
    from testbed.faults import unreachable as unreachable
    from testbed.frontends.plugin.fixtures import topology as topology
    from testbed.history.answers import Answer as Answer
    from testbed.history.file import History as History
    from testbed.load.workload import constant_rate as constant_rate
    from testbed.load.workload import get as get
    from testbed.load.workload import poisson as poisson
    from testbed.load.workload import post as post
    from testbed.load.workload import unary as unary
    from testbed.spec.load import load_topology as load_topology
    from testbed.spec.topology import Topology as Topology

# The imports above are for type checkers. This table names the module that each public name is loaded from.
HOME_OF: dict[str, str] = {
    "at_most_once": "testbed.checks",
    "attempts": "testbed.checks",
    "availability": "testbed.checks",
    "bulkhead": "testbed.checks",
    "call_duration": "testbed.checks",
    "call_statuses": "testbed.checks",
    "circuit_breaker": "testbed.checks",
    "contained": "testbed.checks",
    "deadline_propagation": "testbed.checks",
    "fallback": "testbed.checks",
    "load_shedding": "testbed.checks",
    "max_latency": "testbed.checks",
    "outlier_ejection": "testbed.checks",
    "p50": "testbed.checks",
    "p90": "testbed.checks",
    "p99": "testbed.checks",
    "probe": "testbed.checks",
    "probe_availability": "testbed.checks",
    "probe_effects": "testbed.checks",
    "probe_steady": "testbed.checks",
    "quantile": "testbed.checks",
    "recovery": "testbed.checks",
    "responses": "testbed.checks",
    "retry_amplification": "testbed.checks",
    "retry_budget": "testbed.checks",
    "statuses": "testbed.checks",
    "Inconclusive": "testbed.errors",
    "NotContained": "testbed.errors",
    "TestbedError": "testbed.errors",
    "command_probe": "testbed.evidence.probing.probes",
    "http_probe": "testbed.evidence.probing.probes",
    "metric_probe": "testbed.evidence.probing.probes",
    "promql_probe": "testbed.evidence.probing.probes",
    "Run": "testbed.experiment.run",
    "start": "testbed.experiment.start",
    "Testbed": "testbed.experiment.testbed",
    "Traffic": "testbed.experiment.traffic",
    "abort": "testbed.faults",
    "bandwidth": "testbed.faults",
    "connection_refused": "testbed.faults",
    "connection_reset": "testbed.faults",
    "cpu_limit": "testbed.faults",
    "crash_loop": "testbed.faults",
    "delay": "testbed.faults",
    "flapping": "testbed.faults",
    "graceful_restart": "testbed.faults",
    "hang": "testbed.faults",
    "kill": "testbed.faults",
    "latency": "testbed.faults",
    "limit_data": "testbed.faults",
    "memory_limit": "testbed.faults",
    "node_failure": "testbed.faults",
    "outage": "testbed.faults",
    "packet_corrupt": "testbed.faults",
    "packet_delay": "testbed.faults",
    "packet_duplicate": "testbed.faults",
    "packet_loss": "testbed.faults",
    "packet_reorder": "testbed.faults",
    "partition": "testbed.faults",
    "pause": "testbed.faults",
    "restart": "testbed.faults",
    "rolling": "testbed.faults",
    "slicer": "testbed.faults",
    "slow_close": "testbed.faults",
    "slow_start": "testbed.faults",
    "stall": "testbed.faults",
    "throttle": "testbed.faults",
    "unreachable": "testbed.faults",
    "topology": "testbed.frontends.plugin.fixtures",
    "Answer": "testbed.history.answers",
    "History": "testbed.history.file",
    "constant_rate": "testbed.load.workload",
    "get": "testbed.load.workload",
    "poisson": "testbed.load.workload",
    "post": "testbed.load.workload",
    "unary": "testbed.load.workload",
    "load_topology": "testbed.spec.load",
    "Topology": "testbed.spec.topology",
}

__all__ = sorted(HOME_OF)


def __getattr__(name: str) -> object:
    """Load a public name, or a third-party fault or check, when it is first used.

    So a pytest run without the testbed does not import it.
    """
    if name in renamed.NAMES:
        return renamed.by_old_name(__name__, renamed.NAMES, name)
    home = HOME_OF.get(name)
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
