"""Which processes share a pod, and what each container is told: pure, nothing is started."""

from pathlib import Path

import pytest

from testbed.experiment.planning import plan_for
from testbed.plan.values import AddressSpace, Process, Ready
from testbed.runtime.docker.pods import HOLD, RunContext, container, holder, pods
from testbed.spec.topology import Topology

SPACE = AddressSpace("10.213", shared_address="10.213.0.1")
TOOLS = {tool: Path(f"/opt/tools/bin/{tool}") for tool in ("envoy", "toxiproxy", "node", "stub-go", "python")}


def plan(**more):
    services = {"front": {"language": "node", "calls": ["back"]}, "back": {"language": "go", "replicas": 2}}
    return plan_for(Topology.model_validate({"name": "t", "entry": "front", "services": services, **more}), SPACE)


def context(folder="/run/testbed-1"):
    return RunContext("testbed-ab12", {"testbed.run": "ab12"}, "base", "1000:1000", Path(folder), TOOLS)


def test_an_app_and_its_sidecar_share_a_pod_and_links_and_inlet_do():
    assert {pod.name: (pod.addresses, set(pod.processes)) for pod in pods(plan().processes, routed=True)} == {
        "links": (("10.213.0.1",), {"links", "inlet"}),
        "front-1": (("10.213.1.1",), {"front-1/app", "front-1/proxy"}),
        "back-1": (("10.213.2.1",), {"back-1/app"}),
        "back-2": (("10.213.2.2",), {"back-2/app"}),
    }


def test_only_ports_that_the_test_uses_are_published():
    found = {pod.name: set(pod.ports) for pod in pods(plan().processes, routed=True)}
    assert found["links"] == {8474, 8475, 10000, 9990, 9991}  # of the links only the load's own
    assert found["front-1"] == {9990}
    assert found["back-1"] == set()
    elsewhere = {pod.name: set(pod.ports) for pod in pods(plan().processes, routed=False)}
    assert elsewhere == found | {"front-1": {8080, 9990}, "back-1": {8080}, "back-2": {8080}}


def test_all_replicas_that_call_from_a_node_are_in_its_proxys_pod():
    nodes = {
        "placement": "node",
        "nodes": 1,
        "services": {"front": {"language": "go", "replicas": 2, "calls": ["back"]}},
    }
    nodes["services"]["back"] = {"language": "go"}
    made = [pod for pod in pods(plan(**nodes).processes, routed=True) if "node-1/proxy" in pod.processes]
    assert [set(pod.processes) for pod in made] == [{"front-1/app", "front-2/app", "node-1/proxy"}]
    assert made[0].addresses == ("10.213.1.1", "10.213.1.2", "10.213.255.1")
    told = holder(made[0], context())
    assert told.address == made[0].addresses[0]
    assert told.argv[-2:] == made[0].addresses[1:]
    assert told.capabilities == ("NET_ADMIN",)


def test_a_holder_has_no_privilege_and_only_sleeps():
    (pod,) = (pod for pod in pods(plan().processes, routed=True) if pod.name == "back-1")
    told = holder(pod, context())
    assert (told.argv, told.network, told.address, told.ports) == (HOLD, "testbed-ab12", "10.213.2.1", ())
    assert told.capabilities == ()
    assert told.labels == {"testbed.run": "ab12", "testbed.process": ""}


def made(process, folder="/run/testbed-1"):
    (pod,) = pods([process], routed=True)
    return container(process, pod, context(folder), {"PATH": "/usr/bin", "HOME": "/"})


def process(*argv, **more):
    return Process("back-1/app", "app", argv, Ready("http://10.213.2.1:8080/healthz"), **more)


def test_a_program_of_this_machine_is_mounted_read_only_and_runs_as_the_tester():
    told = made(process("stub-go", "-c", "{dir}/x.json", env={"LOG": "{dir}/log"}))
    assert told.name == "testbed-ab12-back-1-app"
    assert told.network == "container:testbed-ab12-back-1-pod"
    assert told.argv == ("/opt/tools/bin/stub-go", "-c", "/run/testbed-1/x.json")
    assert told.env == {"PATH": "/usr/bin", "HOME": "/", "LOG": "/run/testbed-1/log"}
    assert told.user == "1000:1000"
    assert told.folders == {"/run/testbed-1": True, "/opt/tools/bin/stub-go": False}
    assert told.labels == {"testbed.run": "ab12", "testbed.process": "back-1/app"}


def test_a_script_is_mounted_with_its_folder_and_python_with_its_prefix(tmp_path):
    script = tmp_path / "main.py"
    script.touch()
    told = made(process("python", "-I", str(script)))
    assert told.folders == {"/run/testbed-1": True, "/opt/tools": False, str(tmp_path): False}


@pytest.mark.parametrize("argv", [(), ("serve", "--port", "8080")])
def test_a_custom_image_gets_its_command_and_nothing_of_this_machine(argv):
    told = made(process(*argv, image="shop/pricing:1.4", env={"PORT": "8080"}))
    assert (told.image, told.argv, told.env) == ("shop/pricing:1.4", argv, {"PORT": "8080"})
    assert (told.user, told.folders, told.cwd) == ("", {}, "")
