"""The list in five frameworks, light and dark: reachable by everybody, and alive with each htmx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import which
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.looks import LOOKS, fetched, opened, signed_in
from tests.example_project.site import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, expect
else:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
    expect = playwright.expect

axe: Any = pytest.importorskip("axe_playwright_python.sync_playwright", reason="There is no axe.")

LIST = "/account/sessions/"
ACCOUNT = "/account/"
PASSWORD = "/accounts/password_change/"
HOME = "/"
OUTBOX = "/outbox/"
LINK = "a[href*='/not-me/']"
ONCE = pytest.mark.parametrize("example", [2], indirect=True, ids=["htmx2"])
# How a site says that its theme is not the system's.
THEME = """theme => {
    const html = document.documentElement;
    html.dataset.theme = html.dataset.bsTheme = html.style.colorScheme = theme;
}"""
# Off unless asked for, as part of WCAG 2.2.
OPTIONS = {"rules": {"target-size": {"enabled": True}}}


class Example:
    """The example site while it runs, and Alice's cookies."""

    def __init__(self, chromium: Browser, address: str) -> None:
        self.chromium = chromium
        self.address = address
        self.cookies = signed_in(chromium, address)

    def opened(self, look: str, path: str, **options: Any) -> Any:
        return opened(self.chromium, self.address, look, self.cookies, path, **options)


@pytest.fixture(scope="module", params=[2, 4], ids=["htmx2", "htmx4"])
def example(
    request: pytest.FixtureRequest, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    if which("npm") is None:
        pytest.skip("There is no npm to fetch the stylesheets with.")
    var = tmp_path_factory.mktemp("looks")
    try:
        fetched(Path(var))
    except CalledProcessError:
        pytest.skip("npm could not fetch the stylesheets.")
    with serving(var, HTMX_VERSION=str(request.param)) as address:
        yield Example(chromium, address)


def violations(page: Page) -> list[str]:
    """What axe finds, each with the element it found it in."""
    found = axe.Axe().run(page, options=OPTIONS).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['any'][0]['message'] if node['any'] else ''}"
        for rule in found
        for node in rule["nodes"]
    ]


# Live, all others, a heading, a row, a name, a button, the password; then Cancel and Sign out.
CONTROLS = [
    *("#session-pause", "#session-revoke-others", "#session-by-location", ".sui-open"),
    *(".sui-rename input", "#session-list button", ".sui-password a"),
]


def focused_in_turn(page: Page) -> Iterator[str]:
    """Give the focus to one control of each kind, by the keyboard, and yield its selector."""
    for control in CONTROLS:
        page.locator(control).first.focus()
        # Only a key makes the browser show the focus.
        page.keyboard.press("Shift")
        yield control
    page.locator("#session-list button").first.press("Enter")
    for name in ("Cancel", "Sign out"):
        expect(page.get_by_role("alertdialog").get_by_role("button", name=name)).to_be_focused()
        yield name
        page.keyboard.press("Tab")


@ONCE
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("is_forced", [False, True], ids=["", "against the system"])
def test_axe_finds_nothing(example: Example, look: str, scheme: str, is_forced: bool) -> None:
    system = {"light": "dark", "dark": "light"}[scheme] if is_forced else scheme
    with example.opened(look, LIST, color_scheme=system, reduced_motion="reduce") as page:
        if is_forced:
            page.evaluate(THEME, scheme)
        # Opened, and under the pointer still.
        page.locator(".sui-open").nth(1).click()
        expect(page.locator(".sui-details")).to_be_visible()
        assert violations(page) == []
        for control in focused_in_turn(page):
            assert violations(page) == [], control
        if is_forced:
            return
        for path in (ACCOUNT, PASSWORD, HOME, OUTBOX):
            page.goto(example.address + path)
            assert violations(page) == []
        page.locator(LINK).first.click()
        page.get_by_role("main").get_by_role("button", name="Sign out").focus()
        assert violations(page) == []


@ONCE
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("width", [320, 390])
def test_it_fits_a_phone(example: Example, look: str, width: int) -> None:
    with example.opened(look, LIST, viewport={"width": width, "height": 700}) as page:
        assert violations(page) == []
        for path in (LIST, ACCOUNT, PASSWORD, HOME, OUTBOX):
            page.goto(example.address + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(LINK).first.click()
        page.wait_for_url("**/not-me/**")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("look", LOOKS)
def test_a_device_is_signed_out_in_place(example: Example, look: str) -> None:
    with example.opened(look, LIST) as page:
        rows = page.locator("#session-list .sui-row")
        before = rows.count()
        row = rows.last
        digest = row.get_attribute("id")
        row.get_by_role("button").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Sign out").click()
        expect(page.locator("#session-status")).to_contain_text("has been signed out.")
        expect(page.locator(f"#{digest}")).to_have_count(0)
        expect(rows).to_have_count(before - 1)
        for count in page.locator(".session-count").all():
            expect(count).to_have_text(str(before - 1))
        assert page.evaluate("document.activeElement.id").startswith("session-revoke-")


@ONCE
def test_the_visitor_chooses(example: Example) -> None:
    with example.opened("fernbank", LIST) as page:
        for name, label in {"pico": "Pico", "bootstrap": "Bootstrap"}.items():
            page.get_by_role("button", name=label).click()
            expect(page.get_by_role("button", name=label)).to_have_attribute("aria-pressed", "true")
            assert page.locator(f'link[href$="looks/{name}.css"]').count() == 1
            assert page.url.endswith(LIST)
