from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.template import engines
from django.test import RequestFactory
from django.utils import timezone

from session_backend.models import Session
from tests.browsers import make_user
from tests.docs.pages import DOCS, blocks
from tests.session_ui.helpers import (
    HTMX,
    LAPTOP,
    PHONE,
    SIGN_IN,
    Browser,
    captured,
    override,
    text_of,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.session_ui.pages"),
    pytest.mark.usefixtures("engine"),
]

PAGE = "/pieces/"
WATCH = "/account/sessions/watch/"
STAY = "/account/sessions/stay/"
REVOKE = "/account/sessions/revoke/"
TIMEOUT = 1800


@pytest.fixture
def browser(alice: Any, laptop: Browser, settings: Any) -> Browser:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = TIMEOUT
    return laptop.sign_in(alice)


def watched(browser: Browser) -> dict[str, str]:
    """What the page has for the script."""
    found = re.search('<div id="session-watch"[^>]*>', text_of(browser.get(PAGE)))
    assert found
    return {name: unescape(value) for name, value in re.findall(r'data-(\w+)="([^"]*)"', found[0])}


def idle_since(browser: Browser, seconds: float) -> None:
    """Have the session be unused for so long."""
    now = timezone.now()
    Session.objects.filter(pk=browser.row.pk).update(
        last_activity=now - timedelta(seconds=seconds),
        idle_expires_at=now + timedelta(seconds=TIMEOUT - seconds),
    )
    cache.clear()


def look(browser: Browser, url: str = WATCH) -> Any:
    return browser.get(url, headers=HTMX)


class TestTag:
    def test_it_says_what_to_ask_and_how_often(self, browser: Browser) -> None:
        data = watched(browser)

        assert data["url"].startswith(f"{WATCH}?user=")
        assert data["interval"] == "15"
        assert data["warning"] == "120"
        assert TIMEOUT - 60 < float(data["seconds"]) <= TIMEOUT
        assert look(browser, data["url"]).status_code == 200

    @pytest.mark.parametrize(
        ("timeout", "warning"), [(240, "120"), (180, "90.0"), (f"{__name__}.half_a_minute", "15.0")]
    )
    def test_it_asks_two_minutes_or_half_of_the_timeout_before(
        self, browser: Browser, settings: Any, timeout: Any, warning: str
    ) -> None:
        settings.SESSION_BACKEND_IDLE_TIMEOUT = timeout
        assert watched(browser)["warning"] == warning

    @pytest.mark.parametrize("timeout", [None, f"{__name__}.never"])
    def test_without_a_timeout_it_has_nothing_to_ask(
        self, browser: Browser, settings: Any, timeout: Any
    ) -> None:
        settings.SESSION_BACKEND_IDLE_TIMEOUT = timeout
        Session.objects.update(idle_expires_at=None)
        cache.clear()

        assert {*watched(browser)} == {"url", "interval"}
        assert "Still there?" not in text_of(browser.get(PAGE))
        assert look(browser).json() == {"seconds": None}

    def test_a_session_from_before_the_timeout_has_no_end_yet(self, browser: Browser) -> None:
        Session.objects.update(idle_expires_at=None)
        cache.clear()
        assert watched(browser)["seconds"] == ""

    def test_the_dialog(self, browser: Browser) -> None:
        html = text_of(browser.get(PAGE)).split('<div id="session-watch"')[1]

        assert 'role="alertdialog"' in html
        for name in ("labelledby", "describedby"):
            found = re.search(f'aria-{name}="([^"]*)"', html)
            assert found
            assert f'id="{found[1]}"' in html
        assert f'<form method="post" action="{STAY}"' in html
        assert f'name="session" value="current" formaction="{REVOKE}"' in html

    def test_it_is_nothing_for_a_visitor(self, rf: RequestFactory) -> None:
        template = engines["django"].from_string("{% load session_ui %}{% session_watch %}")
        request = rf.get("/")
        assert template.render({}, request).strip() == ""
        request.user = AnonymousUser()
        assert template.render({}, request).strip() == ""
        assert template.render().strip() == ""

    def test_it_takes_no_statement(self, browser: Browser) -> None:
        request = browser.get(PAGE).wsgi_request
        assert request.user.is_authenticated
        template = engines["django"].from_string("{% load session_ui %}{% session_watch %}")
        with captured() as queries:
            assert "Still there?" in template.render({}, request)
        assert len(queries) == 0


def half_a_minute(user: Any) -> int:
    assert user.username == "alice"
    return 30


def never(user: Any) -> None:
    return None


def test_a_site_has_a_dialog_of_its_own(browser: Browser, settings: Any) -> None:
    (page,) = (block for block in blocks(DOCS / "how-to/watch.md") if block.caption)
    override(settings, **{page.caption.removeprefix("templates/"): page.text})

    html = text_of(browser.get(PAGE)).split('<div id="session-watch"')[1]
    assert '<dialog class="panel"' in html
    assert 'name="csrfmiddlewaretoken"' in html
    assert "sui-dialog" not in html


