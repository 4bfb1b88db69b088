"""Where control groups can be made, from folders that look like those of several machines (a kernel is not asked).

The path of v2 is seen on such folders only: the machines that these tests were written on have the memory controller in
v1, where tests/e2e/runtime/test_limits.py limits real processes; on a machine with v2 the same tests do it there.
"""

from pathlib import Path

import pytest

from testbed.errors import Unavailable
from testbed.runtime import cgroups
from testbed.runtime.cgroups import Memory
from testbed.runtime.owner import me, named

V1 = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
CONTAINER = "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Make a machine; `tried` are the folders in which a group was tried, of which `works` accept one."""
    tried, works = [], []

    def attempt(parent, note):
        tried.append(parent)
        if parent not in works:
            raise PermissionError("permission denied")
        return tuple(name for name in cgroups.LIMITS if (parent / name).exists())

    monkeypatch.setattr(cgroups, "_try", attempt)

    def make(mounts, own, files, working=""):
        for path, text in {"proc/self/mountinfo": mounts, "proc/self/cgroup": own, **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        works[:] = [tmp_path / working] if working else []
        return Memory(tmp_path), [str(path.relative_to(tmp_path)) for path in tried]

    make.tried = lambda: [str(path.relative_to(tmp_path)) for path in tried]
    return make


def test_v1_groups_are_made_below_our_own(machine):
    own = "sys/fs/cgroup/memory/session/7"
    files = {f"{own}/memory.limit_in_bytes": "", f"{own}/memory.memsw.limit_in_bytes": ""}
    memory, _ = machine(V1, "4:memory:/session/7\n0::/\n", files, own)
    group = memory.group(50, 64)
    assert Path(group.folder).parent.match(own)
    owner, rest = named(Path(group.folder).name) or pytest.fail("it does not say whose it is")
    assert (owner, rest.startswith("50-")) == (me(), True)
    assert group.limits == dict.fromkeys(("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), "67108864")
    assert memory.missing == ""


def test_v2_groups_are_made_in_the_nearest_group_with_the_memory_controller(machine):
    files = {
        "sys/fs/cgroup/user/app/run.scope/cgroup.subtree_control": "",
        "sys/fs/cgroup/user/app/cgroup.subtree_control": "memory pids\n",
        "sys/fs/cgroup/user/app/memory.max": "max",
        "sys/fs/cgroup/user/app/memory.swap.max": "max",
        "sys/fs/cgroup/user/cgroup.subtree_control": "cpu memory pids\n",
    }
    memory, _ = machine(V2, "0::/user/app/run.scope\n", files, "sys/fs/cgroup/user/app")
    group = memory.group(50, 64)
    assert Path(group.folder).parent.match("sys/fs/cgroup/user/app")
    assert group.limits == {"memory.max": "67108864", "memory.swap.max": "0"}
    assert machine.tried() == ["sys/fs/cgroup/user/app"]


def test_if_no_folder_works_the_message_names_the_first(machine):
    files = {"sys/fs/cgroup/cgroup.subtree_control": "memory\n"}
    memory, _ = machine(CONTAINER, "0::/docker/abc\n", files)
    assert memory.missing.startswith("cannot create a control group in ")
    assert memory.missing.endswith("sys/fs/cgroup (permission denied)")
    with pytest.raises(Unavailable, match="cannot create a control group"):
        memory.group(50, 64)


def test_a_missing_controller_is_reported(machine):
    memory, _ = machine("22 1 0:20 / /proc rw - proc proc rw\n", "", {})
    assert memory.missing == "this machine has no memory controller for control groups (v2 or v1)"
