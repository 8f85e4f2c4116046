from __future__ import annotations

import pytest

from tests.bench.figures import Figures, average, ratio


def figures(*rounds: list[int]) -> Figures:
    return Figures([[(cpu, 2 * cpu) for cpu in calls] for calls in rounds])


def test_medians_are_in_microseconds_and_of_all_calls() -> None:
    found = figures([1000, 2000, 900_000], [3000, 4000])
    assert (found.cpu, found.wall) == (3.0, 6.0)


def test_a_slow_moment_that_both_have_is_no_difference() -> None:
    mine, theirs = figures([110], [1100], [110]), figures([100], [1000], [100])
    assert ratio(mine, theirs) == pytest.approx(1.1)


def test_rounds_have_to_be_of_the_same_moments() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio(figures([1], [1]), figures([1]))


def test_average_of_the_reads_of_a_minute() -> None:
    assert average(100, 700, every=10, interval=60) == pytest.approx(200)
    assert average(100, 700, every=600, interval=60) == 700
