"""Takes the README's pictures of the example site: ``python -m tests.browser.screenshots``.

Chromium is the one on the PATH, or that named by ``CHROMIUM``. The pictures go to
``docs/images``, in light and dark, from a desktop and from a phone.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.chromium import launched
from tests.example_project.site import serving

__all__ = ["main"]

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
PASSWORD = "quiet-heron-reads"
PATH = "/account/sessions/"
ROWS = 4
# Bytes of a picture that a README may ask of its readers.
LIMIT = 200_000

MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)
# Taller than the card, so that nothing needs to scroll.
DESKTOP = ViewportSize(width=1280, height=1000)
PHONE = ViewportSize(width=390, height=1400)
MARGIN = 16


def main() -> None:
    """Start the example, sign in as one of its people, and take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as var, serving(Path(var)) as site, launched() as browser:
        cookies = sign_in(browser, site)
        arrange(Path(var))
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme, (name, viewport) in product(schemes, (("", DESKTOP), ("-phone", PHONE))):
            context = browser.new_context(
                base_url=site,
                user_agent=MAC,
                color_scheme=scheme,
                viewport=viewport,
                device_scale_factor=2,
            )
            context.add_cookies(cookies)
            take(context.new_page(), IMAGES / f"sessions{name}-{scheme}.png")
            context.close()


def sign_in(browser: Browser, site: str) -> list[Any]:
    """Sign in once for all the pictures; return the cookies."""
    page = browser.new_context(base_url=site, user_agent=MAC).new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/account/")
    return list(page.context.cookies())


def arrange(var: Path) -> None:
    """Give the session just opened an address like the others', and leave a few of those."""
    with closing(sqlite3.connect(var / "db.sqlite3")) as database, database:
        database.execute(
            "UPDATE session_backend_session SET ip = '130.236.63.230',"
            " city = 'Linköping', country = 'Sweden', country_code = 'SE'"
            " WHERE ip IN ('127.0.0.1', '::1')"
        )
        database.execute(
            "DELETE FROM session_backend_session"
            " WHERE last_activity < datetime((SELECT max(last_activity)"
            " FROM session_backend_session), '-20 hours')"
        )


def take(page: Page, path: Path) -> None:
    """Take the card with the list, and a little of the page around it."""
    page.goto(PATH)
    card = page.locator("article", has=page.locator("#session-list"))
    expect(card.locator(".sui-row")).to_have_count(ROWS)
    expect(card.get_by_role("button", name="Live updates")).to_be_visible()
    box, screen = card.bounding_box(), page.viewport_size
    assert box
    assert screen
    left, top = max(box["x"] - MARGIN, 0), box["y"] - MARGIN
    page.screenshot(
        path=path,
        clip={
            "x": left,
            "y": top,
            "width": min(box["width"] + 2 * MARGIN, screen["width"]),
            "height": box["height"] + 2 * MARGIN,
        },
    )
    assert path.stat().st_size < LIMIT, path


if __name__ == "__main__":
    main()
