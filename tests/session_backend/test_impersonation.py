"""Sessions of users that support works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.test import RequestFactory

from session_backend.conf import conf
from session_backend.impersonation import actor, from_hijack, from_impersonate, impersonator_name
from session_backend.models import PastSession, Session
from tests.browsers import LAPTOP, Browser, make_user
from tests.session_backend.helpers import login_data, open_store

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]

OTHERS = "/account/sessions/revoke-others/"
REVOKE = "/account/sessions/revoke/"


def by_header(request: HttpRequest) -> Any:
    """Trust a header, as no site would."""
    return by_username(request.headers.get("X-Impersonator"))


def by_username(username: str | None) -> Any:
    return get_user_model()._base_manager.filter(username=username).first()


@pytest.fixture
def jane(settings: Settings) -> Any:
    settings.SESSION_BACKEND_IMPERSONATOR = f"{__name__}.by_header"
    return make_user("jane", first_name="Jane")


@pytest.fixture
def support(jane: Any, alice: Any) -> Browser:
    """The browser of Jane, who is signed in as Alice."""
    return Browser({**LAPTOP, "HTTP_X_IMPERSONATOR": "jane"}).sign_in(alice)


def exists(browser: Browser) -> bool:
    return Session.objects.filter(pk=browser.key).exists()


def test_the_session_is_marked(support: Browser, phone: Browser, alice: Any) -> None:
    assert support.row.impersonator == "Jane"
    assert phone.sign_in(alice).row.impersonator == ""
    support.row.revoke()
    assert PastSession.objects.get().impersonator == "Jane"


def test_it_is_never_new(news: list[bool], jane: Any, alice: Any, phone: Browser) -> None:
    phone.sign_in(alice)
    support = Browser({**LAPTOP, "HTTP_X_IMPERSONATOR": "jane"}).sign_in(alice)
    assert support.row.new_until is None
    # And what support uses is no device of the user.
    Browser(LAPTOP).sign_in(alice)
    assert news == [False, False, True]


def test_everywhere_else_does_not_end_it(support: Browser, phone: Browser, alice: Any) -> None:
    laptop = Browser(LAPTOP).sign_in(alice)
    phone.sign_in(alice).post(OTHERS)
    assert exists(support)
    assert not exists(laptop)


def test_the_user_can_end_it_alone(support: Browser, phone: Browser, alice: Any) -> None:
    phone.sign_in(alice).post(REVOKE, {"session": support.row.public_id})
    assert not exists(support)


@pytest.mark.parametrize("url", [REVOKE, OTHERS])
def test_what_it_ends_names_who_did_it(
    url: str, support: Browser, phone: Browser, jane: Any, alice: Any
) -> None:
    chosen = {"session": phone.sign_in(alice).row.public_id}
    support.post(url, chosen)
    past = PastSession.objects.get(user=alice)
    assert (past.reason, past.ended_by) == ("revoked_by_staff", jane)
    assert exists(support)


def test_everywhere_else_from_a_session_of_ones_own(
    settings: Settings, alice: Any, jane: Any, phone: Browser
) -> None:
    """As with django-impersonate: the list is the user's, and the session is not."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.as_alice"]
    desk = Browser({**LAPTOP, "HTTP_X_IMPERSONATOR": "jane"}).sign_in(jane)
    phone.sign_in(alice)
    desk.post(OTHERS)
    assert exists(desk)
    assert not exists(phone)
    past = PastSession.objects.get()
    assert (past.user, past.reason, past.ended_by) == (alice, "revoked_by_staff", jane)


def as_alice(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> Any:
        if request.user.get_username() == "jane":
            request.user = by_username("alice")
        return get_response(request)

    return middleware


def test_nobody(alice: Any, phone: Browser) -> None:
    request: Any = RequestFactory().get("/")
    request.user = alice
    assert actor(request) == alice
    assert impersonator_name(request) == impersonator_name(None) == ""


def test_without_a_request(jane: Any, alice: Any) -> None:
    store = conf.session_store()
    store.update(login_data(alice))
    store.create()
    assert Session.objects.get().impersonator == ""


def test_an_error_marks_nothing_and_lets_nobody_in(
    settings: Settings, alice: Any, phone: Browser
) -> None:
    settings.SESSION_BACKEND_IMPERSONATOR = "no.such.function"
    with pytest.raises(ModuleNotFoundError):
        phone.sign_in(alice)
    assert not Session.objects.filter(user=alice).exists()


def test_names(settings: Settings, jane: Any) -> None:
    request = RequestFactory().get("/", headers={"X-Impersonator": "jane"})
    assert impersonator_name(request) == "Jane"
    type(jane).objects.update(first_name="")
    assert impersonator_name(request) == "jane"
    settings.SESSION_BACKEND_IMPERSONATOR = f"{__name__}.nameless"
    assert impersonator_name(request) == "x" * 150


class Nameless:
    def get_username(self) -> str:
        return "x" * 200


def nameless(request: HttpRequest) -> Any:
    return Nameless()


def test_from_hijack(jane: Any, alice: Any) -> None:
    store = open_store()
    request = store.request
    request.session = store
    assert from_hijack(request) is None
    # Jane became Alice, and Alice somebody else.
    store["hijack_history"] = [str(jane.pk), str(alice.pk)]
    assert from_hijack(request) == jane
    jane.delete()
    assert from_hijack(request) is None


def test_from_impersonate(jane: Any) -> None:
    request: Any = RequestFactory().get("/")
    assert from_impersonate(request) is None
    request.impersonator = jane
    assert from_impersonate(request) == jane
