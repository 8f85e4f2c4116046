from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.utils import translation
from django.utils.timezone import override

from session_ui.times import ago, day, exact

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
