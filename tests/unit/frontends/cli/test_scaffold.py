"""`testbed init`: what it writes is valid, says what it was told, and takes nothing away."""

from __future__ import annotations

import ast
import keyword
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import TestbedError
from testbed.frontends.cli.main import main
from testbed.frontends.cli.scaffold import Answers, files, write
from testbed.spec.load import load_topology
from tests.kit.examples import examples

STUBS = Answers("web", "", ["pricing", "list-price"])


def init(folder: Path, *options: str, answers: str = "") -> Result:
    return CliRunner().invoke(main, ["init", str(folder), *options], input=answers)


def test_three_answers_are_enough(tmp_path: Path) -> None:
    folder = tmp_path / "tests/resilience"
    result = init(folder, answers="shop-web\nnpm start\nlist-price, db\n")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.iterdir()) == ["conftest.py", "shop-web.yaml", "test_slow_list_price.py"]
    topology = load_topology(folder / "shop-web.yaml")
    assert topology.services["shop-web"].command == ("npm", "start")
    assert topology.upstreams("shop-web") == ("list-price", "db")
    workdir = topology.services["shop-web"].workdir
    assert workdir is not None
    assert (folder / workdir).resolve() == Path.cwd()
    assert result.output.splitlines()[-1] == f"Next: pytest {folder}"


def test_flags_answer_the_questions(tmp_path: Path) -> None:
    result = init(tmp_path, "--entry", "api", "--command", "", "--calls", "auth", "--path", "/login")
    assert result.exit_code == 0, result.output
    assert "?" not in result.output
    assert load_topology(tmp_path / "api.yaml").services["api"].kind == "go"
    assert 'get("/login")' in (tmp_path / "test_slow_auth.py").read_text()


def test_the_written_files_have_no_warnings_and_are_valid_python(tmp_path: Path) -> None:
    write(tmp_path, files(STUBS))
    assert load_topology(tmp_path / "web.yaml").warnings() == ()
    for name in ("conftest.py", "test_slow_pricing.py"):
        ast.parse((tmp_path / name).read_text())


def test_only_scenarios_of_stubs_check_attempts() -> None:
    commands = Answers("web", "npm start", ["pricing"])
    assert 'attempts("web -> pricing", at_most=2)' in files(STUBS)["test_slow_pricing.py"]
    assert "attempts" not in files(commands)["test_slow_pricing.py"]


def test_an_existing_conftest_is_kept(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import os\n")
    write(tmp_path, files(STUBS))
    text = (tmp_path / "conftest.py").read_text()
    assert text == 'import os\n\nfrom testbed import topology\n\nweb = topology("web.yaml")\n'


def test_other_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("mine")
    result = init(tmp_path, "--entry", "web", "--command", "", "--calls", "pricing")
    assert (result.exit_code, [path.name for path in tmp_path.iterdir()]) == (2, ["web.yaml"])
    assert "web.yaml: already exists, not changed" in result.output
    assert (tmp_path / "web.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (Answers("Web", "", ["pricing"]), "'Web' is not a service name"),
        (Answers("web", "", ["web"]), "at least two services"),
        (Answers("web", "", [""]), "at least two services"),
        (Answers("web", "", ["client"]), "is the name of the load"),
    ],
)
def test_wrong_answers_are_an_error_before_anything_is_written(answers: Answers, words: str) -> None:
    with pytest.raises(TestbedError, match=words):
        files(answers)


def test_a_quoted_command_stays_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, files(Answers("web", "sh -c 'exec \"$SHELL\" # x: y'", ["pricing"])))
    assert load_topology(tmp_path / "web.yaml").services["web"].command == ("sh", "-c", 'exec "$SHELL" # x: y')


NAMES = [*keyword.kwlist, *keyword.softkwlist, "request", "run", "get", "topology", "null", "true", "on", "no"]
NAME = st.sampled_from(NAMES).map(str.lower) | st.from_regex(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", fullmatch=True)
HOSTILE = st.sampled_from(
    ["__init__", "../etc", "a/b", "1st", "a--b", "-a", "a: b", "{}", "&a", "\n", "a\x00", "\ud800"]
)


@given(entry=NAME | HOSTILE | st.text(max_size=4), calls=st.lists(NAME | HOSTILE, max_size=2), path=st.text(max_size=5))
@examples(40)
def test_any_name_gives_files_that_work_or_one_error(entry: str, calls: list[str], path: str) -> None:
    with TemporaryDirectory() as folder:
        try:
            texts = files(Answers(entry, "", calls, f"/{path}"))
        except TestbedError as error:
            str(error).encode()
            return
        for written in write(Path(folder), texts):
            assert written.parent == Path(folder)
            if written.suffix == ".py":
                ast.parse(written.read_text())
        assert load_topology(Path(folder, f"{entry}.yaml")).entry == entry


@pytest.mark.parametrize("name", ["class", "import", "lambda", "null", "request", "delay"])
def test_a_word_of_python_or_yaml_is_a_name_of_a_service(tmp_path: Path, name: str) -> None:
    write(tmp_path, files(Answers(name, "", [f"{name}-b"])))
    assert load_topology(tmp_path / f"{name}.yaml").upstreams(name) == (f"{name}-b",)
    assert f"{name}_ = topology(" in (tmp_path / "conftest.py").read_text() or name == "null"
