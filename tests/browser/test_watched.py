"""A page of the site without the list, which watches its session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from session_backend.models import Session
from tests.browser.chromium import launch
from tests.browser.site import TURN
from tests.browser.test_accessibility import finds_nothing
from tests.browser.visitor import IPHONE, SIGN_IN, Visitor, expect
from tests.browser.watch import FAILURES, Watch
from tests.browsers import make_user
from tests.session_ui.helpers import sessions_for

if TYPE_CHECKING:
    from playwright.sync_api import Locator

PAGE = "/watched/"
TIMEOUT = 240


@pytest.fixture
def _idle(live_server: Any, settings: Any) -> None:
    settings.SESSION_BACKEND_IDLE_TIMEOUT = TIMEOUT


def ends_in(seconds: float) -> None:
    """Have all sessions end so soon unless they are used."""
    with TURN:
        now = timezone.now()
        Session.objects.update(
            last_activity=now - timedelta(seconds=TIMEOUT - seconds),
            idle_expires_at=now + timedelta(seconds=seconds),
        )
        cache.clear()


def dialog(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("alertdialog", name="Still there?")


def button(visitor: Visitor, name: str) -> Locator:
    return dialog(visitor).get_by_role("button", name=name, exact=True)


def looks(visitor: Visitor) -> int:
    return visitor.count("/watch/")


@pytest.mark.usefixtures("htmx", "_idle")
class TestSignedOut:
    @pytest.mark.parametrize("how", ["revoked", "idle", "disabled"])
    def test_the_page_goes_to_the_sign_in_page(self, laptop: Visitor, alice: Any, how: str) -> None:
        laptop.sign_in(alice, PAGE)
        laptop.until(lambda: looks(laptop) > 1, "two looks")
        if how == "revoked":
            with TURN:
                Session.objects.get().revoke()
        elif how == "idle":
            ends_in(-1)
        else:
            with TURN:
                alice.is_active = False
                alice.save()
        laptop.page.wait_for_url(f"**{SIGN_IN}?next={PAGE}", timeout=4_000)
        words = {
            "revoked": "You were signed out from another device.",
            "idle": f"You were signed out after {TIMEOUT // 60} minutes without activity.",
            "disabled": "Your account has been disabled.",
        }
        expect(laptop.page.get_by_text(words[how])).to_be_visible()

        # There nothing asks any more.
        laptop.requests.clear()
        laptop.page.wait_for_timeout(2_500)
        assert looks(laptop) == 0

    def test_for_a_visitor_nothing_asks(self, laptop: Visitor) -> None:
        laptop.page.goto(PAGE)
        expect(laptop.page.get_by_label("A note")).to_be_visible()
        laptop.page.wait_for_timeout(2_500)
        assert laptop.page.locator("#session-watch").count() == 0
        assert looks(laptop) == 0

    def test_beside_the_list_too(self, laptop: Visitor, phone: Visitor, alice: Any) -> None:
        laptop.sign_in(alice, "/watched-list/")
        phone.sign_in(alice)
        laptop.sees(rows=2)
        laptop.until(lambda: looks(laptop) > 1, "two looks")
        phone.sign_out("Chrome on Windows")
        laptop.lands_on_sign_in()

    def test_a_hidden_page_does_not_ask_and_asks_at_once_when_it_is_seen(
        self, laptop: Visitor, alice: Any
    ) -> None:
        laptop.sign_in(alice, PAGE)
        laptop.until(lambda: looks(laptop), "a look")
        hide = """hidden => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
        laptop.page.evaluate(hide, True)
        laptop.page.wait_for_timeout(200)
        laptop.requests.clear()
        laptop.page.wait_for_timeout(2_500)
        assert looks(laptop) == 0
        with TURN:
            Session.objects.get().revoke()
        with laptop.page.expect_request("**/watch/**", timeout=900):
            laptop.page.evaluate(hide, False)
        laptop.lands_on_sign_in()

    def test_it_goes_on_when_the_server_answers_again(
        self, laptop: Visitor, alice: Any, watch: Watch
    ) -> None:
        watch.expect(FAILURES)
        laptop.sign_in(alice, PAGE)
        again = laptop.server_fails("**/watch/**")
        laptop.until(lambda: looks(laptop) > 1, "a failure")
        with TURN:
            Session.objects.get().revoke()
        again()
        laptop.page.evaluate("dispatchEvent(new Event('online'))")
        laptop.lands_on_sign_in()

    def test_the_page_of_another_person_is_loaded_again(self, laptop: Visitor, alice: Any) -> None:
        laptop.sign_in(alice, PAGE)
        laptop.settle_in()
        with TURN:
            bob = make_user("bob")
        with laptop.page.expect_event("load"):
            laptop.sign_in(bob, PAGE, laptop.new_tab())
        assert not laptop.page.evaluate("window.isMarked")


def test_a_page_that_the_back_button_brings_back(
    live_server: Any, watch: Watch, alice: Any, chromium: Any, settings: Any
) -> None:
    """From the browser's memory, where nothing is asked for."""
    settings.SESSION_UI_POLL_INTERVAL = 0
    browser = launch(chromium.browser_type, keeps_pages=True)
    visitor = Visitor(browser, live_server.url, watch)
    try:
        visitor.sign_in(alice, PAGE)
        visitor.page.evaluate("window.isKept = true")
        visitor.page.goto("/accounts/login/")
        with TURN:
            Session.objects.all().delete()
        visitor.page.go_back(wait_until="commit")
        visitor.page.wait_for_url(f"**{SIGN_IN}?next={PAGE}")
    finally:
        visitor.close()
        browser.close()


