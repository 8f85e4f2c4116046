"""The main path: two browsers, one list, a device signed out in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.site import TURN
from tests.browser.visitor import HOST, IPHONE, PAGE, WINDOWS, Visitor, expect
from tests.session_ui.helpers import sessions_for

pytestmark = pytest.mark.usefixtures("htmx")


@pytest.mark.parametrize("place", [HOST, PAGE])
def test_a_device_is_signed_out_in_place(
    laptop: Visitor, phone: Visitor, visitor: Callable[..., Visitor], alice: Any, place: str
) -> None:
    laptop.sign_in(alice, place)
    phone.sign_in(alice, place)
    laptop.sees(rows=2)
    for one, own, other in ((laptop, WINDOWS, IPHONE), (phone, IPHONE, WINDOWS)):
        assert one.devices == [own, other]
        expect(one.rows.first).to_contain_text("This device")
        expect(one.rows.first.get_by_role("button")).to_have_count(0)
        expect(one.rows.last).not_to_contain_text("This device")
        expect(one.rows.last.get_by_role("button", name="Sign out")).to_have_count(1)

    stolen = phone.cookies
    laptop.button(IPHONE).scroll_into_view_if_needed()
    laptop.settle_in()
    scroll, address = laptop.scroll, laptop.page.url
    laptop.sign_out(IPHONE)

    laptop.sees(rows=1)
    expect(laptop.status).to_contain_text("has been signed out.")
    assert laptop.questions == [f"Sign out {IPHONE}?\nLocal network \u00b7 just now"]
    assert laptop.revokes == 1
    assert laptop.devices == [WINDOWS]
    assert laptop.page.url == address
    assert laptop.scroll == min(scroll, laptop.scroll_end)
    assert laptop.has_stayed

    phone.lands_on_sign_in()
    thief = visitor()
    thief.context.add_cookies(stolen)
    thief.page.goto(PAGE)
    thief.lands_on_sign_in()


def test_the_keyboard_is_enough(laptop: Visitor, alice: Any) -> None:
    with TURN:
        first, second = sessions_for(alice, 2)
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.sees(rows=3)

    laptop.tab_to(laptop.button(IPHONE).first)
    assert laptop.focus == f"session-revoke-{first.public_id}"
    laptop.page.keyboard.press("Enter")
    laptop.sees(rows=2)
    assert len(laptop.questions) == 1
    assert laptop.focus == f"session-revoke-{second.public_id}"

    laptop.page.keyboard.press("Space")
    laptop.sees(rows=1)
    assert laptop.focus == "session-empty"
    expect(laptop.status).to_contain_text("has been signed out.")
    assert laptop.has_stayed


def test_focus_moves_up_from_the_last_row(laptop: Visitor, alice: Any) -> None:
    with TURN:
        first, second = sessions_for(alice, 2)
    laptop.sign_in(alice)
    laptop.button(IPHONE).last.focus()
    assert laptop.focus == f"session-revoke-{second.public_id}"
    laptop.page.keyboard.press("Enter")
    laptop.sees(rows=2)
    assert laptop.focus == f"session-revoke-{first.public_id}"


def test_all_other_devices_at_once(laptop: Visitor, phone: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 3)
    phone.sign_in(alice)
    laptop.sign_in(alice)
    laptop.sees(rows=5)
    laptop.settle_in()
    laptop.others.click()
    laptop.sees(rows=1)
    expect(laptop.status).to_contain_text("All other sessions have been signed out.")
    expect(laptop.page.locator("#session-empty")).to_be_visible()
    assert laptop.questions == ["Sign out all other sessions?"]
    assert laptop.focus == "session-empty"
    assert laptop.has_stayed
    phone.lands_on_sign_in()


def test_it_works_without_polling(laptop: Visitor, alice: Any, settings: Any) -> None:
    settings.SESSION_UI_POLL_INTERVAL = 0
    with TURN:
        sessions_for(alice, 2)
    laptop.sign_in(alice)
    expect(laptop.page.locator("#session-pause")).to_have_count(0)
    laptop.settle_in()
    laptop.sign_out(IPHONE)
    laptop.sees(rows=2)
    assert laptop.has_stayed
    assert laptop.polls == 0


def test_the_block_shows_nothing_to_an_anonymous_visitor(laptop: Visitor) -> None:
    laptop.page.goto("/")
    expect(laptop.page.get_by_text("For everybody.")).to_be_visible()
    assert laptop.counts.count() == 0
    assert laptop.page.locator(".sui").count() == 0
