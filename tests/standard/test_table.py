"""The tables of the standards in the documentation say what the tests show."""

from __future__ import annotations

import re
from typing import Any

from tests.docs.pages import page, rows
from tests.standard import test_asvs, test_nist

ASVS = {"V7.1": 3, "V7.2": 4, "V7.3": 2, "V7.4": 5, "V7.5": 3, "V7.6": 2}


def listed() -> dict[str, str]:
    """Return the verdict on each requirement, as the tables have it."""
    table = [row for row in rows(page("explanation/standards.md")) if len(row) == 5]
    verdicts = {row[0]: row[3] for row in table if row[0] != "number"}
    assert len(verdicts) == len(table) - 2, "a number is there twice"
    return verdicts


def shown() -> dict[str, str]:
    """Return the verdict on each requirement that has a test, from the marker of the test."""
    verdicts: dict[str, str] = {}
    for module in (test_asvs, test_nist):
        for name, test in vars(module).items():
            if name.startswith("test_"):
                number, verdict = marked(name, test)
                assert verdicts.setdefault(number, verdict) == verdict, name
    return verdicts


def marked(name: str, test: Any) -> tuple[str, str]:
    (marker,) = (mark for mark in test.pytestmark if mark.name == "standard")
    number, *settings = marker.args
    digits = "_".join(re.findall(r"\d+", number))
    assert name.startswith((f"test_v{digits}_", f"test_{digits}_")), name
    return number, ", ".join(f"`{setting}`" for setting in settings) or "met"


def test_what_is_met_has_a_test_and_the_rest_has_none() -> None:
    assert {
        number: verdict for number, verdict in listed().items() if verdict != "yours"
    } == shown()


def test_all_requirements_of_the_chapter_are_listed() -> None:
    numbers = [f"{section}.{n}" for section, last in ASVS.items() for n in range(1, last + 1)]
    assert len(numbers) == 19
    assert [number for number in listed() if number.startswith("V")] == numbers
