"""The middleware under WSGI and under ASGI: what a request leaves behind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from session_backend.backends import db
from session_backend.backends.copies import data_key
from session_backend.middleware import SessionMiddleware, silent
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser
from tests.session_backend.asgi import AsgiBrowser
from tests.session_backend.budget import cache_commands, statements

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine"),
]

COOKIE = "sessionid"
DEAD = "a-key-nobody-has"

Visitor = Browser | AsgiBrowser


@pytest.fixture(params=["wsgi", "asgi"])
def visitor(request: pytest.FixtureRequest) -> Visitor:
    """A browser in front of one or the other of Django's handlers."""
    if request.param == "asgi":
        return AsgiBrowser(LAPTOP)
    return Browser(LAPTOP, raise_request_exception=False)


@pytest.fixture
def alices(visitor: Visitor, alice: Any) -> Visitor:
    """The same, with which Alice has signed in."""
    visitor.cookies = Browser(LAPTOP).sign_in(alice).cookies
    return visitor


def an_hour_passes() -> None:
    hour = timedelta(hours=1)
    Session.objects.update(
        last_activity=F("last_activity") - hour, expire_date=F("expire_date") - hour
    )
    cache.clear()


def test_a_session_is_made_with_its_client(visitor: Visitor) -> None:
    response = visitor.get("/write/")
    assert response.content == b"nobody: 1"
    assert visitor.row.ip == LAPTOP["REMOTE_ADDR"]
    assert visitor.row.user_agent == LAPTOP["HTTP_USER_AGENT"]
    assert visitor.get("/write/").content == b"nobody: 2"


def test_it_is_used_by_async_views(visitor: Visitor) -> None:
    assert visitor.get("/awrite/").content == b"nobody: 1"
    assert visitor.row.ip == LAPTOP["REMOTE_ADDR"]
    assert visitor.get("/awrite/").content == b"nobody: 2"
    assert visitor.get("/aread/").content == b"nobody: 2"
    assert visitor.get("/aget/").content == b"2"


def test_its_user_is_signed_in(alices: Visitor, alice: Any) -> None:
    assert alices.get("/read/").content == b"alice: 0"
    assert alices.get("/awrite/").content == b"alice: 1"
    assert alices.row.user_id == alice.pk


def test_a_page_that_asks_for_no_session_costs_none(visitor: Visitor) -> None:
    response = visitor.get("/")
    assert not response.cookies
    assert "Vary" not in response.headers
    assert not Session.objects.exists()


def test_a_page_that_reads_it_varies_on_the_cookie(alices: Visitor) -> None:
    response = alices.get("/read/")
    assert "Cookie" in response.headers["Vary"]
    assert not response.cookies


