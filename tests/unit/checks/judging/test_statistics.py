import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from testbed.checks.judging import statistics

SHARES = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])
SIZES = st.integers(1, 3000)
LOOSE = settings(deadline=None, max_examples=60)


@pytest.mark.parametrize(("share", "n"), [(0.99, 299), (0.995, 598), (0.999, 2995)])
def test_requests_without_failure_that_prove_a_share(share, n):
    assert statistics.enough_requests(0, share) == n
    assert statistics.share_lower(n, n) >= share > statistics.share_lower(n - 1, n - 1)


@pytest.mark.parametrize(("failures", "n"), [(0, 598), (1, 947), (2, 1258)])
def test_each_failure_costs_more_requests(failures, n):
    assert statistics.enough_requests(failures, 0.995) == n


@pytest.mark.parametrize(("n", "failures"), [(300, 0), (1000, 4), (2000, 12), (5000, 38)])
def test_the_most_failures_with_which_99_percent_is_proved(n, failures):
    assert statistics.share_lower(n - failures, n) >= 0.99 > statistics.share_lower(n - failures - 1, n)


@pytest.mark.parametrize(("n", "failures"), [(300, 9), (1000, 19), (2000, 32)])
def test_failures_that_refute_99_percent_at_the_1_percent_level(n, failures):
    assert statistics.share_upper(n - failures, n, 0.99) < 0.99 <= statistics.share_upper(n - failures + 1, n, 0.99)


def test_rank_that_bounds_p99_from_above():
    assert statistics.upper_rank(1000, 0.99) == 996
    assert statistics.upper_rank(299, 0.99) == 299
    assert statistics.upper_rank(298, 0.99) is None


def test_two_bounds_at_once_need_more():
    assert statistics.enough_requests(0, 0.99, 0.975) == 368
    assert statistics.upper_rank(368, 0.99, 0.975) == 368
    assert statistics.upper_rank(367, 0.99, 0.975) is None


def test_nothing_and_everything():
    assert statistics.share_lower(0, 10) == 0.0
    assert statistics.share_upper(10, 10) == 1.0
    assert statistics.lower_rank(1, 0.01) is None  # one value is no lower bound of a low quantile


@LOOSE
@given(n=SIZES, share=SHARES, confidence=st.sampled_from([0.9, 0.95, 0.975]))
def test_ranks_are_the_closest_that_the_binomial_allows(n, share, confidence):
    upper, lower = statistics.upper_rank(n, share, confidence), statistics.lower_rank(n, share, confidence)
    if upper is None:
        assert binom.cdf(n - 1, n, share) < confidence
    else:
        assert binom.cdf(upper - 1, n, share) >= confidence
        assert upper == 1 or binom.cdf(upper - 2, n, share) < confidence
    if lower is None:
        assert binom.cdf(0, n, share) > 1 - confidence
    else:
        assert binom.cdf(lower - 1, n, share) <= 1 - confidence + 1e-12
        assert lower == n or binom.cdf(lower, n, share) > 1 - confidence


@LOOSE
@given(n=st.integers(1, 500), data=st.data())
def test_the_bounds_are_those_of_the_binomial_test(n, data):
    successes = data.draw(st.integers(0, n))
    lower, upper = statistics.share_lower(successes, n), statistics.share_upper(successes, n)
    assert 0 <= lower <= successes / n <= upper <= 1
    if successes:
        assert binom.sf(successes - 1, n, lower) == pytest.approx(0.05, abs=1e-9)
    if successes < n:
        assert binom.cdf(successes, n, upper) == pytest.approx(0.05, abs=1e-9)


@LOOSE
@given(n=st.integers(1, 1500), share=SHARES, data=st.data())
def test_a_quantile_is_below_a_bound_exactly_if_the_share_below_it_is_proved(n, share, data):
    below = data.draw(st.integers(max(0, n - 20), n))
    rank = statistics.upper_rank(n, share)
    assert (rank is not None and rank <= below) == (statistics.share_lower(below, n) >= share)


@LOOSE
@given(failures=st.integers(0, 30), share=SHARES)
def test_enough_is_enough_and_one_less_is_not(failures, share):
    n = statistics.enough_requests(failures, share)
    assert statistics.share_lower(n - failures, n) >= share
    assert n - 1 <= failures or statistics.share_lower(n - 1 - failures, n - 1) < share
    assert statistics.share_lower(n - failures - 1, n) < share


@LOOSE
@given(n=SIZES, share=SHARES)
def test_confidence_widens(n, share):
    successes = round(n * share)
    assert statistics.share_lower(successes, n, 0.99) <= statistics.share_lower(successes, n, 0.9)
    assert statistics.share_upper(successes, n, 0.99) >= statistics.share_upper(successes, n, 0.9)
