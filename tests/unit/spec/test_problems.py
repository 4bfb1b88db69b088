"""How a problem reads: its place, what was wanted, what was written, and the nearest valid choice."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from testbed.spec.problems import Problem, explain, kind_of, path_text, shown
from testbed.spec.topology import Topology


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((), ""),
        (("entry",), "entry"),
        (("services", "web", "calls", 0, "parallel", 1, "to"), "services.web.calls[0].parallel[1].to"),
        (("edges", "a -> b", "requestFaults"), 'edges["a -> b"].requestFaults'),
        (("services", "my-api"), "services.my-api"),
    ],
)
def test_a_place_reads_as_in_the_file(place: tuple[str | int, ...], text: str) -> None:
    assert path_text(place) == text
    assert str(Problem(place, "no")) == (f"{text}: no" if text else "no")


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (True, "true", "true"),
        ("go", "'go'", "'go'"),
        ({"a": 1}, "{'a': 1}", "a mapping"),
        ([1], "[1]", "a list"),
        ((), "()", "a list"),
        (None, "None", "null"),
        ("x" * 99, f"'{'x' * 56}...", f"'{'x' * 56}..."),
    ],
)
def test_a_value_is_shown_as_in_yaml(value: object, text: str, kind: str) -> None:
    assert (shown(value), kind_of(value)) == (text, kind)


def said(web: dict[str, Any], **more: Any) -> list[str]:
    """What is said of a topology with this service and these words."""
    services = {"web": {"language": "go", **web}, "api": {"language": "go"}}
    with pytest.raises(ValidationError) as caught:
        Topology.model_validate({"name": "t", "entry": "web", "services": services, **more})
    return [str(problem) for problem in explain(caught.value, Topology)]


@pytest.mark.parametrize(
    ("web", "text"),
    [
        ({"calls": [{"too": "api"}]}, "services.web.calls[0].too: unknown key (did you mean 'to'?)"),
        ({"calls": [{"paralel": ["api"]}]}, "services.web.calls[0].paralel: unknown key (did you mean 'parallel'?)"),
        ({"calls": [{"parallel": []}]}, "services.web.calls[0].parallel: must not be empty"),
        ({"calls": [{"parallel": [{"to": "api", "paht": "/"}]}]}, "calls[0].parallel[0].paht: unknown key (did you me"),
        ({"calls": [{"to": "api", "onFailure": "ignroe"}]}, "unknown onFailure 'ignroe' (did you mean 'ignore'?)"),
        ({"calls": [{"to": "api", "onFailure": {"stauts": 1}}]}, "onFailure.stauts: unknown key (did you mean 'status"),
        (
            {"calls": [{"to": "api", "onFailure": {"falback": "f"}}]},
            "onFailure.falback: unknown key (did you mean 'fal",
        ),
        (
            {"calls": [{"to": "api", "onFailure": {"fallback": "f", "call": {"to": "api", "paht": "/"}}}]},
            "onFailure.call.paht: unknown key (did you mean 'path'?)",
        ),
        ({"calls": [{"parallel": [{"to": "api", "timeout": "1"}]}]}, "parallel[0].timeout: '1' is not a duration"),
        ({"calls": [{"to": "api", "method": "get"}]}, "calls[0].method: unknown method 'get' (did you mean 'GET'?)"),
        ({"calls": "api"}, "services.web.calls: must be a list, is 'api'"),
        ({"calls": [7]}, "services.web.calls[0]: must be a mapping, is 7"),
        ({"routes": {"get /": {}}}, "'get /' is not a route: write 'GET /path', or '/path' for any method, without a"),
        ({"concurrency": {}}, "services.web.concurrency.limit: is missing"),
        ({"replicas": True}, "services.web.replicas: must be a whole number, is true"),
        ({"replicas": 1.5}, "services.web.replicas: must be a whole number, is 1.5"),
        ({"answer": None}, "services.web.answer: must be a mapping, is null"),
        (
            {"work": {"p50": "2ms", "p99": "1ms"}},
            "services.web.work: p99 is shorter than p50: a higher percentile cannot be shorter",
        ),
    ],
)
def test_one_mistake_gives_one_message_with_its_place(web: dict[str, Any], text: str) -> None:
    (line,) = said(web)
    assert line.startswith("services.web")
    assert text in line


def test_too_many_services_are_counted() -> None:
    services = {f"s{number}x": {"language": "go"} for number in range(255)}
    assert said({}, services=services) == ["services: must have at most 254, has 255"]
