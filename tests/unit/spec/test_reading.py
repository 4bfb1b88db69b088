"""What a topology file may say, and what is said of everything else: file, line, field, nearest valid name."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.errors import TopologyError
from testbed.spec.load import load_topology
from testbed.spec.reading import DEEPEST, MOST
from testbed.spec.topology import Topology

WEB = """name: t
entry: web
services:
  web: {language: go, calls: [api]}
  api: {language: go}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.yaml"


def read(file: Path, text: str) -> Topology:
    file.write_text(text, encoding="utf-8")
    return load_topology(file)


def told(file: Path, text: str) -> str:
    """The error of a file, without the file's name."""
    with pytest.raises(TopologyError) as caught:
        read(file, text)
    return str(caught.value).replace(str(file), "FILE")


# -- what is taken


def test_a_file_and_the_same_in_python_are_equal(file: Path) -> None:
    services = {"web": {"language": "go", "calls": ["api"]}, "api": {"language": "go"}}
    assert read(file, WEB) == Topology(name="t", entry="web", services=services)  # type: ignore[arg-type]


def test_plain_values_follow_yaml_1_2(file: Path) -> None:
    topology = read(file, WEB.replace("name: t", "name: on") + "edges: {web -> api: {requestFaults: off}}\n")
    assert topology.name == "on"
    assert not topology.has_request_faults("web -> api")


@pytest.mark.parametrize(
    ("number", "words"),
    [("010", "must be a whole number, is '010'"), ("1:30", "must be a whole number, is '1:30'")],
)
def test_numbers_follow_yaml_1_2(file: Path, number: str, words: str) -> None:
    assert told(file, f"{WEB}nodes: {number}\n") == f"FILE:6: nodes: {words}"


def test_every_key_is_a_string(file: Path) -> None:
    topology = read(file, WEB.replace("{language: go}", "{command: x, env: {true: a, null: b, on: c}}"))
    assert topology.services["api"].env == {"true": "a", "null": "b", "on": "c"}


def test_white_space_in_an_edge_does_not_matter(file: Path) -> None:
    topology = read(file, WEB + "policies:\n- {edge: '  web->api ', timeout: 1s}\n")
    assert topology.located(("policies", 0, "timeout"), "no") == f"{file}:7: policies[0].timeout: no"
    policy = topology.policy("web -> api")
    assert policy is not None
    assert policy.timeout == 1000.0


def test_a_merge_fills_in_missing_keys(file: Path) -> None:
    topology = read(
        file,
        """name: t
entry: web
services:
  web: &go {language: go, replicas: 2, calls: [api, db]}
  api: {<<: *go, replicas: 3, calls: []}
  db: {<<: [{replicas: 4}, *go], calls: []}
""",
    )
    assert [(s.language, s.replicas) for s in topology.services.values()] == [("go", 2), ("go", 3), ("go", 4)]


def test_an_alias_has_the_value_of_its_anchor(file: Path) -> None:
    text = "policies:\n- edge: web -> api\n  retries: {attempts: 1, perTryTimeout: &t 1s}\n  timeout: *t\n"
    policy = read(file, WEB + text).policy("web -> api")
    assert policy is not None
    assert policy.timeout == policy.retries.per_try_timeout == 1000.0  # type: ignore[union-attr]


