"""The list in a browser whose JavaScript is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.site import TURN
from tests.browser.visitor import HOST, IPHONE, PAGE, Visitor, expect
from tests.browsers import LAPTOP
from tests.session_ui.helpers import sessions_for


@pytest.fixture
def reader(visitor: Callable[..., Visitor]) -> Visitor:
    return visitor(user_agent=LAPTOP["HTTP_USER_AGENT"], java_script_enabled=False)


@pytest.mark.parametrize("place", [HOST, PAGE])
def test_a_device_is_signed_out_by_a_form(
    reader: Visitor, phone: Visitor, alice: Any, place: str
) -> None:
    phone.sign_in(alice)
    reader.sign_in(alice, place)
    reader.sees(rows=2)
    # Without a script there is nothing to pause.
    expect(reader.page.locator("#session-pause")).to_be_hidden()
    reader.sign_out(IPHONE)
    expect(reader.page.get_by_text("has been signed out.")).to_be_visible()
    reader.sees(rows=1)
    assert reader.page.url.endswith(place)
    phone.lands_on_sign_in()


def test_all_others_are_signed_out_by_a_form(reader: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 2)
    reader.sign_in(alice)
    reader.others.click()
    expect(reader.page.get_by_text("All other sessions have been signed out.")).to_be_visible()
    reader.sees(rows=1)
