from __future__ import annotations

import pytest

from benchmarks.report import (
    Figures,
    average_read,
    comparisons,
    losses,
    matrix,
    ratio,
    sent,
    stack_section,
    table,
)
from benchmarks.worker import Cost, Sample

TITLES = {"read": "signed-in read", "list": "device list"}


def figures(*rounds: list[int], cost: Cost | None = None) -> Figures:
    """Return figures with these CPU times in nanoseconds; the wall time is twice that."""
    samples = [[Sample(cpu, 2 * cpu) for cpu in calls] for calls in rounds]
    return Figures(samples, cost or Cost(0, 0, 0, 0, 0))


def test_medians_are_in_microseconds_and_of_all_calls() -> None:
    found = figures([1000, 2000, 900_000], [3000, 4000])
    assert (found.cpu, found.wall) == (3.0, 6.0)


def test_the_slowest_call_is_the_same_one_in_each_round() -> None:
    assert figures([1000, 5000, 1000], [2000, 7000, 90_000]).slowest_call == 45.5


def test_a_slow_moment_that_both_have_is_no_difference() -> None:
    mine, theirs = figures([110], [1100], [110]), figures([100], [1000], [100])
    assert ratio(mine, theirs) == pytest.approx(1.1)


def test_rounds_have_to_be_of_the_same_moments() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio(figures([1], [1]), figures([1]))


def test_average_of_the_reads_of_a_minute() -> None:
    assert average_read(100, 700, every=10, interval=60) == pytest.approx(200)
    assert average_read(100, 700, every=600, interval=60) == 700


def test_table() -> None:
    assert table(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | ---: |\n| x | 1 |"


def test_counts_in_a_cell() -> None:
    assert sent(figures([1], cost=Cost(4, 2, 3, 0, 0)), {}) == "4+2 / 3"
    assert sent(figures([1], cost=Cost(1, 0, 0, 0, 0)), {}) == "1 / 0"


def test_an_engine_that_cannot_do_it_has_a_dash() -> None:
    results = {"read": {"ours-db": figures([1])}}
    assert matrix(results, TITLES, ["ours-db", "allauth"], sent).endswith("| 0 / 0 | \N{EN DASH} |")


def test_losses_name_the_engine_and_by_how_much() -> None:
    by_engine = {"ours-cached_db": figures([120]), "ours-db": figures([1])}
    by_engine["allauth"] = figures([100])
    assert losses({"read": by_engine}, TITLES) == ["signed-in read: 1.20 times allauth"]
    by_engine["allauth"] = figures([119])
    assert losses({"read": by_engine}, TITLES) == []


def test_two_pages_in_turn_are_compared_round_by_round() -> None:
    pair = {"ours-cached_db": figures([30, 20, 30, 20], [300, 200, 300, 200], [9, 1, 9, 1])}
    titles = {"poll-by-read": "poll, by read"}
    assert comparisons({"poll-by-read": pair}, titles) == [["poll, by read", "1.50"]]


def test_the_average_read_needs_all_three_figures() -> None:
    results = {
        "read": {"ours-cached_db": figures([120]), "django-cached_db": figures([100])},
        "read-due": {"ours-cached_db": figures([600])},
    }
    ((_, times),) = comparisons(results, {})
    assert times == "2.00"
    del results["read-due"]
    assert comparisons(results, {}) == []


def test_the_baseline_has_no_ratio_and_the_others_have() -> None:
    results = {
        "read": {"ours-cached_db": figures([110_000]), "django-cached_db": figures([100_000])}
    }
    text = stack_section("Servers", results, TITLES, ["ours-cached_db", "django-cached_db"])
    assert "| signed-in read | 110 (1.10) | 100 |" in text
    assert "- signed-in read: 1.10 times django-cached_db" in text
    assert "Size of the page" not in text


def test_lists_have_their_size() -> None:
    results = {"list": {"ours-db": figures([1], cost=Cost(0, 0, 0, 0, 36 * 1024))}}
    text = stack_section("Servers", results, TITLES, ["ours-db"])
    assert "**Size of the page**\n\n|  | ours-db |\n| --- | ---: |\n| device list | 36 kB |" in text
