from __future__ import annotations

from tests.bench.figures import Figures
from tests.bench.report import beside, losses, matrix, sent, stack_section, table

TITLES = {"read": "signed-in read"}


def figures(cpu: int, **counts: int) -> Figures:
    return Figures([[(cpu * 1000, cpu * 1000)]], **counts)


def test_table() -> None:
    assert table(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | ---: |\n| x | 1 |"


def test_counts_of_a_cell() -> None:
    assert sent(figures(1, statements=4, transaction=2, commands=3), {}) == "4+2 / 3"
    assert sent(figures(1, statements=1), {}) == "1 / 0"


def test_an_engine_that_cannot_do_it_has_a_dash() -> None:
    results = {"read": {"ours-db": figures(1)}}
    assert matrix(results, TITLES, ["ours-db", "allauth"], sent).endswith("| 0 / 0 | \N{EN DASH} |")


def test_losses_name_the_engine_and_by_how_much() -> None:
    by_engine = {"ours-cached_db": figures(120), "ours-db": figures(1), "allauth": figures(100)}
    assert losses({"read": by_engine}, TITLES) == ["signed-in read: 1.20 times allauth"]
    by_engine["allauth"] = figures(119)
    assert losses({"read": by_engine}, TITLES) == []


def test_what_was_not_measured_is_not_set_beside_anything() -> None:
    assert beside({"poll": {"ours-cached_db": figures(3)}}) == []
    results = {
        "poll": {"ours-cached_db": figures(3)},
        "read": {"ours-cached_db": figures(2), "django-cached_db": figures(1)},
    }
    assert [times for _, times in beside(results)] == ["1.50", "3.00"]


def test_the_baseline_has_no_ratio_and_the_others_have() -> None:
    results = {"read": {"ours-cached_db": figures(110), "django-cached_db": figures(100)}}
    text = stack_section("Servers", results, TITLES, ["ours-cached_db", "django-cached_db"])
    assert "| signed-in read | 110 (1.10) | 100 |" in text
    assert "- signed-in read: 1.10 times django-cached_db" in text
