from __future__ import annotations

import re
from datetime import timedelta
from time import time
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from session_backend.binding.state import Binding
from session_backend.models import Session
from session_ui.sessions import COUNT_KEY, LeanPaginator, SessionList, Version
from tests.browsers import make_user
from tests.session_ui.helpers import (
    HTMX,
    LIST,
    POLL,
    Browser,
    bind,
    captured,
    mark_new,
    revoke,
    row_in,
    rows_in,
    session_statements,
    sessions_for,
    text_of,
    value_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]


MARK = ">New</span>"
BOUND = ">Bound to its device</span>"


def updates(queries: Any) -> int:
    """How many statements changed a mark."""
    return sum(
        sql.startswith("UPDATE") and "new_until" in sql for sql in session_statements(queries)
    )


def hrefs(response: Any) -> dict[str, str]:
    """The addresses of the links in the list, by their ids."""
    pattern = r'<a href="([^"]*)" id="session-([^"]*)"'
    found = re.findall(pattern, text_of(response).replace("&amp;", "&"))
    return {name: href for href, name in found}


class TestBound:
    """The badge says which sessions a copied cookie does not open."""

    def test_only_where_it_is_so(
        self, alice: Any, laptop: Browser, phone: Browser, settings: Any
    ) -> None:
        laptop.sign_in(alice)
        bind(phone.sign_in(alice).row)
        assert BOUND not in text_of(laptop.get(LIST))

        settings.SESSION_BACKEND_BINDING = "offer"
        assert BOUND in row_in(laptop.get(LIST), phone.row)
        assert BOUND not in row_in(laptop.get(LIST), laptop.row)

    def test_not_before_a_key_is_registered(
        self, alice: Any, laptop: Browser, settings: Any
    ) -> None:
        settings.SESSION_BACKEND_BINDING = "offer"
        laptop.sign_in(alice)
        Session.objects.update(binding=str(Binding("id").challenged()))
        assert BOUND not in text_of(laptop.get(LIST))


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
        return [Session.objects.get(public_id=found).browser for found in rows_in(response)]

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
        assert 'href="/account/sessions/?session-sort=-device#session-list"' in page

        page = text_of(browser.get(LIST))
        assert re.findall(r'<th class="sui-cell sui-(\w+)[^>]*aria-sort="(\w+)"', page) == [
            ("last_activity", "descending")
        ]
        assert 'href="/account/sessions/?session-sort=last_activity#session-list"' in page
        assert 'href="/account/sessions/?session-sort=-created_at#session-list"' in page


