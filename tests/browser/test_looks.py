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
ONCE = pytest.mark.parametrize("example", [2], indirect=True, ids=["htmx2"])
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


@ONCE
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(example: Example, look: str, scheme: str) -> None:
    with example.opened(look, LIST, color_scheme=scheme, reduced_motion="reduce") as page:
        # Pressed, and under the pointer still.
        page.get_by_role("button", name="Pause live updates").click()
        assert violations(page) == []
        page.locator("#session-list button").first.click()
        expect(page.get_by_role("alertdialog")).to_be_visible()
        assert violations(page) == []
        for path in (ACCOUNT, PASSWORD, HOME):
            page.goto(example.address + path)
            assert violations(page) == []


@ONCE
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("width", [320, 390])
def test_it_fits_a_phone(example: Example, look: str, width: int) -> None:
    with example.opened(look, LIST, viewport={"width": width, "height": 700}) as page:
        assert violations(page) == []
        for path in (LIST, ACCOUNT, PASSWORD, HOME):
            page.goto(example.address + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("look", LOOKS)
def test_a_device_is_signed_out_in_place(example: Example, look: str) -> None:
    with example.opened(look, LIST) as page:
        rows = page.locator("#session-list tbody tr")
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
