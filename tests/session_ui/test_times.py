from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.utils import translation
from django.utils.timezone import override

from session_ui.times import ago, day, exact, lasts

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
    seconds = lasts(moment, NOW)
    assert 0 < seconds <= 24 * 3600
    just_before = NOW + timedelta(seconds=seconds - 0.001)
    assert ago(moment, just_before) == ago(moment, NOW)


@pytest.mark.parametrize(
    ("passed", "seconds"), [(0, 60), (59.75, 0.25), (90, 30), (5400, 1800), (90000, 82800)]
)
def test_for_how_long_the_words_last(passed: float, seconds: float) -> None:
    assert lasts(NOW - timedelta(seconds=passed), NOW) == seconds


def test_the_date_is_the_readers() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone.utc)

    with override("Asia/Tokyo"), translation.override("de"):
        assert day(late) == "2. März 2026"


def test_the_exact_time_names_its_zone() -> None:
    with override("Asia/Tokyo"):
        assert exact(NOW) == "March 1, 2026, 9 p.m. JST"


def test_a_site_without_time_zones_has_none_to_name(settings: Any) -> None:
    settings.USE_TZ = False

    assert exact(datetime(2026, 3, 1, 12, 0)) == "March 1, 2026, noon"
