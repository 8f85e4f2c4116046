"""What stands beside the list, or on a page without it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import engines
from django.test import RequestFactory

from session_backend.models import Session
from tests.session_ui.helpers import (
    LIST,
    REVOKE,
    Browser,
    captured,
    session_statements,
    sessions_for,
    text_of,
    value_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]

PIECES = ["this_device", "menu", "sign_out_others"]
PAGE = "/pieces/?tab=1"


@pytest.fixture
def browser(alice: Any, laptop: Browser) -> Browser:
    return laptop.sign_in(alice)


def rendered(name: str, request: Any, **context: Any) -> str:
    template = engines["django"].get_template(f"session_ui/{name}.html")
    return str(template.render(context, request))


def names_in(html: str) -> list[str]:
    return re.findall(r'<bdi class="sui-device-name">([^<]*)<', html)


@pytest.mark.parametrize("name", PIECES)
def test_it_is_nothing_for_a_visitor(rf: RequestFactory, name: str) -> None:
    request = rf.get("/")
    assert rendered(name, request).strip() == ""
    request.user = AnonymousUser()
    assert rendered(name, request).strip() == ""
    assert rendered(name, None).strip() == ""


@pytest.mark.parametrize(("name", "statements"), [("this_device", 1), ("menu", 2)])
def test_it_costs_little(browser: Browser, alice: Any, name: str, statements: int) -> None:
    sessions_for(alice, 5)
    request = browser.get(LIST).wsgi_request
    request.META.pop("session_ui.count")

    with captured() as queries:
        rendered(name, request)
    assert len(session_statements(queries)) == statements


def test_this_device_says_what_the_list_says(browser: Browser, alice: Any) -> None:
    sessions_for(alice, 1)
    Session.objects.filter(pk=browser.row.pk).update(city="Linköping", country="Sweden")
    html = rendered("this_device", browser.get(LIST).wsgi_request)

    assert names_in(html) == ["Chrome on Windows"]
    assert "This device" in html
    assert "Linköping, Sweden" in html
    assert browser.row.created_at.isoformat(timespec="seconds")[:19] in html


def test_this_device_is_nothing_when_its_session_is_gone(browser: Browser) -> None:
    request = browser.get(LIST).wsgi_request
    Session.objects.all().delete()

    assert rendered("this_device", request).strip() == ""


class TestMenu:
    def test_it_has_ones_own_and_the_latest(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 4)
        request = browser.get(LIST).wsgi_request
        Session.objects.filter(pk=browser.row.pk).update(last_activity="2020-01-01T00:00Z")

        html = rendered("menu", request)
        assert names_in(html) == ["Chrome on Windows", "Safari on iPhone", "Safari on iPhone"]
        assert html.count("This device") == 1
        assert re.findall(r">(\d+ minutes? ago)<", html) == ["1 minute ago", "2 minutes ago"]
        assert f'<a href="{LIST}">All devices <span class="session-count">5</span></a>' in html

    def test_its_length_is_the_sites(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 4)
        request = browser.get(LIST).wsgi_request

        assert len(names_in(rendered("menu", request, session_menu_size=5))) == 5
        assert len(names_in(rendered("menu", request, session_menu_size=1))) == 1


class TestSignOutOthers:
    def test_it_works_on_a_page_without_the_list(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 2)
        page = browser.get(PAGE)
        html = text_of(page)
        form = {name: value_in(page, name) for name in ("csrfmiddlewaretoken", "next")}

        assert f'<form method="post" action="{REVOKE}"' in html
        assert "hx-post" not in html
        assert form["next"] == PAGE
        answer = browser.post(REVOKE, {**form, "session": "others"})
        assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
        assert [row.pk for row in Session.objects.all()] == [browser.row.pk]
        after = text_of(browser.get(PAGE))
        assert "All other sessions have been signed out." in after
        assert "<form" not in after
        assert "not signed in anywhere else." in after

    def test_it_asks_first(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 1)

        assert 'data-question="Sign out all other sessions?"' in text_of(browser.get(PAGE))

    def test_it_reads_no_row(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 2)
        request = browser.get(LIST).wsgi_request

        with captured() as queries:
            rendered("sign_out_others", request)
        assert session_statements(queries) == []


def test_a_session_that_is_not_the_visitors_own_counts_among_the_others(
    browser: Browser, alice: Any
) -> None:
    """Signed in by something else than a session, as by a token."""
    from session_ui.sessions import SessionList

    sessions_for(alice, 2)
    request = browser.get(LIST).wsgi_request
    request.session = browser.session.__class__()

    listing = SessionList(request)
    assert listing.current is None
    assert listing.others == listing.count == 3
    assert len(listing.latest) == 3
