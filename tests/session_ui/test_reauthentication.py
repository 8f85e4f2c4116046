from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.contrib.auth.views import LoginView
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View

from session_backend.models import PastSession, Session
from session_ui import reauthentication
from session_ui.apps import SessionUIConfig
from session_ui.reauthentication import recently_authenticated
from tests.browsers import PASSWORD, make_user
from tests.session_ui.helpers import (
    HTMX,
    LAPTOP,
    LIST,
    OTHERS,
    PHONE,
    REVOKE,
    SIGN_IN,
    Browser,
    captured,
    revoke,
    rows_in,
    sessions_for,
    text_of,
    value_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("engine")]

CONFIRM = "/account/sessions/confirm/"
REAUTHENTICATE = "/account/sessions/reauthenticate/"
SECRET = "/secret/"
HOST = "/host/?tab=security"
AFTER = 600
FIELD = '<input type="password" id="session-password"'
WRONG = "That password is not correct. Please try again."
GONE = "has been signed out."
BOBS = "bob has another password"


@recently_authenticated(AFTER)
def secret(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a secret")


@recently_authenticated(AFTER)
async def async_secret(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a secret")


@method_decorator(recently_authenticated(AFTER), name="dispatch")
class Secret(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("a secret")


urlpatterns = [
    path("secret/", secret),
    path("async/", async_secret),
    path("class/", Secret.as_view()),
    path("eager/", LoginView.as_view(redirect_authenticated_user=True), name="eager"),
    path("allauth/", secret, name="account_reauthenticate"),
    path("", include("tests.session_ui.pages")),
]


@pytest.fixture(autouse=True)
def _asks(settings: Any) -> None:
    settings.SESSION_UI_REAUTHENTICATE_AFTER = AFTER


@pytest.fixture
def row(alice: Any) -> Session:
    """A session on another device, to revoke."""
    (row,) = sessions_for(alice, 1)
    return row


@pytest.fixture
def fresh(alice: Any, laptop: Browser, row: Session) -> Browser:
    """A browser whose visitor has just signed in."""
    return laptop.sign_in(alice)


@pytest.fixture
def stale(fresh: Browser) -> Browser:
    """A browser whose visitor signed in too long ago."""
    return aged(fresh)


@pytest.fixture
def failures() -> Iterator[list[Any]]:
    """The credentials with which someone failed to sign in."""
    seen: list[Any] = []

    def note(credentials: Any, **kwargs: Any) -> None:
        seen.append(credentials["username"])

    user_login_failed.connect(note)
    yield seen
    user_login_failed.disconnect(note)


def aged(browser: Browser, seconds: float = AFTER + 1) -> Browser:
    """Have the last proof of who someone is be so long ago."""
    moment = timezone.now() - timedelta(seconds=seconds)
    Session.objects.filter(pk=browser.row.pk).update(authenticated_at=moment)
    cache.clear()
    return browser


def exists(session: Session) -> bool:
    return Session.objects.filter(pk=session.pk).exists()


def without_password(user: Any) -> None:
    """Take the password away and leave the sessions."""
    user.set_unusable_password()
    user.save()


def sign_in_anew(browser: Browser, user: Any) -> Browser:
    """Sign in as single sign-on does, in the same browser."""
    browser.force_login(user)
    return browser


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class TestWithoutTheSetting:
    @pytest.mark.parametrize("value", [None, "600", 0, True])
    def test_nothing_is_asked(
        self, stale: Browser, row: Session, settings: Any, value: Any
    ) -> None:
        settings.SESSION_UI_REAUTHENTICATE_AFTER = value

        assert "password-form" not in text_of(stale.get(LIST))
        answer = text_of(revoke(stale, row))
        assert GONE in answer
        assert "password-form" not in answer


class TestDialog:
    def ask(self, browser: Browser, session: Any, password: str = "") -> Any:
        """Press a button of the dialog, which sends what was typed into it."""
        return revoke(browser, session, password=password)

    def test_it_asks_from_the_start_if_the_page_knows(self, stale: Browser) -> None:
        dialog = text_of(stale.get(LIST)).split("<dialog")[1]

        assert FIELD in dialog
        assert 'autocomplete="current-password" required>' in dialog

    def test_it_does_not_ask_who_has_just_signed_in(self, fresh: Browser, row: Session) -> None:
        dialog = text_of(fresh.get(LIST)).split("<dialog")[1]

        assert FIELD not in dialog
        assert '<input type="hidden" name="password" value="">' in dialog
        assert GONE in text_of(self.ask(fresh, row))

    def test_a_page_that_did_not_know_asks_then(
        self, stale: Browser, row: Session, failures: list[Any]
    ) -> None:
        answer = self.ask(stale, row)

        assert answer.headers["HX-Reswap"] == "none"
        html = text_of(answer)
        assert html.startswith('<div id="session-password-form" hx-swap-oob="innerHTML">')
        assert FIELD in html
        assert "aria-invalid" not in html
        assert exists(row)
        # No password is none that was wrong.
        assert failures == []

    def test_a_wrong_password_is_said_and_counted(
        self, stale: Browser, row: Session, failures: list[Any]
    ) -> None:
        before = stale.key
        answer = self.ask(stale, row, "guess")

        assert answer.headers["HX-Reswap"] == "none"
        html = text_of(answer)
        assert 'aria-invalid="true" aria-describedby="session-password-error"' in html
        assert f'role="alert">{WRONG}</p>' in html
        assert "guess" not in html
        assert exists(row)
        assert stale.key == before
        assert failures == ["alice"]

    def test_the_right_password_revokes_in_the_same_request(
        self, stale: Browser, row: Session, failures: list[Any]
    ) -> None:
        before, public_id = stale.key, stale.row.public_id
        answer = self.ask(stale, row, PASSWORD)

        assert "HX-Reswap" not in answer.headers
        assert rows_in(answer) == [public_id]
        html = text_of(answer)
        assert GONE in html
        assert '<input type="hidden" name="password" value="">' in html
        assert FIELD not in html
        assert not exists(row)
        assert PastSession.objects.get().reason == "revoked"
        assert failures == []
        # The session is the same, with another key.
        assert stale.key != before
        assert stale.row.public_id == public_id
        assert timezone.now() - stale.row.authenticated_at < timedelta(seconds=30)

    def test_once_is_enough(self, stale: Browser, alice: Any, row: Session) -> None:
        _, second = sessions_for(make_user("carol"), 2)
        Session.objects.filter(pk=second.pk).update(user=alice)
        self.ask(stale, row, PASSWORD)

        assert GONE in text_of(self.ask(stale, second))

    def test_the_old_key_opens_nothing(self, stale: Browser, row: Session) -> None:
        thief = Browser(LAPTOP)
        thief.cookies["sessionid"] = stale.key or ""
        self.ask(stale, row, PASSWORD)

        assert thief.get(LIST).status_code == 302

    def test_several_and_all_others(self, stale: Browser, alice: Any, row: Session) -> None:
        sessions_for(make_user("carol"), 3)
        Session.objects.filter(user__username="carol").update(user=alice)
        others: list[Any] = list(Session.objects.exclude(pk=stale.row.pk))
        assert len(others) == 4

        for chosen in (",".join(str(other.public_id) for other in others[:2]), "others"):
            assert FIELD in text_of(revoke(stale, chosen, password="no"))
        assert FIELD in text_of(stale.post(OTHERS, {"password": ""}, headers=HTMX))
        assert Session.objects.count() == 5
        assert "2 sessions have" in text_of(revoke(stale, *others[:2], password=PASSWORD))
        aged(stale)
        assert "All other sessions" in text_of(revoke(stale, "others", password=PASSWORD))
        assert [session.pk for session in Session.objects.all()] == [stale.row.pk]

    @pytest.mark.parametrize("chosen", ["x", ""])
    def test_nothing_to_revoke_is_nothing_to_ask(
        self, stale: Browser, chosen: str, failures: list[Any]
    ) -> None:
        (carols,) = sessions_for(make_user("carol"), 1)

        for session in (chosen, carols):
            assert "already signed out." in text_of(self.ask(stale, session, "guess"))
        assert failures == []

    def test_a_sign_out_is_never_asked_for(self, stale: Browser, alice: Any) -> None:
        assert revoke(stale, stale.row).headers["HX-Redirect"] == SIGN_IN
        assert "_auth_user_id" not in stale.session

        aged(stale.sign_in(alice))
        assert revoke(stale, "current", htmx=False).headers["Location"] == SIGN_IN
        assert "_auth_user_id" not in stale.session

    def test_a_page_without_the_dialog_goes_to_one_with_the_question(
        self, stale: Browser, row: Session
    ) -> None:
        answer = revoke(stale, row)
        goal = answer.headers["HX-Redirect"]
        assert goal.startswith(f"{CONFIRM}?")
        assert query_of(goal) == {"session": str(row.public_id), "next": HOST}

        page = text_of(stale.get(goal))
        assert "Sign out Safari on iPhone?</h1>" in page
        assert FIELD in page
        assert exists(row)

    def test_the_statements(self, stale: Browser, row: Session) -> None:
        stale.get(LIST)
        with captured() as queries:
            self.ask(stale, row, "guess")
        # Reading the session may be one, too; the user, what would be revoked, and the password.
        assert 3 <= len(queries) <= 4


class TestWithoutJavaScript:
    def form(self, page: Any) -> dict[str, str]:
        return {name: value_in(page, name) for name in ("session", "next")}

    def test_it_is_a_page_with_the_same_form(self, stale: Browser, row: Session) -> None:
        page = revoke(stale, row, htmx=False, next=HOST)

        assert page.status_code == 200
        assert "no-store" in page.headers["Cache-Control"]
        html = text_of(page)
        assert html.startswith("<!doctype html>")
        assert "<title>Sign out Safari on iPhone?</title>" in html
        assert f'action="{REVOKE}"' in html
        assert FIELD in html
        assert self.form(page) == {"session": str(row.public_id), "next": HOST}
        assert exists(row)

        page = stale.post(REVOKE, {**self.form(page), "password": "guess"})
        assert WRONG in text_of(page)
        assert exists(row)

        answer = stale.post(REVOKE, {**self.form(page), "password": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (303, HOST)
        assert GONE in text_of(stale.get(LIST))
        assert not exists(row)

        # The page sent again, as the back button does.
        answer = stale.post(REVOKE, {**self.form(page), "password": PASSWORD})
        assert "already signed out." in text_of(stale.get(answer.headers["Location"] and LIST))

    def test_several_and_all_others(self, stale: Browser, alice: Any, row: Session) -> None:
        twin = sessions_for(make_user("carol"), 1)[0]
        Session.objects.filter(pk=twin.pk).update(user=alice)

        page = text_of(revoke(stale, row, twin, htmx=False))
        assert "Sign out 2 sessions of Safari on iPhone?</h1>" in page
        page = text_of(revoke(stale, "others", htmx=False))
        assert "Sign out all other sessions?</h1>" in page

    @pytest.mark.parametrize("goal", ["//evil.example/", "http://evil.example/", "javascript:1"])
    def test_it_leads_to_this_site_only(self, stale: Browser, row: Session, goal: str) -> None:
        page = revoke(stale, row, htmx=False, next=goal)
        assert value_in(page, "next") == LIST
        assert "evil" not in text_of(page)
        assert goal not in text_of(stale.get(CONFIRM, {"session": "others", "next": goal}))

        answer = revoke(stale, row, htmx=False, next=goal, password=PASSWORD)
        assert answer.headers["Location"] == LIST

    def test_it_requires_the_token(self, stale: Browser, row: Session) -> None:
        browser = Browser(LAPTOP, enforce_csrf_checks=True)
        browser.cookies = stale.cookies
        page = browser.get(LIST)

        assert revoke(browser, row, password=PASSWORD).status_code == 403
        assert browser.post(REAUTHENTICATE, {"password": PASSWORD}).status_code == 403
        assert exists(row)
        token = value_in(page, "csrfmiddlewaretoken")
        revoke(browser, row, password=PASSWORD, csrfmiddlewaretoken=token)
        assert not exists(row)

    def test_a_get_revokes_nothing(self, fresh: Browser, row: Session) -> None:
        page = text_of(fresh.get(CONFIRM, {"session": str(row.public_id), "password": PASSWORD}))

        assert "Sign out Safari on iPhone?</h1>" in page
        assert "password" not in page
        assert fresh.post(CONFIRM, {"session": str(row.public_id)}).status_code == 405
        assert exists(row)

    def test_who_has_been_signed_out_meanwhile_comes_back_to_it(
        self, stale: Browser, row: Session, alice: Any
    ) -> None:
        goal = revoke(stale, row).headers["HX-Redirect"]
        stale.row.revoke()

        sign_in = stale.get(goal).headers["Location"]
        assert sign_in.startswith(SIGN_IN)
        assert query_of(sign_in) == {"next": goal}

    def test_another_persons_session_is_none(self, fresh: Browser) -> None:
        (carols,) = sessions_for(make_user("carol"), 1)

        for session in (str(carols.public_id), "x", ""):
            answer = fresh.get(CONFIRM, {"session": session})
            assert answer.headers["Location"] == LIST
            assert "already signed out." in text_of(fresh.get(LIST))


class Anyone(ModelBackend):
    """Takes every password for the first user's."""

    def authenticate(self, request: Any, **credentials: Any) -> Any:  # type: ignore[override]
        return get_user_model().objects.order_by("pk")[0]


class Locked(ModelBackend):
    """Refuses everybody, as one that counts failures does."""

    def authenticate(self, request: Any, **credentials: Any) -> Any:  # type: ignore[override]
        raise PermissionDenied


class Directory(ModelBackend):
    """Knows passwords that Django does not, as LDAP does."""

    def authenticate(self, request: Any, **credentials: Any) -> Any:  # type: ignore[override]
        user = get_user_model().objects.get(username=credentials["username"])
        return user if credentials["password"] == "in the directory" else None


def with_backend(settings: Any, backend: type) -> None:
    ours = f"{__name__}.{backend.__name__}"
    settings.AUTHENTICATION_BACKENDS = [ours, "django.contrib.auth.backends.ModelBackend"]


class TestAttackers:
    def test_the_password_of_another_user(
        self, stale: Browser, row: Session, failures: list[Any]
    ) -> None:
        bob = make_user("bob")
        bob.set_password(BOBS)
        bob.save()

        answer = revoke(stale, row, password=BOBS, username="bob")
        assert WRONG in text_of(answer)
        assert exists(row)
        assert failures == ["alice"]

    def test_a_backend_that_finds_another_user(self, alice: Any, settings: Any) -> None:
        bob = make_user("bob")
        (row,) = sessions_for(bob, 1)
        browser = aged(Browser(PHONE).sign_in(bob))
        with_backend(settings, Anyone)

        assert WRONG in text_of(revoke(browser, row, password="anything"))
        assert exists(row)

    def test_who_is_locked_out_of_the_sign_in_is_locked_out_here(
        self, stale: Browser, row: Session, settings: Any, failures: list[Any]
    ) -> None:
        with_backend(settings, Locked)

        assert WRONG in text_of(revoke(stale, row, password=PASSWORD))
        assert exists(row)
        assert failures == ["alice"]

    def test_brute_force_is_counted(
        self, stale: Browser, row: Session, failures: list[Any]
    ) -> None:
        for guess in "abc":
            revoke(stale, row, password=guess)
            stale.post(REAUTHENTICATE, {"password": guess})
        assert failures == ["alice"] * 6

    def test_no_sign_in_is_announced(self, stale: Browser, row: Session) -> None:
        seen: list[Any] = []
        user_logged_in.connect(receiver := lambda **kwargs: seen.append(kwargs))
        revoke(stale, row, password=PASSWORD)
        user_logged_in.disconnect(receiver)

        assert not exists(row)
        assert seen == []

    def test_a_session_that_is_revoked_at_that_moment_revokes_nothing(
        self, stale: Browser, row: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authenticate = auth.authenticate

        def revoke_meanwhile(*args: Any, **credentials: Any) -> Any:
            stale.row.revoke()
            return authenticate(*args, **credentials)

        monkeypatch.setattr(reauthentication, "authenticate", revoke_meanwhile)
        answer = revoke(stale, row, password=PASSWORD)
        assert answer.headers["HX-Redirect"] == f"{SIGN_IN}?next=/host/%3Ftab%3Dsecurity"
        assert exists(row)

        # Nor does it let anyone in.
        answer = stale.post(REAUTHENTICATE, {"password": PASSWORD, "next": SECRET})
        assert answer.headers["Location"].startswith(SIGN_IN)

    def test_two_posts_at_once_revoke_once(
        self, stale: Browser, row: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authenticate = auth.authenticate
        answers = []

        def post_meanwhile(*args: Any, **credentials: Any) -> Any:
            monkeypatch.setattr(reauthentication, "authenticate", authenticate)
            twin = Browser(LAPTOP)
            twin.cookies["sessionid"] = stale.key or ""
            answers.append(revoke(twin, row, password=PASSWORD))
            return authenticate(*args, **credentials)

        monkeypatch.setattr(reauthentication, "authenticate", post_meanwhile)
        answers.append(revoke(stale, row, password=PASSWORD))
        assert GONE in text_of(answers[0])
        assert "HX-Redirect" in answers[1].headers
        assert PastSession.objects.count() == 1

    def test_a_password_is_in_no_report_of_an_error(self, stale: Browser, row: Session) -> None:
        for url in (REVOKE, REAUTHENTICATE):
            request = stale.post(url, {"password": "guess"}).wsgi_request
            assert request.sensitive_post_parameters == ("password",)  # type: ignore[attr-defined]


class TestImpersonation:
    def test_the_password_is_the_impersonators(
        self, stale: Browser, row: Session, settings: Any, failures: list[Any]
    ) -> None:
        jane = make_user("jane")
        jane.set_password(BOBS)
        jane.save()
        settings.SESSION_BACKEND_IMPERSONATOR = f"{__name__}.jane_of"

        assert WRONG in text_of(revoke(stale, row, password=PASSWORD))
        assert failures == ["jane"]
        assert GONE in text_of(revoke(stale, row, password=BOBS))
        assert PastSession.objects.get().ended_by == jane


def jane_of(request: HttpRequest) -> Any:
    return get_user_model().objects.get(username="jane")


class TestWithoutAPassword:
    @pytest.fixture
    def stale(self, alice: Any, laptop: Browser, row: Session) -> Browser:
        without_password(alice)
        return aged(sign_in_anew(laptop, alice))

    @pytest.fixture(autouse=True)
    def _url(self, settings: Any) -> None:
        settings.SESSION_UI_REAUTHENTICATE_URL = "/sso/"

    def test_the_dialog_does_not_ask(self, stale: Browser) -> None:
        html = text_of(stale.get(LIST))
        assert "password-form" not in html
        assert FIELD not in html

    @pytest.mark.parametrize("htmx", [True, False])
    def test_they_go_elsewhere_and_come_back_to_what_they_wanted(
        self, stale: Browser, row: Session, alice: Any, htmx: bool
    ) -> None:
        answer = revoke(stale, row, htmx=htmx, next=HOST)
        goal = answer.headers["HX-Redirect"] if htmx else answer.headers["Location"]
        assert answer.status_code == (200 if htmx else 303)
        assert goal.startswith("/sso/?next=")
        assert exists(row)

        sign_in_anew(stale, alice)
        back = stale.get(query_of(goal)["next"])
        assert back.headers["Location"].startswith(f"{CONFIRM}?session={row.public_id}")
        page = stale.get(back.headers["Location"])
        assert "Sign out Safari on iPhone?</h1>" in text_of(page)
        assert FIELD not in text_of(page)
        assert exists(row)

        form = {name: value_in(page, name) for name in ("session", "next")}
        answer = stale.post(REVOKE, form)
        assert (answer.status_code, answer.headers["Location"]) == (303, HOST)
        assert not exists(row)

    def test_a_page_that_sends_them_back_at_once_is_no_endless_loop(
        self, stale: Browser, alice: Any, settings: Any
    ) -> None:
        settings.SESSION_UI_REAUTHENTICATE_URL = None
        settings.LOGIN_URL = "eager"
        page = stale.get(SECRET, follow=True)

        assert [urlsplit(url).path for url, _ in page.redirect_chain] == ["/eager/", REAUTHENTICATE]
        assert "Please sign out and sign in again" in text_of(page)
        assert value_in(page, "next") == SECRET
        answer = stale.post(REAUTHENTICATE, {"next": SECRET})
        assert answer.headers["Location"] == f"/eager/?next={SECRET}"
        assert "_auth_user_id" not in stale.session

        # And then it is open.
        assert sign_in_anew(stale, alice).get(SECRET).content == b"a secret"

    @pytest.mark.parametrize("since", ["0", "1", "nan", "inf", "x", ""])
    def test_a_made_up_time_opens_nothing(self, stale: Browser, since: str) -> None:
        answer = stale.get(REAUTHENTICATE, {"next": SECRET, "since": since}, follow=True)
        assert b"a secret" not in answer.content

    def test_the_page_itself_sends_them_on(self, stale: Browser) -> None:
        answer = stale.get(REAUTHENTICATE, {"next": SECRET})
        assert answer.headers["Location"].startswith("/sso/?next=/account/sessions/reauthenticate/")

    def test_another_host_is_told_the_whole_address(
        self, stale: Browser, row: Session, settings: Any
    ) -> None:
        settings.SESSION_UI_REAUTHENTICATE_URL = "https://id.example/again/?prompt=login"

        goal = revoke(stale, row).headers["HX-Redirect"]
        assert goal.startswith("https://id.example/again/?prompt=login&next=")
        assert query_of(goal)["next"].startswith(f"http://testserver{REAUTHENTICATE}?next=")

    def test_passwords_that_django_does_not_know(
        self, stale: Browser, row: Session, settings: Any
    ) -> None:
        settings.SESSION_UI_REAUTHENTICATE_URL = "session_ui:session_reauthenticate"
        with_backend(settings, Directory)

        assert FIELD in text_of(stale.get(LIST))
        assert WRONG in text_of(revoke(stale, row, password="guess"))
        assert GONE in text_of(revoke(stale, row, password="in the directory"))


class TestAllauth:
    """The real package has its test in tests/docs/integrations."""

    methods: list[Any]

    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.methods = [{"url": "/allauth/"}]
        adapter = SimpleNamespace(get_reauthentication_methods=lambda user: self.methods)
        self.signal = Signal()
        modules: dict[str, dict[str, Any]] = {
            "adapter": {"get_adapter": lambda: adapter},
            "signals": {"authentication_step_completed": self.signal},
        }
        for name in ("allauth", "allauth.account"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        for name, contents in modules.items():
            module = ModuleType(f"allauth.account.{name}")
            vars(module).update(contents)
            monkeypatch.setitem(sys.modules, module.__name__, module)
        is_installed = apps.is_installed
        monkeypatch.setattr(
            apps, "is_installed", lambda name: name == "allauth.account" or is_installed(name)
        )

    @pytest.fixture
    def stale(self, alice: Any, laptop: Browser, row: Session) -> Browser:
        without_password(alice)
        return aged(sign_in_anew(laptop, alice))

    def test_its_page_is_where_they_go(self, stale: Browser, row: Session) -> None:
        assert revoke(stale, row).headers["HX-Redirect"].startswith("/allauth/?next=")

    def test_who_has_no_way_to_there_signs_in(self, stale: Browser, row: Session) -> None:
        self.methods = []
        assert revoke(stale, row).headers["HX-Redirect"].startswith(f"{SIGN_IN}?next=")

    def test_the_setting_comes_first(self, stale: Browser, row: Session, settings: Any) -> None:
        settings.SESSION_UI_REAUTHENTICATE_URL = "/sso/"
        assert revoke(stale, row).headers["HX-Redirect"].startswith("/sso/?next=")

    @pytest.mark.parametrize(("kwargs", "counts"), [({"reauthenticated": True}, True), ({}, False)])
    def test_its_reauthentication_counts(
        self, stale: Browser, alice: Any, kwargs: dict[str, Any], counts: bool
    ) -> None:
        config: Any = apps.get_app_config("session_ui")
        SessionUIConfig.ready(config)
        request = stale.get(LIST).wsgi_request
        bob = make_user("bob")
        self.signal.send(type(bob), request=request, user=bob, method="password", **kwargs)
        assert not request.session.modified

        self.signal.send(type(alice), request=request, user=alice, method="password", **kwargs)
        assert request.session.modified is counts
        request.session.save()
        assert (stale.get(SECRET).status_code == 200) is counts

    def test_a_session_of_another_package_is_left_alone(self, alice: Any, rf: Any) -> None:
        request = rf.get("/")
        request.session, request.user = {}, alice
        reauthentication.note_reauthentication(request, alice, reauthenticated=True)
        assert request.session == {}


class TestDecorator:
    def test_it_lets_the_recent_in(self, fresh: Browser) -> None:
        assert fresh.get(SECRET).content == b"a secret"
        assert fresh.get("/async/").content == b"a secret"
        assert fresh.post("/class/").content == b"a secret"

    @pytest.mark.parametrize("url", [SECRET, "/async/", "/class/"])
    def test_it_asks_the_others(self, stale: Browser, url: str) -> None:
        response = stale.post(url)
        assert (response.status_code, response.headers["Location"]) == (
            303,
            f"{REAUTHENTICATE}?next={url.replace('/', '%2F')}",
        )

        page = stale.get(response.headers["Location"])
        assert FIELD in text_of(page)
        assert WRONG in text_of(stale.post(REAUTHENTICATE, {"next": url, "password": "guess"}))
        answer = stale.post(REAUTHENTICATE, {"next": value_in(page, "next"), "password": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (303, url)
        assert stale.post(url).content == b"a secret"

    def test_htmx_moves_the_whole_page(self, stale: Browser) -> None:
        response = stale.get(SECRET, headers=HTMX)
        goal = response.headers["HX-Redirect"]
        assert urlsplit(goal).path == REAUTHENTICATE
        # Not to the part of a page that was asked for.
        assert query_of(goal) == {"next": HOST}

        for url in ("http://evil.example/", "http://[::1"):
            response = stale.get(SECRET, headers={**HTMX, "HX-Current-URL": url})
            assert query_of(response.headers["HX-Redirect"]) == {"next": SECRET}

    def test_a_visitor_signs_in(self, laptop: Browser, stale: Browser) -> None:
        browser = Browser(PHONE)
        assert browser.get(SECRET).headers["Location"] == f"{SIGN_IN}?next={SECRET}"
        response = browser.get(REAUTHENTICATE, {"next": SECRET})
        assert response.headers["Location"] == f"{SIGN_IN}?next={SECRET}"

    @pytest.mark.parametrize(
        "goal", ["//evil.example/", "http://evil.example/", "javascript:1", ""]
    )
    def test_the_page_leads_to_this_site_only(self, stale: Browser, goal: str) -> None:
        page = stale.get(REAUTHENTICATE, {"next": goal})
        assert value_in(page, "next") == LIST
        answer = stale.post(REAUTHENTICATE, {"next": goal, "password": PASSWORD})
        assert answer.headers["Location"] == LIST

    def test_the_page_tells_no_htmx_apart(self, stale: Browser) -> None:
        """A boosted form is a page too."""
        headers = {**HTMX, "HX-Boosted": "true"}
        form = {"next": SECRET, "password": PASSWORD}
        assert stale.post(REAUTHENTICATE, form, headers=headers).status_code == 303

    def test_a_user_without_a_session_of_their_own(
        self, alice: Any, rf: Any, fresh: Browser
    ) -> None:
        """Such as one whom a middleware knows by a token."""
        request = fresh.get("/").wsgi_request
        request.session = type(request.session)()
        assert secret(request).headers["Location"].startswith(REAUTHENTICATE)
