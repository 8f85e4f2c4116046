"""What the tests of the standards ask of a site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browsers import PHONE, Browser

if TYPE_CHECKING:
    from tests.standard.conftest import Clock

__all__ = ["copy_of", "is_signed_in", "stays_signed_in"]


def is_signed_in(browser: Browser) -> bool:
    """Return whether the site knows a user behind this browser's cookie."""
    response = browser.get("/read/")
    assert response.status_code == 200
    return not response.content.startswith(b"anonymous")


def stays_signed_in(browser: Browser, clock: Clock, times: int, **interval: float) -> bool:
    """Let that much time pass so often, and return whether the user is signed in each time."""
    for _ in range(times):
        clock.wait(**interval)
        if not is_signed_in(browser):
            return False
    return True


def copy_of(browser: Browser) -> Browser:
    """Return a browser with a copy of the session cookie, as a thief would have."""
    thief = Browser(PHONE)
    thief.cookies["sessionid"] = str(browser.key)
    return thief
