"""The list that keeps itself up to date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import IPHONE, Visitor, expect
from tests.session_ui.helpers import sessions_for, travel

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.usefixtures("htmx")


def test_what_changes_elsewhere_shows(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.sees(rows=1)
    with TURN:
        (session,) = sessions_for(alice, 1)
    laptop.sees(rows=2)
    time = laptop.rows.last.locator(".sui-last_activity time")
    expect(time).to_have_text("1 minute ago")

    with TURN:
        Session.objects.filter(pk=session.pk).update(
            last_activity=timezone.now() - timedelta(minutes=42, seconds=30)
        )
    expect(time).to_have_text("42 minutes ago")
    with TURN:
        session.revoke()
    laptop.sees(rows=1)
    # Nobody asked for any of this, so nothing is announced.
    expect(laptop.status).to_have_text("")
    assert laptop.has_stayed


def test_an_unchanged_list_is_no_content(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    first = laptop.rows.first.element_handle()
    assert laptop.next_poll().status == 204
    assert laptop.next_poll().status == 204
    assert first.evaluate("row => row.isConnected")


def test_focus_and_scroll_stay(laptop: Visitor, alice: Any) -> None:
    with TURN:
        *_, session = sessions_for(alice, 2)
    laptop.sign_in(alice)
    laptop.page.locator("#session-title").scroll_into_view_if_needed()
    laptop.button(IPHONE).last.focus()
    scroll, focus = laptop.scroll, laptop.focus
    assert scroll
    assert focus == f"session-revoke-{session.public_id}"
    with TURN:
        travel(alice)
    expect(laptop.rows.last).to_contain_text("Elsewhere")
    assert laptop.focus == focus
    assert laptop.scroll == scroll


HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def hidden(page: Page, is_so: bool) -> None:
    page.evaluate(HIDE, is_so)


def paused(page: Page, is_so: bool) -> None:
    button = page.get_by_role("button", name="Live updates")
    button.click()
    expect(button).to_have_attribute("aria-pressed", str(not is_so).lower())


def selecting(page: Page, is_so: bool) -> None:
    page.evaluate(
        """is => is ? getSelection().selectAllChildren(document.querySelector(".sui-device-name"))
            : getSelection().removeAllRanges()""",
        is_so,
    )


@pytest.mark.parametrize("stop", [hidden, paused, selecting])
def test_updates_rest(laptop: Visitor, alice: Any, stop: Callable[[Page, bool], None]) -> None:
    laptop.page.clock.install()
    laptop.sign_in(alice)
    laptop.page.clock.run_for(3_000)
    laptop.until(lambda: laptop.polls >= 2, "two polls")

    stop(laptop.page, True)
    polls = laptop.polls
    with TURN:
        sessions_for(alice, 1)
    laptop.page.clock.run_for(5_000)
    laptop.sees(rows=1)
    assert laptop.polls == polls

    stop(laptop.page, False)
    laptop.page.clock.run_for(1_000)
    laptop.sees(rows=2)
