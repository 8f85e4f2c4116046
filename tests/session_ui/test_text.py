from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation
from django.utils.timezone import localtime, override

from session_backend.history import Reason
from session_backend.locations import NOWHERE, Place
from session_backend.models import Session
from session_ui import text
from session_ui.text import (
    ago,
    day,
    exact,
    idle_end,
    local_now,
    localized_country,
    place,
    seconds_until_change,
    seconds_until_idle_end_changes,
    seconds_until_midnight,
    signed_out_because,
)
from tests.session_ui.helpers import LIST, Browser, row_in, sessions_for

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=29, hours=23), "29 days ago"),
        (timedelta(days=30), "Jan. 30, 2026"),
    ],
)
def test_how_long_ago(passed: timedelta, words: str) -> None:
    assert ago(NOW - passed, NOW) == words


@pytest.mark.parametrize(
    "passed",
    [
        *(timedelta(seconds=seconds) for seconds in (-30, 0, 59.9, 60, 3599.5)),
        *(timedelta(hours=hours) for hours in (1, 23.99, 24, 719.9, 720)),
    ],
)
def test_the_words_last_as_long_as_is_said(passed: timedelta) -> None:
    moment = NOW - passed
    seconds = seconds_until_change(moment, NOW)
    assert 0 < seconds <= 24 * 3600
    just_before = NOW + timedelta(seconds=seconds - 0.001)
    assert ago(moment, just_before) == ago(moment, NOW)


@pytest.mark.parametrize(
    ("passed", "seconds"), [(0, 60), (59.75, 0.25), (90, 30), (5400, 1800), (90000, 82800)]
)
def test_for_how_long_the_words_last(passed: float, seconds: float) -> None:
    assert seconds_until_change(NOW - timedelta(seconds=passed), NOW) == seconds


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(hours=-6), "Today"),
        (timedelta(0), "Today"),
        (timedelta(hours=12), "Today"),
        (timedelta(hours=12, seconds=1), "Yesterday"),
        (timedelta(hours=36), "Yesterday"),
        (timedelta(hours=36, seconds=1), "Feb. 27, 2026"),
    ],
)
def test_the_day(passed: timedelta, words: str) -> None:
    assert day(NOW - passed, NOW) == words


def test_the_day_is_that_of_the_reader() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone.utc)

    with override("Asia/Tokyo"), translation.override("de"):
        here = localtime(NOW + timedelta(days=9))
        assert day(late, here) == "2. März 2026"
        assert exact(late, here) == "2. März 2026, 08:30 JST"


def test_the_exact_time_names_its_zone() -> None:
    assert exact(NOW - timedelta(hours=3), NOW) == "Today, 9 a.m. UTC"


def test_a_site_without_time_zones_has_none_to_name(settings: Any) -> None:
    settings.USE_TZ = False

    assert exact(datetime(2026, 2, 1, 12, 0), local_now()) == "Feb. 1, 2026, noon"


def test_a_day_ends_at_midnight() -> None:
    assert seconds_until_midnight(NOW) == 12 * 3600
    assert seconds_until_midnight(NOW.replace(hour=23, minute=59, second=58)) == 2


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"city": "Rome", "country": "Italy", "ip": "10.0.0.1"}, "Rome, Italy"),
        ({"country": "Italy"}, "Italy"),
        ({"ip": "81.2.69.142"}, "81.2.69.142"),
        ({"ip": "203.0.113.7"}, "203.0.113.7"),
        ({"ip": "2a02:ffc0::1"}, "2a02:ffc0::1"),
        ({"ip": "192.168.1.7"}, "Local network"),
        ({"ip": "127.0.0.1"}, "Local network"),
        ({"ip": "::1"}, "Local network"),
        ({"ip": "fd00::1"}, "Local network"),
        ({}, "Unknown location"),
    ],
)
def test_a_place(columns: dict[str, str], words: str) -> None:
    assert place(Session(**columns)) == words


# Countries in the reader's language. A stand-in for Babel, so that no test needs it.

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
    text._territories.cache_clear()
    yield
    text._territories.cache_clear()


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
    with translation.override(language):
        assert localized_country(ROME) == Place("IT", country, "Rome")


