"""What the tests of the standards ask of a site."""

from __future__ import annotations

from tests.browsers import PHONE, Browser

__all__ = ["copy_of", "is_signed_in"]


def is_signed_in(browser: Browser) -> bool:
    """Return whether the site knows a user behind this browser's cookie."""
    response = browser.get("/read/")
    assert response.status_code == 200
    return not response.content.startswith(b"anonymous")


def copy_of(browser: Browser) -> Browser:
    """Return a browser with a copy of the session cookie, as a thief would have."""
    thief = Browser(PHONE)
    thief.cookies["sessionid"] = str(browser.key)
    return thief
