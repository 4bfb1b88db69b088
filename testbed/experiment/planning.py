"""The plan of a topology, with its mesh and with the links and inlet of the testbed. Pure."""

from __future__ import annotations

from dataclasses import replace

from testbed.envoy.bootstrap import answer_fields, key_fields
from testbed.injection.inlet.inlet import inlet_process
from testbed.injection.toxiproxy.links import links_process
from testbed.mesh import mesh_named
from testbed.plan.make import Plan, make_plan
from testbed.plan.ports import Part
from testbed.plan.values import AddressSpace
from testbed.runtime.unix_sockets import is_unix
from testbed.spec.edges import CLIENT
from testbed.spec.topology import Topology


def plan_for(topology: Topology, space: AddressSpace, seed: int = 0) -> Plan:
    """Return the plan of all processes. Raises `TopologyError` like `make_plan`, which has the same arguments."""
    return make_plan(topology, space, mesh_named(topology.mesh), links_and_inlet, seed)


def links_and_inlet(plan: Plan) -> Part:
    """Return the Toxiproxy and the inlet of a plan."""
    links, link_files = links_process([*plan.links, plan.probe], plan.links_api)
    inlet, inlet_files = inlet_process(
        plan.links,
        admin=plan.inlet_admin,
        control=plan.inlet_control,
        context=plan.topology.context_headers,
        content=answer_fields(plan.topology.recorded_headers) | key_fields(plan.topology.recorded_keys),
        fields=plan.topology.effect_fields,
    )
    entries = (link.listen for link in plan.links if link.caller == CLIENT)
    api = () if is_unix(plan.links_api) else (plan.links_api,)
    links = replace(links, reached=(*api, plan.probe.listen, *entries))
    return [links, inlet], [*link_files, *inlet_files]
