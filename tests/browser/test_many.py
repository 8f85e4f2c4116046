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

    shows = page.locator("#session-range")
    page.get_by_role("link", name="Next").click()
    expect(shows).to_have_text("26\N{EN DASH}50 of 301")
    page.get_by_role("columnheader", name="Signed in").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Signed in")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(shows).to_have_text("1\N{EN DASH}25 of 301")
    page.get_by_role("link", name="Next").click()
    for left in (MANY, MANY - 1):
        expect(shows).to_have_text(f"26\N{EN DASH}50 of {left + 1}")
        laptop.rows.nth(3).get_by_role("button").click()
        expect(laptop.counts.first).to_have_text(str(left))
    assert laptop.has_stayed
    with TURN:
        assert Session.objects.filter(user=alice).count() == MANY - 1
