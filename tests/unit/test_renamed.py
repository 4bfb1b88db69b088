"""Old names work, warn once at the user's line, and say the new name; only what is in the tables does."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
import warnings
from importlib import import_module

import pytest

import testbed
from testbed import checks, faults, renamed
from testbed.errors import CheckError
from testbed.experiment.replay import Replay
from testbed.experiment.testbed import Testbed
from testbed.faults import node_failure, outage, stall
from testbed.spec.old_keys import SERVICE, TOPOLOGY
from tests.kit import ROOT
from tests.kit.story import faulty

TABLES = {"testbed.faults": renamed.FAULTS, "testbed.checks": renamed.CHECKS, "testbed": renamed.LOADS}
EVERY = [(home, old, new) for home, names in TABLES.items() for old, new in names.items()]
every = pytest.mark.parametrize(("home", "old", "new"), EVERY)


def warned(code: str) -> list[warnings.WarningMessage]:
    """What the second line of a user's file warns of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        exec(compile(f"import testbed\n{code}\n", "user.py", "exec"), {"__name__": "user"})
    return told


@every
@pytest.mark.parametrize("way", ["from testbed import {}", "from {home} import {}", "testbed.{}"])
def test_an_old_name_works_and_says_the_new_one_once(home: str, old: str, new: str, way: str) -> None:
    (told,) = warned(way.format(old, home=home))
    assert told.category is DeprecationWarning
    assert (told.filename, told.lineno) == ("user.py", 2)
    said = str(told.message)
    assert said.startswith(f"`{old}")
    assert f" is now `{new}" in said
    assert said.endswith("; the old name goes in 0.2")


@every
def test_what_an_old_name_is(home: str, old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"`{new}"):
        value = getattr(testbed, old)
    assert value is getattr(import_module(home), new) or old in renamed.CHECKS


