"""The middleware under WSGI and ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from session_backend.backends import db
from session_backend.cache import entry_key
from session_backend.middleware import SessionMiddleware, background
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, AsyncBrowser, Browser
from tests.session_backend.budget import cache_commands, statements
from tests.session_backend.helpers import age_sessions

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]

COOKIE = "sessionid"

AnyBrowser = Browser | AsyncBrowser


@pytest.fixture(params=["wsgi", "asgi"])
def browser(request: pytest.FixtureRequest) -> AnyBrowser:
    if request.param == "asgi":
        return AsyncBrowser(LAPTOP)
    return Browser(LAPTOP, raise_request_exception=False)


@pytest.fixture
def signed_in(browser: AnyBrowser, alice: Any) -> AnyBrowser:
    """The browser, signed in as Alice."""
    browser.cookies = Browser(LAPTOP).sign_in(alice).cookies
    return browser


def test_session_created_with_client(browser: AnyBrowser) -> None:
    response = browser.get("/write/")
    assert response.content == b"anonymous: 1"
    assert browser.row.ip == LAPTOP["REMOTE_ADDR"]
    assert browser.row.user_agent == LAPTOP["HTTP_USER_AGENT"]
    assert browser.get("/write/").content == b"anonymous: 2"


def test_async_views(browser: AnyBrowser) -> None:
    assert browser.get("/awrite/").content == b"anonymous: 1"
    assert browser.row.ip == LAPTOP["REMOTE_ADDR"]
    assert browser.get("/awrite/").content == b"anonymous: 2"
    assert browser.get("/aread/").content == b"anonymous: 2"
    assert browser.get("/aget/").content == b"2"


def test_authenticated_user(signed_in: AnyBrowser, alice: Any) -> None:
    assert signed_in.get("/read/").content == b"alice: 0"
    assert signed_in.get("/awrite/").content == b"alice: 1"
    assert signed_in.row.user_id == alice.pk


def test_unused_session_not_created(browser: AnyBrowser) -> None:
    response = browser.get("/")
    assert not response.cookies
    assert "Vary" not in response.headers
    assert not Session.objects.exists()


def test_vary_on_read(signed_in: AnyBrowser) -> None:
    response = signed_in.get("/read/")
    assert "Cookie" in response.headers["Vary"]
    assert not response.cookies


def test_cookie_settings(browser: AnyBrowser, settings: Settings) -> None:
    settings.SESSION_COOKIE_NAME = "sid"
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_HTTPONLY = True
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    settings.SESSION_COOKIE_PATH = "/write/"
    settings.SESSION_COOKIE_DOMAIN = "example.org"
    settings.SESSION_COOKIE_AGE = 1000
    response = browser.get("/write/")
    cookie = response.cookies["sid"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/write/"
    assert cookie["domain"] == "example.org"
    assert int(cookie["max-age"]) == 1000
    assert "Cookie" in response.headers["Vary"]


def test_expire_at_browser_close(browser: AnyBrowser, settings: Settings) -> None:
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    cookie = browser.get("/write/").cookies[COOKIE]
    assert not cookie["max-age"]
    assert not cookie["expires"]
    assert browser.get("/read/").content == b"anonymous: 1"


def test_unknown_session_deletes_cookie(browser: AnyBrowser) -> None:
    browser.cookies[COOKIE] = "unknown-key"
    response = browser.get("/read/")
    assert response.cookies[COOKIE].value == ""
    assert "Cookie" in response.headers["Vary"]


def test_flush_deletes_cookie(signed_in: AnyBrowser) -> None:
    response = signed_in.get("/flush/")
    assert response.cookies[COOKIE].value == ""
    assert response.cookies[COOKIE]["max-age"] in (0, "0")
    assert not Session.objects.exists()


def test_flush_without_session_sets_no_cookie(browser: AnyBrowser) -> None:
    response = browser.get("/flush/")
    assert not response.cookies
    assert "Cookie" in response.headers["Vary"]


def test_emptied_session_saved(browser: AnyBrowser) -> None:
    browser.get("/write/")
    response = browser.get("/empty/")
    assert response.cookies[COOKIE].value == browser.key
    assert browser.row.get_decoded() == {}
    assert "Cookie" in response.headers["Vary"]


def test_cycle_key_sets_cookie(signed_in: AnyBrowser) -> None:
    before = signed_in.key
    assert signed_in.get("/cycle/").content == b"alice: 0"
    assert signed_in.key not in (before, None)
    assert signed_in.get("/read/").content == b"alice: 0"
    signed_in.cookies[COOKIE] = before or ""
    assert signed_in.get("/read/").content == b"anonymous: 0"


@pytest.mark.parametrize(("page", "status"), [("/broken/", 503), ("/crash/", 500)])
def test_server_error_not_saved(signed_in: AnyBrowser, page: str, status: int) -> None:
    signed_in.get("/write/")
    response = signed_in.get(page)
    assert response.status_code == status
    assert not response.cookies
    assert signed_in.get("/read/").content == b"alice: 1"


def test_server_error_touches(signed_in: AnyBrowser) -> None:
    age_sessions()
    before = timezone.now()
    signed_in.get("/broken/")
    assert signed_in.row.last_activity >= before


def test_session_revoked_during_request(
    signed_in: AnyBrowser, caplog: pytest.LogCaptureFixture
) -> None:
    response = signed_in.get("/interrupted/")
    assert response.status_code == 400
    assert "SessionInterrupted" in caplog.text or "session was deleted" in caplog.text
    assert not Session.objects.exists()
    assert signed_in.get("/read/").content == b"anonymous: 0"


@pytest.mark.parametrize("page", ["/without/", "/replaced/"])
def test_view_removes_or_replaces_session(signed_in: AnyBrowser, page: str) -> None:
    # Django's middleware accepts this too.
    assert signed_in.get(page).status_code == 200
    assert signed_in.get("/read/").content == b"alice: 0"


def test_middleware_removes_session(signed_in: AnyBrowser, settings: Settings) -> None:
    settings.MIDDLEWARE = [
        "session_backend.middleware.SessionMiddleware",
        "tests.session_backend.site.without_session",
    ]
    response = signed_in.get("/")
    assert response.status_code == 200
    assert not response.cookies


def test_touched_once_per_interval(signed_in: AnyBrowser) -> None:
    age_sessions()
    before = timezone.now()
    signed_in.get("/read/")
    touched = signed_in.row.last_activity
    assert touched >= before
    signed_in.get("/read/")
    assert signed_in.row.last_activity == touched


def test_touch_records_client(signed_in: AnyBrowser, alice: Any) -> None:
    age_sessions()
    phone = type(signed_in)(PHONE)
    phone.cookies = signed_in.cookies
    phone.get("/read/")
    row = signed_in.row
    assert (row.ip, row.user_agent) == (PHONE["REMOTE_ADDR"], PHONE["HTTP_USER_AGENT"])
    assert (row.device_model, row.device_type) == ("iPhone", "mobile")
    assert row.user_id == alice.pk


def test_session_without_client_touched_at_once(browser: AnyBrowser, alice: Any) -> None:
    laptop = Browser(LAPTOP)
    laptop.force_login(alice)
    assert laptop.row.ip is None
    browser.cookies = laptop.cookies
    browser.get("/read/")
    assert browser.row.ip == LAPTOP["REMOTE_ADDR"]


def test_unread_session_not_touched(signed_in: AnyBrowser) -> None:
    age_sessions()
    with statements() as sent:
        signed_in.get("/")
    assert sent == []


def test_save_every_request(signed_in: AnyBrowser, settings: Settings) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    age_sessions()
    before = signed_in.row.expire_date
    response = signed_in.get("/")
    assert response.cookies[COOKIE].value == signed_in.key
    assert signed_in.row.expire_date > before
    assert "Cookie" in response.headers["Vary"]


@pytest.mark.parametrize("page", ["/poll/", "/apoll/"])
class TestBackground:
    def test_session_read(self, signed_in: AnyBrowser, page: str) -> None:
        response = signed_in.get(page)
        assert response.content == b"alice: 0"
        assert "Cookie" in response.headers["Vary"]

    def test_session_not_touched(self, signed_in: AnyBrowser, page: str) -> None:
        age_sessions()
        before = signed_in.row.last_activity
        signed_in.get(page)
        assert signed_in.row.last_activity == before
        # The next request still touches.
        signed_in.get("/read/")
        assert signed_in.row.last_activity > before

    def test_session_not_prolonged(
        self, signed_in: AnyBrowser, page: str, settings: Settings
    ) -> None:
        settings.SESSION_SAVE_EVERY_REQUEST = True
        before = signed_in.row.expire_date
        assert not signed_in.get(page).cookies
        assert signed_in.row.expire_date == before

    @pytest.mark.usefixtures("recording")
    def test_session_not_cached(self, signed_in: AnyBrowser, page: str) -> None:
        age_sessions()
        with cache_commands() as commands:
            signed_in.get(page)
        assert set(commands) <= {"get_many"}
        assert entry_key(signed_in.row.session_key) not in cache

    def test_revoked_session_deletes_cookie(self, signed_in: AnyBrowser, page: str) -> None:
        signed_in.row.revoke()
        response = signed_in.get(page)
        assert response.content == b"anonymous: 0"
        assert response.cookies[COOKIE].value == ""

    def test_session_not_created(self, browser: AnyBrowser, page: str) -> None:
        assert browser.get(page).content == b"anonymous: 0"
        assert not browser.cookies
        assert not Session.objects.exists()


def test_background_view_without_session_access(signed_in: AnyBrowser) -> None:
    with statements() as sent:
        response = signed_in.get("/background/")
    assert sent == []
    assert "Vary" not in response.headers


def test_background_view_with_session_of_other_class() -> None:
    # Set by another middleware, between this one and the view.
    request = RequestFactory().get("/")
    request.session = {}  # type: ignore[assignment]
    middleware = SessionMiddleware(lambda request: HttpResponse())
    middleware.process_view(request, background(lambda request: HttpResponse()))
    assert request.session == {}


def test_background_write_saved_without_touch(signed_in: AnyBrowser) -> None:
    age_sessions()
    before = signed_in.row
    signed_in.get("/background-write/")
    after = signed_in.row
    assert after.get_decoded()["count"] == 1
    assert after.last_activity == before.last_activity
    assert signed_in.get("/read/").content == b"alice: 1"


def test_background_below_other_decorators() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        """Answer."""
        return HttpResponse()

    decorated: Any = login_required(background(view))
    assert decorated.session_background is True
    assert decorated.__doc__ == "Answer."
    assert not hasattr(view, "session_background")


@pytest.mark.parametrize(
    ("views", "is_touched"),
    [
        (["read"], False),
        (["/read/"], False),
        (["/"], False),
        (["/write/", "write", "/rea"], True),
        ([], True),
    ],
)
def test_background_views_setting(
    views: list[str], is_touched: bool, signed_in: AnyBrowser, settings: Settings
) -> None:
    settings.SESSION_BACKEND_BACKGROUND_VIEWS = views
    age_sessions()
    before = signed_in.row.last_activity
    signed_in.get("/read/")
    assert (signed_in.row.last_activity > before) is is_touched


def test_other_engine_raises(settings: Settings) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    with pytest.raises(ImproperlyConfigured, match="signed_cookies"):
        SessionMiddleware(lambda request: HttpResponse())


def test_client_of_request() -> None:
    sessions: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        sessions.append(request.session)
        return HttpResponse()

    SessionMiddleware(view)(RequestFactory(**LAPTOP).get("/"))
    (session,) = sessions
    assert isinstance(session, db.SessionStore)
    assert tuple(session.client) == (LAPTOP["REMOTE_ADDR"], LAPTOP["HTTP_USER_AGENT"])
