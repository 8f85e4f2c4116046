"""The email about a new sign-in, and the page of its link."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.urls import include, path
from django.utils import timezone, translation
from django.utils.formats import date_format

from session_backend.conf import conf
from session_backend.models import PastSession, Session, SessionQuerySet
from session_backend.signals import session_started
from session_ui.conf import PACKS
from session_ui.notifications import send_new_sign_in_email
from session_ui.views import NOT_ME_SALT, not_me_url
from tests.browsers import make_user
from tests.session_ui.helpers import (
    LAPTOP,
    PHONE,
    Browser,
    override,
    sessions_for,
    text_of,
    value_in,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # From Django 6.1 on it wants a setting that 5.2 does not know.
    pytest.mark.filterwarnings("ignore:Django 2028 will not have a default mailer"),
]

DAY = 24 * 60 * 60
DEAD = "That device is already signed out."
EVIL = "<b>\"&'\u202e</b>"


@pytest.fixture
def notifying(settings: Any) -> Iterator[None]:
    """Start the site with the setting."""
    settings.SESSION_UI_NOTIFY_NEW_SIGN_IN = True
    apps.get_app_config("session_ui").ready()
    yield
    session_started.disconnect(dispatch_uid="session_ui")


@pytest.fixture
def tablet() -> Browser:
    """A browser in which nobody has signed in."""
    return Browser({**PHONE, "REMOTE_ADDR": "81.2.69.160"})


@pytest.fixture
def email(
    notifying: None, alice: Any, laptop: Browser, phone: Browser, mailoutbox: Any
) -> EmailMultiAlternatives:
    """What Alice got when she, or someone else, signed in with the phone too."""
    laptop.sign_in(alice)
    assert mailoutbox == []
    phone.sign_in(alice)
    (email,) = mailoutbox
    assert isinstance(email, EmailMultiAlternatives)
    return email


@pytest.fixture
def link(email: EmailMultiAlternatives) -> str:
    return link_in(email)


def html_of(email: EmailMultiAlternatives) -> str:
    ((html, kind),) = email.alternatives
    assert kind == "text/html"
    return str(html)


def link_in(email: EmailMultiAlternatives) -> str:
    """The path of the one link, which both bodies have."""
    (link,) = re.findall(r"https?://\S+", str(email.body))
    assert re.findall('href="(.*?)"', html_of(email)) == [link]
    return str(link.removeprefix("http://testserver"))


def announce(session: Session, rf: Any, **kwargs: Any) -> None:
    """Send the signal as the store does."""
    kwargs = {"is_new": True, "request": rf.get("/"), **kwargs}
    session_started.send(Session, session=session, **kwargs)


def history() -> list[tuple[Any, ...]]:
    return list(PastSession.objects.values_list("public_id", "reason", "ended_by__username"))


class TestEmail:
    def test_what_it_says(self, email: EmailMultiAlternatives, phone: Browser) -> None:
        moment = f"{date_format(timezone.localtime(phone.row.created_at), 'DATETIME_FORMAT')} UTC"
        assert email.to == ["alice@example.com"]
        assert email.subject == "New sign-in to your account on testserver"
        assert email.body == (
            "Someone signed in to your account alice on testserver from a new device.\n\n"
            "Device: Safari on iPhone\n"
            "Location: 2.125.160.216\n"
            f"Signed in: {moment}\n\n"
            "If this was you, there is nothing to do.\n\n"
            "If this wasn’t you, sign the device out and choose a new password:\n\n"  # noqa: RUF001
            f"http://testserver{link_in(email)}\n\n"
            "The link works for seven days. You need not be signed in.\n\n"
        )
        html = re.sub(r"\s+", " ", re.sub("<.*?>", "", html_of(email), flags=re.DOTALL))
        for line in str(email.body).splitlines():
            assert line in html or "not-me" in line
        assert "This wasn’t me" in html  # noqa: RUF001

    def test_it_holds_neither_the_key_nor_the_digest(
        self, email: EmailMultiAlternatives, phone: Browser
    ) -> None:
        assert phone.key
        source = f"{email.message().as_string()}{email.body}{html_of(email)}"
        assert phone.key not in source
        assert phone.row.pk not in source

    def test_a_known_device_gets_none(
        self, email: EmailMultiAlternatives, alice: Any, phone: Browser, mailoutbox: Any
    ) -> None:
        phone.post("/accounts/logout/")
        phone.sign_in(alice)

        assert mailoutbox == [email]

    def test_each_user_has_their_own_devices(
        self, email: EmailMultiAlternatives, tablet: Browser, phone: Browser, mailoutbox: Any
    ) -> None:
        bob = make_user("bob")
        tablet.sign_in(bob)
        phone.sign_in(bob)

        assert [message.to for message in mailoutbox] == [email.to, ["bob@example.com"]]

    def test_it_is_in_the_language_of_the_request(
        self, notifying: None, alice: Any, laptop: Browser, settings: Any, mailoutbox: Any
    ) -> None:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
        laptop.sign_in(alice)
        german = Browser({**PHONE, "HTTP_ACCEPT_LANGUAGE": "de"})
        with translation.override("en"):
            german.sign_in(alice)

        (email,) = mailoutbox
        with translation.override("de"):
            day = date_format(german.row.created_at, "DATE_FORMAT")
        assert "Gerät: Safari auf iPhone\n" in email.body
        assert f": {day} " in email.body
        assert '<html lang="de" dir="ltr">' in html_of(email)

    @pytest.mark.parametrize(
        ("setting", "value", "device", "place"),
        [
            ("STORE_IP", "off", "Safari on iPhone", "Unknown location"),
            ("STORE_IP", "truncated", "Safari on iPhone", "2.125.160.0"),
            ("STORE_USER_AGENT", False, "Unknown device", "2.125.160.216"),
        ],
    )
    def test_it_says_no_more_than_is_stored(
        self, setting: str, value: Any, device: str, place: str, settings: Any, request: Any
    ) -> None:
        setattr(settings, f"SESSION_BACKEND_{setting}", value)
        email = request.getfixturevalue("email")

        assert f"\nDevice: {device}\nLocation: {place}\n" in email.body
        everything = f"{email.subject}{email.body}{html_of(email)}"
        assert ("iPhone" in everything) == (device != "Unknown device")
        assert (PHONE["REMOTE_ADDR"] in everything) == (place == PHONE["REMOTE_ADDR"])

    def test_hostile_text_is_text(self, notifying: None, rf: Any, mailoutbox: Any) -> None:
        user = make_user(EVIL)
        get_user_model().objects.update(email="evil@example.com")
        (session,) = sessions_for(user, 1, browser=EVIL, os="", city=EVIL, country="A\nSubject: B")
        announce(session, rf)

        (email,) = mailoutbox
        assert email.subject == "New sign-in to your account on testserver"
        assert str(email.body).count(EVIL) == 3
        html = html_of(email)
        assert "<b>" not in html
        assert html.count("&lt;b&gt;&quot;&amp;&#x27;\u202e&lt;/b&gt;") == 3
        page = text_of(Browser(LAPTOP).get(link_in(email)))
        assert "<b>" not in page
        assert "&lt;b&gt;" in page

    def test_a_sites_own_subject_stays_one_line(
        self, notifying: None, alice: Any, rf: Any, settings: Any, mailoutbox: Any
    ) -> None:
        own = "Who is\n this, {{ user }}?\n"
        override(settings, **{"session_ui/email/new_sign_in_subject.txt": own})
        announce(sessions_for(alice, 1)[0], rf)

        assert mailoutbox[0].subject == "Who is this, alice?"

    @pytest.mark.parametrize(
        "kwargs", [{"is_new": False}, {"request": None}], ids=["known", "no request"]
    )
    def test_none_is_sent(
        self, notifying: None, alice: Any, rf: Any, mailoutbox: Any, kwargs: dict[str, Any]
    ) -> None:
        announce(sessions_for(alice, 1)[0], rf, **kwargs)

        assert mailoutbox == []

    def test_none_is_sent_about_an_impersonation(
        self, notifying: None, alice: Any, rf: Any, mailoutbox: Any
    ) -> None:
        announce(sessions_for(alice, 1, impersonator="jane")[0], rf)

        assert mailoutbox == []

    def test_none_is_sent_without_an_address(
        self, notifying: None, alice: Any, rf: Any, mailoutbox: Any
    ) -> None:
        get_user_model().objects.update(email="")
        announce(sessions_for(alice, 1)[0], rf)

        assert mailoutbox == []

    def test_a_thief_who_has_signed_out_again_is_reported(
        self, notifying: None, alice: Any, rf: Any, mailoutbox: Any
    ) -> None:
        (session,) = sessions_for(alice, 1)
        Session.objects.all().revoke()
        announce(session, rf)

        (email,) = mailoutbox
        assert "Device: Safari on iPhone" in email.body
        assert DEAD in Browser(LAPTOP).get(link_in(email)).content.decode()

    def test_none_is_sent_about_a_user_who_is_gone(
        self, notifying: None, alice: Any, rf: Any, mailoutbox: Any
    ) -> None:
        (session,) = sessions_for(alice, 1)
        alice.delete()
        announce(session, rf)

        assert mailoutbox == []

    def test_a_mail_server_that_fails_costs_a_line_in_the_log(
        self,
        notifying: None,
        alice: Any,
        laptop: Browser,
        phone: Browser,
        caplog: Any,
        monkeypatch: Any,
    ) -> None:
        def refuse(self: Any, messages: Any) -> int:
            raise OSError("The mail server is away.")

        monkeypatch.setattr(EmailBackend, "send_messages", refuse)
        laptop.sign_in(alice)
        phone.sign_in(alice)

        assert phone.get("/").content == b"alice"
        assert len([one for one in caplog.records if one.levelno >= logging.WARNING]) == 1
        assert "The mail server is away." in caplog.text
        assert phone.key
        assert phone.key not in caplog.text
        assert phone.row.pk not in caplog.text

    def test_without_the_setting_nothing_listens(self) -> None:
        apps.get_app_config("session_ui").ready()

        assert not session_started.has_listeners(Session)

    @pytest.mark.skipif(django.VERSION < (6,), reason="Django 5.2 has no tasks.")
    def test_a_queue_sends_it_later(
        self, notifying: None, alice: Any, rf: Any, settings: Any, mailoutbox: Any
    ) -> None:
        from django import tasks

        backend: Any = tasks.default_task_backend
        settings.TASKS = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}
        (session,) = sessions_for(alice, 1)
        with translation.override("de"):
            announce(session, rf)
        (result,) = backend.results
        assert mailoutbox == []
        assert (result.args, json.loads(json.dumps(result.kwargs))) == ([], result.kwargs)
        assert session.pk not in str(result.kwargs)
        assert result.task.module_path == "session_ui.notifications.send_new_sign_in_email"
        assert result.task == send_new_sign_in_email

        result.task.call(**result.kwargs)
        (email,) = mailoutbox
        assert "Gerät: Safari auf iPhone\n" in email.body


class TestLink:
    @pytest.mark.parametrize("pack", PACKS)
    def test_it_shows_the_session_and_asks(
        self, link: str, tablet: Browser, settings: Any, pack: str
    ) -> None:
        settings.SESSION_UI_PACK = pack
        page = text_of(tablet.get(link))

        assert '<h1 class="sui-title">Sign out Safari on iPhone?</h1>' in page
        assert "<bdi>2.125.160.216</bdi>" in page
        assert re.search("Signed in <time [^>]*>Today, .* UTC</time>", page)
        assert f'class="{PACKS[pack]["confirm"]}">Sign out</button>' in page
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:|hx-on", page)
        # Of the person, nothing.
        assert "alice" not in page
        assert "This device" not in page

    def test_a_scanner_ends_nothing(self, link: str, tablet: Browser, phone: Browser) -> None:
        for method, status in {"GET": 200, "HEAD": 200, "OPTIONS": 405, "DELETE": 405}.items():
            assert tablet.generic(method, link).status_code == status

        assert phone.get("/").content == b"alice"
        assert history() == []

    def test_it_ends_that_session_for_anyone(
        self, link: str, alice: Any, laptop: Browser, phone: Browser
    ) -> None:
        Browser(PHONE).sign_in(alice)
        public_id, others = phone.row.public_id, Session.objects.exclude(pk=phone.row.pk)
        kept = set(others.values_list("pk", flat=True))
        visitor = Browser({**PHONE, "REMOTE_ADDR": "81.2.69.160"}, enforce_csrf_checks=True)
        token = value_in(visitor.get(link), "csrfmiddlewaretoken")
        assert visitor.post(link).status_code == 403
        assert history() == []

        page = visitor.post(link, {"csrfmiddlewaretoken": token})

        assert page.status_code == 200
        assert "Safari on iPhone has been signed out.</h1>" in text_of(page)
        assert '<a href="/accounts/password_reset/">Change your password</a>' in text_of(page)
        assert history() == [(public_id, "revoked", "alice")]
        assert set(Session.objects.values_list("pk", flat=True)) == kept
        assert phone.get("/").content == b"nobody"
        assert laptop.get("/").content == b"alice"
        assert visitor.key is None

    def test_afterwards_it_is_dead(self, link: str, alice: Any, tablet: Browser) -> None:
        tablet.post(link)
        for answer in (tablet.get(link), tablet.post(link)):
            assert answer.status_code == 410
            assert DEAD in answer.content.decode()
            assert "iPhone" not in answer.content.decode()
            assert "<form" not in answer.content.decode()
        assert len(history()) == 1

    def test_of_two_presses_one_comes_too_late(
        self, link: str, phone: Browser, tablet: Browser, monkeypatch: Any
    ) -> None:
        revoke = SessionQuerySet.revoke

        def twice(self: Any, **kwargs: Any) -> int:
            revoke(self, **kwargs)
            return revoke(self, **kwargs)

        monkeypatch.setattr(SessionQuerySet, "revoke", twice)
        assert tablet.post(link).status_code == 410
        assert len(history()) == 1

    @pytest.mark.parametrize("is_saved", [False, True])
    def test_in_the_session_itself(
        self, link: str, phone: Browser, settings: Any, is_saved: bool
    ) -> None:
        settings.SESSION_SAVE_EVERY_REQUEST = is_saved
        assert "This device" in text_of(phone.get(link))

        assert phone.post(link).status_code == 200
        assert phone.key is None
        assert [past[1:] for past in history()] == [("revoked", "alice")]

    def test_in_the_session_of_another_user(self, link: str, tablet: Browser) -> None:
        tablet.sign_in(make_user("bob"))

        assert tablet.post(link).status_code == 200
        assert tablet.get("/").content == b"bob"
        assert [past[1:] for past in history()] == [("revoked", "alice")]

    def test_it_outlives_the_key(self, link: str, phone: Browser, tablet: Browser) -> None:
        store = conf.session_store(phone.key)
        store.cycle_key()

        assert tablet.get(link).status_code == 200
        assert tablet.post(link).status_code == 200
        assert not store.exists(store.session_key)

    @pytest.mark.parametrize("how", ["signed out", "expired", "deleted"])
    def test_a_session_that_is_gone(
        self, link: str, phone: Browser, tablet: Browser, how: str
    ) -> None:
        if how == "signed out":
            phone.post("/accounts/logout/")
        elif how == "expired":
            Session.objects.update(expire_date=timezone.now())
        else:
            Session.objects.all()._raw_delete("default")
        for answer in (tablet.get(link), tablet.post(link)):
            assert answer.status_code == 410
            assert DEAD in answer.content.decode()

    @pytest.mark.parametrize(("days", "status"), [(6.9, 200), (7.1, 410)])
    def test_after_seven_days(
        self, link: str, phone: Browser, tablet: Browser, monkeypatch: Any, days: float, status: int
    ) -> None:
        now = time.time() + days * DAY
        monkeypatch.setattr("time.time", lambda: now)
        answers = [tablet.get(link), tablet.post(link)]

        assert [answer.status_code for answer in answers] == [status] * 2
        has_expired = "This link has expired." in answers[1].content.decode()
        assert has_expired == (status == 410) == bool(phone.key and not history())

    @pytest.mark.parametrize(
        "forge",
        [
            lambda token: "x",
            lambda token: ":::",
            lambda token: "é\u202e",
            lambda token: "a" * 10_000,
            lambda token: token[:-1],
            lambda token: token + "A",
            lambda token: "A" + token,
            lambda token: token.swapcase(),
            lambda token: signing.dumps(signing.loads(token, salt=NOT_ME_SALT)),
            lambda token: signing.dumps(
                signing.loads(token, salt=NOT_ME_SALT), salt=NOT_ME_SALT, key="another"
            ),
        ],
    )
    def test_a_forged_one(self, link: str, phone: Browser, tablet: Browser, forge: Any) -> None:
        token = link.split("/")[-2]
        for method in (tablet.get, tablet.post):
            answer = method(link.replace(token, forge(token)))
            assert answer.status_code == 404
            assert "This link does not work." in answer.content.decode()
        assert phone.get("/").content == b"alice"

    def test_one_signed_for_another_user(self, link: str, phone: Browser, tablet: Browser) -> None:
        session = phone.row
        session.user_id = make_user("bob").pk

        assert tablet.post(not_me_url(session)).status_code == 410
        assert phone.get("/").content == b"alice"

    def test_no_cache_and_no_other_site_learns_of_it(self, link: str, tablet: Browser) -> None:
        for address in (link, link.replace("not-me/", "not-me/x")):
            for answer in (tablet.get(address), tablet.post(address), tablet.post(address)):
                assert answer.headers["Referrer-Policy"] == "same-origin"
                assert "no-store" in answer.headers["Cache-Control"]

    def test_it_needs_no_sign_in_where_all_else_does(
        self, link: str, tablet: Browser, settings: Any
    ) -> None:
        middleware = "django.contrib.auth.middleware.LoginRequiredMiddleware"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]

        assert tablet.get("/").status_code == 302
        assert tablet.get(link).status_code == 200
        assert tablet.post(link).status_code == 200

    @pytest.mark.parametrize("url", ["/security/", ""])
    def test_a_site_without_a_password_reset(
        self, alice: Any, tablet: Browser, settings: Any, url: str
    ) -> None:
        settings.ROOT_URLCONF = (path("account/sessions/", include("session_ui.urls")),)
        settings.SESSION_UI_PASSWORD_CHANGE_URL = url
        page = text_of(tablet.post(not_me_url(sessions_for(alice, 1)[0])))

        assert (f'<a href="{url}">Change your password</a>' in page) == bool(url)
        assert ("someone may know your password" in page) == bool(url)
