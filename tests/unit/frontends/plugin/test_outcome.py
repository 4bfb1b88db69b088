import pytest

from testbed.errors import Inconclusive, NotContained, TestbedError
from testbed.frontends.plugin.outcome import asserts_of


def raised_by(act):
    with pytest.raises(BaseException) as caught:  # noqa: PT011 (whatever it is)
        act()
    return caught.value


def nothing_raised():
    with pytest.raises(NotContained):
        pass


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "held"),
        (NotContained("max_latency"), "checks"),
        (Inconclusive("too few"), "checks"),
        (TestbedError("the inlet died"), "error"),
        (AssertionError("assert 503 == 200"), "violated"),
        (TimeoutError(), "violated"),
        (raised_by(nothing_raised), "held"),
        (raised_by(lambda: pytest.fail("Timeout (>120 s)")), "violated"),
        (raised_by(lambda: pytest.skip("no")), "held"),
    ],
)
def test_the_outcome_of_a_test_shows_what_its_asserts_found(error, said):
    assert asserts_of(error) == said
