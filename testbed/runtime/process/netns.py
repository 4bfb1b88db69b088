"""A network namespace of one app's own: made, joined, and connected with the run's by two relays.

An app that takes a fixed port on all addresses is alone with it there. All of 127/8 is local in every namespace, so
what the run has at 127.50.1.1:4141 the app finds at 127.50.1.1:4141, and the other way round:

    the run's network                                the app's own
    inlet ─► 127.50.1.1:8080 ◄─────── relay ───────► 127.0.0.1:8080, the app
    127.50.1.1:4141, its sidecar ◄─── relay ───────► 127.50.1.1:4141 ◄─ the app

A socket stays in the network that it was made in, whoever holds it: each relay holds sockets of one side and runs in
the other. Both belong to the app's process group: they are paused, killed and ended with it. No right is needed where
the kernel lets everybody have a user namespace.

The reaper loads this file, and it is a program: `python -I -S netns.py try`, `... enter PID COMMAND...`. So it needs
nothing but the standard library.
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
SPACES = {"user": CLONE_NEWUSER, "net": CLONE_NEWNET}  # under /proc/PID/ns, in the order in which they are joined
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h; here again, as the isolated interpreter has only this folder
BACKLOG = 4096
LOCALHOST = "127.0.0.1"
REFUSED = (
    "this kernel does not let this user make a network namespace ({}). Ask for "
    "kernel.unprivileged_userns_clone=1 (or the same in AppArmor), or run as root or in a privileged container"
)


@cache
def why_not() -> str:
    """Why an app can have no network of its own here, "" if it can; tried out, once, by a program that then ends."""
    import subprocess  # the reaper needs none of it

    words = [sys.executable, "-I", "-S", __file__, "try"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return "" if done.returncode == 0 else REFUSED.format((done.stderr.splitlines() or ["without a word"])[-1].lower())


def entering(pid: int) -> tuple[str, ...]:
    """Return the words that, put before a command, run it in the network of a process."""
    return (sys.executable, "-I", "-S", __file__, "enter", str(pid))


def leave(as_root: bool = False) -> None:
    """Leave this process's network for a new one; with the user namespace, if it may not do so as who it is.

    It then has the same user and group there, or is root. Raises `OSError` where the kernel does not allow it.
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
    """Bring the loopback up, with which all of 127/8 is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))


def enter(pid: int) -> None:
    """Join the network of a process that has one of its own. Raises `OSError` where it has not, or not yet."""
    if _shared(pid, "net"):
        raise OSError(errno.ENOENT, f"process {pid} has no network of its own yet")
    spaces = {name: kind for name, kind in SPACES.items() if not _shared(pid, name)}
    opened = {os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY): kind for name, kind in spaces.items()}
    for descriptor, kind in opened.items():
        _call("setns", descriptor, kind)


def settle(parent: int, env: Mapping[str, str], relay: str, address: str, port: int, upstreams: Sequence[str]) -> None:
    """Move this process, a child of `parent` that is to become an app, into a network of its own.

    It will be reached at `address` while it listens on `port`, and reach the `upstreams` (all "ip:port"). `relay` is
    the program of the relays, `env` their environment. Returns when both ignore what is for the app: a signal that ends
    programs would end a relay before, and with it the app. Raises `OSError` with what went wrong.
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
        os.read(begun, 1)  # ends when each relay has closed it
        os.close(begun)
    except OSError as error:
        raise OSError(error.errno, f"no network of its own: {error.strerror or error}") from error


def _bound(address: str) -> socket.socket:
    ip, _, port = address.rpartition(":")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers do: past connections are no obstacle
    try:
        made.bind((ip, int(port)))
    except OSError as error:
        raise OSError(error.errno, f"{address}: {error.strerror}") from error
    return made


def _received(line: socket.socket, count: int) -> list[int]:
    """Return the sockets that come in, one with each byte. Raises `OSError` if there are fewer."""
    found = [descriptor for _ in range(count) for descriptor in socket.recv_fds(line, 1, 1)[1]]
    if len(found) < count:
        raise OSError(errno.EPIPE, "the app has ended before it had a network")
    return found


def _relay(program: str, env: Mapping[str, str], line: int, begins: int, targets: Mapping[int, str]) -> None:
    """Become the relay from these sockets to these addresses.

    `line` ends when the other relay does; `begins` is closed by the relay when it ignores signals.
    """
    for descriptor in (line, begins, *targets):
        os.set_inheritable(descriptor, True)
    words = [program, str(line), str(begins), *(f"{fd}={target}" for fd, target in targets.items())]
    os.execve(program, words, dict(env))


def _detached(parent: int, become: Callable[[], None]) -> None:
    """Do it in a child of `parent` that ends with it; this process, when it is the app, is to have no child."""
    if middle := os.fork():
        if os.waitpid(middle, 0)[1]:
            raise OSError(errno.EAGAIN, "no process for a relay")
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
        print(f"no relay: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _shared(pid: int, space: str) -> bool:
    return os.stat(f"/proc/{pid}/ns/{space}").st_ino == os.stat(f"/proc/self/ns/{space}").st_ino


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)


def _call(name: str, *arguments: int) -> None:
    """Call a function of the C library that returns 0 if all is well."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(what: str, *words: str) -> None:
    """Try whether this user may make a network, or run a command in a process's; the last line says why not."""
    try:
        if what == "try":
            leave()
            bring_up()
        else:
            enter(int(words[0]))
            os.execv(words[1], words[1:])
    except OSError as error:
        sys.exit(error.strerror if what == "try" else f"not in its network yet: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
