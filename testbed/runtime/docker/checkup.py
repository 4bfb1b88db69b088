"""Why no container can be started here: no engine that answers, or no base image."""

from __future__ import annotations

from testbed.errors import Unavailable
from testbed.runtime.docker import images
from testbed.runtime.docker.engine import Engine

ANSWER_S = 5.0  # for a Docker engine to answer


def why_no_engine() -> str:
    """Why there is no engine that answers, "" if there is one."""
    try:
        Engine(ANSWER_S).close()
    except Unavailable as reason:
        return str(reason)
    return ""


def why_no_image() -> str:
    """Why there is no engine or no base image, "" if both are there."""
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
