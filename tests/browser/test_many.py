"""Three hundred devices of one person: turned over, sorted and signed out without a reload."""

from __future__ import annotations

from typing import Any

import pytest

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import Visitor, expect
from tests.session_ui.helpers import sessions_for

MANY = 300


@pytest.mark.usefixtures("htmx")
def test_three_hundred(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, MANY)
    laptop.sign_in(alice)
    laptop.settle_in()
    expect(laptop.rows).to_have_count(25)
    page = laptop.page

    page.get_by_role("link", name="Page 13", exact=True).click()
    expect(page.locator("[aria-current=page]")).to_have_text("13")
    expect(laptop.rows).to_have_count(1)
    laptop.rows.first.get_by_role("button").click()
    expect(page.locator("[aria-current=page]")).to_have_text("12")
    expect(laptop.rows).to_have_count(25)

    page.get_by_role("columnheader", name="Signed in").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Signed in")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.get_by_role("link", name="Page 2", exact=True).click()
    expect(page.locator("[aria-current=page]")).to_have_text("2")
    for left in (MANY - 1, MANY - 2):
        laptop.rows.nth(3).get_by_role("button").click()
        expect(laptop.counts.first).to_have_text(str(left))
        expect(page.locator("[aria-current=page]")).to_have_text("2")
    assert laptop.has_stayed
    with TURN:
        assert Session.objects.filter(user=alice).count() == MANY - 2
