"""What people met: the outcome out of sight, a focus that was stolen, a question that closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import IPHONE, PAGE, Visitor, expect
from tests.browser.watch import FAILURES, Watch
from tests.session_ui.helpers import sessions_for, travel

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.usefixtures("htmx", "own_dialog")

IN_VIEW = (
    "e => { const r = e.getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight }"
)
# Everything that moved without being asked to, whatever the browser makes of a click.
SHIFTS = """() => {
    window.shift = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: false });
}"""
HOST_DIALOG = "document.querySelector('dialog:not([data-session-dialog])')"


def yes(visitor: Visitor) -> None:
    visitor.dialog.get_by_role("button", name="Sign out", exact=True).click()


def held(page: Page, path: str) -> list[Route]:
    """Let no request to the path go on, until the test says so."""
    routes: list[Route] = []
    page.route(path, lambda route: routes.append(route))
    return routes


@pytest.fixture
def others(alice: Any) -> list[Session]:
    with TURN:
        return sessions_for(alice, 3)


def test_a_failed_sign_out_is_still_told_after_a_poll(
    laptop: Visitor, alice: Any, others: Any, watch: Watch
) -> None:
    watch.expect(FAILURES)
    laptop.sign_in(alice)
    laptop.server_fails("**/revoke/")
    laptop.sign_out(IPHONE)
    yes(laptop)
    expect(laptop.status).to_contain_text("could not do that")
    laptop.next_poll()
    laptop.next_poll()
    expect(laptop.status).to_contain_text("could not do that")
    # The next sign-out that works takes it back.
    laptop.page.unroute_all()
    laptop.sign_out(IPHONE)
    yes(laptop)
    expect(laptop.status).to_contain_text("has been signed out.")


@pytest.mark.parametrize("fails", [False, True])
def test_the_outcome_is_in_view_and_moves_nothing(
    laptop: Visitor, alice: Any, watch: Watch, settings: Any, fails: bool
) -> None:
    watch.expect(FAILURES)
    settings.SESSION_UI_POLL_INTERVAL = 3600
    with TURN:
        sessions_for(alice, 20)
    laptop.sign_in(alice, PAGE)
    laptop.button(IPHONE).last.scroll_into_view_if_needed()
    if fails:
        laptop.server_fails("**/revoke/")
    laptop.button(IPHONE).last.click()
    laptop.page.evaluate(SHIFTS)
    yes(laptop)
    expect(laptop.status).to_contain_text("could not" if fails else "has been signed out.")
    assert laptop.status.evaluate(IN_VIEW)
    laptop.page.wait_for_timeout(300)
    assert laptop.page.evaluate("shift") <= 0.02


def test_a_success_goes_and_an_error_stays(
    laptop: Visitor, alice: Any, others: Any, watch: Watch, settings: Any
) -> None:
    watch.expect(FAILURES)
    settings.SESSION_UI_POLL_INTERVAL = 3600
    laptop.page.clock.install()
    laptop.sign_in(alice)
    laptop.sign_out(IPHONE)
    yes(laptop)
    laptop.page.clock.run_for(100)
    expect(laptop.status).to_contain_text("has been signed out.")
    laptop.page.clock.run_for(9_000)
    expect(laptop.status).to_have_text("")

    laptop.server_fails("**/revoke/")
    laptop.sign_out(IPHONE)
    yes(laptop)
    laptop.page.clock.run_for(100)
    expect(laptop.status).to_contain_text("could not")
    laptop.page.clock.run_for(60_000)
    expect(laptop.status).to_contain_text("could not")


def test_a_poll_moves_nothing(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    laptop.sees(rows=4)
    laptop.page.evaluate(SHIFTS)
    with TURN:
        travel(alice)
    expect(laptop.rows.last).to_contain_text("Elsewhere")
    laptop.page.wait_for_timeout(300)
    assert laptop.page.evaluate("shift") <= 0.02


def test_signing_out_all_others_moves_nothing(
    laptop: Visitor, alice: Any, others: Any, settings: Any
) -> None:
    settings.SESSION_UI_POLL_INTERVAL = 3600
    # The history is below the list, and comes nearer as the list gets shorter.
    settings.SESSION_BACKEND_HISTORY_DAYS = 0
    laptop.sign_in(alice, PAGE)
    top = "document.querySelector('#session-list').getBoundingClientRect().top"
    before = laptop.page.evaluate(top)
    laptop.others.click()
    laptop.page.evaluate(SHIFTS)
    yes(laptop)
    laptop.sees(rows=1)
    laptop.page.wait_for_timeout(300)
    assert laptop.page.evaluate("shift") <= 0.02
    assert laptop.page.evaluate(top) == before


def test_the_columns_keep_their_edges(laptop: Visitor, alice: Any, others: Any) -> None:
    with TURN:
        Session.objects.filter(pk=others[0].pk).update(
            city="Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
        )
    laptop.sign_in(alice, PAGE)
    edges = "() => [...document.querySelectorAll('th')].map(e => e.getBoundingClientRect().left)"
    before = laptop.page.evaluate(edges)
    laptop.sign_out(IPHONE)
    yes(laptop)
    laptop.sees(rows=3)
    assert laptop.page.evaluate(edges) == before


def test_a_slow_answer_leaves_the_focus_where_the_person_types(
    laptop: Visitor, alice: Any, others: Any
) -> None:
    laptop.sign_in(alice)
    laptop.page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    routes = held(laptop.page, "**/revoke/")
    laptop.sign_out(IPHONE)
    yes(laptop)
    laptop.until(lambda: routes, "the request")
    field = laptop.page.locator("main > input")
    field.focus()
    laptop.page.keyboard.type("a")
    routes[0].continue_()
    laptop.sees(rows=3)
    laptop.page.keyboard.type(" b")
    expect(field).to_have_value("a b")
    expect(laptop.dialog).to_have_count(0)


def test_paging_leads_to_the_top_and_says_where(laptop: Visitor, alice: Any, settings: Any) -> None:
    settings.SESSION_UI_PAGE_SIZE = 12
    with TURN:
        sessions_for(alice, 30)
    laptop.sign_in(alice, PAGE)
    laptop.settle_in()
    laptop.page.get_by_role("link", name="Next").press("Enter")
    expect(laptop.page.locator("#session-range")).to_have_text("13\N{EN DASH}24 of 31")
    expect(laptop.status).to_have_text("13\N{EN DASH}24 of 31")
    assert laptop.focus == "session-list"
    assert laptop.page.locator("#session-list").evaluate("e => e.getBoundingClientRect().top") >= -1
    # On the page of the list it is in the address, and the back button knows it.
    assert laptop.page.url.endswith(f"{PAGE}?session-page=2")
    laptop.page.go_back()
    expect(laptop.page.locator("#session-range")).to_have_text("1\N{EN DASH}12 of 31")
    assert laptop.has_stayed


def test_two_equal_devices_can_be_told_apart(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 2)
    laptop.sign_in(alice)
    names = [button.get_attribute("aria-label") for button in laptop.button(IPHONE).all()]
    assert len({*names}) == 2
    laptop.button(IPHONE).last.click()
    expect(laptop.dialog).to_contain_text("2.125.0.2 \u00b7 2 minutes ago")
    yes(laptop)
    expect(laptop.status).to_contain_text(f"{IPHONE} (2.125.0.2, 2 minutes ago) has been")


def test_the_question_for_several_sessions_says_how_many(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 3, ip="2.125.0.1")
    laptop.sign_in(alice)
    laptop.sign_out(IPHONE)
    expect(laptop.dialog).to_have_accessible_name(f"Sign out 3 sessions of {IPHONE}?")
    yes(laptop)
    expect(laptop.status).to_contain_text("3 sessions have been signed out.")


def test_a_button_shows_that_its_sign_out_is_under_way(
    laptop: Visitor, alice: Any, others: Any
) -> None:
    laptop.sign_in(alice, PAGE)
    button = laptop.button(IPHONE).first
    pulse = "e => getComputedStyle(e).animationName"
    before = button.bounding_box()
    routes = held(laptop.page, "**/revoke/")
    button.click()
    yes(laptop)
    laptop.until(lambda: routes, "the request")
    assert button.evaluate(pulse) == "sui-pulse"
    assert button.bounding_box() == before
    routes[0].fulfill(status=204)
    laptop.until(lambda: button.evaluate(pulse) == "none", "the button to come to rest")


def test_a_double_click_leaves_the_question_open(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice, PAGE)
    laptop.button(IPHONE).first.dblclick()
    expect(laptop.dialog).to_be_visible()
    laptop.page.wait_for_timeout(200)
    expect(laptop.dialog).to_be_visible()
    assert laptop.revokes == 0


def test_a_dialog_of_the_host_stops_no_updates(laptop: Visitor, alice: Any) -> None:
    laptop.sign_in(alice)
    laptop.page.evaluate(f"{HOST_DIALOG}.show()")
    with TURN:
        sessions_for(alice, 1)
    laptop.sees(rows=2)


def test_a_second_sign_out_waits_for_the_first(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    routes = held(laptop.page, "**/revoke/")
    for number in (0, 1):
        laptop.button(IPHONE).nth(number).click()
        yes(laptop)
    laptop.until(lambda: routes, "the request")
    routes[0].continue_()
    laptop.until(lambda: len(routes) == 2, "the second request")
    routes[1].continue_()
    laptop.sees(rows=2)
    assert laptop.revokes == 2


def test_a_click_on_a_heading_during_a_poll_counts(
    laptop: Visitor, alice: Any, others: Any
) -> None:
    laptop.sign_in(alice)
    with TURN:
        travel(alice)
    routes: list[Route] = []
    laptop.page.route("**/poll/**", lambda route: routes.append(route), times=1)
    laptop.until(lambda: routes, "a poll")
    laptop.page.get_by_role("link", name="Device", exact=True).click()
    expect(laptop.page.locator("[aria-sort]")).to_contain_text("Device")
    laptop.next_poll()
    expect(laptop.page.locator("[aria-sort]")).to_contain_text("Device")


def test_a_base_element_breaks_no_link(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice, PAGE)
    laptop.page.evaluate(
        """() => { const base = document.createElement("base");
        base.href = "/elsewhere/"; document.head.append(base); }"""
    )
    link = laptop.page.get_by_role("link", name="Device", exact=True)
    assert "/elsewhere/" not in link.evaluate("link => link.href")
    link.click()
    expect(laptop.page.locator("[aria-sort]")).to_contain_text("Device")


def test_forced_colours_and_large_text(visitor: Callable[..., Visitor], alice: Any) -> None:
    reader = visitor(forced_colors="active").sign_in(alice, PAGE)
    arrow = "e => getComputedStyle(e, '::after').content"
    link = reader.page.locator("[aria-sort] a")
    assert "\u2193" in link.evaluate(arrow)
    icon = reader.page.locator(".sui-icon").first
    assert icon.bounding_box()["width"] == 32  # type: ignore[index]
    reader.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert icon.bounding_box()["width"] == 64  # type: ignore[index]


def test_a_selection_of_text_stays(laptop: Visitor, alice: Any, others: Any) -> None:
    laptop.sign_in(alice)
    laptop.page.evaluate(
        "getSelection().selectAllChildren(document.querySelector('.sui-device-name'))"
    )
    with TURN:
        travel(alice)
    laptop.page.wait_for_timeout(2_500)
    assert laptop.page.evaluate("String(getSelection())") == "Chrome on Windows"


@pytest.mark.parametrize("device", ["mouse", "keyboard"])
def test_an_update_waits_for_the_end_of_a_click(
    laptop: Visitor, alice: Any, others: Any, device: str
) -> None:
    laptop.sign_in(alice)
    polls = held(laptop.page, "**/poll/**")
    laptop.until(lambda: polls, "a poll")
    with TURN:
        travel(alice)
    page, button = laptop.page, laptop.button(IPHONE).first
    button.hover()
    button.focus()
    if device == "mouse":
        page.mouse.down()
    else:
        page.keyboard.down(" ")
    with laptop.page.expect_response("**/poll/**"):
        polls[0].continue_()
    page.evaluate("new Promise(requestAnimationFrame)")
    if device == "mouse":
        page.mouse.up()
    else:
        page.keyboard.up(" ")
    expect(laptop.dialog).to_be_visible()

    laptop.page.unroute("**/poll/**")
    for poll in polls[1:]:
        poll.continue_()
    expect(laptop.rows.last).to_contain_text("Elsewhere")


SHRINK = """html => {
    const row = document.createElement("div");
    row.style.display = "flex";
    const item = document.createElement("div");
    row.append(item);
    document.body.append(row);
    item.append(document.querySelector(".sui"));
    return item.getBoundingClientRect().width;
}"""


@pytest.mark.parametrize("path", [PAGE, "/pieces/"])
def test_it_has_a_width_in_a_parent_that_shrinks_to_fit(
    laptop: Visitor, alice: Any, path: str
) -> None:
    laptop.sign_in(alice, path)
    assert laptop.page.evaluate(SHRINK) > 150


def test_the_class_of_the_page_is_on_nothing_else(
    laptop: Visitor, alice: Any, settings: Any
) -> None:
    settings.SESSION_UI_PAGE_SIZE = 2
    with TURN:
        sessions_for(alice, 5)
    laptop.sign_in(alice, PAGE)
    name = laptop.page.evaluate("document.body.className")
    assert laptop.page.locator(f".{name}").count() == 1
