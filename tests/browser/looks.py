"""The example site in each of its looks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["LOOKS", "fetched", "opened", "signed_in"]

ROOT = Path(__file__).parents[2]
LOOKS = ["fernbank", "bootstrap", "tailwind", "pico", "bulma"]
# Where ``manage.py looks`` puts the stylesheets, once for all runs.
STORE = ROOT / "example_project" / "var" / "looks"
STYLESHEETS = {
    "bootstrap.css",
    "bulma.css",
    "daisyui.css",
    "daisyui-themes.css",
    "pico.css",
    "preflight.css",
}
MANAGE = [sys.executable, str(ROOT / "example_project" / "manage.py")]
PASSWORD = "quiet-heron-reads"
LAPTOP = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)


def fetched(var: Path) -> None:
    """Put the frameworks' stylesheets into the folder of an example; npm fetches them once."""
    if not {file.name for file in STORE.glob("*.css")} >= STYLESHEETS:
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "example.settings", "PYTHONPATH": str(ROOT)}
        env.pop("EXAMPLE_VAR", None)
        subprocess.run([*MANAGE, "looks"], env=env, check=True)
    copytree(STORE, var / "looks")


def signed_in(browser: Browser, site: str) -> list[Any]:
    """Sign Alice in; return the cookies."""
    context = browser.new_context(user_agent=LAPTOP)
    page = context.new_page()
    page.goto(f"{site}/accounts/login/")
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/account/")
    cookies = context.cookies()
    page.goto("about:blank")
    context.close()
    return cookies


@contextmanager
def opened(
    browser: Browser, site: str, look: str, cookies: list[Any], path: str, **options: Any
) -> Iterator[Page]:
    """Open a page of the example in that look, signed in."""
    context = browser.new_context(user_agent=LAPTOP, **options)
    try:
        context.add_cookies([*cookies, {"name": "look", "value": look, "url": site}])
        page = context.new_page()
        page.goto(site + path)
        yield page
        # Chromium may never close a context whose page is just about to be loaded.
        page.goto("about:blank")
    finally:
        context.close()
