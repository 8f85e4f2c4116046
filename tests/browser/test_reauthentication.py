"""The question that asks for the password too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.test_accessibility import finds_nothing
from tests.browser.visitor import HOST, IPHONE, PAGE, WINDOWS, Visitor, expect
from tests.browser.watch import FAILURES, Watch
from tests.browsers import LAPTOP, PASSWORD
from tests.session_ui.helpers import sessions_for, travel

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = pytest.mark.usefixtures("own_dialog")

AFTER = 600
WRONG = "That password is not correct. Please try again."


@pytest.fixture(autouse=True)
def _asks(live_server: Any, settings: Any) -> None:
    settings.SESSION_UI_REAUTHENTICATE_AFTER = AFTER


@pytest.fixture
def others(alice: Any) -> Any:
    with TURN:
        return sessions_for(alice, 2)


def age() -> None:
    """Have the proof of who one is be too old, in all sessions."""
    with TURN:
        moment = timezone.now() - timedelta(seconds=AFTER + 1)
        Session.objects.update(authenticated_at=moment)
        cache.clear()


def field(visitor: Visitor) -> Locator:
    return visitor.page.get_by_label("Password", exact=True)


def press(visitor: Visitor, name: str) -> None:
    visitor.dialog.get_by_role("button", name=name, exact=True).click()


def stale(visitor: Visitor, user: Any, place: str = HOST) -> Visitor:
    """Sign in, and open the page again long after."""
    visitor.sign_in(user, place)
    age()
    visitor.page.goto(place)
    visitor.settle_in()
    return visitor


@pytest.mark.usefixtures("htmx")
class TestDialog:
    @pytest.mark.parametrize("place", [HOST, PAGE])
    def test_wrong_then_right(self, laptop: Visitor, alice: Any, others: Any, place: str) -> None:
        stale(laptop, alice, place)
        laptop.sign_out(IPHONE)
        # From its first opening, for the page knows.
        expect(field(laptop)).to_be_focused()
        field(laptop).fill("guess")
        press(laptop, "Sign out")
        expect(field(laptop)).to_have_attribute("aria-invalid", "true")
        expect(laptop.dialog.get_by_role("alert")).to_have_text(WRONG)
        expect(field(laptop)).to_have_accessible_description(WRONG)
        expect(field(laptop)).to_be_focused()
        expect(field(laptop)).to_have_value("")
        laptop.sees(rows=3)

        field(laptop).fill(PASSWORD)
        press(laptop, "Sign out")
        laptop.sees(rows=2)
        expect(laptop.dialog).to_have_count(0)
        expect(laptop.status).to_contain_text("has been signed out.")
        assert laptop.focus == f"session-revoke-{others[1].public_id}"
        assert laptop.has_stayed
        assert laptop.revokes == 2

        # And not again.
        laptop.sign_out(IPHONE)
        expect(laptop.dialog).to_be_visible()
        expect(field(laptop)).to_have_count(0)
        press(laptop, "Sign out")
        laptop.sees(rows=1)
        assert laptop.focus == "session-empty"
        assert laptop.revokes == 3
        laptop.next_poll()
        assert laptop.has_stayed

    def test_the_keyboard_is_enough(self, laptop: Visitor, alice: Any, others: Any) -> None:
        stale(laptop, alice)
        keyboard = laptop.page.keyboard
        laptop.button(IPHONE).first.focus()
        keyboard.press("Enter")
        expect(field(laptop)).to_be_focused()
        # Nothing typed is nothing to send.
        keyboard.press("Enter")
        keyboard.type("guess")
        keyboard.press("Enter")
        expect(laptop.dialog.get_by_role("alert")).to_have_text(WRONG)
        expect(field(laptop)).to_be_focused()
        keyboard.press("Escape")
        expect(laptop.dialog).to_have_count(0)
        assert laptop.focus == f"session-revoke-{others[0].public_id}"
        assert laptop.revokes == 1

        # What was typed is gone, and so is the sentence.
        keyboard.press("Enter")
        expect(field(laptop)).to_be_focused()
        expect(field(laptop)).to_have_value("")
        expect(field(laptop)).not_to_have_attribute("aria-invalid", "true")
        expect(laptop.dialog.get_by_role("alert")).to_have_text("")
        keyboard.type(PASSWORD)
        keyboard.press("Enter")
        laptop.sees(rows=2)
        assert laptop.focus == f"session-revoke-{others[1].public_id}"
        assert laptop.revokes == 2

    def test_a_page_that_does_not_know_asks_again(
        self, laptop: Visitor, alice: Any, others: Any
    ) -> None:
        laptop.sign_in(alice)
        laptop.settle_in()
        age()
        laptop.sign_out(IPHONE)
        expect(laptop.dialog).to_be_visible()
        expect(field(laptop)).to_have_count(0)
        press(laptop, "Sign out")
        expect(laptop.dialog).to_contain_text(f"Sign out {IPHONE}?")
        expect(field(laptop)).to_be_focused()
        laptop.sees(rows=3)
        field(laptop).fill(PASSWORD)
        press(laptop, "Sign out")
        laptop.sees(rows=2)
        assert laptop.focus == f"session-revoke-{others[1].public_id}"
        assert laptop.has_stayed

    def test_everywhere_else(self, laptop: Visitor, alice: Any, others: Any) -> None:
        stale(laptop, alice)
        laptop.others.click()
        field(laptop).fill("guess")
        press(laptop, "Sign out")
        expect(laptop.dialog.get_by_role("alert")).to_have_text(WRONG)
        field(laptop).fill(PASSWORD)
        press(laptop, "Sign out")
        laptop.sees(rows=1)
        assert laptop.focus == "session-empty"

    def test_an_update_under_the_question_leaves_what_is_typed(
        self, laptop: Visitor, alice: Any, others: Any
    ) -> None:
        stale(laptop, alice)
        laptop.sign_out(IPHONE)
        field(laptop).fill(PASSWORD)
        with TURN:
            travel(alice)
        expect(laptop.rows.last).to_contain_text("Elsewhere")
        expect(field(laptop)).to_have_value(PASSWORD)
        press(laptop, "Sign out")
        laptop.sees(rows=2)

    def test_three_fast_clicks_send_one(self, laptop: Visitor, alice: Any, others: Any) -> None:
        stale(laptop, alice)
        laptop.sign_out(IPHONE)
        field(laptop).fill(PASSWORD)
        yes = laptop.dialog.get_by_role("button", name="Sign out", exact=True)
        yes.evaluate("button => [1, 2, 3].forEach(() => button.click())")
        laptop.sees(rows=2)
        laptop.next_poll()
        assert laptop.revokes == 1

    def test_no_is_no_even_when_the_answer_is_under_way(
        self, laptop: Visitor, alice: Any, others: Any
    ) -> None:
        stale(laptop, alice)
        held: list[Any] = []
        laptop.page.route("**/revoke/", lambda route: held.append(route), times=1)
        laptop.sign_out(IPHONE)
        field(laptop).fill("guess")
        press(laptop, "Sign out")
        laptop.until(lambda: held, "the request")
        press(laptop, "Cancel")
        with laptop.page.expect_response("**/revoke/"):
            held[0].continue_()
        laptop.next_poll()
        expect(laptop.dialog).to_have_count(0)
        laptop.sign_out(IPHONE)
        expect(field(laptop)).to_be_focused()
        expect(laptop.dialog.get_by_role("alert")).to_have_text("")
        field(laptop).fill(PASSWORD)
        press(laptop, "Sign out")
        laptop.sees(rows=2)

    def test_a_failure_is_said_outside_the_question(
        self, laptop: Visitor, alice: Any, others: Any, watch: Watch
    ) -> None:
        watch.expect(FAILURES)
        stale(laptop, alice)
        again = laptop.server_fails("**/revoke/")
        laptop.sign_out(IPHONE)
        field(laptop).fill(PASSWORD)
        press(laptop, "Sign out")
        expect(laptop.status).to_contain_text("could not do that")
        expect(laptop.dialog).to_have_count(0)
        again()
        laptop.sign_out(IPHONE)
        expect(field(laptop)).to_have_value("")
        field(laptop).fill(PASSWORD)
        press(laptop, "Sign out")
        laptop.sees(rows=2)

    def test_a_name_is_saved_without_it(self, laptop: Visitor, alice: Any, others: Any) -> None:
        stale(laptop, alice)
        laptop.page.locator(".sui-open").first.click()
        name = laptop.page.get_by_role("textbox", name="Name")
        name.fill("Work laptop")
        name.press("Enter")
        expect(laptop.status).to_have_text("The name has been saved.")
        laptop.sign_out(IPHONE)
        expect(field(laptop)).to_be_focused()

    def test_the_button_alone_on_another_page(
        self, laptop: Visitor, alice: Any, others: Any
    ) -> None:
        stale(laptop, alice, "/pieces/")
        laptop.others.click()
        field(laptop).fill("guess")
        press(laptop, "Sign out")
        expect(laptop.page.get_by_role("heading", level=1)).to_have_text(
            "Sign out all other sessions?"
        )
        expect(laptop.page.get_by_role("alert")).to_have_text(WRONG)
        field(laptop).fill(PASSWORD)
        laptop.page.get_by_role("button", name="Sign out", exact=True).click()
        laptop.page.wait_for_url("**/pieces/")
        expect(laptop.page.locator(".message")).to_have_text(
            "All other sessions have been signed out."
        )

        age()
        with TURN:
            sessions_for(alice, 1)
        laptop.page.reload()
        laptop.others.click()
        field(laptop).fill(PASSWORD)
        press(laptop, "Sign out")
        expect(laptop.page.get_by_text("not signed in anywhere else.")).to_be_visible()
        assert laptop.page.url.endswith("/pieces/")

    def test_a_user_without_a_password_comes_back_to_the_question(
        self, laptop: Visitor, alice: Any, settings: Any
    ) -> None:
        settings.SESSION_UI_REAUTHENTICATE_URL = "/sso/"
        with TURN:
            alice.set_unusable_password()
            alice.save()
        laptop.page.goto(f"/sso/?next={HOST}")
        laptop.page.get_by_role("button", name="Sign in").click()
        age()
        with TURN:
            first, _ = sessions_for(alice, 2)
        laptop.page.goto(HOST)
        laptop.sees(rows=3)
        laptop.sign_out(IPHONE)
        expect(laptop.dialog).to_be_visible()
        expect(field(laptop)).to_have_count(0)
        press(laptop, "Sign out")
        laptop.page.wait_for_url("**/sso/**")
        laptop.page.get_by_role("button", name="Sign in").click()
        expect(laptop.page.get_by_role("heading", level=1)).to_have_text(f"Sign out {IPHONE}?")
        with TURN:
            assert Session.objects.filter(pk=first.pk).exists()
        laptop.page.get_by_role("button", name="Sign out", exact=True).click()
        laptop.page.wait_for_url(f"**{HOST}")
        expect(laptop.page.locator(".message")).to_contain_text("has been signed out.")
        laptop.sees(rows=2)


def test_without_javascript(visitor: Callable[..., Visitor], alice: Any, others: Any) -> None:
    reader = visitor(user_agent=LAPTOP["HTTP_USER_AGENT"], java_script_enabled=False)
    reader.sign_in(alice)
    age()
    reader.page.goto(HOST)
    reader.sign_out(IPHONE)
    expect(reader.page.get_by_role("heading", level=1)).to_have_text(f"Sign out {IPHONE}?")
    field(reader).fill("guess")
    reader.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(reader.page.get_by_role("alert")).to_have_text(WRONG)
    field(reader).fill(PASSWORD)
    reader.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(reader.page.locator(".message")).to_contain_text("has been signed out.")
    assert reader.page.url.endswith(HOST)
    reader.sees(rows=2)
    expect(reader.rows.first).to_contain_text(WINDOWS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing(
    visitor: Callable[..., Visitor], alice: Any, others: Any, scheme: str, width: int
) -> None:
    reader = visitor(viewport={"width": width, "height": 700}, color_scheme=scheme)
    stale(reader, alice, PAGE)
    reader.sign_out(IPHONE)
    field(reader).fill("guess")
    press(reader, "Sign out")
    expect(reader.dialog.get_by_role("alert")).to_have_text(WRONG)
    finds_nothing(reader)

    for address in ("confirm/?session=others", "reauthenticate/"):
        reader.page.goto(f"{PAGE}{address}")
        expect(field(reader)).to_be_visible()
        finds_nothing(reader)
        assert reader.page.evaluate("document.documentElement.scrollWidth") == width
