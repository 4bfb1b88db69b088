"""Checks whether containers can be started here: an engine answers, and the base image exists."""

from __future__ import annotations

from testbed.errors import Unavailable
from testbed.runtime.docker import images
from testbed.runtime.docker.engine import Engine

ANSWER_S = 5.0  # time limit for an answer of the Docker engine


def why_no_engine() -> str:
    """Return why no Docker engine answers, "" if one answers."""
    try:
        Engine(ANSWER_S).close()
    except Unavailable as reason:
        return str(reason)
    return ""


def why_no_image() -> str:
    """Return why there is no engine or no base image, "" if both exist."""
    try:
        engine = Engine()
    except Unavailable as reason:
        return str(reason)
    try:
        images.check(engine, {})
    except Unavailable as reason:
        return str(reason)
    finally:
        engine.close()
    return ""
