from __future__ import annotations

import re
from typing import Any

import pytest

from session_backend.models import Session
from session_ui.listing import COUNT_KEY, SessionList
from tests.session_ui.helpers import (
    HTMX,
    LIST,
    POLL,
    Browser,
    captured,
    rows_in,
    session_statements,
    sessions_for,
    text_of,
    value_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]


def hrefs(response: Any) -> dict[str, tuple[str, str]]:
    """The two addresses, plain and htmx's, of each link in the list, by its id."""
    pattern = r'<a href="([^"]*)" id="session-([^"]*)"[^>]* hx-get="([^"]*)"'
    found = re.findall(pattern, text_of(response).replace("&amp;", "&"))
    return {name: (href, url) for href, name, url in found}


class TestOrder:
    @pytest.fixture
    def browser(self, alice: Any, laptop: Browser) -> Browser:
        """One of three: Chrome, here and now; Safari in Japan; Opera in Brazil, long ago."""
        laptop.sign_in(alice)
        safari, opera = sessions_for(alice, 2)
        of_old = laptop.row.created_at.replace(year=2020)
        Session.objects.filter(pk=safari.pk).update(country="Japan")
        Session.objects.filter(pk=opera.pk).update(
            browser="Opera", country="Brazil", created_at=of_old, last_activity=of_old
        )
        return laptop

    def names(self, response: Any) -> list[str]:
        return [Session.objects.get(pk=digest).browser for digest in rows_in(response)]

    @pytest.mark.parametrize(
        ("sort", "names"),
        [
            ("", ["Chrome", "Safari", "Opera"]),
            ("device", ["Chrome", "Opera", "Safari"]),
            ("-device", ["Safari", "Opera", "Chrome"]),
            ("location", ["Chrome", "Opera", "Safari"]),
            ("created_at", ["Opera", "Chrome", "Safari"]),
            ("last_activity", ["Opera", "Safari", "Chrome"]),
            ("-last_activity", ["Chrome", "Safari", "Opera"]),
        ],
    )
    def test_a_column_sorts_all_rows(self, browser: Browser, sort: str, names: list[str]) -> None:
        assert self.names(browser.get(LIST, {"session-sort": sort})) == names

    @pytest.mark.parametrize(
        "sort", ["action", "session_key", "nonsense", "-", "--device", "user__password", "\0"]
    )
    def test_what_is_no_column_sorts_nothing(self, browser: Browser, sort: str) -> None:
        page = browser.get(LIST, {"session-sort": sort})

        assert self.names(page) == ["Chrome", "Safari", "Opera"]
        assert value_in(page, "session-sort") == ""

    def test_one_column_is_enough(self, browser: Browser) -> None:
        page = browser.get(LIST, {"session-sort": "device," * 1500})

        assert value_in(page, "session-sort") == "device"

    def test_the_heading_says_how_and_turns_it_round(self, browser: Browser) -> None:
        page = text_of(browser.get(LIST, {"session-sort": "device"}))
        assert re.findall(r'<th class="sui-cell sui-(\w+)[^>]*aria-sort="(\w+)"', page) == [
            ("device", "ascending")
        ]
        assert 'href="?session-sort=-device"' in page

        page = text_of(browser.get(LIST))
        assert re.findall(r'<th class="sui-cell sui-(\w+)[^>]*aria-sort="(\w+)"', page) == [
            ("last_activity", "descending")
        ]
        assert 'href="?session-sort=last_activity"' in page
        assert 'href="?session-sort=-created_at"' in page


