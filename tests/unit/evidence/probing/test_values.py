import pytest

from testbed.evidence.probing.exposition import NoValue
from testbed.evidence.probing.values import of_command, parsed

DATA = '{"pool": {"idle": 4, "open": true, "state": "warm", "none": null}, "items": [{"n": "7"}, {}]}'


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        (" 12\n", "", 12.0),
        ("1e3", "", 1000.0),
        ("normal\n", "", "normal"),
        ("x" * 500, "", "x" * 200),
        (DATA, "pool.idle", 4.0),
        (DATA, "pool.open", "true"),
        (DATA, "pool.state", "warm"),
        (DATA, "items.0.n", 7.0),
        (DATA, "items", 2.0),
    ],
)
def test_what_a_text_says(text, path, value):
    assert parsed(text, path) == value


@pytest.mark.parametrize(
    ("text", "path", "why"),
    [
        ("  ", "", "nothing was said"),
        ("NaN", "", "nan is not a number to compare"),
        ("oops", "pool", "not JSON: 'oops'"),
        (DATA, "pool.busy", "the JSON has no 'pool.busy': 'busy' is missing"),
        (DATA, "items.9", "the JSON has no 'items.9'"),
        (DATA, "pool", "'pool' is an object, not a value"),
        (DATA, "pool.none", "'pool.none' is null"),
    ],
)
def test_what_is_no_value(text, path, why):
    with pytest.raises(NoValue, match=why):
        parsed(text, path)


def test_a_command_says_its_output_its_code_or_its_lines():
    assert of_command(0, "41\n", "a note", "output", "") == 41
    assert of_command(3, "", "", "exit_code", "") == 3
    assert of_command(0, "a\n\nb\n", "", "lines", "") == 2
    assert of_command(0, '{"n": 1}', "", "output", "n") == 1


def test_a_command_that_fails_says_its_last_line():
    with pytest.raises(NoValue, match="exit code 2: no such table"):
        of_command(2, "", "connecting\nno such table\n", "output", "")
    with pytest.raises(NoValue, match="exit code 1$"):
        of_command(1, "", "", "lines", "")
