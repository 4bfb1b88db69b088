"""What benchmarks compute from ways that were measured in turns."""

import pytest

from benchmarks.turns import ROUNDS, WARMING, added, in_turns, ratio


def test_every_variant_runs_once_per_round_and_warm_up_rounds_do_not_count():
    taken = []
    found = in_turns({"a": lambda: taken.append("a"), "b": lambda: taken.append("b")})
    assert taken == ["a", "b"] * (WARMING + ROUNDS)
    assert {name: len(times) for name, times in found.items()} == {"a": ROUNDS, "b": ROUNDS}


def test_pairs_of_one_round_are_compared_so_a_busy_round_does_not_matter():
    direct, linked = [1.0, 100.0, 2.0], [1.5, 100.5, 4.0]
    assert added(linked, direct) == pytest.approx(0.5)
    assert ratio(linked, direct) == pytest.approx(1.5)


def test_half_a_pair_is_an_error():
    with pytest.raises(ValueError, match="longer"):
        added([1.0], [1.0, 2.0])
