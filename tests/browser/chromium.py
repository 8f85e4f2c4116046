"""Debian's Chromium, or whichever the environment names, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType

__all__ = ["BINDING_PATH", "PATH", "launch", "launch_with_keys", "launched"]

PATH = os.environ.get("CHROMIUM") or shutil.which("chromium")
# A Chromium that binds sessions to keys in software: 150 does, 156 does not.
BINDING_PATH = os.environ.get("BINDING_CHROMIUM")
KEYS = "DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"

# Nothing but the pages under test is to be fetched, and containers have no sandbox to offer.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launched() -> Iterator[Browser]:
    """Run Chromium for the time of the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright.chromium)
        yield browser
        browser.close()


def launch(chromium: BrowserType, *, keeps_pages: bool = False) -> Browser:
    """Start a Chromium; one that ``keeps_pages`` shows them again when one goes back."""
    return chromium.launch(
        executable_path=PATH,
        args=ARGUMENTS,
        ignore_default_args=["--disable-back-forward-cache"] if keeps_pages else None,
    )


def launch_with_keys(chromium: BrowserType) -> Browser:
    """Start the Chromium that binds sessions, which it does over HTTPS and for localhost."""
    return chromium.launch(
        executable_path=BINDING_PATH, args=[*ARGUMENTS, f"--enable-features={KEYS}"]
    )
