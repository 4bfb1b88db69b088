"""What the docker runtime says and picks, without a daemon: reasons, exit codes, address blocks."""

import errno

import pytest

from testbed.runtime.docker.engine import why_not
from testbed.runtime.docker.lease import FIRST, LAST, _candidates
from testbed.runtime.docker.watch import how

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
ALL = {f"10.{second}" for second in range(FIRST, LAST + 1)}


def route(destination: str, mask: str) -> str:
    """A line of /proc/net/route: addresses in the machine's byte order."""
    words = [bytes(map(int, reversed(text.split(".")))).hex().upper() for text in (destination, mask)]
    return f"eth0\t{words[0]}\t00000000\t0001\t0\t0\t0\t{words[1]}\t0\t0\t0\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (137, "killed by SIGKILL"),
        (143, "killed by SIGTERM"),
        (255, "exit code 255"),
    ],
)
def test_exit_codes_are_described(code, words):
    assert how(code) == words


def test_an_out_of_memory_kill_is_described():
    assert how(137, starved=True) == "killed by SIGKILL (out of memory)"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "unix:///x does not exist"),
        (errno.EACCES, "may not use the Docker daemon"),
        (errno.ECONNREFUSED, "it has stopped"),
        (errno.ETIMEDOUT, "the system's own words"),
    ],
)
def test_why_there_is_no_daemon(number, words):
    assert words in why_not("unix:///x", OSError(number, "the system's own words"))


def test_a_block_with_a_route_is_skipped_and_a_part_of_a_wider_route_comes_last():
    assert set(_candidates(HEAD + route("0.0.0.0", "0.0.0.0"))) == ALL
    mine = HEAD + route("10.200.0.0", "255.255.0.0") + route("10.201.7.0", "255.255.255.0")
    assert set(_candidates(mine)) == ALL - {"10.200", "10.201"}
    ordered = list(_candidates(mine + route("10.128.0.0", "255.192.0.0")))
    assert set(ordered[-64:]) == {f"10.{second}" for second in range(128, 192)}
    assert set(ordered) == ALL - {"10.200", "10.201"}


def test_runs_search_from_different_blocks():
    assert len({next(_candidates(HEAD)) for _ in range(40)}) > 5
