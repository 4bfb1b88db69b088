import pytest

from testbed.experiment.planning import plan_for
from testbed.plan.values import AddressSpace
from testbed.spec.topology import Topology


def environment(space, telemetry="otlp", **service):
    services = {"front": {"command": "./front", "calls": ["back"], **service}, "back": {"language": "go"}}
    plan = plan_for(Topology(name="t", entry="front", services=services, telemetry=telemetry), space)
    return {process.name: process for process in plan.processes}


def test_a_service_is_told_where_to_send_its_spans():
    env = environment(AddressSpace("127.9"))["front-1/app"].env
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.9.0.3:4318"
    assert env["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert (env["OTEL_SERVICE_NAME"], env["OTEL_BSP_SCHEDULE_DELAY"]) == ("front", "100")
    assert env["OTEL_RESOURCE_ATTRIBUTES"] == "service.instance.id=front-1"
    assert "127.9.0.3" in env["NO_PROXY"].split(",")


def test_a_service_that_speaks_grpc_gets_the_port_for_it_and_its_own_words_win():
    own = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_SERVICE_NAME": "mine"}
    env = environment(AddressSpace("127.9"), env=own)["front-1/app"].env
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.9.0.3:4317"
    assert (env["OTEL_EXPORTER_OTLP_PROTOCOL"], env["OTEL_SERVICE_NAME"]) == ("grpc", "mine")


def test_in_containers_the_test_process_is_at_the_gateway():
    space = AddressSpace("10.213", "10.213.0.1", test_address="10.213.0.254")
    assert environment(space)["front-1/app"].env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://10.213.0.254:4318"


def test_an_app_in_a_network_of_its_own_reaches_the_receiver():
    space = AddressSpace("127.9", namespaces=True)
    network = environment(space, port=8080, binds="all")["front-1/app"].network
    assert "127.9.0.3:4318" in network.upstreams


@pytest.mark.parametrize("process", ["front-1/app", "back-1/app"])
def test_without_telemetry_nothing_is_said(process):
    env = environment(AddressSpace("127.9"), telemetry="off")[process].env
    assert not [name for name in env if name.startswith("OTEL_")]
