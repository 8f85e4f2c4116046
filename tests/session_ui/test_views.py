from __future__ import annotations

import re
from datetime import timedelta
from time import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.messages import get_messages
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from django.utils.timezone import now

from session_backend.fields import Digest
from session_backend.models import Session
from session_ui.sessions import LONGEST, SessionList, Version
from session_ui.views import SessionListView, SessionRevokeView
from tests.browsers import PASSWORD, make_user
from tests.session_ui.helpers import (
    HTMX,
    LAPTOP,
    LIST,
    OTHERS,
    PHONE,
    POLL,
    RENAME,
    REVOKE,
    SIGN_IN,
    Browser,
    captured,
    counts_in,
    revoke,
    row_in,
    rows_in,
    session_statements,
    sessions_for,
    text_of,
    value_in,
)

pytestmark = pytest.mark.django_db

NOBODYS = str(UUID(int=0))
HTMX_ON_LIST = {**HTMX, "HX-Current-URL": f"http://testserver{LIST}"}
NEW = "a quiet heron reads"


def exists(session: Session) -> bool:
    return Session.objects.filter(pk=session.pk).exists()


class TestList:
    def test_it_is_a_page(self, alice: Any, laptop: Browser) -> None:
        page = text_of(laptop.sign_in(alice).get(LIST))

        assert page.startswith("<!doctype html>")
        assert "Chrome on Windows" in page

    def test_to_htmx_it_is_the_list_alone(self, alice: Any, laptop: Browser) -> None:
        part = text_of(laptop.sign_in(alice).get(LIST, headers=HTMX))

        assert "<html" not in part
        assert 'id="session-list"' not in part
        assert "<table" in part

    @pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
    def test_a_boosted_link_and_the_history_get_the_page(
        self, alice: Any, laptop: Browser, header: str
    ) -> None:
        response = laptop.sign_in(alice).get(LIST, headers={**HTMX, header: "true"})

        assert text_of(response).startswith("<!doctype html>")

    def test_ones_own_device_is_first_and_then_the_last_seen(
        self, alice: Any, laptop: Browser
    ) -> None:
        laptop.sign_in(alice)
        others = sessions_for(alice, 3)
        Session.objects.filter(pk=laptop.row.pk).update(last_activity=others[2].last_activity)

        assert rows_in(laptop.get(LIST)) == [
            laptop.row.public_id,
            *(row.public_id for row in others),
        ]

    def test_ones_own_device_is_marked_and_has_no_button(
        self, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        page = laptop.sign_in(alice).get(LIST)
        assert "This device" in row_in(page, laptop.row)
        assert "<button" not in row_in(page, laptop.row)

        page = phone.sign_in(alice).get(LIST)
        assert "This device" not in row_in(page, laptop.row)
        assert "Sign out Chrome on Windows" in row_in(page, laptop.row)

    def test_nobody_elses_devices_are_in_it(self, alice: Any, laptop: Browser) -> None:
        sessions_for(make_user("bob"), 2)

        assert rows_in(laptop.sign_in(alice).get(LIST)) == [laptop.row.public_id]

    def test_after_a_password_change_the_others_are_gone(
        self, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        phone.sign_in(alice)
        laptop.sign_in(alice)
        alice.set_password("another")
        alice.save()
        tablet = Browser(PHONE)
        tablet.force_login(alice)

        assert rows_in(tablet.get(LIST)) == [tablet.row.public_id]

    def test_neither_the_key_nor_more_than_the_rows_is_in_the_page(
        self, alice: Any, laptop: Browser
    ) -> None:
        page = laptop.sign_in(alice).get(LIST)

        assert laptop.key
        assert laptop.key not in text_of(page)

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_it_is_kept_by_no_cache(
        self, alice: Any, laptop: Browser, headers: dict[str, str]
    ) -> None:
        response = laptop.sign_in(alice).get(LIST, headers=headers)

        assert "no-store" in response.headers["Cache-Control"]
        vary = {name.strip() for name in response.headers["Vary"].split(",")}
        assert vary >= {"HX-Request", "HX-Boosted", "HX-History-Restore-Request", "Cookie"}

    def test_it_answers_head(self, alice: Any, laptop: Browser) -> None:
        assert laptop.sign_in(alice).head(LIST).status_code == 200

    @pytest.mark.parametrize("url", [LIST, POLL])
    def test_it_takes_no_post(self, alice: Any, laptop: Browser, url: str) -> None:
        assert laptop.sign_in(alice).post(url).status_code == 405

    def test_the_rows_are_one_statement_however_many(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        laptop.get(LIST)
        sessions_for(alice, 24)

        with captured() as queries:
            page = laptop.get(LIST)
        assert len(rows_in(page)) == 25
        assert len(session_statements(queries)) == 1

    def test_more_than_a_page_is_one_count_more(
        self, alice: Any, laptop: Browser, settings: Any
    ) -> None:
        laptop.sign_in(alice)
        laptop.get(LIST)
        sessions_for(alice, 25)

        with captured() as queries:
            page = laptop.get(LIST)
        assert counts_in(page) == ["26"]
        assert ["COUNT(*)" in sql for sql in session_statements(queries)] == [False, True]
        assert len(rows_in(page)) == 25


class TestPoll:
    def poll(self, browser: Browser, page: Any, **more: str) -> Any:
        names = ("ver", "session-page", "session-sort")
        params = {**{name: value_in(page, name) for name in names}, **more}
        return browser.get(POLL, params, headers=HTMX_ON_LIST)

    @pytest.mark.parametrize("url", [LIST, POLL])
    def test_an_unchanged_list_is_no_content(self, alice: Any, laptop: Browser, url: str) -> None:
        sessions_for(alice, 2)
        page = laptop.sign_in(alice).get(LIST)

        response = laptop.get(url, {"ver": value_in(page, "ver")}, headers=HTMX_ON_LIST)
        assert (response.status_code, response.content) == (204, b"")
        assert "no-store" in response.headers["Cache-Control"]

    def test_an_unchanged_list_is_one_statement(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 5)
        page = laptop.sign_in(alice).get(LIST)

        with captured() as queries:
            assert self.poll(laptop, page).status_code == 204
        assert len(session_statements(queries)) == 1

    def test_what_one_short_query_tells_is_enough(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 5)
        page = laptop.sign_in(alice).get(LIST)

        with captured() as queries:
            self.poll(laptop, page)
        (sql,) = session_statements(queries)
        assert "COUNT(" in sql
        assert "user_agent" not in sql

    def test_what_it_does_not_tell_is_seen_later(self, alice: Any, laptop: Browser) -> None:
        (row,) = sessions_for(alice, 1)
        page = laptop.sign_in(alice).get(LIST)
        known = Version.parse(value_in(page, "ver"))
        assert known.until <= time() + LONGEST
        Session.objects.filter(pk=row.pk).update(city="Uppsala")

        assert self.poll(laptop, page).status_code == 204
        passed = known._replace(until=int(time()))
        assert self.poll(laptop, page, ver=str(passed)).status_code == 200

    def test_an_old_version_is_renewed_without_the_list(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 2)
        page = laptop.sign_in(alice).get(LIST)
        known = Version.parse(value_in(page, "ver"))

        answer = self.poll(laptop, page, ver=str(known._replace(until=int(time()))))
        assert answer.headers["HX-Reswap"] == "none"
        assert len(answer.content) < 200
        assert 'id="session-ver"' in text_of(answer)
        assert ' hx-swap-oob="true"' in text_of(answer)
        assert self.poll(laptop, page, ver=value_in(answer, "ver")).status_code == 204

    def test_every_change_of_a_row_is_seen(self, alice: Any, laptop: Browser) -> None:
        (row,) = sessions_for(alice, 1)
        page = laptop.sign_in(alice).get(LIST)
        Session.objects.filter(pk=row.pk).update(city="Uppsala", updated_at=now())

        assert "Uppsala" in row_in(self.poll(laptop, page), row)

    @pytest.mark.parametrize("change", ["open", "sort"])
    def test_what_the_visitor_chose_is_a_change(
        self, alice: Any, laptop: Browser, change: str
    ) -> None:
        (row,) = sessions_for(alice, 1)
        page = laptop.sign_in(alice).get(LIST)
        chosen = {"open": str(row.public_id), "sort": "device"}[change]

        answer = self.poll(laptop, page, **{f"session-{change}": chosen})
        assert value_in(answer, f"session-{change}") == chosen
        again = {"ver": value_in(answer, "ver"), f"session-{change}": chosen}
        assert laptop.get(POLL, again, headers=HTMX_ON_LIST).status_code == 204

    def test_the_words_for_a_time_are_seen_in_time(self, alice: Any, laptop: Browser) -> None:
        (row,) = sessions_for(alice, 1)
        Session.objects.filter(pk=row.pk).update(last_activity=now() - timedelta(seconds=90))
        page = laptop.sign_in(alice).get(LIST)
        assert time() < Version.parse(value_in(page, "ver")).until <= time() + 30

    def test_one_page_of_several_is_looked_at_whole(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 25)
        page = laptop.sign_in(alice).get(LIST)
        assert Version.parse(value_in(page, "ver")).until == 0
        assert self.poll(laptop, page).status_code == 204

    def test_ones_own_activity_is_no_change(self, alice: Any, laptop: Browser) -> None:
        page = laptop.sign_in(alice).get(LIST)
        Session.objects.update(last_activity=now() - timedelta(hours=5))

        assert self.poll(laptop, page).status_code == 204
        known = Version.parse(value_in(page, "ver"))
        passed = known._replace(until=int(time()))
        assert rows_in(self.poll(laptop, page, ver=str(passed))) == []

    def test_a_new_device_arrives_with_the_counts(
        self, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        page = laptop.sign_in(alice).get(LIST)
        phone.sign_in(alice)

        answer = self.poll(laptop, page)
        assert rows_in(answer) == [laptop.row.public_id, phone.row.public_id]
        assert counts_in(answer) == ["2"]
        assert 'id="session-status"' not in text_of(answer)
        assert self.poll(laptop, answer).status_code == 204

    def test_a_time_that_reads_differently_is_a_change(self, alice: Any, laptop: Browser) -> None:
        (row,) = sessions_for(alice, 1)
        page = laptop.sign_in(alice).get(LIST)
        assert "1 minute ago" in row_in(page, row)
        Session.objects.filter(pk=row.pk).update(last_activity=row.created_at.replace(year=2020))

        assert "2020" in row_in(self.poll(laptop, page), row)

    def test_a_sign_in_in_another_tab_is_a_change(self, alice: Any, laptop: Browser) -> None:
        page = laptop.sign_in(alice).get(LIST)
        token = laptop.cookies["csrftoken"].value
        laptop.sign_in(alice)
        assert laptop.cookies["csrftoken"].value != token

        answer = self.poll(laptop, page)
        assert rows_in(answer) == [laptop.row.public_id]

    def test_another_language_is_a_change(self, alice: Any, laptop: Browser, settings: Any) -> None:
        page = laptop.sign_in(alice).get(LIST)
        settings.LANGUAGE_CODE = "de"

        assert self.poll(laptop, page).status_code == 200

    def test_page_and_order_stay(self, alice: Any, laptop: Browser, settings: Any) -> None:
        settings.SESSION_UI_PAGE_SIZE = 2
        rows = sessions_for(alice, 4)
        laptop.sign_in(alice)
        query = {"session-page": "2", "session-sort": "last_activity"}
        page = laptop.get(LIST, query)
        assert rows_in(page) == [rows[1].public_id, rows[0].public_id]
        rows[0].delete()

        answer = self.poll(laptop, page)
        assert rows_in(answer) == [rows[1].public_id, laptop.row.public_id]
        assert value_in(answer, "session-page") == "2"
        assert value_in(answer, "session-sort") == "last_activity"

    def test_it_leaves_no_trace(self, alice: Any, laptop: Browser, settings: Any) -> None:
        settings.SESSION_SAVE_EVERY_REQUEST = True
        page = laptop.sign_in(alice).get(LIST)
        long_ago = laptop.row.created_at.replace(year=2020)
        Session.objects.filter(pk=laptop.row.pk).update(last_activity=long_ago)

        assert self.poll(laptop, page, ver="").status_code == 200
        assert laptop.row.last_activity == long_ago
        laptop.get(LIST)
        assert laptop.row.last_activity != long_ago


class TestSignedOut:
    @pytest.mark.parametrize("url", [LIST, POLL])
    def test_a_page_is_a_redirect(self, laptop: Browser, url: str, db: None) -> None:
        response = laptop.get(url)

        assert (response.status_code, response.headers["Location"]) == (
            302,
            f"{SIGN_IN}?next={url}",
        )

    @pytest.mark.parametrize("url", [LIST, POLL])
    def test_htmx_moves_the_whole_page(self, laptop: Browser, url: str, db: None) -> None:
        response = laptop.get(url, headers=HTMX)

        assert response.status_code == 200
        assert response.headers["HX-Redirect"] == f"{SIGN_IN}?next=/host/%3Ftab%3Dsecurity"
        assert "no-store" in response.headers["Cache-Control"]

    @pytest.mark.parametrize(
        "elsewhere",
        ["", "http://evil.example/host/", "http://testserver", "http://[::1", "http://]/"],
    )
    def test_and_comes_back_to_the_list_from_elsewhere(
        self, laptop: Browser, elsewhere: str, db: None
    ) -> None:
        response = laptop.get(POLL, headers={**HTMX, "HX-Current-URL": elsewhere})

        assert response.headers["HX-Redirect"] == f"{SIGN_IN}?next={LIST}"

    @pytest.mark.parametrize("url", [REVOKE, OTHERS])
    def test_a_form_too(self, laptop: Browser, url: str, db: None) -> None:
        response = laptop.post(url, {"next": "/host/"})
        assert response.status_code == 303
        assert response.headers["Location"] == f"{SIGN_IN}?next=/host/"

        response = laptop.post(url, headers=HTMX)
        assert response.headers["HX-Redirect"] == f"{SIGN_IN}?next=/host/%3Ftab%3Dsecurity"

    def test_a_boosted_link_is_redirected_as_a_page(self, laptop: Browser, db: None) -> None:
        response = laptop.get(LIST, headers={**HTMX, "HX-Boosted": "true"})

        assert response.headers["Location"] == f"{SIGN_IN}?next={LIST}"

    def test_a_site_that_wants_everybody_signed_in_lets_the_views_answer(
        self, laptop: Browser, settings: Any, db: None
    ) -> None:
        settings.MIDDLEWARE = [
            *settings.MIDDLEWARE,
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]

        for url in (LIST, POLL):
            assert "HX-Redirect" in laptop.get(url, headers=HTMX).headers
        for url in (REVOKE, OTHERS):
            assert "HX-Redirect" in laptop.post(url, headers=HTMX).headers


class TestRevoke:
    def test_it_ends_the_session_and_answers_with_what_is_left(
        self, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        phone.sign_in(alice)
        laptop.sign_in(alice)

        answer = revoke(laptop, phone.row)
        assert rows_in(answer) == [laptop.row.public_id]
        assert counts_in(answer) == ["1"]
        assert 'id="session-status" hx-swap-oob="innerHTML">Safari on iPhone (' in text_of(answer)
        assert "just now) has been signed out." in text_of(answer)
        assert phone.get(LIST).status_code == 302

    def test_several_at_once(self, alice: Any, laptop: Browser) -> None:
        first, second, third = sessions_for(alice, 3)
        laptop.sign_in(alice)

        answer = revoke(laptop, first, second)
        assert "2 sessions have been signed out." in text_of(answer)
        assert rows_in(answer) == [laptop.row.public_id, third.public_id]

    def test_a_row_drawn_before_the_key_changed_can_be_revoked_after_it(
        self, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        drawn = phone.sign_in(alice).row
        laptop.sign_in(alice)
        store = type(phone.session)(phone.key)
        store.load()
        store.cycle_key()

        assert "has been signed out." in text_of(revoke(laptop, drawn))
        assert not Session.objects.filter(public_id=drawn.public_id).exists()

    def test_a_session_that_gets_a_new_key_at_the_same_moment_is_revoked(
        self, alice: Any, laptop: Browser, phone: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn = phone.sign_in(alice).row
        laptop.sign_in(alice)
        every_session: Any = SessionList.every_session

        def cycle_then_list(self: SessionList) -> Any:
            found = every_session.fget(self)
            store = type(phone.session)(phone.key)
            store.load()
            store.cycle_key()
            return found

        monkeypatch.setattr(SessionList, "every_session", property(cycle_then_list))
        assert "has been signed out." in text_of(revoke(laptop, drawn))
        assert not Session.objects.filter(public_id=drawn.public_id).exists()

    def test_without_htmx_it_goes_back_to_the_list_and_says_so(
        self, alice: Any, laptop: Browser
    ) -> None:
        (row,) = sessions_for(alice, 1)
        laptop.sign_in(alice)

        response = revoke(laptop, row, htmx=False)
        assert (response.status_code, response.headers["Location"]) == (303, LIST)
        assert "no-store" in response.headers["Cache-Control"]
        assert "has been signed out." in text_of(laptop.get(LIST))
        assert not exists(row)

    @pytest.mark.parametrize(
        ("goal", "location"),
        [
            ("/host/?tab=security", "/host/?tab=security"),
            ("http://testserver/host/", "http://testserver/host/"),
            ("http://evil.example/", LIST),
            ("//evil.example/", LIST),
            ("javascript:alert(1)", LIST),
            ("http://[::1", LIST),
            ("", LIST),
        ],
    )
    def test_it_goes_back_to_a_page_of_this_site_only(
        self, alice: Any, laptop: Browser, goal: str, location: str
    ) -> None:
        response = revoke(laptop.sign_in(alice), NOBODYS, htmx=False, next=goal)

        assert response.headers["Location"] == location

    def test_a_site_without_messages_does_without(
        self, alice: Any, laptop: Browser, settings: Any
    ) -> None:
        settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if "messages" not in path]
        (row,) = sessions_for(alice, 1)

        response = revoke(laptop.sign_in(alice), row, htmx=False)
        assert response.status_code == 303
        assert not list(get_messages(response.wsgi_request))

    @pytest.mark.parametrize("htmx", [True, False])
    def test_twice_is_as_good_as_once(self, alice: Any, laptop: Browser, htmx: bool) -> None:
        (row,) = sessions_for(alice, 1)
        laptop.sign_in(alice)
        revoke(laptop, row, htmx=htmx)

        answer = revoke(laptop, row, htmx=htmx)
        answer = answer if htmx else laptop.get(answer.headers["Location"])
        assert "That device is already signed out." in text_of(answer)
        assert rows_in(answer) == [laptop.row.public_id]

    def test_another_persons_session_is_answered_as_one_that_does_not_exist(
        self, alice: Any, laptop: Browser
    ) -> None:
        (bobs,) = sessions_for(make_user("bob"), 1)
        laptop.sign_in(alice)
        laptop.get(LIST)

        def answer(session: Any) -> tuple[int, str, list[str]]:
            with captured() as queries:
                response = revoke(laptop, session)
            html = text_of(response)
            # Both change: the token with each answer, the version with the time.
            for name in ("csrfmiddlewaretoken", "ver"):
                html = html.replace(value_in(response, name), "")
            verbs = [sql.split()[0] for sql in session_statements(queries)]
            return response.status_code, html, verbs

        assert answer(bobs) == answer(NOBODYS)
        assert exists(bobs)

    @pytest.mark.parametrize(
        "value", ["", "x", "0" * 31, "others ", ",", "\0", NOBODYS[:-1], f"{NOBODYS},x" * 999]
    )
    def test_what_is_not_a_public_id_revokes_nothing(
        self, alice: Any, laptop: Browser, value: str
    ) -> None:
        (row,) = sessions_for(alice, 1)

        answer = laptop.sign_in(alice).post(REVOKE, {"session": value}, headers=HTMX)
        assert "That device is already signed out." in text_of(answer)
        assert exists(row)

    def test_a_key_or_a_digest_is_not_a_public_id(
        self, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        phone.sign_in(alice)
        laptop.sign_in(alice)

        for value in (phone.key, phone.row.pk):
            revoke(laptop, str(value))
        assert exists(phone.row)

    @pytest.mark.parametrize("signed_in", [True, False])
    def test_a_get_does_nothing(self, alice: Any, laptop: Browser, signed_in: bool) -> None:
        (row,) = sessions_for(alice, 1)
        if signed_in:
            laptop.sign_in(alice)

        for url in (REVOKE, OTHERS):
            response = laptop.get(url, {"session": str(row.public_id)})
            assert (response.status_code, response.headers["Allow"]) == (405, "POST")
        assert exists(row)

    def test_the_current_session_is_a_sign_out(
        self, alice: Any, laptop: Browser, settings: Any
    ) -> None:
        laptop.sign_in(alice)
        response = revoke(laptop, laptop.row, htmx=False)
        assert (response.status_code, response.headers["Location"]) == (303, SIGN_IN)
        assert "_auth_user_id" not in laptop.session

        settings.LOGOUT_REDIRECT_URL = "/host/"
        laptop.sign_in(alice)
        response = revoke(laptop, laptop.row)
        assert (response.status_code, response.headers["HX-Redirect"]) == (200, "/host/")
        assert Session.objects.for_user(alice).count() == 0

    @pytest.mark.parametrize("settings_have_it", [True, False])
    def test_it_requires_the_token(self, alice: Any, settings: Any, settings_have_it: bool) -> None:
        if not settings_have_it:
            settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if "csrf" not in path]
        (row,) = sessions_for(alice, 1)
        browser = Browser(LAPTOP, enforce_csrf_checks=True)
        browser.force_login(alice)
        page = browser.get(LIST)

        assert revoke(browser, row).status_code == 403
        assert browser.post(OTHERS, headers=HTMX).status_code == 403
        assert exists(row)
        answer = revoke(browser, row, csrfmiddlewaretoken=value_in(page, "csrfmiddlewaretoken"))
        assert answer.status_code == 200
        assert not exists(row)

    def test_page_and_order_stay(self, alice: Any, laptop: Browser, settings: Any) -> None:
        settings.SESSION_UI_PAGE_SIZE = 2
        rows = sessions_for(alice, 4)
        laptop.sign_in(alice)
        form: Any = {"session-page": "2", "session-sort": "-last_activity"}

        answer = revoke(laptop, rows[0], **form)
        assert rows_in(answer) == [rows[2].public_id, rows[3].public_id]
        assert value_in(answer, "session-page") == "2"
        assert value_in(answer, "session-sort") == "-last_activity"


class TestRevokeOthers:
    @pytest.mark.parametrize(("key", "left"), [(Digest("0" * 40), 3), (None, 0)])
    def test_a_current_session_that_got_another_key_meanwhile(
        self, key: Any, left: int, alice: Any, laptop: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sessions_for(alice, 2)
        laptop.sign_in(alice)
        monkeypatch.setattr(SessionList, "current_key", key)
        revoke(laptop, "others")
        assert Session.objects.filter(user=alice).count() == left

    @pytest.mark.parametrize(
        ("count", "words"),
        [
            (3, "All other sessions have been signed out."),
            (1, "All other sessions have been signed out."),
            (0, "not signed in anywhere else."),
        ],
    )
    def test_it_leaves_the_current_session(
        self, alice: Any, laptop: Browser, count: int, words: str
    ) -> None:
        sessions_for(alice, count)
        (bobs,) = sessions_for(make_user("bob"), 1)
        laptop.sign_in(alice)

        answer = revoke(laptop, "others")
        assert rows_in(answer) == [laptop.row.public_id]
        assert counts_in(answer) == ["1"]
        assert words in text_of(answer)
        assert exists(bobs)

    def test_its_own_address_needs_no_field(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 2)
        laptop.sign_in(alice)

        response = laptop.post(OTHERS, {"next": "/account/sessions/?session-sort=device"})
        assert response.status_code == 303
        assert response.headers["Location"] == "/account/sessions/?session-sort=device"
        assert [row.pk for row in Session.objects.all()] == [laptop.row.pk]

    def test_a_session_that_changes_the_password_at_that_moment_is_revoked_too(
        self, alice: Any, laptop: Browser, phone: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        phone.sign_in(alice)
        laptop.sign_in(alice)
        current = laptop.row.pk
        revoke_others = SessionRevokeView.revoke_others

        def change_then_revoke(self: SessionRevokeView) -> Any:
            form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
            assert phone.post("/accounts/password_change/", form).status_code == 302
            return revoke_others(self)

        monkeypatch.setattr(SessionRevokeView, "revoke_others", change_then_revoke)
        assert revoke(laptop, "others", htmx=False).status_code == 303
        assert [row.pk for row in Session.objects.all()] == [current]
        assert phone.get(LIST).status_code == 302


@pytest.mark.usefixtures("engine")
class TestRename:
    @pytest.fixture
    def browser(self, alice: Any, laptop: Browser) -> Browser:
        return laptop.sign_in(alice)

    def rename(self, browser: Browser, session: Any, name: str, htmx: bool = True) -> Any:
        form = {"session": str(getattr(session, "public_id", session)), "name": name}
        return browser.post(RENAME, {**form, "next": LIST}, headers=HTMX_ON_LIST if htmx else {})

    def names(self) -> list[str]:
        return list(Session.objects.order_by("created_at").values_list("name", flat=True))

    def test_the_answer_is_the_list_with_the_name(self, browser: Browser) -> None:
        answer = self.rename(browser, browser.row, "Work laptop")

        html = text_of(answer)
        assert '<bdi class="sui-device-name">Work laptop</bdi>' in row_in(answer, browser.row)
        assert "<bdi>Chrome on Windows</bdi>" in row_in(answer, browser.row)
        assert "The name has been saved." in html
        # What to do after a sign-out is none of its matter.
        assert html.count("Change your password") == 1
        assert "session-history" not in html

    def test_without_javascript_it_is_the_page(self, browser: Browser) -> None:
        path = f"{LIST}?session-open={browser.row.public_id}"
        page = browser.get(path)
        form = dict(
            re.findall(r'name="(\w+)" value="([^"]*)"[^>]* form="session-rename"', text_of(page))
        )
        assert {*form} == {"csrfmiddlewaretoken", "next", "session", "name"}

        checking = Browser(LAPTOP, enforce_csrf_checks=True)
        checking.cookies = browser.cookies
        del form["csrfmiddlewaretoken"]
        assert checking.post(RENAME, {**form, "name": "Mine"}).status_code == 403
        form["csrfmiddlewaretoken"] = value_in(page, "csrfmiddlewaretoken")
        answer = checking.post(RENAME, {**form, "name": "Mine"})
        assert (answer.status_code, answer.headers["Location"]) == (303, path)
        html = text_of(browser.get(path))
        assert "The name has been saved." in html
        assert 'name="name" value="Mine"' in html

    def test_nothing_removes_it(self, browser: Browser) -> None:
        self.rename(browser, browser.row, "Work laptop")

        assert "The name has been removed." in text_of(self.rename(browser, browser.row, " "))
        assert self.names() == [""]

    def test_only_post_renames(self, browser: Browser) -> None:
        assert browser.get(RENAME, {"session": str(browser.row.public_id)}).status_code == 405

    def test_a_visitor_is_sent_to_sign_in(self, laptop: Browser) -> None:
        assert laptop.post(RENAME).headers["Location"].startswith(SIGN_IN)

    def test_another_persons_session_cannot_be_renamed(self, browser: Browser) -> None:
        bob = make_user("bob")
        (bobs,) = sessions_for(bob, 1, device_id=browser.row.device_id)

        for session in (bobs, NOBODYS, "x", ""):
            answer = text_of(self.rename(browser, session, "Mine"))
            assert "That device is already signed out." in answer
        assert self.names() == ["", ""]
        # Not even by renaming a session on the same device.
        self.rename(browser, browser.row, "Mine")
        assert {*self.names()} == {"Mine", ""}

    def test_sessions_on_the_same_device_get_it_too(self, browser: Browser, alice: Any) -> None:
        twin, other = sessions_for(alice, 2)
        Session.objects.filter(pk=twin.pk).update(device_id=browser.row.device_id)
        before = now()
        self.rename(browser, browser.row, "Work laptop")

        renamed = Session.objects.filter(name="Work laptop", updated_at__gte=before)
        assert {row.pk for row in renamed} == {browser.row.pk, twin.pk}
        # Those of which no device is known have nothing in common.
        Session.objects.filter(pk__in=[twin.pk, other.pk]).update(device_id="", name="")
        self.rename(browser, twin, "Old")
        assert Session.objects.get(name="Old").pk == twin.pk

    def test_it_comes_back_with_the_device(self, browser: Browser, alice: Any) -> None:
        self.rename(browser, browser.row, "Work laptop")
        browser.get(LIST)
        browser.post("/accounts/logout/")
        browser.sign_in(alice)

        assert browser.row.name == "Work laptop"

    def test_a_poll_of_another_device_sees_it(
        self, browser: Browser, phone: Browser, alice: Any
    ) -> None:
        phone.sign_in(alice)
        known = {"ver": value_in(phone.get(LIST), "ver")}
        assert phone.get(POLL, known, headers=HTMX_ON_LIST).status_code == 204
        self.rename(browser, browser.row, "Work laptop")

        answer = phone.get(POLL, known, headers=HTMX_ON_LIST)
        row = row_in(answer, browser.row)
        assert "Work laptop</bdi>" in row
        assert 'data-question="Sign out Work laptop (Chrome on Windows)?"' in row
        assert 'aria-label="Sign out Work laptop (Chrome on Windows, ' in row
        said = text_of(revoke(phone, browser.row))
        assert "Work laptop (Chrome on Windows, " in said
        assert "has been signed out." in said

    def test_html_is_escaped_and_the_rest_is_cleaned(self, browser: Browser) -> None:
        name = f"<b>\u202e&\0{'x' * 10_000}"
        html = row_in(self.rename(browser, browser.row, name), browser.row)

        assert f"&lt;b&gt;&amp;{'x' * 60}</bdi>" in html
        assert "<b>" not in html

    def test_a_session_in_someone_elses_hands_has_a_name_already(
        self, browser: Browser, alice: Any
    ) -> None:
        (row,) = sessions_for(alice, 1, impersonator="Jane")
        page = browser.get(LIST, {"session-open": str(row.public_id)})
        assert "Support (Jane)</bdi>" in row_in(page, row)
        assert "<dl" in text_of(page)
        assert 'name="name"' not in text_of(page)

        self.rename(browser, row, "Mine")
        assert {*self.names()} == {""}


class TestHooks:
    def test_a_list_that_inherits_chooses_the_rows(self, alice: Any, laptop: Browser) -> None:
        class PhonesOnly(SessionList):
            def get_queryset(self) -> Any:
                return super().get_queryset().filter(device_type="mobile")

        rows = sessions_for(alice, 1)
        laptop.sign_in(alice)
        request = laptop.get(LIST).wsgi_request

        view = SessionListView.as_view(listing_class=PhonesOnly)
        assert rows_in(view(request)) == [rows[0].public_id]

        # And a poll asks for no other rows either.
        version = PhonesOnly(request).version
        twin = laptop.row
        twin.pk, twin.public_id = "f" * 40, uuid4()
        twin.save(force_insert=True)
        assert PhonesOnly(request).holds(version)
        Session.objects.filter(pk=rows[0].pk).update(updated_at=now())
        assert not PhonesOnly(request).holds(version)

    def test_the_names_that_others_rely_on(self) -> None:
        assert reverse("session_ui:session_list") == LIST
        assert reverse("session_ui:session_revoke") == REVOKE
        assert reverse("session_ui:session_revoke_others") == OTHERS

    def test_a_site_without_htmx_is_told(self, alice: Any, laptop: Browser, settings: Any) -> None:
        settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if "htmx" not in path]

        with pytest.raises(ImproperlyConfigured, match="HtmxMiddleware"):
            laptop.sign_in(alice).get(LIST)