@pytest.mark.usefixtures("babel")
def test_a_country_that_is_not_known_stays_as_it_is() -> None:
    with translation.override("de"):
        assert localized_country(NOWHERE) == NOWHERE
        assert localized_country(Place("XK", "Kosovo", "")) == Place("XK", "Kosovo", "")


@pytest.mark.usefixtures("babel")
def test_a_language_is_read_once() -> None:
    for _ in range(3):
        with translation.override("de"):
            localized_country(ROME)
        with translation.override("en"):
            localized_country(ROME)
    assert Locale.asked == ["de"]


def test_without_babel_it_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    with translation.override("de"):
        assert localized_country(ROME) == ROME


def test_with_the_real_one() -> None:
    pytest.importorskip("babel")
    with translation.override("ja"):
        assert localized_country(ROME).country == "イタリア"
    with translation.override("pt-br"):
        assert localized_country(ROME).country == "Itália"


@pytest.mark.django_db
@pytest.mark.usefixtures("babel")
def test_the_list_shows_it(alice: Any, laptop: Browser, settings: Any) -> None:
    (row,) = sessions_for(alice, 1)
    Session.objects.filter(pk=row.pk).update(country_code="IT", country="Italy", city="Rome")
    laptop.sign_in(alice)
    assert "<bdi>Rome, Italy</bdi>" in row_in(laptop.get(LIST), row)

    settings.LANGUAGE_CODE = "de"
    assert "Italien" in row_in(laptop.get(LIST), row)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Work\t\n laptop ", "Work laptop"),
        ("<b>Tom & Ann</b>", "<b>Tom & Ann</b>"),
        ("\u202elaptop\u2066\u200e", "laptop"),
        ("a\0b\x1b[31m\ud800", "ab[31m"),
        ("a \u202e b", "a b"),
        # Persian, and an emoji of several characters.
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u200d \u200c", ""),
        ("", ""),
        ("x" * 10_000, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_a_name_as_it_is_stored(typed: str, stored: str) -> None:
    assert text.clean_name(typed) == stored


def test_a_full_name_tells_sessions_apart() -> None:
    assert text.full_name("", "Chrome") == "Chrome"
    assert text.full_name("", "Chrome", "Bern") == "Chrome (Bern)"
    assert text.full_name("Work", "Chrome", "Bern") == "Work (Chrome, Bern)"


def test_every_reason_but_ones_own_sign_out_is_told() -> None:
    assert {*text.SIGNED_OUT_BECAUSE} == {*Reason} - {Reason.SIGNED_OUT}


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (None, "because you had not been active for a while."),
        (f"{__name__}.limit_of", "because you had not been active for a while."),
        (59, "because you had not been active for a while."),
        (60, "after 1 minute without activity."),
        (90, "after 1 minute without activity."),
        (1800, "after 30 minutes without activity."),
        (3600, "after 1 hour without activity."),
        (5400, "after 90 minutes without activity."),
        (43200, "after 12 hours without activity."),
    ],
)
def test_who_was_idle_is_told_for_how_long(settings: Any, limit: Any, words: str) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = limit
    assert signed_out_because(Reason.IDLE.value) == f"You were signed out {words}"


def limit_of(user: Any) -> int:
    raise AssertionError("Nobody is signed in whose limit this could be.")


def test_other_reasons_do_not_depend_on_the_timeout(settings: Any) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = 1800
    assert signed_out_because(Reason.EXPIRED.value) == "Your session has expired."
    assert signed_out_because(Reason.SIGNED_OUT.value) == signed_out_because("") == ""


@pytest.mark.parametrize(
    ("left", "words", "change"),
    [
        (timedelta(seconds=-5), "in 1 minute", 0),
        (timedelta(seconds=30), "in 1 minute", 30),
        (timedelta(seconds=119), "in 1 minute", 59),
        (timedelta(minutes=25, seconds=30), "in 25 minutes", 30),
        (timedelta(hours=1), "in 1 hour", 0),
        (timedelta(hours=5, minutes=10), "in 5 hours", 600),
        (timedelta(days=1, hours=2), "in 1 day", 7200),
        (timedelta(days=14), "in 14 days", 0),
    ],
)
def test_when_an_idle_session_ends(left: timedelta, words: str, change: float) -> None:
    assert idle_end(NOW + left, NOW) == f"{words} without activity"
    assert seconds_until_idle_end_changes(NOW + left, NOW) == change