class TestPages:
    @pytest.fixture(autouse=True)
    def _two_rows_a_page(self, settings: Any) -> None:
        settings.SESSION_UI_PAGE_SIZE = 2

    def test_every_row_is_on_one_page(self, alice: Any, laptop: Browser) -> None:
        rows = sessions_for(alice, 4)
        laptop.sign_in(alice)

        pages = [rows_in(laptop.get(LIST, {"session-page": n})) for n in (1, 2, 3)]
        assert pages == [
            [laptop.row.public_id, rows[0].public_id],
            [rows[1].public_id, rows[2].public_id],
            [rows[3].public_id],
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

    @pytest.mark.parametrize(
        ("page", "words", "links"),
        [
            (1, "1\N{EN DASH}2 of 5", ["next"]),
            (2, "3\N{EN DASH}4 of 5", ["previous", "next"]),
            (3, "5\N{EN DASH}5 of 5", ["previous"]),
        ],
    )
    def test_it_says_which_rows_these_are(
        self, alice: Any, laptop: Browser, page: int, words: str, links: list[str]
    ) -> None:
        sessions_for(alice, 4)
        shown = laptop.sign_in(alice).get(LIST, {"session-page": page})

        assert words in text_of(shown)
        assert [name for name in hrefs(shown) if name in ("previous", "next")] == links

    def test_links_keep_what_the_page_was_asked_for(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 4)
        query = "tab=a%26b&tab=c&ver=1&session-page=2&session-sort=device&session-open=x"
        links = hrefs(laptop.sign_in(alice).get(f"/host/?{query}"))

        kept = "/host/?tab=a%26b&tab=c&session-sort="
        assert links["previous"] == f"{kept}device#session-list"
        assert links["next"] == f"{kept}device&session-page=3#session-list"
        assert links["by-device"] == f"{kept}-device#session-list"

    def test_links_of_a_part_are_those_of_the_page_it_is_in(
        self, alice: Any, laptop: Browser
    ) -> None:
        sessions_for(alice, 4)
        query = {"ver": "x", "session-page": "2", "session-sort": ""}
        answer = laptop.sign_in(alice).get(POLL, query, headers=HTMX)

        assert hrefs(answer)["next"] == "/host/?tab=security&session-page=3#session-list"
        assert value_in(answer, "next") == "/host/?tab=security"

    def test_a_link_to_the_first_page_has_nothing_to_say(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 2)
        page = laptop.sign_in(alice).get(LIST, {"session-page": "2"})

        assert hrefs(page)["previous"] == f"{LIST}#session-list"

    def test_big_numbers_are_no_words(self, alice: Any, laptop: Browser, settings: Any) -> None:
        settings.USE_THOUSAND_SEPARATOR = True
        settings.SESSION_UI_PAGE_SIZE = 1
        settings.SESSION_UI_POLL_INTERVAL = 3600
        sessions_for(alice, 1200)
        page = laptop.sign_in(alice).get(LIST, {"session-page": "1100"})

        assert value_in(page, "session-page") == "1100"
        assert re.search(r'data-since="\d+"', text_of(page))
        assert 'hx-trigger="every 3600s, ' in text_of(page)
        assert ">1,201</span>" in text_of(page)
        assert "1,100\N{EN DASH}1,100 of 1,201" in text_of(page)


def test_a_visitor_without_a_session_of_ours_may_look(alice: Any, laptop: Browser, rf: Any) -> None:
    sessions_for(alice, 2)
    request = rf.get(LIST)
    request.user, request.session = alice, type(laptop.session)()
    listing = SessionList(request)

    assert listing.current_key is None
    assert (listing.count, listing.others) == (2, 2)
    assert [row.is_current for row in listing.table.sessions] == [False, False]
    assert listing.get_queryset().others(listing.current_key).count() == 2


@pytest.mark.parametrize(("parts", "counts"), [("badge list badge", 2), ("list badge", 1)])
def test_badges_count_once_and_not_after_a_list(
    alice: Any, laptop: Browser, parts: str, counts: int
) -> None:
    request = laptop.sign_in(alice).get(LIST).wsgi_request
    del request.META[COUNT_KEY]
    with captured() as queries:
        for part in parts.split():
            listing = SessionList(request)
            if part == "list":
                listing.get_table()
            assert listing.count == 1

    assert len(session_statements(queries)) == counts


class TestGroups:
    """Sessions that would read the same are one row, which opens."""

    @pytest.fixture
    def equal(self, alice: Any) -> list[Session]:
        *equal, other = sessions_for(alice, 4, city="Rome", country="Italy")
        Session.objects.filter(pk=other.pk).update(city="Oslo")
        return equal

    def test_they_are_one_row(self, alice: Any, laptop: Browser, equal: list[Session]) -> None:
        page = laptop.sign_in(alice).get(LIST)

        assert len(rows_in(page)) == 2
        html = text_of(page)
        assert f'id="session-open-group-{equal[0].public_id}"' in html
        assert "3 sessions</span>" in html
        ids = ",".join(str(session.public_id) for session in equal)
        assert f'name="session" value="{ids}"' in html
        assert 'aria-label="Sign out Safari on iPhone (Rome, Italy, 3 sessions)"' in html
        assert 'data-question="Sign out 3 sessions of Safari on iPhone?"' in html

    @pytest.mark.parametrize("member", [0, 2])
    def test_it_opens(self, alice: Any, laptop: Browser, equal: list[Session], member: int) -> None:
        laptop.sign_in(alice)
        group = f"group-{equal[member].public_id}"
        page = laptop.get(LIST, {"session-open": group})
        assert {session.public_id for session in equal} <= {*rows_in(page)}
        assert f'href="{LIST}?session-open=#session-open-group-' in text_of(page)

        # A session of it opens too, and closes to the group.
        page = laptop.get(LIST, {"session-open": str(equal[1].public_id)})
        assert {session.public_id for session in equal} <= {*rows_in(page)}
        assert text_of(page).count("<dl") == 1
        assert f'href="{LIST}?session-open=group-{equal[0].public_id}#session-' in text_of(page)

    def test_one_button_signs_all_of_them_out(
        self, alice: Any, laptop: Browser, equal: list[Session]
    ) -> None:
        laptop.sign_in(alice)

        answer = revoke(laptop, *equal)
        assert "3 sessions have been signed out." in text_of(answer)
        assert Session.objects.count() == 2

    def test_the_current_session_is_never_in_a_group(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        Session.objects.filter(pk=laptop.row.pk).update(ip="10.0.0.1")
        twin = laptop.row
        twin.pk, twin.public_id = "f" * 40, uuid4()
        twin.save(force_insert=True)

        assert rows_in(laptop.get(LIST)) == [laptop.row.public_id, twin.public_id]


class TestNew:
    """A device that has not signed in before is marked until the person has seen it."""

    @pytest.fixture
    def row(self, alice: Any) -> Session:
        (row,) = sessions_for(alice, 1)
        mark_new(row)
        return row

    def minutes_left(self, row: Session) -> float:
        row.refresh_from_db()
        assert row.new_until
        return (row.new_until - timezone.now()).total_seconds() / 60

    def test_it_is_marked(self, alice: Any, laptop: Browser, row: Session) -> None:
        laptop.sign_in(alice)
        assert MARK in row_in(laptop.get(LIST), row)
        mark_new(row, seconds=-1)
        assert MARK not in text_of(laptop.get(LIST))

    def test_a_device_that_signs_in(self, alice: Any, laptop: Browser, phone: Browser) -> None:
        laptop.sign_in(alice)
        phone.sign_in(alice)

        assert MARK in row_in(laptop.get(LIST), phone.row)
        # Not where it is the one that looks, nor is that a look.
        assert MARK not in text_of(phone.get(LIST))

    def test_its_own_look_is_none(self, alice: Any, laptop: Browser) -> None:
        row = laptop.sign_in(alice).row
        mark_new(row)
        laptop.get(LIST)

        assert self.minutes_left(row) > 60

    def test_a_look_leaves_ten_minutes(self, alice: Any, laptop: Browser, row: Session) -> None:
        laptop.sign_in(alice)
        (old,) = sessions_for(make_user("bob"), 1)
        mark_new(old)
        with captured() as queries:
            page = laptop.get(LIST)
        assert updates(queries) == 1
        assert 9 < self.minutes_left(row) <= 10
        assert self.minutes_left(old) > 60
        # The list that is open has to look again by then.
        mark_new(row, seconds=5)
        page = laptop.get(LIST)
        until = Version.parse(value_in(page, "ver")).until
        assert row_in(page, row).count(MARK) == 1
        assert until <= timezone.now().timestamp() + 5

        # A mark that is about to go is left alone.
        left = self.minutes_left(row)
        with captured() as queries:
            laptop.get(LIST)
        assert updates(queries) == 0
        assert self.minutes_left(row) <= left

    def test_after_a_look_a_poll_finds_nothing_changed(
        self, alice: Any, laptop: Browser, row: Session
    ) -> None:
        known = {"ver": value_in(laptop.sign_in(alice).get(LIST), "ver")}

        with captured() as queries:
            assert laptop.get(POLL, known, headers=HTMX).status_code == 204
        assert len(session_statements(queries)) == 1

    def test_a_poll_is_no_look(self, alice: Any, laptop: Browser, row: Session) -> None:
        laptop.sign_in(alice)
        assert MARK in row_in(laptop.get(POLL, headers=HTMX), row)

        assert self.minutes_left(row) > 60

    def test_the_block_on_another_page_is_one(
        self, alice: Any, laptop: Browser, row: Session, settings: Any
    ) -> None:
        settings.ROOT_URLCONF = "tests.session_ui.pages"
        laptop.sign_in(alice)
        laptop.get("/pieces/")
        assert self.minutes_left(row) > 60
        laptop.get("/host/")
        assert self.minutes_left(row) <= 10

    def test_a_look_by_someone_elses_hands_is_none(
        self, alice: Any, laptop: Browser, row: Session
    ) -> None:
        laptop.sign_in(alice)
        Session.objects.filter(pk=laptop.row.pk).update(impersonator="Jane")
        laptop.get(LIST)

        assert self.minutes_left(row) > 60

    def test_a_group_is_new_if_one_of_it_is(self, alice: Any, laptop: Browser) -> None:
        *_, row = sessions_for(alice, 3, ip="2.125.0.9")
        mark_new(row)
        page = laptop.sign_in(alice).get(LIST)

        assert "3 sessions</span>" in text_of(page)
        assert text_of(page).count(MARK) == 1
        assert self.minutes_left(row) <= 10

    def test_a_name_keeps_sessions_apart(self, alice: Any, laptop: Browser) -> None:
        rows = sessions_for(alice, 3, ip="2.125.0.9")
        Session.objects.filter(pk=rows[0].pk).update(name="Phone")

        html = text_of(laptop.sign_in(alice).get(LIST))
        assert "2 sessions</span>" in html
        assert '<bdi class="sui-device-name">Phone</bdi>' in html


def test_a_row_opens_to_what_is_known_of_it(alice: Any, laptop: Browser) -> None:
    (row,) = sessions_for(alice, 1, user_agent="<Safari>")
    page = text_of(laptop.sign_in(alice).get(LIST))
    assert f'href="{LIST}?session-open={row.public_id}#session-open-{row.public_id}"' in page
    assert "<dl" not in page

    page = text_of(laptop.get(LIST, {"session-open": str(row.public_id)}))
    for words in (str(row.ip), "Today, ", "&lt;Safari&gt;", 'aria-expanded="true"'):
        assert words in page
    assert f'href="{LIST}?session-open=#session-open-{row.public_id}"' in page
    Session.objects.filter(pk=row.pk).update(ip=None, user_agent="")
    page = text_of(laptop.get(LIST, {"session-open": str(row.public_id)}))
    assert page.count("<dt>") == 3


class TestEnds:
    """When sessions end by themselves, and that the list knows in time."""

    LABEL = "Signs out automatically"

    def details(self, browser: Browser, session: Session) -> str:
        page = text_of(browser.get(LIST, {"session-open": str(session.public_id)}))
        return page.split('<dl class="sui-details">')[1].split("</dl>")[0]

    def end(self, session: Session, **left: float) -> None:
        moment = timezone.now() + timedelta(**left)
        Session.objects.filter(pk=session.pk).update(idle_expires_at=moment)

    def test_without_a_timeout_nothing_is_said(self, alice: Any, laptop: Browser) -> None:
        (row,) = sessions_for(alice, 1)
        details = self.details(laptop.sign_in(alice), row)
        assert self.LABEL not in details
        assert "Expires" in details

    def test_an_idle_timeout(self, alice: Any, laptop: Browser) -> None:
        (row,) = sessions_for(alice, 1)
        self.end(row, minutes=25, seconds=30)
        details = self.details(laptop.sign_in(alice), row)
        assert f"{self.LABEL}</dt><dd>in 25 minutes without activity</dd></div>" in details
        assert "Expires" in details

    def test_an_absolute_timeout(self, alice: Any, laptop: Browser, settings: Any) -> None:
        settings.SESSION_BACKEND_ABSOLUTE_TIMEOUT = 3600
        (row,) = sessions_for(alice, 1)
        end = timezone.now().replace(year=2030, month=5, day=3, hour=17, minute=5)
        Session.objects.filter(pk=row.pk).update(expire_date=end)
        details = self.details(laptop.sign_in(alice), row)
        assert "<dd>May 3, 2030, 5:05 p.m. UTC at the latest</dd></div>" in details
        assert "Expires" not in details

        self.end(row, hours=2, minutes=1)
        details = self.details(laptop, row)
        assert "<dd>in 2 hours without activity</dd><dd>May 3, 2030" in details

    def poll(self, browser: Browser, page: Any, **more: str) -> Any:
        return browser.get(POLL, {"ver": value_in(page, "ver"), **more}, headers=HTMX)

    @pytest.mark.parametrize("column", ["idle_expires_at", "expire_date"])
    def test_a_row_whose_time_has_passed_is_gone_at_the_next_poll(
        self, alice: Any, laptop: Browser, column: str
    ) -> None:
        first, second = sessions_for(alice, 2)
        self.end(first, seconds=1)
        page = laptop.sign_in(alice).get(LIST)
        assert self.poll(laptop, page).status_code == 204
        assert first.public_id in rows_in(page)
        # Only time has passed: nothing is written by that, here it stands for waiting.
        Session.objects.filter(pk=first.pk).update(**{column: timezone.now()})

        assert rows_in(self.poll(laptop, page)) == [laptop.row.public_id, second.public_id]

    def test_the_words_of_an_open_row_are_renewed_in_time(
        self, alice: Any, laptop: Browser
    ) -> None:
        (row,) = sessions_for(alice, 1)
        laptop.sign_in(alice)
        for session in (row, laptop.row):
            self.end(session, minutes=25, seconds=5)
            opened = {"session-open": str(session.public_id)}
            page = laptop.get(LIST, opened)
            known = Version.parse(value_in(page, "ver"))
            assert time() - 1 < known.until <= time() + 5
            passed = known._replace(until=int(time()))
            self.end(session, minutes=24, seconds=59)
            answer = self.poll(laptop, page, ver=str(passed), **opened)
            assert "in 24 minutes without activity" in text_of(answer)

        # A row that is closed shows no such words.
        self.end(laptop.row, days=20)
        self.end(row, minutes=25, seconds=5)
        Session.objects.filter(pk=row.pk).update(last_activity=timezone.now())
        until = Version.parse(value_in(laptop.get(LIST), "ver")).until
        assert until > time() + 20


def test_a_version_is_text_and_back() -> None:
    version = Version("a1", "b2", 1800000000)
    assert str(version) == "a1_b2_1800000000"
    assert Version.parse(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "x", "a_b", "a_b_c", "a_b_-1", "a_b_1.5", "a_b_1_2", f"a_b_{'9' * 5000}", "_" * 9]
)
def test_nonsense_is_the_version_of_no_list(text: str) -> None:
    assert Version.parse(text) == Version("", "", 0)


@pytest.fixture
def users() -> QuerySet[Any]:
    model = get_user_model()
    model.objects.bulk_create(model(username=f"{number:02}") for number in range(7))
    return model.objects.order_by("username")


def names(paginator: LeanPaginator, number: int | str) -> list[str]:
    return [user.username for user in paginator.page(number)]


@pytest.mark.parametrize(
    ("size", "number", "shown", "statements"),
    [
        (7, 1, range(7), 1),
        (9, 1, range(7), 1),
        (3, 1, range(3), 2),
        (3, 3, [6], 1),
    ],
)
def test_a_count_is_asked_only_where_the_rows_leave_a_doubt(
    users: QuerySet[Any],
    django_assert_num_queries: DjangoAssertNumQueries,
    size: int,
    number: int,
    shown: Any,
    statements: int,
) -> None:
    paginator = LeanPaginator(users, size)

    with django_assert_num_queries(statements):
        assert names(paginator, number) == [f"{number:02}" for number in shown]
        assert paginator.count == 7


@pytest.mark.parametrize("number", ["4", "99", "9" * 30, "1" + "0" * 4999])
def test_past_the_last_page_is_the_last_page(users: QuerySet[Any], number: str) -> None:
    page = LeanPaginator(users, 3).page(number)

    expected = 1 if len(number) > 4300 else 3
    assert page.number == expected


@pytest.mark.parametrize("number", ["", "x", "-3", "0", "1.5"])
def test_nonsense_is_the_first_page(users: QuerySet[Any], number: str) -> None:
    assert LeanPaginator(users, 3).page(number).number == 1


def test_no_rows_are_one_empty_page(users: QuerySet[Any]) -> None:
    paginator = LeanPaginator(users.none(), 3)

    assert names(paginator, 5) == []
    assert (paginator.count, paginator.num_pages) == (0, 1)


def test_rows_that_go_in_between_leave_the_page_before(users: QuerySet[Any]) -> None:
    paginator = LeanPaginator(users, 3)
    assert paginator.page(1).paginator.num_pages == 3
    users.filter(username__gte="05").delete()

    assert paginator.page(3).number == 2
    assert paginator.count == 5