class TestWatch:
    def test_it_tells_how_long_the_session_has(self, browser: Browser) -> None:
        idle_since(browser, 600)

        response = look(browser)
        assert TIMEOUT - 630 < response.json()["seconds"] <= TIMEOUT - 600
        assert "no-store" in response.headers["Cache-Control"]

    def test_it_knows_of_a_touch_that_a_cached_session_does_not(self, browser: Browser) -> None:
        idle_since(browser, TIMEOUT - 100)
        # Caches what it has read, and then touches the row.
        browser.get("/host/")
        assert look(browser).json()["seconds"] > TIMEOUT - 5

    def test_shortly_before_the_end_it_tells_the_truth_too(self, browser: Browser) -> None:
        idle_since(browser, TIMEOUT - 100)
        assert 95 < look(browser).json()["seconds"] <= 100

    def test_it_is_no_activity(self, browser: Browser) -> None:
        idle_since(browser, 600)
        before = browser.row
        look(browser)

        after = browser.row
        assert after.last_activity == before.last_activity
        assert after.idle_expires_at == before.idle_expires_at

    @pytest.mark.parametrize("how", ["revoked", "idle", "disabled", "password", "signed out"])
    def test_who_is_signed_out_goes_to_the_sign_in_page(
        self, browser: Browser, alice: Any, how: str
    ) -> None:
        if how == "revoked":
            browser.row.revoke()
        elif how == "idle":
            idle_since(browser, TIMEOUT + 1)
        elif how == "disabled":
            alice.is_active = False
            alice.save()
        elif how == "password":
            alice.set_password("a quiet heron reads")
            alice.save()
        else:
            browser.post("/accounts/logout/")

        response = look(browser)
        assert response.status_code == 200
        assert response.headers["HX-Redirect"] == f"{SIGN_IN}?next=/host/%3Ftab%3Dsecurity"
        assert "no-store" in response.headers["Cache-Control"]

    def test_the_page_of_someone_else_is_loaded_again(self, browser: Browser) -> None:
        url = watched(browser)["url"]
        assert "HX-Refresh" not in look(browser, url).headers
        browser.post("/accounts/logout/")
        browser.sign_in(make_user("bob"))

        assert look(browser, url).headers["HX-Refresh"] == "true"
        assert look(browser, watched(browser)["url"]).json()["seconds"]

    def test_it_tells_nothing_of_the_user(self, browser: Browser, alice: Any) -> None:
        assert not watched(browser)["url"].endswith(f"={alice.pk}")

    def test_only_get(self, browser: Browser) -> None:
        assert browser.post(WATCH).status_code == 405


class TestStay:
    @pytest.mark.parametrize("seconds", [TIMEOUT - 100, 10])
    def test_it_puts_the_end_off_whether_a_touch_is_due_or_not(
        self, browser: Browser, seconds: int
    ) -> None:
        idle_since(browser, seconds)

        response = browser.post(STAY, headers=HTMX)
        assert response.json()["seconds"] > TIMEOUT - 5
        left = browser.row.idle_expires_at - timezone.now()  # type: ignore[operator]
        assert left > timedelta(seconds=TIMEOUT - 5)
        assert look(browser).json()["seconds"] > TIMEOUT - 5

    def test_without_javascript_it_goes_back(self, browser: Browser) -> None:
        assert browser.post(STAY, {"next": "/host/"}).headers["Location"] == "/host/"
        goal = browser.post(STAY, {"next": "//evil.example/"}).headers["Location"]
        assert goal == "/account/sessions/"

    def test_it_requires_a_post_and_the_token(self, browser: Browser) -> None:
        assert browser.get(STAY).status_code == 405
        checking = Browser(LAPTOP, enforce_csrf_checks=True)
        checking.cookies = browser.cookies
        assert checking.post(STAY, headers=HTMX).status_code == 403

    def test_it_brings_nothing_back(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        idle_since(browser, TIMEOUT + 1)
        answer = browser.post(STAY, headers=HTMX)
        assert answer.headers["HX-Redirect"].startswith(SIGN_IN)
        assert Session.objects.count() == 0

    def test_a_session_that_is_revoked_at_that_moment_stays_revoked(
        self, browser: Browser, alice: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Session.get_session_store_class()
        save, row = store.save, browser.row

        def revoke_then_save(self: Any, must_create: bool = False) -> None:
            row.revoke()
            save(self, must_create)

        monkeypatch.setattr(store, "save", revoke_then_save)
        answer = browser.post(STAY, headers=HTMX)
        assert answer.headers["HX-Redirect"].startswith(SIGN_IN)
        assert Session.objects.count() == 0

    def test_one_statement_and_one_only(self, browser: Browser) -> None:
        look(browser)
        with captured() as queries:
            browser.post(STAY, headers=HTMX)
        writes = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
        assert len(writes) == 1


def test_the_other_button_signs_out(browser: Browser) -> None:
    answer = browser.post(REVOKE, {"session": "current", "next": PAGE})
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)
    assert Session.objects.count() == 0


def test_it_signs_out_nobody_else(browser: Browser, alice: Any) -> None:
    phone = Browser(PHONE).sign_in(alice)
    browser.post(REVOKE, {"session": "current"})
    assert [row.pk for row in Session.objects.all()] == [phone.row.pk]
