"""Another distribution's faults and checks are found by their entry points, and refused where they cannot be used."""

import sys

import pytest
from click.testing import CliRunner

import testbed
from testbed.errors import TestbedError
from testbed.frontends.cli.main import main
from testbed.frontends.extensions import load, refuse_clashes
from tests.kit.distributions import CHECK, FAULT, install


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Install distributions into a folder on sys.path; afterwards nothing of them is left."""
    monkeypatch.syspath_prepend(tmp_path)
    modules, names = set(sys.modules), set(vars(testbed))

    def installed(name, source="", **groups):
        install(tmp_path, name, source, **groups)

    yield installed
    for name in set(vars(testbed)) - names:
        delattr(testbed, name)
    for name in {name for name in set(sys.modules) - modules if not name.startswith("testbed.")}:
        del sys.modules[name]


def test_a_fault_and_a_check_are_imported_from_testbed(site):
    site("snails", FAULT, faults={"crawl": "crawl"})
    site("counters", CHECK, checks={"sent_enough": "sent_enough"})
    from testbed import crawl, sent_enough

    assert str(crawl(ms=5).on("a -> b")) == "crawl(ms=5).on('a -> b')"
    assert str(sent_enough(at_least=3)) == "sent_enough(3)"
    assert testbed.crawl is crawl
    refuse_clashes()


def test_a_name_without_an_entry_point_is_unknown(site):
    site("snails", FAULT, faults={"crawl": "crawl"})
    assert load("crowl") is None
    with pytest.raises(AttributeError, match="module 'testbed' has no attribute 'crowl'"):
        _ = testbed.crowl


def test_nothing_is_loaded_before_it_is_used(site):
    site("sleepers", "raise OSError", faults={"doze": "doze"})
    refuse_clashes()
    assert load("crawl") is None


@pytest.mark.parametrize("taken", ["delay", "topology", "report", "silent"])
def test_a_name_of_the_testbed_is_an_error(site, taken):
    site("snails", FAULT, faults={"crawl": "crawl", taken: "crawl"})
    message = rf"the fault {taken} of snails 1\.0 \(snails:crawl\): the testbed already has this name\nuninstall"
    with pytest.raises(TestbedError, match=message):
        refuse_clashes()
    with pytest.raises(TestbedError, match=message):
        _ = testbed.crawl


def test_a_name_of_two_distributions_is_an_error(site):
    site("snails", FAULT, faults={"crawl": "crawl"})
    site("slugs", FAULT, checks={"crawl": "crawl"})
    with pytest.raises(TestbedError, match=r"slugs 1\.0 .*: the fault crawl of snails 1\.0 .* already has this name"):
        _ = testbed.crawl


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_like_it", "cannot be loaded: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("", "cannot be loaded: AttributeError: module 'broken' has no attribute 'crawl'"),
        ("crawl = 5", "is not a fault: 5"),
    ],
)
def test_an_entry_point_that_cannot_be_loaded_is_an_error_with_its_distribution(site, source, said):
    site("broken", source, faults={"crawl": "crawl"})
    with pytest.raises(TestbedError) as raised:
        _ = testbed.crawl
    assert str(raised.value) == f"the fault crawl of broken 1.0 (broken:crawl) {said}"


def test_testbed_support_lists_them_below_ours(site):
    site("snails", FAULT, faults={"crawl": "crawl"})
    site("counters", CHECK + "\ndef odd(): return 5\n", checks={"sent_enough": "sent_enough", "odd": "odd"})
    told = CliRunner().invoke(main, ["support"])
    rows = {line.partition(")")[0]: line.split() for line in told.output.splitlines() if " 1.0)" in line}
    assert told.exit_code == 0
    assert set(rows) == {"crawl (snails 1.0", "sent_enough (counters 1.0", "odd (counters 1.0"}
    assert rows["crawl (snails 1.0"][3:6] == ["edge,", "service,", "replica"]
    assert rows["sent_enough (counters 1.0"][3:] == ["yes"] * 4  # by protocol, which is printed last
    assert set(rows["odd (counters 1.0"][3:]) == {"?"}


def test_testbed_support_reports_a_broken_entry_point(site):
    site("broken", faults={"crawl": "crawl"})
    told = CliRunner().invoke(main, ["support"])
    assert told.exit_code == 2
    assert told.output.startswith("the fault crawl of broken 1.0 (broken:crawl) cannot be loaded: AttributeError")
