"""Where services send their telemetry, and the variables of OpenTelemetry that tell them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.plan.values import AddressSpace, Replica

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

GRPC_PORT, HTTP_PORT = 4317, 4318  # the ports of OTLP
PROTOCOL, ENDPOINT = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_ENDPOINT"
DELAY_MS = 100  # between two exports of a service; the default of an SDK is 5 s


def variables(topology: Topology, space: AddressSpace, replica: Replica) -> dict[str, str]:
    """Return the variables for one replica; none where the topology has no telemetry.

    A service whose own `env` says `OTEL_EXPORTER_OTLP_PROTOCOL: grpc` gets the endpoint for that.
    """
    if topology.telemetry != "otlp":
        return {}
    protocol = topology.services[replica.service].env.get(PROTOCOL, "http/protobuf")
    port = GRPC_PORT if protocol == "grpc" else HTTP_PORT
    return {
        ENDPOINT: f"http://{space.telemetry_address}:{port}",
        PROTOCOL: protocol,
        "OTEL_SERVICE_NAME": replica.service,
        "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={replica.name}",
        "OTEL_BSP_SCHEDULE_DELAY": str(DELAY_MS),
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
