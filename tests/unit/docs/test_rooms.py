"""Tests are where the code is: a module has its unit test at the same place, or is listed here with what tests it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kit import ROOT

SMALL = 40  # lines; a module below that is tested by those that use it
UNIT = ROOT / "tests/unit"

TESTED_BY = {  # module -> the tests that would fail if it were wrong
    "testbed": "unit/docs/test_names.py",
    "testbed.errors": "unit/spec/test_problems.py",
    "testbed.campaigns.calibrate.calibrate": "plugin/test_calibrate.py",
    "testbed.campaigns.calibrate.findings": "unit/campaigns/calibrate/test_judgement.py",
    "testbed.campaigns.calibrate.rules": "unit/campaigns/calibrate/test_judgement.py",
    "testbed.campaigns.calibrate.table": "unit/campaigns/calibrate/test_judgement.py",
    "testbed.campaigns.suite": "plugin/test_calibrate.py",
    "testbed.checks": "unit/docs/test_names.py",
    "testbed.checks.judging.base": "unit/checks/judging/test_judge.py",
    "testbed.checks.judging.contents": "unit/checks/test_responses.py",
    "testbed.checks.judging.doubt": "unit/checks/judging/test_saturation.py",
    "testbed.checks.judging.plane": "unit/checks/judging/test_saturation.py",
    "testbed.checks.judging.formatting": "unit/report/test_verdict_table.py",
    "testbed.checks.judging.ineffective": "unit/history/test_propagation.py",
    "testbed.checks.judging.proxies": "unit/checks/test_circuit_breaker.py",
    "testbed.checks.judging.report": "unit/checks/judging/test_judge.py",
    "testbed.checks.judging.series": "unit/checks/test_probe.py",
    "testbed.checks.judging.validation": "unit/checks/judging/test_judge.py",
    "testbed.envoy.bootstrap": "unit/mesh/envoy/test_config.py",
    "testbed.evidence.probing.site": "unit/evidence/probing/test_prober.py",
    "testbed.evidence.sampler": "e2e/evidence/test_samples.py",
    "testbed.experiment.phases": "e2e/truth/test_order_independence.py",
    "testbed.experiment.processes": "e2e/faults/test_process_faults.py",
    "testbed.experiment.run": "unit/checks/judging/test_judge.py",
    "testbed.experiment.sources": "unit/evidence/test_recorder.py",
    "testbed.experiment.start": "plugin/test_bad_input.py",
    "testbed.faults": "unit/docs/test_names.py",
    "testbed.faults.operations": "unit/injection/test_injector.py",
    "testbed.faults.scope": "unit/faults/test_delay.py",
    "testbed.frontends.cli.main": "plugin/test_plugin_own.py",
    "testbed.frontends.cli.protocol_support": "unit/frontends/cli/test_support.py",
    "testbed.frontends.cli.runs_table": "unit/runtime/orphans/test_found.py",
    "testbed.frontends.plugin.attach": "plugin/test_output_that_cannot_be_written.py",
    "testbed.frontends.plugin.fixtures": "plugin/test_plugin_runs.py",
    "testbed.frontends.plugin.hooks": "plugin/test_plugin_runs.py",
    "testbed.frontends.plugin.progress": "unit/report/test_summary.py",
    "testbed.frontends.plugin.session": "plugin/test_plugin_runs.py",
    "testbed.history.answers": "unit/checks/test_responses.py",
    "testbed.history.codec": "unit/history/test_file.py",
    "testbed.history.instrumentation": "unit/history/test_propagation.py",
    "testbed.injection.engines": "unit/injection/test_injector.py",
    "testbed.injection.packets.engine": "e2e/injection/packets/test_packet_effects.py",
    "testbed.injection.namespaces": "unit/injection/packets/test_netem.py",
    "testbed.injection.packets.nft": "unit/injection/packets/test_packets.py",
    "testbed.injection.processes": "unit/injection/test_injector.py",
    "testbed.injection.toxiproxy.blackhole": "e2e/injection/test_blackhole.py",
    "testbed.load.clients": "e2e/load/test_grpc_entry.py",
    "testbed.load.grpc_context": "e2e/load/test_grpc_entry.py",
    "testbed.mesh": "unit/spec/test_meshes.py",
    "testbed.mesh.none.config": "unit/mesh/envoy/test_config.py",
    "testbed.plan.describe": "unit/plan/test_custom_services.py",
    "testbed.plan.values": "unit/plan/test_make_addresses.py",
    "testbed.report.markdown": "unit/report/test_verdict_table.py",
    "testbed.report.narrative": "unit/report/test_summary.py",
    "testbed.runtime": "e2e/runtime/test_process.py",
    "testbed.runtime.backend": "unit/runtime/test_supervised.py",
    "testbed.runtime.docker.backend": "docker/test_docker_runtime.py",
    "testbed.runtime.docker.containers": "docker/test_docker_runtime.py",
    "testbed.runtime.docker.guard": "docker/test_docker_survival.py",
    "testbed.runtime.docker.images": "docker/test_docker_runtime.py",
    "testbed.runtime.docker.lease": "unit/runtime/docker/test_engine.py",
    "testbed.runtime.docker.reaper": "docker/test_docker_survival.py",
    "testbed.runtime.docker.watch": "unit/runtime/docker/test_engine.py",
    "testbed.runtime.docker.runtime": "docker/test_docker_runtime.py",
    "testbed.runtime.folder": "e2e/runtime/test_process.py",
    "testbed.runtime.interrupts": "e2e/runtime/survival/test_interrupted.py",
    "testbed.runtime.launching": "unit/runtime/test_supervised.py",
    "testbed.runtime.orphans.containers": "docker/test_docker_survival.py",
    "testbed.runtime.orphans.folders": "unit/runtime/orphans/test_found.py",
    "testbed.runtime.orphans.processes": "unit/runtime/orphans/test_found.py",
    "testbed.runtime.probes": "unit/runtime/test_readiness.py",
    "testbed.runtime.process.backend": "e2e/runtime/test_process.py",
    "testbed.experiment.detours": "e2e/truth/test_past_the_mesh.py",
    "testbed.runtime.refusing": "unit/runtime/test_sockets.py",
    "testbed.runtime.process.effects": "unit/runtime/process/test_family.py",
    "testbed.runtime.process.throttle": "e2e/runtime/test_limits.py",
    "testbed.runtime.process.reaper_client": "e2e/runtime/test_process.py",
    "testbed.runtime.process.netns": "e2e/custom/test_network_relays.py",
    "testbed.runtime.process.preflight": "e2e/runtime/test_preflight.py",
    "testbed.runtime.process.reaper": "e2e/runtime/test_survival.py",
    "testbed.runtime.process.system": "unit/runtime/test_proc.py",
    "testbed.runtime.process.runtime": "unit/runtime/process/test_wildcard_ports.py",
    "testbed.runtime.sandbox": "plugin/test_plugin_packets.py",
    "testbed.runtime.tools.commands": "e2e/custom/test_bad_input.py",
    "testbed.runtime.tools.golang": "e2e/runtime/test_golang.py",
    "testbed.runtime.tools.installing": "unit/runtime/tools/test_inventory.py",
    "testbed.spec.base": "unit/spec/test_reading.py",
    "testbed.spec.calls": "unit/plan/test_stub_behaviour.py",
    "testbed.spec.edges": "unit/spec/test_problems.py",
    "testbed.spec.graph": "unit/spec/rules/test_custom.py",
    "testbed.spec.lint.retry_layers": "unit/spec/lint/test_warnings.py",
    "testbed.spec.policies.retries": "unit/spec/policies/test_policy.py",
    "testbed.spec.programs": "unit/spec/rules/test_custom.py",
    "testbed.spec.rules.consistency": "unit/spec/test_problems.py",
    "testbed.spec.schema": "unit/docs/test_docs.py",
    "testbed.spec.services": "unit/spec/rules/test_custom.py",
    "testbed.spec.topology": "unit/spec/test_reading.py",
}


def modules() -> dict[str, Path]:
    """Every module by its dotted name; the stubs, which tests/stubs is for, are left out."""
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.glob("testbed/**/*.py")}
    found |= {f"testbed.faults.{path.stem}": path for path in ROOT.glob("faults/*.py")}
    return {name.removesuffix(".__init__"): path for name, path in found.items() if ".native." not in name}


MODULES = modules()


def own_tests(name: str) -> list[Path]:
    """The unit tests at the place of a module: `test_<module>.py`, and `test_<module>_<more>.py`."""
    *rooms, last = name.split(".")[1:] or [""]
    folder = UNIT.joinpath(*rooms)
    return [*folder.glob(f"test_{last}.py"), *folder.glob(f"test_{last}_*.py")]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_its_test_or_is_listed(name: str) -> None:
    small = len(MODULES[name].read_text().splitlines()) <= SMALL
    assert small or bool(own_tests(name)) != (name in TESTED_BY), (
        f"{name}: neither tested at its place nor listed, or both"
    )


def test_what_is_listed_is_there() -> None:
    assert not TESTED_BY.keys() - MODULES.keys()
    assert not [test for test in TESTED_BY.values() if not (ROOT / "tests" / test).is_file()]


SIBLINGS = re.compile(r"^\s*from testbed\.(checks|faults)\.(\w+)", re.MULTILINE)
CHECKS = sorted(ROOT.glob("testbed/checks/[a-z]*.py"))


@pytest.mark.parametrize("path", CHECKS, ids=[path.stem for path in CHECKS])
def test_a_check_knows_no_other_check(path: Path) -> None:
    assert {room for kind, room in SIBLINGS.findall(path.read_text()) if kind == "checks"} <= {"judging"}
