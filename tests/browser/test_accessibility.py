"""What axe, and a look at the markup in the browser, say of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import IPHONE, PAGE, Visitor, expect
from tests.browser.watch import FAILURES, Watch
from tests.browsers import LAPTOP
from tests.session_ui.helpers import mark_new, sessions_for

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed.")

# WCAG 2.2 AA, and what axe recommends besides.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

DESKTOP = {"width": 1280, "height": 800}
NARROW = {"width": 320, "height": 640}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_axe_finds_nothing(
    visitor: Callable[..., Visitor],
    alice: Any,
    settings: Any,
    watch: Watch,
    scheme: str,
    viewport: dict[str, int],
) -> None:
    settings.SESSION_UI_PAGE_SIZE = 4
    watch.expect(FAILURES)
    with TURN:
        for session in sessions_for(alice, 6):
            mark_new(session)
    reader = visitor(
        user_agent=LAPTOP["HTTP_USER_AGENT"], viewport=viewport, color_scheme=scheme
    ).sign_in(alice, PAGE)
    # With a page of several, an order, and a sentence in the status line.
    reader.page.get_by_role("link", name="Location").focus()
    reader.page.keyboard.press("Enter")
    expect(reader.page.locator("[aria-sort]")).to_contain_text("Location")
    reader.page.locator(".sui-open").first.press("Enter")
    expect(reader.page.locator(".sui-details")).to_be_visible()
    reader.button(IPHONE).last.click()
    expect(reader.status).to_contain_text("signed out")
    finds_nothing(reader)

    reader.server_fails("**/revoke/")
    reader.button(IPHONE).last.click()
    expect(reader.status).to_contain_text("could not")
    finds_nothing(reader)


def finds_nothing(visitor: Visitor) -> None:
    results = axe.Axe().run(visitor.page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()


def test_nothing_sticks_out_of_a_narrow_page(visitor: Callable[..., Visitor], alice: Any) -> None:
    with TURN:
        sessions_for(alice, 1)
        Session.objects.update(
            browser="B" * 64,
            os="O" * 64,
            city="Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
            ip="2001:db8:1111:2222:3333:4444:5555:6666",
        )
    reader = visitor(viewport=NARROW).sign_in(alice, PAGE)
    expect(reader.rows).to_have_count(2)
    assert reader.page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
