"""A service in a container reaches the receiver of spans at the gateway of its network."""

import json

from testbed import start
from testbed.runtime.docker.images import base_image
from testbed.spec.topology import Topology

SPAN = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "work"}
EXPORT = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]})
SEND = """
address=${OTEL_EXPORTER_OTLP_ENDPOINT#http://}
exec 3<>/dev/tcp/${address%:*}/${address#*:}
head='POST /v1/traces HTTP/1.0\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n%s'
printf "$head" ${#0} "$0" >&3
head -1 <&3
"""


def test_a_container_sends_its_spans() -> None:
    services = {
        "front": {"language": "go", "calls": [{"to": "own", "optional": True}]},
        "own": {"image": base_image(), "command": ["sleep", "600"], "ready": {"command": ["true"]}},
    }
    with start(Topology(name="t", entry="front", services=services, telemetry="otlp"), runtime="docker") as bed:
        told = bed.parts.runtime.execute("own-1/app", ["bash", "-c", SEND, EXPORT], 30)
        assert told[1].split()[1:2] == ["200"], told
        assert bed.parts.receiver is not None
        assert [one.event.name for one in bed.parts.receiver.settled()] == ["work"]