# -- what is refused


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "FILE:1: the file is empty: a topology needs name, entry and services"),
        ("# nothing\n", "FILE:1: the file is empty: a topology needs name, entry and services"),
        ("- a\n", "FILE:1: not a topology: it must be a mapping with name, entry and services"),
        ("shop\n", "FILE:1: not a topology: it must be a mapping with name, entry and services"),
        (WEB + "nodes:\n\t2\n", "FILE:7: tab found: indent YAML with spaces"),
        (WEB + "nodes: [1\n", "FILE:7: not YAML: expected ',' or ']', but got '<stream end>' (while parsing"),
        (WEB + "nodes: *two\n", "FILE:6: not YAML: found undefined alias 'two'"),
        (WEB + "---\nname: two\n", "FILE:6: not YAML: but found another document"),
        (WEB + "? [nodes]\n: 2\n", "FILE:6: not YAML: a key must be a single word"),
        (WEB + "x: {a: {{b}}}\n", "FILE:6: not YAML: a key must be a single word (write {{...}} in quotes)"),
        (
            WEB + "x: {a: b {{c}}}\n",
            "FILE:6: not YAML: expected ',' or '}', but got '{' (while parsing a flow mapping): "
            "write {{...}} in quotes",
        ),
        (WEB + "forwardHeaders: &f [*f]\n", "FILE:6: not YAML: an alias that contains itself"),
        (WEB + "nodes: !!python/name:os.system 2\n", "FILE:6: not YAML: could not determine a constructor"),
        (
            WEB + "nodes: 2\nnodes: 3\nnodes: 4\n",
            "FILE:7: nodes: duplicate key, first on line 6\nFILE:8: nodes: duplicate key, first on line 6",
        ),
        (
            WEB + "edges:\n  web -> api: {}\n  web->api: {}\n",
            'FILE:8: edges["web->api"]: duplicate key, first on line 7',
        ),
        ("name: t\n", "FILE:1: entry: is missing\nFILE:1: services: is missing"),
        (WEB.replace("entry:", "entri:"), "FILE:2: entri: unknown key (did you mean 'entry'?)"),
        (WEB + "polices: []\n", "FILE:6: polices: unknown key (did you mean 'policies'?)"),
        (WEB + "mesh: envoi\n", "FILE:6: mesh: unknown mesh 'envoi' (did you mean 'envoy'?)"),
        (WEB + "nodes: two\n", "FILE:6: nodes: must be a whole number, is 'two'"),
        (WEB + "nodes: 0\n", "FILE:6: nodes: must be at least 1, is 0"),
        (WEB + "nodes: 255\n", "FILE:6: nodes: must be at most 254, is 255"),
        (WEB + "policies: {}\n", "FILE:6: policies: must be a list, is a mapping"),
        (WEB.replace("entry: web", "entry: wep"), "FILE:2: entry: no service 'wep' (did you mean 'web'?)"),
        (WEB.replace("[api]", "[ap]"), "FILE:4: services.web.calls[0].to: no service 'ap' (did you mean 'api'?)"),
    ],
)
def test_a_problem_is_reported_with_its_line(file: Path, text: str, error: str) -> None:
    found = told(file, text)
    assert found.startswith(error)
    assert found.count("\n") == error.count("\n")


POLICIES = """policies:
- edge: web -> apl
- edge: web -> api
  timeout: 1 s
- edge: web->api
  retires: {attempts: 1}
"""


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(file: Path) -> None:
    assert told(file, WEB.replace("api: {language: go}", "api: {language: goo}") + POLICIES).splitlines() == [
        "FILE:5: services.api.language: unknown language 'goo' (did you mean 'go'?)",
        "FILE:9: policies[1].timeout: '1 s' is not a duration: write a number with a unit, such as 500ms, 1.5s or 2m",
        "FILE:11: policies[2].retires: unknown key (did you mean 'retries'?)",
    ]


def test_inconsistencies_are_reported_when_every_value_is_valid(file: Path) -> None:
    text = WEB + POLICIES.replace("1 s", "1s").replace("retires", "retries")
    assert told(file, text + "ports: {app: 4141, admin: 4141}\n").splitlines() == [
        "FILE:7: policies[0].edge: no edge 'web -> apl' (did you mean 'web -> api'?)",
        "FILE:10: policies[2].edge: a second policy for 'web -> api', the first is policies[1]",
        "FILE:12: ports.app: 4141 is taken: the proxy listens on 4140-4141",
        "FILE:12: ports.admin: 4141 is taken: the proxy listens on 4140-4141",
        "FILE:12: ports.admin: 4141 is taken by the app",
    ]


