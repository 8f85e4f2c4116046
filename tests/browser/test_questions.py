"""What can happen between the click on a button and the answer to its question."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.site import TURN
from tests.browser.visitor import IPHONE, Visitor, expect
from tests.session_ui.helpers import sessions_for

pytestmark = pytest.mark.usefixtures("htmx")


@pytest.fixture
def others(alice: Any) -> Any:
    with TURN:
        return sessions_for(alice, 2)


@pytest.mark.parametrize("button", [f"Sign out {IPHONE}", "Sign out all other sessions"])
def test_no_changes_nothing(laptop: Visitor, alice: Any, others: Any, button: str) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.consents = False
    laptop.page.get_by_role("button", name=button).first.click()
    laptop.next_poll()
    assert len(laptop.questions) == 1
    assert laptop.count("", "POST") == 0
    laptop.sees(rows=3)
    expect(laptop.status).to_have_text("")

    laptop.consents = True
    laptop.page.get_by_role("button", name=button).first.click()
    expect(laptop.status).to_contain_text("signed out")
    assert laptop.has_stayed


def test_three_fast_clicks_end_well(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.button(IPHONE).first.evaluate("button => [1, 2, 3].forEach(() => button.click())")
    laptop.sees(rows=2)
    expect(laptop.status).to_contain_text("signed out")
    laptop.next_poll()
    laptop.sees(rows=2)
    assert laptop.has_stayed


def test_a_triple_click_of_the_mouse_ends_well(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    laptop.sign_out(IPHONE, click_count=3)
    expect(laptop.status).to_contain_text("signed out")
    # The later clicks may have met the button of the row that moved up.
    laptop.sees(rows=3 - laptop.revokes)
    assert laptop.revokes == len(laptop.questions) <= 2
    assert laptop.has_stayed


def test_an_answer_to_a_poll_meanwhile_does_not_lose_the_click(
    laptop: Visitor, alice: Any, others: Any
) -> None:
    """A poll is under way when the button is clicked, and answered while the question stands."""
    laptop.sign_in(alice)
    laptop.settle_in()
    held: list[Any] = []
    laptop.page.route("**/poll/**", lambda route: held.append(route))
    laptop.until(lambda: held, "a poll")
    with TURN:
        others[1].revoke()

    laptop.before_answer = lambda: held[0].continue_()
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_contain_text("has been signed out.")
    laptop.page.unroute("**/poll/**")
    laptop.sees(rows=1)
    assert laptop.revokes == 1
    assert laptop.has_stayed
