"""Countries in the reader's language. A Babel of its own stands in, so that no test needs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.translation import override

from session_backend.locations import NOWHERE, Place
from session_backend.models import Session
from session_ui import countries
from session_ui.countries import in_words_of_the_reader
from tests.session_ui.helpers import LIST, Browser, row_in, sessions_for

ROME = Place("IT", "Italy", "Rome")
NAMES = {"de": {"IT": "Italien"}, "zh_Hans": {"IT": "意大利"}}


class UnknownLocaleError(Exception):
    pass


class Locale:
    asked: list[str] = []

    @classmethod
    def parse(cls, name: str) -> Any:
        cls.asked.append(name)
        if name == "xx":
            raise ValueError(name)
        if name not in NAMES:
            raise UnknownLocaleError(name)
        return SimpleNamespace(territories=NAMES[name])


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    Locale.asked.clear()
    countries.territories.cache_clear()
    yield
    countries.territories.cache_clear()


@pytest.fixture
def babel(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(Locale=Locale, UnknownLocaleError=UnknownLocaleError)
    monkeypatch.setitem(sys.modules, "babel", stand_in)


@pytest.mark.usefixtures("babel")
@pytest.mark.parametrize(
    ("language", "country"),
    [
        ("de", "Italien"),
        ("zh-hans", "意大利"),
        ("en", "Italy"),
        ("en-gb", "Italy"),
        ("tlh", "Italy"),
        ("xx", "Italy"),
        (None, "Italy"),
    ],
)
def test_it_is_the_readers(language: str | None, country: str) -> None:
    with override(language):
        assert in_words_of_the_reader(ROME) == Place("IT", country, "Rome")


@pytest.mark.usefixtures("babel")
def test_a_country_that_is_not_known_stays_as_it_is() -> None:
    with override("de"):
        assert in_words_of_the_reader(NOWHERE) == NOWHERE
        assert in_words_of_the_reader(Place("XK", "Kosovo", "")) == Place("XK", "Kosovo", "")


@pytest.mark.usefixtures("babel")
def test_a_language_is_read_once() -> None:
    for _ in range(3):
        with override("de"):
            in_words_of_the_reader(ROME)
        with override("en"):
            in_words_of_the_reader(ROME)
    assert Locale.asked == ["de"]


def test_without_babel_it_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    with override("de"):
        assert in_words_of_the_reader(ROME) == ROME


def test_with_the_real_one() -> None:
    pytest.importorskip("babel")
    with override("ja"):
        assert in_words_of_the_reader(ROME).country == "イタリア"
    with override("pt-br"):
        assert in_words_of_the_reader(ROME).country == "Itália"


@pytest.mark.django_db
@pytest.mark.usefixtures("babel")
def test_the_list_shows_it(alice: Any, laptop: Browser, settings: Any) -> None:
    (row,) = sessions_for(alice, 1)
    Session.objects.filter(pk=row.pk).update(country_code="IT", country="Italy", city="Rome")
    laptop.sign_in(alice)
    assert "<bdi>Rome, Italy</bdi>" in row_in(laptop.get(LIST), row)

    settings.LANGUAGE_CODE = "de"
    assert "Italien" in row_in(laptop.get(LIST), row)
