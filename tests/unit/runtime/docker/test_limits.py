"""Limits of containers, without a daemon: turns that the kernel takes, and what a daemon cannot do."""

import pytest

from testbed.runtime.docker.limits import NONE, memory, processor, refuse_to_limit


@pytest.mark.parametrize(
    ("share", "period", "quota"),
    [(0.5, 20_000, 10_000), (0.02, 100_000, 2_000), (0.001, 1_000_000, 1_000), (1, 20_000, 20_000)],
)
def test_a_turn_is_never_too_short_for_the_kernel(share, period, quota):
    assert processor(share) == {"cpu_period": period, "cpu_quota": quota}


def test_swap_counts_as_memory():
    assert memory(32) == {"mem_limit": 32 << 20, "memswap_limit": 32 << 20}
    assert NONE.keys() == {"cpu_quota", *memory(1)}


def test_what_a_daemon_cannot_limit():
    assert refuse_to_limit({"MemoryLimit": True, "CpuCfsQuota": True}, "memory") == ""
    assert "cannot limit the CPU time" in refuse_to_limit({"MemoryLimit": True}, "cpu")
