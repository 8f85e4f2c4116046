"""Sorting and turning pages: in place with htmx, and by plain links without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import HOST, PAGE, Visitor, expect
from tests.browsers import LAPTOP
from tests.session_ui.helpers import sessions_for

COUNTRIES = ["Austria", "Brazil", "Chile", "Denmark", "Egypt", "Finland", "Ghana"]


@pytest.fixture(autouse=True)
def sessions(alice: Any, settings: Any) -> list[Session]:
    """Seven others on three pages, with the countries in the order of their last activity."""
    settings.SESSION_UI_PAGE_SIZE = 3
    with TURN:
        sessions = sessions_for(alice, len(COUNTRIES))
        for session, country in zip(sessions, COUNTRIES, strict=True):
            Session.objects.filter(pk=session.pk).update(country=country)
    return sessions


def shows(visitor: Visitor, *countries: str) -> None:
    """Wait for the page of the list that has these in its rows; an empty one is the own row."""
    expect(visitor.rows).to_have_count(len(countries))
    for row, country in zip(visitor.rows.all(), countries, strict=True):
        expect(row).to_contain_text(country or "This device")


def turn(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("link", name=name, exact=True).click()


def heading(visitor: Visitor, name: str) -> Any:
    return visitor.page.get_by_role("columnheader", name=name)


@pytest.mark.usefixtures("htmx")
def test_in_place_and_through_polls(laptop: Visitor, alice: Any, sessions: list[Session]) -> None:
    laptop.sign_in(alice)
    laptop.settle_in()
    shows(laptop, "", "Austria", "Brazil")
    assert laptop.counts.all_inner_texts() == ["8"] * laptop.counts.count()

    turn(laptop, "Next")
    shows(laptop, "Chile", "Denmark", "Egypt")
    expect(laptop.page.locator("#session-range")).to_have_text("4\N{EN DASH}6 of 8")
    heading(laptop, "Location").get_by_role("link").click()
    expect(heading(laptop, "Location")).to_have_attribute("aria-sort", "ascending")
    shows(laptop, "", "Austria", "Brazil")
    heading(laptop, "Location").get_by_role("link").click()
    expect(heading(laptop, "Location")).to_have_attribute("aria-sort", "descending")
    shows(laptop, "Ghana", "Finland", "Egypt")
    turn(laptop, "Next")
    shows(laptop, "Denmark", "Chile", "Brazil")

    # A poll that finds something new, and one that finds nothing.
    with TURN:
        Session.objects.filter(pk=sessions[2].pk).update(country="Chad")
    shows(laptop, "Denmark", "Chad", "Brazil")
    assert laptop.next_poll().status in (200, 204)
    shows(laptop, "Denmark", "Chad", "Brazil")
    laptop.rows.nth(1).get_by_role("button").click()
    shows(laptop, "Denmark", "Brazil", "Austria")
    expect(heading(laptop, "Location")).to_have_attribute("aria-sort", "descending")
    assert laptop.counts.all_inner_texts() == ["7"] * laptop.counts.count()
    assert laptop.page.url.endswith(HOST)
    assert laptop.has_stayed


@pytest.mark.usefixtures("htmx")
def test_the_last_row_of_a_page(laptop: Visitor, alice: Any) -> None:
    with TURN:
        Session.objects.filter(country="Ghana").delete()
    laptop.sign_in(alice)
    turn(laptop, "Next")
    shows(laptop, "Chile", "Denmark", "Egypt")
    turn(laptop, "Next")
    shows(laptop, "Finland")
    laptop.rows.first.get_by_role("button").click()
    shows(laptop, "Chile", "Denmark", "Egypt")
    expect(laptop.page.locator("#session-range")).to_have_text("4\N{EN DASH}6 of 6")


@pytest.mark.parametrize("place", [HOST, PAGE])
def test_by_plain_links(visitor: Callable[..., Visitor], alice: Any, place: str) -> None:
    reader = visitor(user_agent=LAPTOP["HTTP_USER_AGENT"], java_script_enabled=False)
    reader.sign_in(alice, place)
    turn(reader, "Next")
    turn(reader, "Next")
    shows(reader, "Finland", "Ghana")
    heading(reader, "Location").get_by_role("link").click()
    heading(reader, "Location").get_by_role("link").click()
    shows(reader, "Ghana", "Finland", "Egypt")
    turn(reader, "Next")
    shows(reader, "Denmark", "Chile", "Brazil")
    address = reader.page.url
    assert address.startswith(f"{reader.site}{place}?")

    reader.rows.nth(1).get_by_role("button").click()
    shows(reader, "Denmark", "Brazil", "Austria")
    expect(reader.page.get_by_text("has been signed out.")).to_be_visible()
    assert reader.page.url == address.split("#")[0]
