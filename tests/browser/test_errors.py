"""What a person is told when something goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from django.middleware.csrf import CSRF_ALLOWED_CHARS

from tests.browser.site import TURN
from tests.browser.visitor import IPHONE, Visitor, expect
from tests.browser.watch import FAILURES, Watch
from tests.session_ui.helpers import sessions_for

pytestmark = pytest.mark.usefixtures("htmx")

OFFLINE = "No answer from the server. Are you offline?"
FAILED = "The server could not do that. Please try again later."
REFUSED = "That did not work. Please reload the page."
STALE = "This page was out of date. Please try again."

RARELY = 3600


@pytest.fixture(autouse=True)
def two_rows(laptop: Visitor, alice: Any, watch: Watch) -> Any:
    watch.expect(FAILURES)
    with TURN:
        (session,) = sessions_for(alice, 1)
    return session


@pytest.mark.parametrize(("status", "sentence"), [(500, FAILED), (404, REFUSED)])
def test_a_failed_click_is_told_and_keeps_the_row(
    laptop: Visitor, alice: Any, settings: Any, status: int, sentence: str
) -> None:
    settings.SESSION_UI_POLL_INTERVAL = RARELY
    laptop.sign_in(alice)
    laptop.settle_in()
    restore = laptop.server_fails("**/revoke/", status)
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_have_text(sentence)
    laptop.sees(rows=2)
    assert "Something broke" not in laptop.page.content()

    restore()
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_contain_text("has been signed out.")
    laptop.sees(rows=1)
    assert laptop.has_stayed


def test_a_failed_poll_is_told_and_taken_back(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    restore = laptop.server_fails("**/poll/**")
    expect(laptop.status).to_have_text(FAILED)
    # It goes on looking, and does not announce the same again.
    said = laptop.status.evaluate_handle("line => line.firstChild")
    assert laptop.next_poll().status == 500
    assert said.evaluate("text => text.isConnected")
    laptop.sees(rows=2)

    restore()
    expect(laptop.status).to_have_text("")
    laptop.sees(rows=2)
    assert laptop.has_stayed


def test_offline_is_told_and_taken_back(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.context.set_offline(True)
    expect(laptop.status).to_have_text(OFFLINE)
    laptop.sees(rows=2)
    laptop.context.set_offline(False)
    expect(laptop.status).to_have_text("")
    laptop.sees(rows=2)
    assert laptop.has_stayed


def test_a_click_when_offline_is_told_and_keeps_the_row(
    laptop: Visitor, alice: Any, settings: Any
) -> None:
    settings.SESSION_UI_POLL_INTERVAL = RARELY
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.context.set_offline(True)
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_have_text(OFFLINE)
    laptop.sees(rows=2)
    expect(laptop.button(IPHONE)).not_to_have_attribute("aria-disabled", "true")

    laptop.context.set_offline(False)
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_contain_text("has been signed out.")
    laptop.sees(rows=1)
    assert laptop.has_stayed


def test_a_token_rotated_in_another_tab_is_told_and_replaced(
    laptop: Visitor, alice: Any, settings: Any
) -> None:
    settings.SESSION_UI_POLL_INTERVAL = RARELY
    laptop.sign_in(alice)
    laptop.settle_in()
    tab = laptop.new_tab()
    laptop.sign_in(alice, page=tab)
    tab.close()
    laptop.settle_in()

    with laptop.page.expect_response("**/poll/**") as refresh:
        laptop.sign_out(IPHONE)
    assert refresh.value.status == 200
    expect(laptop.status).to_have_text(STALE)
    laptop.sees(rows=2)
    laptop.until(lambda: token(laptop) == secret(laptop), "the new token")
    expect(laptop.status).to_have_text(STALE)
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_contain_text("has been signed out.")
    laptop.sees(rows=1)
    assert laptop.has_stayed


def test_a_token_rotated_in_another_tab_arrives_with_a_poll(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    tab = laptop.new_tab()
    laptop.sign_in(alice, page=tab)
    tab.close()
    laptop.until(lambda: token(laptop) == secret(laptop), "the new token")
    laptop.settle_in()
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_contain_text("has been signed out.")
    assert laptop.has_stayed


def token(visitor: Visitor) -> str:
    """The secret behind the token in the list's forms."""
    field = visitor.page.locator("#session-list [name=csrfmiddlewaretoken]").first
    masked = field.input_value()
    size = len(masked) // 2
    mask, cipher = (
        [CSRF_ALLOWED_CHARS.index(letter) for letter in half]
        for half in (masked[:size], masked[size:])
    )
    return "".join(CSRF_ALLOWED_CHARS[b - a] for a, b in zip(mask, cipher, strict=True))


def secret(visitor: Visitor) -> str:
    """The secret in the cookie."""
    (found,) = (cookie["value"] for cookie in visitor.cookies if cookie["name"] == "csrftoken")
    return str(found)


def test_a_click_when_signed_out_meanwhile_leads_to_the_sign_in_page(
    laptop: Visitor, phone: Visitor, alice: Any, settings: Any
) -> None:
    settings.SESSION_UI_POLL_INTERVAL = RARELY
    laptop.sign_in(alice)
    phone.sign_in(alice)
    phone.others.click()
    phone.sees(rows=1)
    laptop.sign_out(IPHONE)
    laptop.lands_on_sign_in()
    # And from there back to where it was.
    assert laptop.page.url.endswith("?next=/host/")


def test_a_row_that_is_gone_already_is_told(
    laptop: Visitor, alice: Any, settings: Any, two_rows: Any
) -> None:
    settings.SESSION_UI_POLL_INTERVAL = RARELY
    laptop.sign_in(alice)
    with TURN:
        two_rows.revoke()
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_contain_text("That device is already signed out.")
    laptop.sees(rows=1)