MADE: dict[str, tuple[tuple[object, ...], dict[str, object]]] = {
    "amplification": (("pricing",), {"at_most": 2}),
    "answered": (("a -> b",), {"status": 200}),
    "breaker": (("a -> b",), {"opens_within_s": 1}),
    "budget_respected": (("a -> b",), {}),
    "deadline_kept": (("a -> b",), {}),
    "ejected": (("a -> b",), {"replica": "b-1", "within_s": 1}),
    "gives_up": (("a -> b",), {"under_ms": 9}),
    "no_duplicate_effects": (("a -> b",), {}),
    "only_statuses": ((200,), {}),
    "recovers": ((), {"within_s": 1}),
    "sheds": (("a -> b",), {"rejects_within_ms": 9}),
    "slowest": ((), {"under_ms": 9}),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("old", renamed.CHECKS)
def test_a_check_prints_the_name_by_which_it_was_made_and_is_the_same_otherwise(old: str) -> None:
    given, named = MADE[old]
    check, now = getattr(testbed, old)(*given, **named), getattr(testbed, renamed.CHECKS[old])(*given, **named)
    for one in (check, check.during("hold"), copy.deepcopy(check), pickle.loads(pickle.dumps(check))):
        assert str(one).startswith(f"{old}(")
        assert one.title.startswith(old)
    assert str(now) == str(check).replace(old, renamed.CHECKS[old], 1)
    assert (check, hash(check), check.topic(), type(check)) == (now, hash(now), now.topic(), type(now))
    assert isinstance(check, getattr(testbed, old))
    assert isinstance(now, getattr(testbed, old))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_class_by_its_old_name_can_be_asked_and_derived() -> None:
    class ours(testbed.only_statuses):  # type: ignore[misc, name-defined]
        pass

    assert issubclass(ours, testbed.only_statuses)
    assert str(ours(200)) == "ours(200)"
    assert testbed.only_statuses.__doc__ or testbed.only_statuses.takes_part
    with pytest.raises(CheckError, match=r"^only_statuses\(\): name at least one status, such as only_statuses\(200\)"):
        testbed.only_statuses()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_verdict_names_a_check_as_the_test_wrote_it() -> None:
    verdict = faulty(400).verdict(testbed.only_statuses(200))
    assert (verdict.check, verdict.title) == ("only_statuses(200)", "only_statuses 200")
    with pytest.raises(CheckError, match="they bound the same thing twice"):
        checks.judge(faulty(400).history, all=[testbed.slowest(under_ms=900), testbed.max_latency(under_ms=800)])


def test_a_keyword_of_an_old_name_works_with_that_alone() -> None:
    with pytest.warns(DeprecationWarning, match=r"`gives_up\(within_ms=\)` is now `call_duration\(under_ms=\)`;"):
        gives_up = testbed.gives_up
    now = testbed.call_duration("a -> b", under_ms=350)
    assert gives_up("a -> b", within_ms=350) == gives_up("a -> b", under_ms=350) == now
    assert str(now) == "call_duration('a -> b', under_ms=350)"
    assert str(gives_up("a -> b", within_ms=350)) == "gives_up('a -> b', within_ms=350)"
    assert gives_up("a -> b", within_ms=350).title == "gives_up a -> b"
    with pytest.raises(TypeError, match="within_ms"):
        testbed.call_duration("a -> b", within_ms=350)


@every
def test_an_old_name_is_listed_nowhere(home: str, old: str, new: str) -> None:
    assert new in testbed.__all__
    assert old not in testbed.__all__
    assert old not in {**faults.FAULTS, **checks.CHECKS}


@pytest.mark.parametrize("home", TABLES)
def test_other_names_are_unknown_as_ever(home: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{home}' has no attribute 'nothing'"):
        _ = import_module(home).nothing


def test_a_line_that_is_run_again_warns_no_more() -> None:
    code = "import testbed\nfor _ in range(3): testbed.silent\n"
    ran = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.count("`silent` is now `stall`") == 1
    assert "<string>:2: DeprecationWarning" in ran.stderr


@pytest.mark.parametrize(("old", "new", "part"), [("silent", "stall", stall), ("lost", "node_failure", node_failure)])
def test_an_old_kind_of_outage_is_the_new_one(old: str, new: str, part: object) -> None:
    with pytest.warns(DeprecationWarning, match=new) as told:
        fault = outage("pricing", kind=old)  # type: ignore[arg-type]
    assert fault == outage("pricing", kind=new)  # type: ignore[arg-type]
    assert str(fault) == f"outage(service='pricing', kind='{new}')"
    assert [(one.filename, str(one.message)) for one in told] == [
        (__file__, f"`kind='{old}'` is now `kind='{new}'`; the old name goes in 0.2")
    ]


@pytest.mark.parametrize("kind", [Testbed, Replay])
def test_policies_are_overridden_by_the_old_name_as_well(kind: type[Testbed | Replay]) -> None:
    class Bed(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            pass

        def override_policies(self, overrides: object) -> object:
            return "begun", overrides

    with pytest.warns(DeprecationWarning, match="`policies` is now `override_policies`; the old name goes") as told:
        assert Bed().policies({"a -> b": None}) == ("begun", {"a -> b": None})
    assert [one.filename for one in told] == [__file__]


ROW = re.compile(r"^\| [^|]+ \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)


@pytest.mark.parametrize("page", ["docs/renamed.md", "CHANGELOG.md"])
def test_the_tables_that_users_read_have_every_old_name_and_key(page: str) -> None:
    told = {(old, new) for old, new in ROW.findall(ROOT.joinpath(page).read_text())}
    names = {*renamed.NAMES.items(), *TOPOLOGY.items(), *SERVICE.items()}
    with_words = {("gives_up(within_ms=)", "call_duration(under_ms=)"), ("onHangUp", "onClientDisconnect")}
    words = {(f'kind="{old}"', f'kind="{new}"') for old, new in renamed.KINDS.items()} | with_words
    assert names - {("gives_up", "call_duration"), ("on_hang_up", "onClientDisconnect")} | words <= told
