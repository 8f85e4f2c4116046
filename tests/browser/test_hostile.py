"""Hosts, devices and places that do not mean well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from session_backend.models import Session
from tests.browser.site import TURN
from tests.browser.visitor import HOST, IPHONE, Visitor, expect
from tests.session_ui.helpers import sessions_for, travel

SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(1)>"
# Turns what follows it around, and is never ended.
OVERRIDE = "\u202e"
# A host that allows no request while it takes itself to be offline, here for the first sign-out.
STOP = """() => {
    for (const name of ["htmx:beforeRequest", "htmx:before:request"])
        document.body.addEventListener(name, event => {
            if (window.stopped || event.target.id !== "session-form") return;
            window.stopped = true;
            event.preventDefault();
        });
}"""


@pytest.mark.parametrize(
    ("version", "hands_down"), [(2, False), (4, False), (4, True)], ids=["2", "4", "4, all"]
)
def test_attributes_of_the_body_change_nothing(
    laptop: Visitor, alice: Any, settings: Any, version: int, hands_down: bool
) -> None:
    """With htmx 4, both where attributes are handed down by name and where all are."""
    settings.HTMX_VERSION = version
    settings.HTMX_CONFIG = {"implicitInheritance": hands_down}
    settings.SESSION_UI_PAGE_SIZE = 3
    with TURN:
        sessions_for(alice, 4)
    laptop.sign_in(alice, "/hostile/")
    laptop.settle_in()
    expect(laptop.rows).to_have_count(3)
    laptop.next_poll()
    with TURN:
        travel(alice)
    expect(laptop.rows.last).to_contain_text("Elsewhere")
    assert laptop.questions == []

    laptop.page.get_by_role("link", name="Location").click()
    expect(laptop.page.locator("[aria-sort]")).to_contain_text("Location")
    laptop.page.get_by_role("link", name="Next").click()
    expect(laptop.rows).to_have_count(2)
    assert laptop.questions == []
    laptop.sign_out(IPHONE)
    expect(laptop.status).to_contain_text("has been signed out.")
    laptop.others.click()
    laptop.sees(rows=1)
    assert [question.split("\n")[0] for question in laptop.questions] == [
        f"Sign out {IPHONE}?",
        "Sign out all other sessions?",
    ]
    laptop.page.locator(".sui-open").click()
    laptop.page.get_by_role("textbox", name="Name").fill("Mine")
    laptop.page.get_by_role("textbox", name="Name").press("Enter")
    expect(laptop.status).to_have_text("The name has been saved.")
    expect(laptop.page.locator("#elsewhere")).to_have_text("Devices: 1")
    assert laptop.page.url.endswith("/hostile/")
    assert laptop.has_stayed


@pytest.mark.usefixtures("htmx")
def test_a_request_that_the_host_stops_can_be_repeated(laptop: Visitor, alice: Any) -> None:
    with TURN:
        sessions_for(alice, 1)
    laptop.sign_in(alice)
    laptop.page.evaluate(STOP)
    laptop.sign_out(IPHONE)
    laptop.until(lambda: laptop.page.evaluate("window.stopped"), "the request")
    expect(laptop.button(IPHONE)).not_to_have_attribute("aria-disabled", "true")
    assert laptop.revokes == 0

    laptop.sign_out(IPHONE)
    laptop.sees(rows=1)
    assert laptop.revokes == 1


@pytest.mark.parametrize(
    "agent",
    [
        SCRIPT,
        f"Mozilla/5.0 (Linux; Android 10; {SCRIPT}) AppleWebKit/537.36 Chrome/141.0.0.0",
        f"Mozilla/5.0 (Linux; Android 10; {OVERRIDE}SM-X) AppleWebKit/537.36 Chrome/141.0.0.0",
    ],
    ids=["script", "script as the model", "override in the model"],
)
def test_a_user_agent_is_only_text(
    laptop: Visitor, visitor: Callable[..., Visitor], alice: Any, agent: str
) -> None:
    attacker = visitor(extra_http_headers={"User-Agent": agent.encode().decode("latin-1")})
    attacker.sign_in(alice)
    laptop.sign_in(alice)
    laptop.sees(rows=2)
    row = laptop.rows.last
    assert row.locator("script").count() == 0
    name = row.locator("bdi").first.inner_text()
    row.get_by_role("button").click()
    laptop.sees(rows=1)
    expect(laptop.status).to_contain_text("has been signed out.")
    assert laptop.questions[0].startswith(f"Sign out {name}?")


@pytest.mark.usefixtures("htmx")
def test_columns_are_only_text(laptop: Visitor, alice: Any) -> None:
    with TURN:
        (session,) = sessions_for(alice, 1)
        Session.objects.filter(pk=session.pk).update(
            browser=IMAGE, os=SCRIPT, device_model="", city=f"{OVERRIDE}<b>Köln", country="Europe"
        )
    laptop.sign_in(alice, HOST)
    row = laptop.rows.last
    expect(row.locator(".sui-device-name")).to_have_text(f"{IMAGE} on {SCRIPT}")
    expect(row.locator(".sui-location")).to_have_text(f"{OVERRIDE}<b>Köln, Europe")
    assert row.locator("img, script, b").count() == 0
    # The override ends with the place.
    expect(row.locator("bdi", has_text="Köln")).to_have_text(f"{OVERRIDE}<b>Köln, Europe")

    laptop.sign_out(f"{IMAGE} on {SCRIPT}")
    laptop.sees(rows=1)
    expect(laptop.status).to_contain_text(f"{IMAGE} on {SCRIPT} (")
