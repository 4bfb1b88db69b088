"""Probes of services in containers: over HTTP, by a command in the container, and by one on this machine."""

from testbed import Testbed, command_probe, constant_rate, get, http_probe, probe


def test_probes_reach_an_app_and_run_in_its_container(small: Testbed) -> None:
    probes = {
        "status": http_probe("back", "/healthz", value="status", every_ms=100),
        "name": command_probe("hostname", on="back-1", every_ms=100),
        "exit": command_probe(["sh", "-c", "echo out; echo err >&2; exit 3"], on="back-1", value="exit_code"),
        "mixed": command_probe(["sh", "-c", "echo a note >&2; echo 7"], on="back-1"),
        "here": command_probe(["sh", "-c", "echo {{back-1.port}} | wc -l"]),
    }
    load = constant_rate(get("/"), rps=20)
    run = small.experiment(load=load, probes=probes, warmup_s=0, baseline_s=0.5, hold_s=1, recover_s=0)
    run.check(
        all=[
            probe("status", equals=200),
            probe("exit", equals=3),
            probe("mixed", equals=7),
            probe("here", equals=1),
        ]
    )
    assert all(reading.text for reading in run.history.index.readings)
