"""A network namespace for one app: created, joined, and connected with the network of the run by two relays.

An app with a fixed port on all addresses is the only user of the port there. All of 127/8 is local in every namespace,
so the app and the run use the same addresses for each other:

    the network of the run                           the network of the app
    inlet ─► 127.50.1.1:8080 ◄─────── relay ───────► 127.0.0.1:8080, the app
    127.50.1.1:4141, its sidecar ◄─── relay ───────► 127.50.1.1:4141 ◄─ the app

A socket stays in the network in which it was created. Each relay has sockets of one side and runs in the other. Both
belong to the process group of the app, so they are paused and killed with it. No privilege is needed if the kernel
allows user namespaces for all users.

The reaper imports this file, and it is a program: `python -I -S netns.py try`, `... enter PID COMMAND...`. So it uses
only the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
SPACES = {"user": CLONE_NEWUSER, "net": CLONE_NEWNET}  # names in /proc/PID/ns, in the order of joining
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h; a copy, because the isolated interpreter sees only this folder
BACKLOG = 4096
LOCALHOST = "127.0.0.1"
REFUSED = (
    "this kernel does not allow this user to create a network namespace ({}). Set "
    "kernel.unprivileged_userns_clone=1 (or allow it in AppArmor), or run as root or in a privileged container"
)


@cache
def why_not() -> str:
    """Return why network namespaces are impossible here, "" if they are possible. Tested once, in a short process."""
    import subprocess  # not needed by the reaper

    words = [sys.executable, "-I", "-S", __file__, "try"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return (
        "" if done.returncode == 0 else REFUSED.format((done.stderr.splitlines() or ["no error message"])[-1].lower())
    )


def entering(pid: int) -> tuple[str, ...]:
    """Return the words to put before a command so that it runs in the network of a process."""
    return (sys.executable, "-I", "-S", __file__, "enter", str(pid))


def leave(as_root: bool = False) -> None:
    """Move this process into a new network namespace, and into a new user namespace if it lacks the privilege.

    In it the process keeps its user and group, or is root. Raises `OSError` if the kernel does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", CLONE_NEWNET)
    except PermissionError:
        _call("unshare", CLONE_NEWNET | CLONE_NEWUSER)
        _write("setgroups", "deny")
        _write("uid_map", f"{0 if as_root else user} {user} 1")
        _write("gid_map", f"{0 if as_root else group} {group} 1")


def bring_up() -> None:
    """Bring up the loopback, which has all of 127/8."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))


def enter(pid: int) -> None:
    """Join the network namespace of a process. Raises `OSError` if it does not have its own (yet)."""
    if _shared(pid, "net"):
        raise OSError(errno.ENOENT, f"process {pid} does not have its own network yet")
    spaces = {name: kind for name, kind in SPACES.items() if not _shared(pid, name)}
    opened = {os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY): kind for name, kind in spaces.items()}
    for descriptor, kind in opened.items():
        _call("setns", descriptor, kind)


def settle(parent: int, env: Mapping[str, str], relay: str, address: str, port: int, upstreams: Sequence[str]) -> None:
    """Move this process, a child of `parent` that will become an app, into its own network namespace.

    The app listens on `port` and is reached at `address`. It reaches the `upstreams` (all "ip:port"). `relay` is the
    program of the relays, `env` their environment. Returns when both relays ignore signals for the app; otherwise a
    signal could end a relay, and with it the app. Raises `OSError` with the reason of a failure.
    """
    try:
        entrance, (ours, theirs), (begun, begins) = _bound(address), socket.socketpair(), os.pipe()

        def outwards() -> None:
            ours.close()
            targets = dict(zip(_received(theirs, len(upstreams)), upstreams, strict=True))
            _relay(relay, env, theirs.fileno(), begins, targets)

        _detached(parent, outwards)
        theirs.close()
        leave()
        bring_up()
        for upstream in upstreams:
            with _bound(upstream) as made:
                made.listen(BACKLOG)
                socket.send_fds(ours, [b"."], [made.fileno()])
        _detached(parent, lambda: _relay(relay, env, ours.fileno(), begins, {entrance.fileno(): f"{LOCALHOST}:{port}"}))
        entrance.close()
        ours.close()
        os.close(begins)
        os.read(begun, 1)  # returns when both relays have closed it
        os.close(begun)
    except OSError as error:
        raise OSError(error.errno, f"cannot create a network namespace: {error.strerror or error}") from error


def _bound(address: str) -> socket.socket:
    ip, _, port = address.rpartition(":")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers: ignore past connections
    try:
        made.bind((ip, int(port)))
    except OSError as error:
        raise OSError(error.errno, f"{address}: {error.strerror}") from error
    return made


def _received(line: socket.socket, count: int) -> list[int]:
    """Return the received sockets, one with each byte. Raises `OSError` if there are fewer than `count`."""
    found = [descriptor for _ in range(count) for descriptor in socket.recv_fds(line, 1, 1)[1]]
    if len(found) < count:
        raise OSError(errno.EPIPE, "the app ended before its network was ready")
    return found


def _relay(program: str, env: Mapping[str, str], line: int, begins: int, targets: Mapping[int, str]) -> None:
    """Replace this process by the relay from these sockets to these addresses.

    `line` ends when the other relay ends. The relay closes `begins` when it ignores signals.
    """
    for descriptor in (line, begins, *targets):
        os.set_inheritable(descriptor, True)
    words = [program, str(line), str(begins), *(f"{fd}={target}" for fd, target in targets.items())]
    os.execve(program, words, dict(env))


def _detached(parent: int, become: Callable[[], None]) -> None:
    """Call `become` in a new child of `parent`, which dies with `parent`. The app itself must have no child."""
    if middle := os.fork():
        if os.waitpid(middle, 0)[1]:
            raise OSError(errno.EAGAIN, "cannot start a process for a relay")
        return
    middle, code = os.getpid(), 127
    try:
        if os.fork():
            code = 0
            return
        while os.getppid() == middle:
            time.sleep(0.0005)
        _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            become()
    except OSError as error:
        print(f"cannot start a relay: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _shared(pid: int, space: str) -> bool:
    return os.stat(f"/proc/{pid}/ns/{space}").st_ino == os.stat(f"/proc/self/ns/{space}").st_ino


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)


def _call(name: str, *arguments: int) -> None:
    """Call a function of the C library. Raises `OSError` if it does not return 0."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(what: str, *words: str) -> None:
    """Test whether this user may create a network namespace, or run a command in one; print the reason of a failure."""
    try:
        if what == "try":
            leave()
            bring_up()
        else:
            enter(int(words[0]))
            os.execv(words[1], words[1:])
    except OSError as error:
        sys.exit(error.strerror if what == "try" else f"its network is not ready yet: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
