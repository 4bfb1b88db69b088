"""The process runtime with real processes: starting, ending, and everything that can go wrong with either."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from pathlib import Path

import httpx
import pytest

from testbed.errors import TestbedError
from testbed.plan.values import File, Process, Ready
from testbed.runtime import Death, Runtime, proc, runtime_class
from testbed.runtime.process.backend import ProcessBackend
from testbed.runtime.process.lease import PORT, Lease
from testbed.runtime.process.runtime import ProcessRuntime
from tests.kit.processes import SERVER, WITH_STRAY, eventually, marked, partners, server

pytestmark = pytest.mark.e2e


def get(process: Process) -> int:
    return httpx.get(process.ready.url, timeout=60, trust_env=False).status_code


# -- the whole run


def test_start_and_stop(tmp_path: Path, runtime: ProcessRuntime, lease: Lease) -> None:
    one, two = server(lease, 1), server(lease, 2)
    runtime.start([one, two], [File("s1-1/settings.json", '{"folder": "{dir}"}')])
    pids = [runtime.pid(one.name), runtime.pid(two.name)]
    assert [get(one), get(two)] == [200, 200]
    assert (tmp_path / "run/s1-1/settings.json").read_text() == f'{{"folder": "{tmp_path}/run"}}'
    assert (tmp_path / "run/s1-1-app.log").read_text() == f"up {pids[0]}\n"
    runtime.stop()
    assert not any(map(proc.states, pids))
    assert not (tmp_path / "run").exists()
    assert runtime.deaths() == []
    runtime.stop()
    with pytest.raises(TestbedError, match="stopped"):
        runtime.restart(one.name)


def test_dir_is_filled_in_in_arguments_and_environment(tmp_path: Path, runtime: ProcessRuntime, lease: Lease) -> None:
    process = server(lease, code="print('{dir}/a');" + SERVER, env={"WHERE": "{dir}/b"})
    runtime.start([process], [])
    assert runtime.log_tail(process.name).startswith(f"{tmp_path}/run/a\n")
    environment = Path(f"/proc/{runtime.pid(process.name)}/environ").read_bytes()
    assert f"WHERE={tmp_path}/run/b".encode() in environment.split(b"\0")


def test_the_environment_is_small(runtime: ProcessRuntime, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    process = server(lease)
    runtime.start([process], [])
    words = Path(f"/proc/{runtime.pid(process.name)}/environ").read_bytes().split(b"\0")
    ours = {b"PATH", b"HOME", b"LANG", b"TMPDIR", b"TESTBED_OWNER"}
    assert {word.split(b"=")[0] for word in words if word} == {*ours, b"ADDR"}


def test_a_process_inherits_neither_the_lease_nor_a_pipe(runtime: ProcessRuntime, lease: Lease) -> None:
    process = server(lease)
    runtime.start([process], [])
    fds = Path(f"/proc/{runtime.pid(process.name)}/fd")
    held = os.readlink(f"/proc/self/fd/{lease.fileno()}")
    opened = {fd.name: target for fd in fds.iterdir() if (target := _target(fd))}
    assert opened.pop("0") == "/dev/null"
    assert opened.pop("1") == opened.pop("2")
    assert held not in opened.values()
    # Its own socket, and perhaps the connection over which it was asked whether it is ready.
    assert [target for target in opened.values() if not target.startswith("socket:")] == []


def _target(fd: Path) -> str:
    try:
        return os.readlink(fd)
    except FileNotFoundError:  # closed since it was listed
        return ""


def test_everything_starts_at_the_same_time(runtime: ProcessRuntime, lease: Lease, tmp_path: Path) -> None:
    three = partners(lease, tmp_path / "here", 3)
    runtime.start(three, [])
    assert [get(process) for process in three] == [200] * 3


def test_the_block_stays_leased_until_the_run_has_ended(runtime: ProcessRuntime, lease: Lease) -> None:
    runtime.start([server(lease)], [])
    lease.release()
    with pytest.raises(OSError, match="in use"):
        _hold(lease.block)
    runtime.stop()
    _hold(lease.block)


def _hold(block: int) -> None:
    with socket.socket() as probe:
        probe.bind((f"127.{block}.0.254", PORT))


def test_keep_leaves_the_folder(tmp_path: Path, lease: Lease) -> None:
    runtime = ProcessRuntime(tmp_path / "run", lease, keep=True)
    runtime.start([server(lease)], [])
    runtime.stop()
    assert (tmp_path / "run/s1-1-app.log").read_text().startswith("up ")


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path, lease: Lease) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(TestbedError, match="is not empty"):
        ProcessRuntime(tmp_path, lease).start([server(lease)], [])
    assert (tmp_path / "precious").exists()


def test_apps_get_a_moment_to_end_by_themselves(tmp_path: Path, runtime: ProcessRuntime, lease: Lease) -> None:
    code = """
