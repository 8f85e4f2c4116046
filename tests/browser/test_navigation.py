"""Coming to the list and leaving it: boosted links, the back button, the browser's storage."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.chromium import launch
from tests.browser.site import TURN
from tests.browser.visitor import HOST, IPHONE, PAGE, WINDOWS, Visitor, expect
from tests.browser.watch import Watch
from tests.session_ui.helpers import sessions_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

pytestmark = pytest.mark.usefixtures("htmx")


@pytest.fixture(autouse=True)
def two_rows(alice: Any) -> None:
    with TURN:
        sessions_for(alice, 1)


def boosted(visitor: Visitor) -> Any:
    return visitor.page.get_by_role("link", name="Devices, boosted")


@pytest.mark.parametrize("start", ["/", HOST])
def test_a_boosted_link_leads_to_the_whole_page(laptop: Visitor, alice: Any, start: str) -> None:
    laptop.sign_in(alice, to=HOST)
    laptop.page.goto(start)
    laptop.settle_in()
    boosted(laptop).click()
    laptop.page.wait_for_url(f"**{PAGE}")
    expect(laptop.page).to_have_title(re.compile("^Where you.re signed in$"))
    expect(laptop.page.locator("h1")).to_have_text(re.compile("^Where you.re signed in 2$"))
    expect(laptop.page.locator("#session-list")).to_have_count(1)

    # And there it lives.
    laptop.next_poll()
    laptop.sign_out(IPHONE)
    laptop.sees(rows=1)
    expect(laptop.status).to_contain_text("has been signed out.")
    assert laptop.has_stayed


def test_back_and_forth_between_pages(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    boosted(laptop).click()
    laptop.page.wait_for_url(f"**{PAGE}")
    laptop.page.go_back()
    laptop.page.wait_for_url(f"**{HOST}")
    expect(laptop.page.locator("h1")).to_have_text("A page of the host")
    expect(laptop.page.locator("#session-list")).to_have_count(1)
    laptop.next_poll()
    laptop.sign_out(IPHONE)
    laptop.sees(rows=1)

    laptop.page.go_forward()
    laptop.page.wait_for_url(f"**{PAGE}")
    expect(laptop.page.locator("h1")).to_contain_text("signed in")
    expect(laptop.page.locator("#session-list")).to_have_count(1)
    laptop.sees(rows=1)


@pytest.mark.parametrize("is_boosted", [False, True])
def test_back_after_signing_out_shows_nothing_private(
    laptop: Visitor, alice: Any, is_boosted: bool
) -> None:
    laptop.sign_in(alice, HOST)
    if is_boosted:
        boosted(laptop).click()
        laptop.page.wait_for_url(f"**{PAGE}")
    else:
        laptop.page.goto(PAGE)
    laptop.sees(rows=2)
    laptop.page.goto(HOST)
    laptop.page.get_by_role("button", name="Leave").click()
    laptop.page.wait_for_url("**/accounts/login/**")
    for _ in range(3):
        laptop.page.go_back()
        expect(laptop.rows).to_have_count(0)
        expect(laptop.page.locator("body")).not_to_contain_text(WINDOWS)


def test_back_out_of_the_browsers_memory_leads_to_the_sign_in_page(
    chromium: Browser, live_server: LiveServer, watch: Watch, alice: Any
) -> None:
    """A browser may show a page as it was when it was left, a host's more so than ours."""
    with closing(launch(chromium.browser_type, keeps_pages=True)) as keeper:
        reader = Visitor(keeper, live_server.url, watch)
        reader.context.add_init_script(
            "addEventListener('pageshow', event => event.persisted && (sessionStorage.kept = 1))"
        )
        reader.sign_in(alice, HOST)
        reader.sees(rows=2)
        reader.page.get_by_role("button", name="Leave").click()
        reader.page.wait_for_url("**/accounts/login/")
        # Playwright's own go_back() waits for a page that is loaded.
        reader.page.evaluate("history.back()")
        reader.page.wait_for_url("**/accounts/login/?next=/host/")
        reader.lands_on_sign_in()
        assert reader.page.evaluate("sessionStorage.kept") == "1"


def test_the_list_stays_out_of_the_storage(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    expect(laptop.rows).to_have_count(2)
    boosted(laptop).click()
    laptop.page.wait_for_url(f"**{PAGE}")
    laptop.page.go_back()
    laptop.page.wait_for_url(f"**{HOST}")
    kept = laptop.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert IPHONE not in kept
    assert "session-list" not in kept