def test_the_cookie_is_as_the_settings_say(visitor: Visitor, settings: Settings) -> None:
    settings.SESSION_COOKIE_NAME = "sid"
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_HTTPONLY = True
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    settings.SESSION_COOKIE_PATH = "/write/"
    settings.SESSION_COOKIE_DOMAIN = "example.org"
    settings.SESSION_COOKIE_AGE = 1000
    response = visitor.get("/write/")
    cookie = response.cookies["sid"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/write/"
    assert cookie["domain"] == "example.org"
    assert int(cookie["max-age"]) == 1000
    assert "Cookie" in response.headers["Vary"]


def test_a_cookie_may_end_with_the_browser(visitor: Visitor, settings: Settings) -> None:
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    cookie = visitor.get("/write/").cookies[COOKIE]
    assert not cookie["max-age"]
    assert not cookie["expires"]
    assert visitor.get("/read/").content == b"nobody: 1"


def test_the_cookie_of_a_dead_session_is_deleted(visitor: Visitor) -> None:
    visitor.cookies[COOKIE] = DEAD
    response = visitor.get("/read/")
    assert response.cookies[COOKIE].value == ""
    assert "Cookie" in response.headers["Vary"]


def test_flushing_deletes_the_cookie(alices: Visitor) -> None:
    response = alices.get("/flush/")
    assert response.cookies[COOKIE].value == ""
    assert response.cookies[COOKIE]["max-age"] in (0, "0")
    assert not Session.objects.exists()


def test_flushing_nothing_sets_no_cookie(visitor: Visitor) -> None:
    response = visitor.get("/flush/")
    assert not response.cookies
    assert "Cookie" in response.headers["Vary"]


def test_a_session_that_was_emptied_is_saved_and_kept(visitor: Visitor) -> None:
    visitor.get("/write/")
    response = visitor.get("/empty/")
    assert response.cookies[COOKIE].value == visitor.key
    assert visitor.row.get_decoded() == {}
    assert "Cookie" in response.headers["Vary"]


def test_a_cycled_key_is_in_the_cookie(alices: Visitor) -> None:
    before = alices.key
    assert alices.get("/cycle/").content == b"alice: 0"
    assert alices.key not in (before, None)
    assert alices.get("/read/").content == b"alice: 0"
    alices.cookies[COOKIE] = before or ""
    assert alices.get("/read/").content == b"nobody: 0"


@pytest.mark.parametrize(("page", "status"), [("/broken/", 503), ("/crash/", 500)])
def test_an_error_saves_nothing_and_loses_nothing(
    alices: Visitor, page: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    alices.get("/write/")
    response = alices.get(page)
    assert response.status_code == status
    assert not response.cookies
    assert alices.get("/read/").content == b"alice: 1"


def test_an_error_is_an_activity_all_the_same(alices: Visitor) -> None:
    an_hour_passes()
    before = timezone.now()
    alices.get("/broken/")
    assert alices.row.last_activity >= before


def test_a_session_that_was_revoked_meanwhile_interrupts(
    alices: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    response = alices.get("/interrupted/")
    assert response.status_code == 400
    assert "SessionInterrupted" in caplog.text or "session was deleted" in caplog.text
    assert not Session.objects.exists()
    assert alices.get("/read/").content == b"nobody: 0"


@pytest.mark.parametrize("page", ["/without/", "/replaced/"])
def test_a_view_may_do_away_with_the_session(alices: Visitor, page: str) -> None:
    # As under Django's middleware, which passes an object by that is no session.
    assert alices.get(page).status_code == 200
    assert alices.get("/read/").content == b"alice: 0"


def test_a_middleware_may_do_away_with_the_session(alices: Visitor, settings: Settings) -> None:
    ours = "session_backend.middleware.SessionMiddleware"
    settings.MIDDLEWARE = [ours, "tests.session_backend.site.without_session"]
    response = alices.get("/")
    assert response.status_code == 200
    assert not response.cookies


def test_activity_is_stamped_once_an_interval(alices: Visitor) -> None:
    an_hour_passes()
    before = timezone.now()
    alices.get("/read/")
    stamped = alices.row.last_activity
    assert stamped >= before
    alices.get("/read/")
    assert alices.row.last_activity == stamped


def test_a_stamp_records_who_came(alices: Visitor, alice: Any) -> None:
    an_hour_passes()
    visitor = type(alices)(PHONE)
    visitor.cookies = alices.cookies
    visitor.get("/read/")
    row = alices.row
    assert (row.ip, row.user_agent) == (PHONE["REMOTE_ADDR"], PHONE["HTTP_USER_AGENT"])
    assert (row.device_model, row.device_type) == ("iPhone", "mobile")
    assert row.user_id == alice.pk


def test_a_session_of_no_client_is_stamped_at_once(visitor: Visitor, alice: Any) -> None:
    browser = Browser(LAPTOP)
    browser.force_login(alice)
    assert browser.row.ip is None
    visitor.cookies = browser.cookies
    visitor.get("/read/")
    assert visitor.row.ip == LAPTOP["REMOTE_ADDR"]


def test_a_session_that_is_not_read_is_not_stamped(alices: Visitor) -> None:
    an_hour_passes()
    with statements() as sent:
        alices.get("/")
    assert sent == []


def test_saving_every_request_prolongs(alices: Visitor, settings: Settings) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    an_hour_passes()
    before = alices.row.expire_date
    response = alices.get("/")
    assert response.cookies[COOKIE].value == alices.key
    assert alices.row.expire_date > before
    assert "Cookie" in response.headers["Vary"]


@pytest.mark.parametrize("page", ["/poll/", "/apoll/"])
class TestSilentView:
    def test_it_reads_the_session(self, alices: Visitor, page: str) -> None:
        response = alices.get(page)
        assert response.content == b"alice: 0"
        assert "Cookie" in response.headers["Vary"]

    def test_it_leaves_no_stamp(self, alices: Visitor, page: str) -> None:
        an_hour_passes()
        before = alices.row.last_activity
        alices.get(page)
        assert alices.row.last_activity == before
        # Nor does it starve the next request of its own.
        alices.get("/read/")
        assert alices.row.last_activity > before

    def test_it_does_not_prolong(self, alices: Visitor, page: str, settings: Settings) -> None:
        settings.SESSION_SAVE_EVERY_REQUEST = True
        before = alices.row.expire_date
        assert not alices.get(page).cookies
        assert alices.row.expire_date == before

    @pytest.mark.usefixtures("recording")
    def test_it_fills_no_cache(self, alices: Visitor, page: str) -> None:
        an_hour_passes()
        with cache_commands() as commands:
            alices.get(page)
        assert set(commands) <= {"get_many"}
        assert data_key(alices.row.session_key) not in cache

    def test_it_deletes_the_cookie_of_a_dead_session(self, alices: Visitor, page: str) -> None:
        alices.row.end()
        response = alices.get(page)
        assert response.content == b"nobody: 0"
        assert response.cookies[COOKIE].value == ""

    def test_it_makes_no_session(self, visitor: Visitor, page: str) -> None:
        assert visitor.get(page).content == b"nobody: 0"
        assert not visitor.cookies
        assert not Session.objects.exists()


def test_a_silent_view_that_asks_for_no_session_costs_none(alices: Visitor) -> None:
    with statements() as sent:
        response = alices.get("/silent/")
    assert sent == []
    assert "Vary" not in response.headers


def test_a_silent_view_takes_a_session_that_is_none_of_ours() -> None:
    # Another middleware, between ours and the view, has put it there.
    request = RequestFactory().get("/")
    request.session = {}  # type: ignore[assignment]
    middleware = SessionMiddleware(lambda request: HttpResponse())
    middleware.process_view(request, silent(lambda request: HttpResponse()))
    assert request.session == {}


def test_what_a_silent_view_writes_is_saved_without_an_activity(alices: Visitor) -> None:
    an_hour_passes()
    before = alices.row
    alices.get("/silent-write/")
    after = alices.row
    assert after.get_decoded()["count"] == 1
    assert after.last_activity == before.last_activity
    assert alices.get("/read/").content == b"alice: 1"


def test_silence_is_the_views_and_shows_through_decorators() -> None:
    from django.contrib.auth.decorators import login_required

    def view(request: HttpRequest) -> HttpResponse:
        """Answer."""
        return HttpResponse()

    marked: Any = login_required(silent(view))
    assert marked.session_silent is True
    assert marked.__doc__ == "Answer."
    assert not hasattr(view, "session_silent")


def test_another_engine_is_refused(settings: Settings) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    with pytest.raises(ImproperlyConfigured, match="signed_cookies"):
        SessionMiddleware(lambda request: HttpResponse())


def test_the_session_knows_the_request() -> None:
    seen: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.session)
        return HttpResponse()

    extra: dict[str, Any] = dict(LAPTOP)
    SessionMiddleware(view)(RequestFactory().get("/", **extra))
    (session,) = seen
    assert isinstance(session, db.SessionStore)
    assert tuple(session.client) == (LAPTOP["REMOTE_ADDR"], LAPTOP["HTTP_USER_AGENT"])
