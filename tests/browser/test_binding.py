"""Sessions that a real Chromium binds to its device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from session_backend.binding.state import LIFETIME
from session_backend.models import PastSession, Session
from tests.browser.chromium import BINDING_PATH, launch_with_keys
from tests.browser.site import TURN, served
from tests.browser.visitor import HOST, PAGE, SIGN_IN, Visitor, expect
from tests.browser.watch import Watch
from tests.browsers import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        BINDING_PATH is None,
        reason="BINDING_CHROMIUM names no Chromium that binds sessions (nox -s binding).",
    ),
]

BOUND_COOKIE = "sessionid_bound"
READ_EIGHT_TIMES = """
async (page) => {
  const one = async () => (await fetch(page)).url;
  return await Promise.all(Array.from({ length: 8 }, one));
}
"""


class BoundVisitor(Visitor):
    """A browser with a key, and what Chromium tells of its bound sessions."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.events: list[dict[str, Any]] = []
        tools = self.context.new_cdp_session(self.page)
        tools.on("Network.deviceBoundSessionEventOccurred", self._hear)
        tools.send("Network.enable")
        tools.send("Network.enableDeviceBoundSessions", {"enable": True})

    def _hear(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def results(self, kind: str) -> list[str]:
        """Return how the registrations (``creation``) or refreshes (``refresh``) ended."""
        details = [event.get(f"{kind}EventDetails") for event in self.events]
        return [found["fetchResult"] for found in details if found]

    def sign_in(self, *args: Any, **options: Any) -> Visitor:
        super().sign_in(*args, **options)
        self.until(lambda: self.results("creation"), "the registration")
        assert self.results("creation") == ["Success"]
        return self

    def lose_bound_cookie(self) -> None:
        self.context.clear_cookies(name=BOUND_COOKIE)


@pytest.fixture(scope="module")
def chromium_with_keys(chromium: Browser) -> Iterator[Browser]:
    browser = launch_with_keys(chromium.browser_type)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def binding_server(django_db_setup: None) -> Iterator[LiveServer]:
    with served(SESSION_BACKEND_BINDING="offer") as server:
        yield server


@pytest.fixture
def visitor(
    chromium_with_keys: Browser, binding_server: LiveServer, watch: Watch
) -> Iterator[Callable[..., Visitor]]:
    opened: list[Visitor] = []

    def visitor(**options: Any) -> Visitor:
        opened.append(BoundVisitor(chromium_with_keys, binding_server.url, watch, **options))
        return opened[-1]

    yield visitor
    for one in opened:
        one.close()


@pytest.fixture
def bound(laptop: BoundVisitor, alice: Any) -> BoundVisitor:
    laptop.sign_in(alice)
    return laptop


@contextmanager
def a_lifetime_later(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the server's clock go on."""
    now = timezone.now
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: now() + timedelta(seconds=LIFETIME + 1))
        yield


def test_badge(bound: BoundVisitor) -> None:
    bound.page.goto(PAGE)
    badge = bound.rows.get_by_text("Bound to its device")
    expect(badge).to_have_attribute("title", "A copied cookie does not work elsewhere")
    assert bound.results("refresh") == []


def test_one_refresh_when_the_cookie_is_gone(bound: BoundVisitor) -> None:
    bound.lose_bound_cookie()
    bound.page.goto(PAGE)
    bound.sees(1)
    assert bound.results("refresh") == ["Success"]


def test_one_refresh_for_eight_requests(bound: BoundVisitor) -> None:
    bound.page.goto("/")
    bound.lose_bound_cookie()
    urls = bound.page.evaluate(READ_EIGHT_TIMES, PAGE)
    assert urls == [f"{bound.site}{PAGE}"] * 8
    assert bound.results("refresh") == ["Success"]


def test_copied_cookies(
    bound: BoundVisitor, visitor: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    thief = visitor()
    thief.context.add_cookies(bound.cookies)
    thief.page.goto(PAGE)
    thief.sees(1)
    with a_lifetime_later(monkeypatch):
        thief.page.goto(PAGE)
        thief.lands_on_sign_in()
        # The owner goes on, and sees no end of a session, for there was none.
        bound.lose_bound_cookie()
        bound.page.goto(PAGE)
        bound.sees(1)
        thief.page.goto(PAGE)
        thief.lands_on_sign_in()
    with TURN:
        assert not PastSession.objects.exists()


def test_revoked_elsewhere(bound: BoundVisitor) -> None:
    bound.page.goto(PAGE)
    with TURN:
        Session.objects.get().revoke()
    bound.page.goto(PAGE)
    bound.lands_on_sign_in()
    for _ in range(2):
        bound.lose_bound_cookie()
        bound.page.goto(PAGE)
        bound.lands_on_sign_in()
    assert BOUND_COOKIE not in {cookie["name"] for cookie in bound.cookies}


def test_revoked_when_a_refresh_is_due(bound: BoundVisitor) -> None:
    with TURN:
        Session.objects.get().revoke()
    for _ in range(2):
        bound.lose_bound_cookie()
        bound.page.goto(PAGE)
        bound.lands_on_sign_in()
    assert BOUND_COOKIE not in {cookie["name"] for cookie in bound.cookies}
    # The page deleted the session cookie, and the browser gave the binding up.
    assert bound.results("refresh")[-1] == "ServerRequestedTermination"


def test_sign_out_ends_the_binding(bound: BoundVisitor, alice: Any) -> None:
    bound.page.goto(HOST)
    bound.page.evaluate("document.querySelector('form[action$=\"logout/\"]').submit()")
    bound.page.wait_for_url(f"**{SIGN_IN}**")
    before = len(bound.events)
    for _ in range(3):
        bound.page.goto(SIGN_IN)
    assert len(bound.events) == before
    # The next session has a key of its own.
    bound.events.clear()
    bound.sign_in(alice)
    bound.lose_bound_cookie()
    bound.page.goto(PAGE)
    bound.sees(1)
    assert bound.results("refresh") == ["Success"]


def test_password_changed(bound: BoundVisitor) -> None:
    """The session gets another key, and stays bound."""
    before = bound.cookies
    bound.page.goto("/accounts/password_change/")
    bound.page.get_by_label("Old password").fill(PASSWORD)
    for label in ("New password:", "New password confirmation:"):
        bound.page.get_by_label(label, exact=True).fill(f"{PASSWORD} again")
    bound.page.get_by_role("button", name="Change my password").click()
    bound.page.wait_for_url("**/password_change/done/")
    assert bound.cookies != before
    bound.lose_bound_cookie()
    bound.page.goto(PAGE)
    bound.sees(1)
    assert bound.results("refresh") == ["Success"]
