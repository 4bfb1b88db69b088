import os
import socket
from contextlib import closing, contextmanager

from testbed.evidence.detours import Caller, DetourWatch

EDGE = "a -> b"


@contextmanager
def listener():
    with closing(socket.create_server(("127.7.7.7", 0))) as made:
        yield made, made.getsockname()


def watch(own, past, pids=None, made=dict):
    caller = Caller("a-1", "a-1/app", {own: EDGE} if own else {}, {past: EDGE})
    return DetourWatch([caller], lambda process: [os.getpid()] if pids is None else pids, made)


def call(address, times=1):
    for _ in range(times):
        socket.create_connection(address).close()


def test_open_connections_are_told_apart():
    with listener() as (_, own), listener() as (_, past):
        seen = watch(own, past)
        with socket.create_connection(own), socket.create_connection(past), socket.create_connection(past):
            seen.look()
            seen.look()  # the same ones again
    (event,) = seen.events()
    assert (event.caller, event.edge, event.past, event.own, event.owned) == ("a-1", EDGE, 2, 1, True)
    assert event.to == (f"{past[0]}:{past[1]}",)


def test_connections_of_other_processes_are_not_the_callers():
    with listener() as (_, past), socket.create_connection(past):
        seen = watch(None, past, pids=[])
        seen.look()
    assert seen.events() == []


def test_its_own_link_alone_is_no_detour():
    with listener() as (_, own), listener() as (_, past), socket.create_connection(own):
        seen = watch(own, past)
        seen.look()
    assert seen.events() == []


def test_closed_connections_are_counted_without_an_owner_less_those_of_the_inlet():
    with listener() as (server, past):
        counts = iter([0, 2])
        seen = watch(None, past, made=lambda: {past: next(counts)})
        call(past, times=4)
        accept(server, 4)
        seen.begin()  # those before do not count
        call(past, times=9)
        accept(server, 9)
        (event,) = seen.events()
    assert (event.caller, event.past, event.owned) == ("a", 7, False)


def test_closed_ones_that_the_inlet_has_made_are_no_detour():
    with listener() as (server, past):
        counts = iter([0, 9])
        seen = watch(None, past, made=lambda: {past: next(counts)})
        seen.begin()
        call(past, times=9)
        accept(server, 9)
        assert seen.events() == []


def test_connections_that_were_open_before_and_close_meanwhile_are_no_detour():
    with listener() as (server, past):
        seen = watch(None, past, pids=[], made=lambda: {past: 9})
        mine = [socket.create_connection(past) for _ in range(9)]  # the pool of the inlet, from the run before
        seen.begin()
        for one in mine:
            one.close()
        accept(server, 9)
        assert seen.events() == []


def accept(server, times):
    """Close the other ends, so that the callers' ends wait in TIME-WAIT."""
    for _ in range(times):
        other, _ = server.accept()
        while other.recv(1):
            pass
        other.close()
