"""Who comes with the cookie of a session that has ended is told why, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path
from django.utils import timezone

from session_backend.fields import Digest
from session_backend.history import Reason
from session_backend.middleware import background
from session_backend.models import PastSession, Session
from session_backend.notice import COOKIE, SALT, SECONDS, take
from tests.browsers import LAPTOP, PASSWORD, AsyncBrowser, Browser, make_user
from tests.session_backend import site
from tests.session_backend.budget import statements

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("engine")]

AnyBrowser = Browser | AsyncBrowser


def why(request: HttpRequest) -> HttpResponse:
    return HttpResponse(take(request) or "nothing")


def why_to_user(request: HttpRequest) -> HttpResponse:
    assert not request.user.is_authenticated
    return why(request)


async def awhy(request: HttpRequest) -> HttpResponse:
    await request.session.aget("colour")
    session: Any = request.session
    return HttpResponse(await session.aended_reason() or "nothing")


def why_without_session(request: HttpRequest) -> HttpResponse:
    del request.session
    return why(request)


urlpatterns = [
    path("why/", why),
    path("why/async/", awhy),
    path("why/user/", why_to_user),
    path("why/poll/", background(why_to_user)),
    path("why/without/", why_without_session),
    *site.urlpatterns,
]


@pytest.fixture(autouse=True)
def _urls(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    settings.LOGIN_REDIRECT_URL = "/"


@pytest.fixture(params=["wsgi", "asgi"])
def revoked(request: pytest.FixtureRequest, alice: Any, laptop: Browser) -> AnyBrowser:
    """A browser whose session has been revoked."""
    laptop.sign_in(alice).row.revoke()
    if request.param == "wsgi":
        return laptop
    browser = AsyncBrowser(LAPTOP)
    browser.cookies = laptop.cookies
    return browser


def told(browser: AnyBrowser) -> str:
    return str(browser.get("/why/").content.decode())


def signed(reason: str, salt: str = SALT) -> str:
    response = HttpResponse()
    response.set_signed_cookie(COOKIE, reason, salt=salt)
    return response.cookies[COOKIE].value


@pytest.mark.parametrize("page", ["/read/", "/aread/", "/poll/", "/apoll/"])
def test_the_answer_to_a_dead_cookie(settings: Settings, revoked: AnyBrowser, page: str) -> None:
    settings.SESSION_COOKIE_SECURE = True
    response = revoked.get(page)
    assert response.cookies["sessionid"]["max-age"] == 0
    cookie = response.cookies[COOKIE]
    assert cookie.value.startswith("revoked:")
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert cookie["max-age"] == SECONDS == 300
    assert "Cookie" in response["Vary"]


@pytest.mark.parametrize("page", ["/read/", "/poll/"])
def test_told_once(revoked: AnyBrowser, page: str) -> None:
    revoked.get(page)
    response = revoked.get("/why/")
    assert response.content == b"revoked"
    assert response.cookies[COOKIE]["max-age"] == 0
    assert "Cookie" in response["Vary"]
    assert told(revoked) == "nothing"


@pytest.mark.parametrize("page", ["/why/user/", "/why/poll/"])
def test_told_by_the_first_answer(revoked: AnyBrowser, page: str) -> None:
    with statements(PastSession) as sent:
        response = revoked.get(page)
    assert response.content == b"revoked"
    assert sent == ["SELECT"]
    assert COOKIE not in response.cookies
    assert response.cookies["sessionid"]["max-age"] == 0
    assert told(revoked) == "nothing"


def test_the_store_tells_an_async_view(revoked: AnyBrowser) -> None:
    with statements(PastSession) as sent:
        assert revoked.get("/why/async/").content == b"revoked"
    assert sent == ["SELECT"]
    assert told(revoked) == "revoked"


def test_the_sign_in_page_of_django(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice).row.revoke()
    response = laptop.get("/account/sessions/")
    assert response["Location"] == "/accounts/login/?next=/account/sessions/"
    assert told(laptop) == "revoked"


def test_not_read_without_need(revoked: AnyBrowser) -> None:
    with statements(PastSession) as sent:
        response = revoked.get("/")
    assert sent == []
    assert response.cookies == {}


@pytest.mark.parametrize("key", ["unknown" * 4, "x" * 10_000, "é" * 10])
def test_an_unknown_cookie(laptop: Browser, key: str) -> None:
    laptop.cookies["sessionid"] = key
    with statements(PastSession) as sent:
        response = laptop.get("/read/")
    assert sent == ["SELECT"]
    assert COOKIE not in response.cookies
    assert told(laptop) == "nothing"


def test_a_digest_for_a_key(alice: Any, laptop: Browser) -> None:
    row = laptop.sign_in(alice).row
    row.revoke()
    laptop.cookies["sessionid"] = row.pk or str(Digest.of(laptop.key or ""))
    assert told(laptop) == "nothing"


def test_each_reason(alice: Any, laptop: Browser) -> None:
    for reason in set(Reason.values) - {"expired"}:
        laptop.sign_in(alice).row.revoke(reason=reason)
        laptop.get("/read/")
        assert told(laptop) == reason


def test_signed_out_by_staff(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice).row.revoke(by=make_user("boss"))
    response = laptop.get("/read/")
    assert "boss" not in response.cookies[COOKIE].value
    assert told(laptop) == "revoked_by_staff"


def test_another_password(alice: Any, laptop: Browser, phone: Browser) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    passwords = {"old_password": PASSWORD, "new_password1": "x1y2z3!!", "new_password2": "x1y2z3!!"}
    assert laptop.post("/accounts/password_change/", passwords).status_code == 302
    # Django ends the session as a view asks for its user.
    assert phone.get("/read/").content == b"anonymous: 0"
    assert PastSession.objects.get().reason == "password_changed"
    assert told(phone) == "password_changed"
    assert told(laptop) == "nothing"


def test_another_password_told_by_the_first_answer(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    alice.set_password("something else")
    alice.save()
    assert laptop.get("/account/sessions/").cookies[COOKIE].value.startswith("password_changed:")


def test_a_sign_out_says_nothing(alice: Any, laptop: Browser) -> None:
    response = laptop.sign_in(alice).post("/accounts/logout/")
    assert COOKIE not in response.cookies
    assert told(laptop) == "nothing"


@pytest.mark.parametrize("is_cleared", [False, True])
def test_expired(alice: Any, laptop: Browser, is_cleared: bool) -> None:
    laptop.sign_in(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(minutes=1))
    cache.clear()
    if is_cleared:
        Session.objects.all().clear()
    with statements(PastSession) as sent:
        laptop.get("/read/")
    assert sent == ["SELECT"]
    assert told(laptop) == "expired"


def test_nothing_of_anonymous_sessions(laptop: Browser) -> None:
    laptop.get("/write/")
    Session.objects.update(expire_date=timezone.now() - timedelta(minutes=1))
    cache.clear()
    assert told(laptop) == "nothing"


FORGED = {
    "unsigned": lambda: "revoked",
    "badly signed": lambda: "revoked:1:forged",
    "no reason": lambda: signed("fired"),
    "of another cookie": lambda: signed("revoked", salt="elsewhere"),
    "10 kB": lambda: "x" * 10_000,
    "not ASCII": lambda: "é:é:é",
}


@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED)
def test_a_forged_cookie(laptop: Browser, value: Callable[[], str]) -> None:
    laptop.cookies[COOKIE] = value()
    response = laptop.get("/why/")
    assert response.content == b"nothing"
    assert response.cookies[COOKIE]["max-age"] == 0


def test_an_expired_cookie(laptop: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    laptop.cookies[COOKIE] = signed("revoked")
    monkeypatch.setattr("session_backend.notice.SECONDS", -1)
    assert told(laptop) == "nothing"


def test_a_valid_cookie(laptop: Browser) -> None:
    laptop.cookies[COOKIE] = signed("revoked")
    assert told(laptop) == "revoked"


def test_a_page_that_tells_is_not_shared(laptop: Browser) -> None:
    response = laptop.get("/why/")
    assert response.content == b"nothing"
    assert "Cookie" in response["Vary"]
    assert not response.cookies


def test_without_a_session(laptop: Browser) -> None:
    laptop.cookies[COOKIE] = signed("revoked")
    assert laptop.get("/why/without/").content == b"revoked"
    assert take(RequestFactory().get("/")) == ""


def test_history_off(settings: Settings, revoked: AnyBrowser) -> None:
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    with statements(PastSession) as sent:
        response = revoked.get("/read/")
    assert sent == []
    assert set(response.cookies) == {"sessionid"}
    assert told(revoked) == "nothing"


def test_while_sessions_are_adopted(settings: Settings, revoked: AnyBrowser) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.cache"
    response = revoked.get("/read/")
    # It would be told again and again.
    assert response.cookies["sessionid"]["max-age"] == 0
    assert told(revoked) == "revoked"
    revoked.cookies["sessionid"] = "unknown" * 4
    response = revoked.get("/read/")
    assert not response.cookies
    assert revoked.cookies["sessionid"].value == "unknown" * 4


def test_a_new_sign_in(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice).row.revoke()
    laptop.get("/read/")
    laptop.sign_in(alice)
    assert laptop.get("/read/").content == b"alice: 0"