class TestPages:
    @pytest.fixture(autouse=True)
    def _two_rows_a_page(self, settings: Any) -> None:
        settings.SESSION_UI_PAGE_SIZE = 2

    def test_every_row_is_on_one_page(self, alice: Any, laptop: Browser) -> None:
        rows = sessions_for(alice, 4)
        laptop.sign_in(alice)

        pages = [rows_in(laptop.get(LIST, {"session-page": n})) for n in (1, 2, 3)]
        assert pages == [
            [laptop.row.pk, rows[0].pk],
            [rows[1].pk, rows[2].pk],
            [rows[3].pk],
        ]

    def test_rows_that_tie_keep_their_places(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 7)
        laptop.sign_in(alice)

        pages = [
            rows_in(laptop.get(LIST, {"session-page": n, "session-sort": "device"}))
            for n in (1, 2, 3, 4)
        ]
        assert len({key for page in pages for key in page}) == 8

    def test_a_list_of_one_page_has_no_pages(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 1)

        assert "sui-pagination" not in text_of(laptop.sign_in(alice).get(LIST))

    def test_the_links_skip_what_is_far(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 19)
        page = laptop.sign_in(alice).get(LIST, {"session-page": "5"})

        labels = re.findall(r"<li[^>]*><(?:a|span)[^>]*>([^<]*)<", text_of(page))
        assert labels == ["1", "…", "4", "5", "6", "…", "10"]
        assert '<span class="sui-page-link" aria-current="page">5</span>' in text_of(page)
        assert [name for name in hrefs(page) if name.startswith("page-")] == [
            "page-1",
            "page-4",
            "page-6",
            "page-10",
        ]

    def test_links_keep_what_the_page_was_asked_for(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 4)
        query = "tab=a%26b&tab=c&ver=1&session-page=2&session-sort=device"
        links = hrefs(laptop.sign_in(alice).get(f"/host/?{query}"))

        kept = "?tab=a%26b&tab=c&session-sort="
        assert links["page-1"] == (f"{kept}device", f"{LIST}?session-sort=device")
        assert links["page-3"] == (
            f"{kept}device&session-page=3",
            f"{LIST}?session-sort=device&session-page=3",
        )
        assert links["by-device"] == (f"{kept}-device", f"{LIST}?session-sort=-device")

    def test_links_of_a_part_are_those_of_the_page_it_is_in(
        self, alice: Any, laptop: Browser
    ) -> None:
        sessions_for(alice, 4)
        query = {"ver": "x", "session-page": "2", "session-sort": ""}
        answer = laptop.sign_in(alice).get(POLL, query, headers=HTMX)

        assert hrefs(answer)["page-3"] == (
            "?tab=security&session-page=3",
            f"{LIST}?session-page=3",
        )
        assert value_in(answer, "next") == "/host/?tab=security"

    def test_a_link_to_the_first_page_has_nothing_to_say(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 2)
        page = laptop.sign_in(alice).get(LIST, {"session-page": "2"})

        assert hrefs(page)["page-1"] == ("?", f"{LIST}?")

    def test_big_numbers_are_no_words(self, alice: Any, laptop: Browser, settings: Any) -> None:
        settings.USE_THOUSAND_SEPARATOR = True
        settings.SESSION_UI_PAGE_SIZE = 1
        settings.SESSION_UI_POLL_INTERVAL = 3600
        sessions_for(alice, 1200)
        page = laptop.sign_in(alice).get(LIST, {"session-page": "1100"})

        assert value_in(page, "session-page") == "1100"
        assert re.findall(r'name="session-page" value="([^"]*)"', text_of(page)) == ["1100"] * 3
        assert 'hx-trigger="every 3600s, ' in text_of(page)
        assert ">1,201</span>" in text_of(page)


def test_a_visitor_without_a_session_of_ours_may_look(alice: Any, laptop: Browser, rf: Any) -> None:
    sessions_for(alice, 2)
    request = rf.get(LIST)
    request.user, request.session = alice, type(laptop.session)()
    listing = SessionList(request)

    assert listing.current_key is None
    assert (listing.count, listing.others) == (2, 2)
    assert [row.is_current for row in listing.table.page.object_list] == [False, False]
    assert listing.get_queryset().others(listing.current_key).count() == 2


@pytest.mark.parametrize(("template", "counts"), [("badge, list, badge", 2), ("list, badge", 1)])
def test_badges_count_once_and_not_after_a_list(
    alice: Any, laptop: Browser, template: str, counts: int
) -> None:
    request = laptop.sign_in(alice).get(LIST).wsgi_request
    del request.META[COUNT_KEY]
    with captured() as queries:
        for part in template.split(", "):
            listing = SessionList(request)
            assert (listing.quick_count if part == "badge" else listing.count) == 1

    assert len(session_statements(queries)) == counts
