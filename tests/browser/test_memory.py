"""What the page remembers: why one was signed out, what has ended, names and new devices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import HOST, IPHONE, PAGE, WINDOWS, Visitor, expect
from tests.browser.watch import FAILURES, Watch
from tests.browsers import LAPTOP
from tests.session_ui.helpers import sessions_for, travel

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = pytest.mark.usefixtures("htmx")

LAPTOP_NAME = "Work laptop"


def past(visitor: Visitor) -> Locator:
    return visitor.page.locator("#session-history li")


def opened(visitor: Visitor, number: int = 0) -> Locator:
    """Open the details of a row; return the field for its name."""
    visitor.page.locator(".sui-open").nth(number).click()
    return visitor.page.get_by_role("textbox", name="Name")


def test_the_sign_in_page_says_why(laptop: Visitor, phone: Visitor, alice: Any) -> None:
    phone.sign_in(alice)
    # No list is open there, whose next poll would lead to the sign-in page.
    phone.page.goto("about:blank")
    laptop.sign_in(alice, PAGE)
    laptop.settle_in()
    laptop.sees(rows=2)
    expect(past(laptop)).to_have_count(0)

    laptop.sign_out(IPHONE)
    expect(past(laptop)).to_have_count(1)
    expect(past(laptop)).to_contain_text(IPHONE)
    expect(past(laptop)).to_contain_text("Signed out from another device")
    expect(past(laptop).locator("time").last).to_contain_text("Today, ")
    assert laptop.has_stayed

    phone.page.goto(PAGE)
    phone.lands_on_sign_in()
    told = phone.page.get_by_text("You were signed out from another device.")
    expect(told).to_be_visible()
    phone.page.reload()
    expect(phone.page.get_by_label("Password")).to_be_visible()
    expect(told).to_have_count(0)


def test_an_open_list_moves_to_the_sign_in_page_that_says_why(
    laptop: Visitor, phone: Visitor, alice: Any
) -> None:
    phone.sign_in(alice)
    laptop.sign_in(alice)
    laptop.sees(rows=2)
    laptop.sign_out(IPHONE)
    # Its poll takes it there.
    phone.lands_on_sign_in()
    expect(phone.page.get_by_text("You were signed out from another device.")).to_be_visible()


def test_a_page_without_the_history_gets_none(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 2)
    laptop.sign_in(alice, HOST)
    laptop.settle_in()
    laptop.sign_out(IPHONE)
    laptop.sees(rows=2)
    assert past(laptop).count() == 0
    assert laptop.has_stayed


@pytest.mark.parametrize("place", [HOST, PAGE])
def test_a_name_comes_back(laptop: Visitor, alice: Any, place: str) -> None:
    laptop.sign_in(alice, place)
    laptop.settle_in()
    field = opened(laptop)
    field.fill(f" {LAPTOP_NAME} ")
    field.press("Enter")
    expect(laptop.status).to_have_text("The name has been saved.")
    expect(laptop.rows.first).to_contain_text(WINDOWS)
    assert laptop.devices == [LAPTOP_NAME]
    # The field is still there, with what was saved, and has the focus.
    expect(field).to_have_value(LAPTOP_NAME)
    expect(field).to_be_focused()
    assert laptop.has_stayed
    assert laptop.questions == []

    laptop.page.goto(HOST)
    laptop.page.get_by_role("button", name="Leave").click()
    laptop.lands_on_sign_in()
    laptop.sign_in(alice, place)
    assert laptop.devices == [LAPTOP_NAME]


def test_the_question_and_the_outcome_say_the_name(
    laptop: Visitor, phone: Visitor, alice: Any
) -> None:
    phone.sign_in(alice)
    laptop.sign_in(alice)
    laptop.sees(rows=2)
    laptop.settle_in()
    field = opened(laptop, 1)
    field.fill("Phone")
    laptop.page.get_by_role("button", name="Save").click()
    expect(laptop.page.get_by_role("button", name="Save")).to_be_focused()
    button = laptop.page.get_by_role("button", name=f"Sign out Phone ({IPHONE}, ")
    button.click()
    expect(laptop.status).to_contain_text(f"Phone ({IPHONE}, Local network, ")
    assert laptop.questions[0].startswith(f"Sign out Phone ({IPHONE})?")
    laptop.sees(rows=1)
    assert laptop.has_stayed


def test_a_poll_leaves_what_is_being_typed(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 1)
    laptop.sign_in(alice)
    field = opened(laptop)
    field.click()
    laptop.page.keyboard.type("Work ")
    with TURN:
        travel(alice)
    laptop.page.wait_for_timeout(2_500)
    laptop.page.keyboard.type("laptop")
    expect(field).to_have_value(LAPTOP_NAME)
    # Elsewhere the list goes on, and the text stays.
    laptop.page.locator("#session-title").click()
    laptop.page.locator("#session-save").focus()
    expect(laptop.rows.last).to_contain_text("Elsewhere")
    expect(field).to_have_value(LAPTOP_NAME)
    laptop.page.keyboard.press("Enter")
    expect(laptop.page.locator(".sui-device-name").first).to_have_text(LAPTOP_NAME)


def test_a_poll_under_way_leaves_it_too(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 1)
    laptop.sign_in(alice)
    field = opened(laptop)
    expect(field).to_be_visible()
    with TURN:
        travel(alice)
    routes: list[Any] = []
    laptop.page.route("**/poll/**", lambda route: routes.append(route), times=1)
    laptop.until(lambda: routes, "a poll")
    field.click()
    laptop.page.keyboard.type("Wk")
    laptop.page.keyboard.press("ArrowLeft")
    routes[0].continue_()
    expect(laptop.rows.last).to_contain_text("Elsewhere")
    expect(field).to_be_focused()
    laptop.page.keyboard.type("or")
    expect(field).to_have_value("Work")


def test_a_name_that_was_refused_is_still_there(laptop: Visitor, alice: Any, watch: Watch) -> None:
    watch.expect(FAILURES)
    laptop.sign_in(alice)
    field = opened(laptop)
    again = laptop.server_fails("**/rename/")
    field.fill(LAPTOP_NAME)
    field.press("Enter")
    expect(laptop.status).to_contain_text("could not do that")
    expect(field).to_have_value(LAPTOP_NAME)
    again()
    field.press("Enter")
    expect(laptop.status).to_have_text("The name has been saved.")


def test_a_name_waits_for_a_sign_out(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 1)
    laptop.sign_in(alice)
    field = opened(laptop)
    field.fill(LAPTOP_NAME)
    routes: list[Any] = []
    laptop.page.route("**/revoke/", lambda route: routes.append(route))
    laptop.sign_out(IPHONE)
    laptop.until(lambda: routes, "the request")
    field.press("Enter")
    routes[0].continue_()
    laptop.sees(rows=1)
    expect(laptop.page.locator(".sui-device-name").first).to_have_text(LAPTOP_NAME)


def test_html_and_overrides_in_a_name_do_no_harm(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    field = opened(laptop)
    field.fill("<b>\u202elaptop</b>\u2066")
    field.press("Enter")
    expect(laptop.page.locator(".sui-device-name").first).to_have_text("<b>laptop</b>")
    assert laptop.page.locator(".sui-device-name b").count() == 0


def test_a_new_device_is_marked_until_it_was_seen(
    laptop: Visitor, visitor: Callable[..., Visitor], alice: Any
) -> None:
    laptop.sign_in(alice)
    laptop.sees(rows=1)
    edge = visitor(user_agent=LAPTOP["HTTP_USER_AGENT"].replace("Chrome/", "Edg/"))
    edge.sign_in(alice)
    new = laptop.rows.last.get_by_text("New", exact=True)
    expect(new).to_be_visible()
    expect(laptop.page.get_by_text("New", exact=True)).to_have_count(1)
    # Not where it signed in itself.
    expect(edge.page.get_by_text("New", exact=True)).to_have_count(0)

    laptop.page.goto(PAGE)
    expect(new).to_be_visible()
    with TURN:
        (session,) = Session.objects.exclude(new_until=None)
        assert session.new_until
        assert session.new_until - timezone.now() <= timedelta(minutes=10)
        soon = timezone.now() + timedelta(seconds=3)
        Session.objects.filter(pk=session.pk).update(new_until=soon, updated_at=timezone.now())
    expect(new).to_have_count(0)
    laptop.sees(rows=2)