import os, signal
def end(*_):
    open(os.environ["NOTE"], "w").close()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
"""
    polite = server(lease, 1, code=code + SERVER, env={"NOTE": f"{tmp_path}/app"})
    proxy = server(lease, 2, code=code + SERVER, env={"NOTE": f"{tmp_path}/proxy"}, role="proxy")
    paused = server(lease, 3, code=code + SERVER, env={"NOTE": f"{tmp_path}/paused"})
    runtime.start([polite, proxy, paused], [])
    runtime.pause(paused.name)
    runtime.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app", "paused"]


def test_an_app_that_ignores_sigterm_and_a_stray_end_too(runtime: ProcessRuntime, lease: Lease, tmp_path: Path) -> None:
    mark = {"MARK": str(tmp_path)}
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER
    processes = [server(lease, 1, code=stubborn, env=mark), server(lease, 2, code=WITH_STRAY, env=mark)]
    runtime.start(processes, [])
    assert len(marked(f"MARK={tmp_path}")) == 3
    begin = time.monotonic()
    runtime.stop()
    assert time.monotonic() - begin < 5
    assert marked(f"MARK={tmp_path}") == set()


# -- what does not start


def test_a_process_that_ends_at_once(runtime: ProcessRuntime, lease: Lease, tmp_path: Path) -> None:
    mark = {"MARK": str(tmp_path)}
    bad = server(lease, 1, code="import sys; print('no such setting: colour'); sys.exit(3)", env=mark)
    with pytest.raises(TestbedError) as caught:
        runtime.start([bad, server(lease, 2, env=mark)], [])
    assert str(caught.value) == (
        "s1-1/app ended before it was ready (exit code 3); last log lines:\n  | no such setting: colour"
    )
    assert marked(f"MARK={tmp_path}") == set()
    assert not (tmp_path / "run").exists()


def test_processes_that_are_never_ready(lease: Lease, tmp_path: Path) -> None:
    """In how much time the others are, only the machine knows: it gets more and more."""
    silent = "print('waiting for Godot', flush=True)\n" + SERVER
    processes = [
        server(lease, 1, code=silent, env={"SLOW": "600"}),
        server(lease, 2, env={"STATUS": "503 Service Unavailable"}),
        server(lease, 3),
    ]
    for ready_s in (0.5, 2, 8, 30):
        with pytest.raises(TestbedError) as caught:
            ProcessRuntime(tmp_path / "run", lease, ready_s=ready_s).start(processes, [])
        assert not (tmp_path / "run").exists()
        if "s3-1" not in str(caught.value) and "answers" in str(caught.value) and "Godot" in str(caught.value):
            break
    assert str(caught.value).splitlines()[:5] == [
        f"not ready after {ready_s:g} s:",
        f"  s1-1/app: http://{lease.network}.1.1:8080/healthz: connection refused",
        f"  s2-1/app: http://{lease.network}.2.1:8080/healthz: answers 503",
        "s1-1/app; last log lines:",
        "  | waiting for Godot",
    ]


def test_a_binary_that_cannot_be_executed(
    runtime: ProcessRuntime, lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\0not a program")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("TESTBED_NODE", str(broken))
    process = Process("s1-1/app", "app", ("node",), Ready(f"http://{lease.network}.1.1:8080/"))
    with pytest.raises(TestbedError, match=rf"exit code 127.*\n.*cannot execute {broken}: Exec format error"):
        runtime.start([process], [])


def test_starting_twice_is_refused(runtime: ProcessRuntime, lease: Lease) -> None:
    runtime.start([server(lease)], [])
    with pytest.raises(TestbedError, match="already"):
        runtime.start([server(lease)], [])


# -- one process


def test_kill_is_seen_and_is_not_an_unexpected_death(runtime: ProcessRuntime, lease: Lease) -> None:
    process = server(lease)
    runtime.start([process], [])
    pid = runtime.pid(process.name)
    runtime.kill(process.name)
    assert not runtime.alive(process.name)
    assert not proc.states(pid)
    assert runtime.deaths() == []
    for action in (runtime.kill, runtime.pause, runtime.resume, runtime.pid):
        with pytest.raises(TestbedError, match=r"s1-1/app is not running \(killed by SIGKILL\)"):
            action(process.name)


@pytest.mark.parametrize(
    ("manners", "within_s", "how"),
    [
        pytest.param("lambda *_: sys.exit(3)", 60, "exit code 3", id="ends"),
        pytest.param("signal.SIG_IGN", 0.1, "killed by SIGKILL", id="deaf"),
    ],
)
def test_who_is_asked_to_end_may_end_by_itself_or_is_killed(
    runtime: ProcessRuntime, lease: Lease, manners: str, within_s: float, how: str
) -> None:
    process = server(lease, code=f"import signal, sys; signal.signal(signal.SIGTERM, {manners})" + SERVER)
    runtime.start([process], [])
    runtime.terminate(process.name, within_s)
    with pytest.raises(TestbedError, match=rf"s1-1/app is not running \({how}\)"):
        runtime.terminate(process.name, within_s)
    assert runtime.deaths() == []


def test_restart_after_kill_and_of_a_living_one(runtime: ProcessRuntime, lease: Lease) -> None:
    process = server(lease)
    runtime.start([process], [])
    pids = [runtime.pid(process.name)]
    runtime.kill(process.name)
    runtime.restart(process.name)
    pids.append(runtime.pid(process.name))
    runtime.restart(process.name)
    pids.append(runtime.pid(process.name))
    assert get(process) == 200
    assert runtime.log_tail(process.name).splitlines() == [f"up {pid}" for pid in pids]
    assert runtime.log_tail(process.name, lines=1) == f"up {pids[2]}"
    assert runtime.deaths() == []


def test_pause_and_resume(runtime: ProcessRuntime, lease: Lease) -> None:
    process = server(lease)
    runtime.start([process], [])
    runtime.pause(process.name)
    assert proc.states(runtime.pid(process.name)) == {"T"}
    assert runtime.alive(process.name)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(process.ready.url, timeout=0.2, trust_env=False)
    runtime.resume(process.name)
    assert "T" not in proc.states(runtime.pid(process.name))
    assert get(process) == 200


def test_a_paused_process_can_be_killed_and_restarted(runtime: ProcessRuntime, lease: Lease) -> None:
    process = server(lease)
    runtime.start([process], [])
    runtime.pause(process.name)
    runtime.restart(process.name)
    assert get(process) == 200


def test_a_kill_takes_the_whole_process_group(runtime: ProcessRuntime, lease: Lease, tmp_path: Path) -> None:
    with_child = "import os, time\nif os.fork() == 0: time.sleep(600)\n" + SERVER
    process = server(lease, code=with_child, env={"MARK": str(tmp_path)})
    runtime.start([process], [])
    assert len(marked(f"MARK={tmp_path}")) == 2
    runtime.kill(process.name)
    eventually(lambda: not marked(f"MARK={tmp_path}"))


def test_several_are_restarted_at_the_same_time(runtime: ProcessRuntime, lease: Lease, tmp_path: Path) -> None:
    several = [*partners(lease, tmp_path / "here", 3), server(lease, 4)]
    runtime.start(several, [])
    before = [runtime.pid(process.name) for process in several]
    runtime.restart_all([process.name for process in several[:3]])
    after = [runtime.pid(process.name) for process in several]
    assert [old != new for old, new in zip(before, after, strict=True)] == [True, True, True, False]


def test_a_restart_that_fails_says_so(runtime: ProcessRuntime, lease: Lease, tmp_path: Path) -> None:
    once = f"import os, sys\nos.mkdir('{tmp_path}/once')\n" + SERVER
    process = server(lease, code=once)
    runtime.start([process], [])
    with pytest.raises(TestbedError, match=r"s1-1/app ended before it was ready \(exit code 1\)(.|\n)*FileExistsError"):
        runtime.restart(process.name)
    assert not runtime.alive(process.name)


def test_an_unexpected_death_is_reported_with_its_time(runtime: ProcessRuntime, lease: Lease) -> None:
    one, two = server(lease, 1), server(lease, 2)
    runtime.start([one, two], [])
    before = time.time()
    os.kill(runtime.pid(two.name), signal.SIGSEGV)
    eventually(lambda: not runtime.alive(two.name))
    (death,) = runtime.deaths()
    assert death == Death(two.name, death.at, "killed by SIGSEGV")
    assert before <= death.at <= time.time()
    assert runtime.alive(one.name)
    runtime.restart(two.name)
    assert runtime.deaths() == [death]


def test_processor_time_counts_on_over_a_restart(runtime: ProcessRuntime, lease: Lease) -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\n" + SERVER
    process, idle = server(lease, 1, code=busy), server(lease, 2)
    runtime.start([process, idle], [])
    first = runtime.cpu_seconds(process.name)
    assert runtime.cpu_seconds(idle.name) < 0.18 <= first
    runtime.restart(process.name)
    assert runtime.cpu_seconds(process.name) >= first + 0.18


def test_an_unknown_name_gets_the_nearest(runtime: ProcessRuntime, lease: Lease) -> None:
    runtime.start([server(lease)], [])
    for action in (runtime.kill, runtime.restart, runtime.alive, runtime.log_tail, runtime.cpu_seconds):
        with pytest.raises(TestbedError, match=r"no process called 's1-1/ap' \(did you mean 's1-1/app'\?\)"):
            action("s1-1/ap")


def test_the_death_of_the_reaper_is_the_testbeds_own_trouble(runtime: ProcessRuntime, lease: Lease) -> None:
    process = server(lease)
    runtime.start([process], [])
    backend = runtime.backend
    assert isinstance(backend, ProcessBackend)
    os.kill(backend.reaper.reaper_pids[1], signal.SIGKILL)
    eventually(lambda: not runtime.alive(process.name))
    with pytest.raises(TestbedError, match="the reaper of this run has died"):
        runtime.deaths()
    with pytest.raises(TestbedError, match="the reaper of this run has died"):
        runtime.restart(process.name)
    runtime.stop()


def test_the_real_envoy(runtime: ProcessRuntime, lease: Lease) -> None:
    address = f"{lease.network}.0.2"
    config = f"admin: {{address: {{socket_address: {{address: {address}, port_value: 9990}}}}}}"
    envoy = Process(
        name="inlet",
        role="inlet",
        argv=("envoy", "-c", "{dir}/inlet.yaml", "--disable-hot-restart", "--concurrency", "1"),
        ready=Ready(f"http://{address}:9990/ready"),
        listens=(f"{address}:9990",),
    )
    runtime.start([envoy], [File("inlet.yaml", config)])
    assert get(envoy) == 200
    runtime.pause(envoy.name)
    assert proc.states(runtime.pid(envoy.name)) == {"T"}  # all of its threads
    runtime.resume(envoy.name)
    runtime.restart(envoy.name)
    assert get(envoy) == 200


def test_an_envoy_that_refuses_its_configuration_says_why(runtime: ProcessRuntime, lease: Lease) -> None:
    ready = Ready(f"http://{lease.network}.0.2:9990/ready")
    envoy = Process(
        "inlet", "inlet", ("envoy", "-c", "{dir}/inlet.yaml", "--disable-hot-restart", "-l", "warning"), ready
    )
    with pytest.raises(
        TestbedError, match=r"inlet ended before it was ready \(exit code 1\)(.|\n)*no\s+such\s+field:\s+'admn'"
    ):
        runtime.start([envoy], [File("inlet.yaml", "admn: {}")])


def test_the_registry_knows_it() -> None:
    found: type[Runtime] = ProcessRuntime
    assert runtime_class("process") is found
    with pytest.raises(TestbedError, match=r"no runtime called 'proces' \(did you mean 'process'\?\)"):
        runtime_class("proces")
