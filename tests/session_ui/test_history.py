"""What has ended, as the page shows it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from session_backend.models import PastSession, Session
from session_ui.history import SIZE
from tests.browsers import make_user
from tests.session_ui.helpers import (
    HTMX,
    LIST,
    OTHERS,
    POLL,
    Browser,
    captured,
    revoke,
    sessions_for,
    text_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]

TITLE = "Signed out recently"
SHOWN: dict[str, Any] = {"session-history-page": "1"}


def past_in(response: Any) -> list[str]:
    """The text of each past session."""
    found = re.findall(r'<li class="sui-past-session">(.*?)</li>', text_of(response), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", html).split()) for html in found]


def history_statements(queries: Any) -> list[str]:
    return [query["sql"] for query in queries if PastSession._meta.db_table in query["sql"]]


@pytest.fixture
def browser(alice: Any, laptop: Browser) -> Browser:
    return laptop.sign_in(alice)


@pytest.fixture
def past(alice: Any) -> list[PastSession]:
    """More than a page of sessions that ended one, two, three days ago."""
    Session.objects.filter(pk__in=[row.pk for row in sessions_for(alice, SIZE + 3)]).revoke()
    rows = list(PastSession.objects.all())
    for days, row in enumerate(rows, start=1):
        row.ended_at = timezone.now() - timedelta(days=days)
        row.city = f"City {days}"
    PastSession.objects.bulk_update(rows, ["ended_at", "city"])
    return rows


def test_a_session_says_what_where_when_and_why(browser: Browser, alice: Any) -> None:
    (row,) = sessions_for(alice, 1, name="<Phone>", city="Bern")
    moment = timezone.now() - timedelta(days=1)
    Session.objects.filter(pk=row.pk).update(created_at=moment)
    row.revoke(by=alice)

    (found,) = past_in(browser.get(LIST))
    assert found.startswith("&lt;Phone&gt; Safari on iPhone · Bern Signed out from another device")
    assert re.search(r"Yesterday \N{EN DASH} Today, .* UTC$", found)


@pytest.mark.parametrize(
    ("who", "reason", "words"),
    [
        ("staff", "", "Signed out by an administrator"),
        ("alice", "expired", "Expired"),
        ("alice", "password_changed", "The password was changed"),
        ("alice", "signed_out", "Signed out"),
    ],
)
def test_the_reasons(browser: Browser, alice: Any, who: str, reason: str, words: str) -> None:
    (row,) = sessions_for(alice, 1)
    row.revoke(by=alice if who == "alice" else make_user(who), reason=reason)

    (found,) = past_in(browser.get(LIST))
    assert f"2.125.0.1 {words} Today" in found


def test_a_session_of_one_day_has_one_date(browser: Browser, alice: Any) -> None:
    (row,) = sessions_for(alice, 1)
    row.revoke()

    (found,) = past_in(browser.get(LIST))
    assert re.search(r"device Today, [^\N{EN DASH}]+ UTC$", found)


def test_an_impersonator_is_named(browser: Browser, alice: Any) -> None:
    (row,) = sessions_for(alice, 1, impersonator="Jane")
    row.revoke()

    assert past_in(browser.get(LIST))[0].startswith("Support (Jane) Safari on iPhone")


def test_only_the_visitors_own_sessions_are_shown(browser: Browser) -> None:
    sessions_for(make_user("bob"), 1)[0].revoke()

    page = browser.get(LIST)
    assert past_in(page) == []
    assert TITLE in text_of(page)
    assert "Nothing yet." in text_of(page)


def test_an_address_is_shown_where_one_is_stored(browser: Browser, alice: Any) -> None:
    for row in sessions_for(alice, 1, ip=None):
        row.revoke()

    assert "Unknown location" in past_in(browser.get(LIST))[0]


def test_it_is_read_by_one_statement_and_pages_are_links(
    browser: Browser, past: list[PastSession]
) -> None:
    with captured() as queries:
        first = browser.get(f"{LIST}?tab=1&session-sort=device")
    (sql,) = history_statements(queries)
    assert "COUNT" not in sql
    assert [re.search(r"City \d+", text)[0] for text in past_in(first)] == [  # type: ignore[index]
        f"City {number}" for number in range(1, SIZE + 1)
    ]
    (href,) = re.findall(r'<a href="([^"]*)"[^>]* rel="next"', text_of(first))
    assert href == (
        f"{LIST}?tab=1&amp;session-sort=device&amp;session-history-page=2#session-history"
    )

    second = browser.get(href.replace("&amp;", "&"))
    assert len(past_in(second)) == 3
    html = text_of(second)
    assert 'rel="next"' not in html
    assert "session-history-page=1#session-history" in html
    # The links of the list leave the history where it is.
    assert "session-history-page=2&amp;session-sort=location#session-list" in html


@pytest.mark.parametrize("number", ["9", "9" * 30])
def test_past_the_last_page_there_is_a_way_back(
    browser: Browser, past: list[PastSession], number: str
) -> None:
    page = browser.get(LIST, {"session-history-page": number})
    assert past_in(page) == []
    assert "session-history-page=1#session-history" in text_of(page)


@pytest.mark.parametrize("number", ["", "x", "-3", "1.5", "9" * 5000])
def test_nonsense_is_the_first_page(browser: Browser, past: list[PastSession], number: str) -> None:
    assert len(past_in(browser.get(LIST, {"session-history-page": number}))) == SIZE


def test_what_is_too_old_is_not_shown(browser: Browser, past: list[PastSession]) -> None:
    old = timezone.now() - timedelta(days=31)
    PastSession.objects.exclude(pk=past[1].pk).update(ended_at=old)

    (found,) = past_in(browser.get(LIST))
    assert "City 2 " in found


def test_a_site_without_a_history_has_no_section(
    browser: Browser, past: list[PastSession], settings: Any
) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    with captured() as queries:
        page = browser.get(LIST)

    assert history_statements(queries) == []
    assert TITLE not in text_of(page)


def test_a_poll_reads_no_history(browser: Browser, past: list[PastSession]) -> None:
    with captured() as queries:
        browser.get(POLL, SHOWN, headers=HTMX)

    assert history_statements(queries) == []


class TestAnswer:
    def test_a_sign_out_brings_it_to_a_page_that_has_it(self, browser: Browser, alice: Any) -> None:
        (row,) = sessions_for(alice, 1)
        answer = revoke(browser, row, **SHOWN)

        assert text_of(answer).count('<div id="session-history" hx-swap-oob="innerHTML">') == 1
        assert len(past_in(answer)) == 1
        # Its links lead to the page that the list is on.
        assert "/host/" not in "".join(past_in(answer))

    def test_so_does_one_of_all_others(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 2)

        assert len(past_in(browser.post(OTHERS, SHOWN, headers=HTMX))) == 2

    def test_it_keeps_the_page(self, browser: Browser, alice: Any, past: list[PastSession]) -> None:
        *_, row = sessions_for(alice, SIZE + 4)
        answer = revoke(browser, row, **{**SHOWN, "session-history-page": "2"})

        assert len(past_in(answer)) == 4
        assert "/host/?tab=security&amp;session-history-page=1#session-history" in text_of(answer)

    def test_not_to_one_that_has_none(self, browser: Browser, alice: Any) -> None:
        (row,) = sessions_for(alice, 1)
        with captured() as queries:
            answer = revoke(browser, row)

        assert "session-history" not in text_of(answer)
        assert [sql for sql in history_statements(queries) if sql.startswith("SELECT")] == []

    def test_not_where_none_is_kept(self, browser: Browser, alice: Any, settings: Any) -> None:
        settings.SESSION_BACKEND_HISTORY_DAYS = 0
        (row,) = sessions_for(alice, 1)

        assert "session-history" not in text_of(revoke(browser, row, **SHOWN))