def test_a_policy_for_the_edge_of_the_load_is_an_error(file: Path) -> None:
    text = told(file, WEB + "policies: [{edge: client -> web, timeout: 1s}]\n")
    assert text == "FILE:6: policies[0].edge: the load has no proxy, so 'client -> web' cannot have a policy"


def test_circular_calls_are_reported_at_the_call_that_closes_the_circle(file: Path) -> None:
    text = told(file, WEB.replace("api: {language: go}", "api: {language: go, calls: [web]}"))
    assert text == "FILE:5: services.api.calls[0]: circular calls that never terminate: web -> api -> web"


def test_a_missing_file_is_an_error_with_the_nearest_file(file: Path) -> None:
    file.write_text(WEB)
    with pytest.raises(TopologyError, match=r"shpo.yaml: no such file \(did you mean 'shop.yaml'\?\)"):
        load_topology(file.with_name("shpo.yaml"))


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"name: \xe9\n"])
def test_a_file_that_is_not_utf_8_cannot_be_read(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    with pytest.raises(TopologyError, match="shop.yaml: cannot be read: 'utf-8' codec can't decode"):
        load_topology(file)


# -- what would keep the reader busy for ever, or end it

BOMB = "x0: &x0 [a,a,a,a,a,a,a,a,a]\n" + "".join(f"x{n}: &x{n} [{f'*x{n - 1},' * 9}]\n" for n in range(1, 9))
MERGES = "m0: &m0 {k: 1}\n" + "".join(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}\n" for n in range(1, 40))
LADDER = "".join(f"x{n}: &x{n} [{f'*x{n - 1}' if n else ''}]\n" for n in range(DEEPEST + 1))
STAIRS = "m0: &m0 {k: 1}\n" + "".join(f"m{n}: &m{n} {{<<: *m{n - 1}}}\n" for n in range(1, 600))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (BOMB, f"FILE:6: not YAML: more than {MOST} parts, each alias counted as often as it is used"),
        (MERGES, "FILE:20: not YAML: more than 50000 parts"),
        (LADDER, f"FILE:6: not YAML: nested more than {DEEPEST} deep"),
        (f"forwardHeaders: {'[' * 1500}{']' * 1500}\n", f"FILE:6: not YAML: nested more than {DEEPEST} deep"),
        (f"forwardHeaders: {'{a: ' * 1500}{'}' * 1500}\n", f"FILE:6: not YAML: nested more than {DEEPEST} deep"),
        (f"nodes: {'9' * 5000}\n", "FILE:6: not YAML: '99999999"),
        ("nodes: !!bool abc\n", "FILE:6: not YAML: 'abc' is not a valid bool"),
        ("nodes: !!int ''\n", "FILE:6: not YAML: '' is not a valid int"),
        ("nodes: !!timestamp abc\n", "FILE:6: not YAML: 'abc' is not a valid timestamp"),
        ("services: !!map x\n", "FILE:6: not YAML: expected a mapping node, but found scalar"),
        ("#\x07\n", "FILE:6: not YAML: the character U+0007 is not allowed"),
        ("#\x00\n", "FILE:6: not YAML: the character U+0000 is not allowed"),
        ('mesh: "\\U00110000"\n', "FILE:6: not YAML: an escape that is not a character"),
        ('mesh: "\\ud800"\n', "FILE:6: not YAML: an incomplete character"),
        (f"policies: [{{edge: web -> api, timeout: {'9' * 400}}}]\n", "FILE:6: policies[0].timeout: 99999999"),
    ],
    ids=lambda value: value[:20],
)
def test_a_hostile_file_gives_one_message(file: Path, text: str, error: str) -> None:
    assert told(file, WEB + text).startswith(error)


def test_merges_that_are_too_deep_are_an_error(file: Path) -> None:
    head, *rest = STAIRS.splitlines(keepends=True)
    assert told(file, f"x:\n  {head}  {'  '.join(rest)}" + WEB + "<<: *m599\n").startswith("FILE: not readable as YAML")
