"""The package's own dialog, where the other tests have the browser's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils.timezone import now

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import IPHONE, Visitor, expect
from tests.session_ui.helpers import sessions_for, travel

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Route

pytestmark = pytest.mark.usefixtures("htmx", "own_dialog")

QUESTION = f"Sign out {IPHONE}?"


@pytest.fixture
def others(alice: Any, own_dialog: None) -> Any:
    with TURN:
        return sessions_for(alice, 2)


def button(visitor: Visitor, name: str) -> Locator:
    return visitor.dialog.get_by_role("button", name=name, exact=True)


def test_it_asks_and_no_changes_nothing(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.sign_out(IPHONE)
    expect(laptop.dialog).to_be_visible()
    expect(laptop.dialog).to_have_accessible_name(QUESTION)
    expect(laptop.dialog).to_contain_text(QUESTION)
    button(laptop, "Cancel").click()
    expect(laptop.dialog).to_have_count(0)
    assert laptop.focus == f"session-revoke-{others[0].public_id}"
    laptop.next_poll()
    laptop.sees(rows=3)
    assert (laptop.revokes, laptop.questions) == (0, [])

    # And can be asked again.
    laptop.sign_out(IPHONE)
    button(laptop, "Sign out").click()
    expect(laptop.status).to_contain_text("has been signed out.")
    laptop.sees(rows=2)
    assert (laptop.revokes, laptop.questions) == (1, [])
    assert laptop.has_stayed


def test_the_keyboard_is_enough(laptop: Visitor, alice: Any, others: Any) -> None:
    first, second = others
    laptop.sign_in(alice)
    keyboard = laptop.page.keyboard
    laptop.button(IPHONE).first.focus()
    keyboard.press("Enter")
    expect(button(laptop, "Cancel")).to_be_focused()
    keyboard.press("Escape")
    expect(laptop.dialog).to_have_count(0)
    assert laptop.focus == f"session-revoke-{first.public_id}"
    assert laptop.revokes == 0

    keyboard.press("Space")
    keyboard.press("Tab")
    expect(button(laptop, "Sign out")).to_be_focused()
    keyboard.press("Enter")
    laptop.sees(rows=2)
    assert laptop.focus == f"session-revoke-{second.public_id}"


def test_it_can_be_asked_again_at_once(laptop: Visitor, alice: Any, others: Any) -> None:
    """The browser tells of a dialog that was closed a frame later, after the next question."""
    laptop.sign_in(alice)
    laptop.sign_out(IPHONE)
    expect(laptop.dialog).to_be_visible()
    laptop.dialog.evaluate(
        """dialog => {
            dialog.close("no");
            document.querySelector("#session-list .sui-row [type=submit]").click();
        }"""
    )
    expect(laptop.dialog).to_be_visible()
    button(laptop, "Sign out").click()
    laptop.sees(rows=2)
    assert laptop.revokes == 1


def test_everywhere_else(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    laptop.others.click()
    expect(laptop.dialog).to_contain_text("Sign out all other sessions?")
    button(laptop, "Sign out").click()
    laptop.sees(rows=1)
    assert laptop.focus == "session-empty"


def test_three_fast_clicks_ask_once(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    laptop.button(IPHONE).first.evaluate("button => [1, 2, 3].forEach(() => button.click())")
    button(laptop, "Sign out").click()
    laptop.sees(rows=2)
    laptop.next_poll()
    assert laptop.revokes == 1
    expect(laptop.dialog).to_have_count(0)


def test_an_update_under_the_question_loses_neither(
    laptop: Visitor, alice: Any, others: Any
) -> None:
    laptop.sign_in(alice)
    laptop.sign_out(IPHONE)
    expect(laptop.dialog).to_be_visible()
    with TURN:
        travel(alice)
    expect(laptop.rows.last).to_contain_text("Elsewhere")
    button(laptop, "Cancel").click()
    laptop.until(lambda: laptop.focus == f"session-revoke-{others[0].public_id}", "the focus")

    laptop.sign_out(IPHONE)
    with TURN:
        Session.objects.filter(pk=others[1].pk).update(city="Oslo", updated_at=now())
    expect(laptop.rows.last).to_contain_text("Oslo")
    button(laptop, "Sign out").click()
    laptop.sees(rows=2)
    expect(laptop.status).to_contain_text("has been signed out.")


def test_an_update_under_way_does_not_lose_the_answer(
    laptop: Visitor, alice: Any, others: Any
) -> None:
    held: list[Route] = []
    laptop.sign_in(alice)
    with TURN:
        travel(alice)
    laptop.page.route("**/poll/**", lambda route: held.append(route))
    laptop.until(lambda: held, "a poll")
    laptop.sign_out(IPHONE)
    expect(laptop.dialog).to_be_visible()
    for route in held:
        route.continue_()
    laptop.page.unroute("**/poll/**")
    laptop.page.wait_for_timeout(300)
    button(laptop, "Sign out").click()
    laptop.sees(rows=2)
    expect(laptop.status).to_contain_text("has been signed out.")


def test_the_button_alone_on_another_page(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice, "/pieces/")
    alone = laptop.others
    alone.click()
    expect(laptop.dialog).to_contain_text("Sign out all other sessions?")
    button(laptop, "Cancel").click()
    expect(alone).to_be_focused()

    alone.click()
    button(laptop, "Sign out").click()
    expect(laptop.page.locator(".message")).to_have_text("All other sessions have been signed out.")
    assert laptop.page.url.endswith("/pieces/")
    expect(laptop.page.get_by_text("not signed in anywhere else.")).to_be_visible()
    with TURN:
        assert Session.objects.for_user(alice).count() == 1


def test_the_button_alone_without_the_dialog(
    laptop: Visitor, alice: Any, others: Any, settings: Any
) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": True}]
    settings.TEMPLATES[0]["OPTIONS"].pop("loaders")
    laptop.sign_in(alice, "/pieces/")
    alone = laptop.others
    laptop.consents = False
    alone.click()
    expect(alone).to_be_visible()
    laptop.consents = True
    alone.click()
    expect(laptop.page.locator(".message")).to_have_text("All other sessions have been signed out.")
    assert laptop.questions == ["Sign out all other sessions?"] * 2
