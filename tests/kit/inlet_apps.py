"""Apps that answer in every way that HTTP/1.1 allows, and apps that break off: what an inlet must let through."""

from __future__ import annotations

import time

import pytest

from tests.kit.plane_apps import Conversation, Handler

BIG = bytes(range(256)) * 20_000  # 5 MB


def answers(status: int) -> Handler:
    return lambda talk: talk.answer(status, b"" if status in (204, 304) else b"text of the app", "X-App: yes")


def big(talk: Conversation) -> None:
    talk.answer(200, BIG)


def chunked(talk: Conversation) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    time.sleep(0.05)
    talk.send(b"6\r\n world\r\n0\r\n\r\n")


def slow(talk: Conversation) -> None:
    time.sleep(0.1)
    talk.answer(200, b"late")


def trickling(talk: Conversation) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    for byte in b"hello":
        time.sleep(0.01)
        talk.send(bytes([byte]))


def closing_without_answer(talk: Conversation) -> bool:
    return False


def resetting_without_answer(talk: Conversation) -> bool:
    return talk.reset()


def closing_in_the_head(talk: Conversation) -> bool:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    return False


def closing_in_the_body(talk: Conversation) -> bool:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
    time.sleep(0.15)
    return False


def resetting_in_the_body(talk: Conversation) -> bool:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
    time.sleep(0.15)
    return talk.reset()


def resetting_in_a_chunk(talk: Conversation) -> bool:
    talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
    time.sleep(0.15)
    return talk.reset()


def closing_after_the_answer(talk: Conversation) -> bool:
    talk.answer(200, b"bye", "Connection: close")
    return False


def without_length(talk: Conversation) -> bool:
    talk.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
    return False


def old(talk: Conversation) -> bool:
    talk.send(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold")
    return False


def reporting(talk: Conversation) -> None:
    """Answer with the request as it came, sorted (Envoy keeps no order), and with headers that a proxy might touch."""
    talk.answer(
        200,
        b"\r\n".join([talk.method.encode(), *sorted(talk.head.split(b"\r\n")), talk.body]),
        "Server: the-app/1.0",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT",
        "Via: 1.1 somebody",
        "X-MiXeD-CaSe: Kept",
        "X-Request-Id: of-the-app",
        "X-Envoy-Upstream-Service-Time: 7",
        "X-Envoy-Overloaded: true",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
    )


HANDLERS = [
    *(pytest.param(answers(code), id=f"answers-{code}") for code in (200, 204, 301, 304, 404, 429, 500, 502, 503, 504)),
    *(big, chunked, slow, trickling, closing_after_the_answer, without_length, old, reporting),
]
BROKEN = [closing_without_answer, resetting_without_answer]
BROKEN_IN_THE_ANSWER = [closing_in_the_body, resetting_in_the_body, resetting_in_a_chunk]