@pytest.mark.usefixtures("htmx", "_idle")
class TestStillThere:
    def test_staying_by_the_keyboard(self, laptop: Visitor, alice: Any) -> None:
        laptop.sign_in(alice, PAGE)
        laptop.settle_in()
        note = laptop.page.get_by_label("A note")
        note.fill("Not saved yet")
        expect(dialog(laptop)).to_have_count(0)
        ends_in(100)
        expect(dialog(laptop)).to_be_visible()
        expect(dialog(laptop)).to_have_accessible_description(
            "You\u2019ll be signed out soon, because you have not been active for a while."
        )
        expect(dialog(laptop).get_by_role("timer")).to_contain_text("1:")
        expect(button(laptop, "Stay signed in")).to_be_focused()
        laptop.page.keyboard.press("Tab")
        expect(button(laptop, "Sign out")).to_be_focused()
        laptop.page.keyboard.press("Shift+Tab")
        laptop.page.keyboard.press("Enter")
        expect(dialog(laptop)).to_have_count(0)
        expect(note).to_be_focused()
        expect(note).to_have_value("Not saved yet")
        assert laptop.has_stayed
        with TURN:
            left = Session.objects.get().idle_expires_at - timezone.now()  # type: ignore[operator]
        assert left > timedelta(seconds=TIMEOUT - 30)
        before = looks(laptop)
        laptop.until(lambda: looks(laptop) > before + 1, "two looks")
        expect(dialog(laptop)).to_have_count(0)

    def test_escape_stays_too(self, laptop: Visitor, alice: Any) -> None:
        laptop.sign_in(alice, PAGE)
        ends_in(100)
        expect(dialog(laptop)).to_be_visible()
        laptop.page.keyboard.press("Escape")
        expect(dialog(laptop)).to_have_count(0)
        assert laptop.count("/stay/", "POST") == 1

    @pytest.mark.parametrize("place", [PAGE, "/watched-hostile/"])
    def test_signing_out(self, laptop: Visitor, alice: Any, place: str) -> None:
        laptop.sign_in(alice, place)
        ends_in(100)
        button(laptop, "Stay signed in").click()
        expect(dialog(laptop)).to_have_count(0)
        ends_in(100)
        button(laptop, "Sign out").click()
        laptop.lands_on_sign_in()
        with TURN:
            assert Session.objects.count() == 0

    def test_no_answer_is_a_sign_out(self, laptop: Visitor, alice: Any) -> None:
        laptop.sign_in(alice, PAGE)
        ends_in(4)
        expect(dialog(laptop)).to_be_visible()
        laptop.lands_on_sign_in()
        expect(laptop.page.get_by_text("without activity.")).to_be_visible()

    def test_staying_in_another_tab_is_enough(self, laptop: Visitor, alice: Any) -> None:
        laptop.sign_in(alice, PAGE)
        ends_in(100)
        expect(dialog(laptop)).to_be_visible()
        ends_in(TIMEOUT)
        expect(dialog(laptop)).to_have_count(0)
        assert laptop.count("/stay/", "POST") == 0

    def test_loading_a_page_late_is_not_asked_about(self, laptop: Visitor, alice: Any) -> None:
        laptop.sign_in(alice, PAGE)
        ends_in(100)
        laptop.page.goto(PAGE)
        before = looks(laptop)
        laptop.until(lambda: looks(laptop) > before + 1, "two looks")
        expect(dialog(laptop)).to_have_count(0)

    def test_a_failure_is_said(self, laptop: Visitor, alice: Any, watch: Watch) -> None:
        watch.expect(FAILURES)
        laptop.sign_in(alice, PAGE)
        laptop.server_fails("**/stay/", 403)
        ends_in(100)
        button(laptop, "Stay signed in").click()
        expect(dialog(laptop)).to_contain_text("That did not work.")

    def test_above_the_question_of_the_list(
        self, laptop: Visitor, alice: Any, own_dialog: None
    ) -> None:
        with TURN:
            sessions_for(alice, 2)
        laptop.sign_in(alice, "/watched-list/")
        laptop.sign_out(IPHONE)
        question = laptop.page.get_by_role("alertdialog", name=f"Sign out {IPHONE}?")
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()
        with TURN:
            mine = Session.objects.exclude(session_data="").values("pk")
            now = timezone.now()
            Session.objects.filter(pk__in=[row["pk"] for row in mine]).update(
                idle_expires_at=now + timedelta(seconds=100),
                last_activity=now - timedelta(seconds=140),
            )
            cache.clear()
        expect(dialog(laptop)).to_be_visible()
        expect(button(laptop, "Stay signed in")).to_be_focused()
        laptop.page.keyboard.press("Enter")
        expect(dialog(laptop)).to_have_count(0)
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()
        question.get_by_role("button", name="Sign out").click()
        laptop.sees(rows=2)


@pytest.mark.usefixtures("_idle")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing(
    visitor: Callable[..., Visitor], alice: Any, scheme: str, width: int
) -> None:
    reader = visitor(viewport={"width": width, "height": 700}, color_scheme=scheme)
    reader.sign_in(alice, PAGE)
    ends_in(100)
    expect(dialog(reader)).to_be_visible()
    finds_nothing(reader)
    button(reader, "Sign out").focus()
    finds_nothing(reader)
