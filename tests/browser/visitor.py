"""A person at a browser, in the words of the tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.browser.watch import Watch
from tests.browsers import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import (
        Browser,
        Dialog,
        Error,
        Locator,
        Page,
        Request,
        Response,
        Route,
        expect,
    )
else:
    # Skips every test that speaks of visitors.
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
    Error, expect = playwright.Error, playwright.expect

__all__ = ["HOST", "IPHONE", "PAGE", "WINDOWS", "Visitor", "expect"]

HOST = "/host/"
PAGE = "/account/sessions/"
SIGN_IN = "/accounts/login/"
POLL = "/account/sessions/poll/"

WINDOWS = "Chrome on Windows"
IPHONE = "Safari on iPhone"

expect.set_options(timeout=10_000)


class Visitor:
    """One browser with cookies of its own, and the tab that is open in it.

    A question is answered at once, with yes where ``consents``, and kept in ``questions``.
    """

    def __init__(self, chromium: Browser, site: str, watch: Watch, **options: Any) -> None:
        self.site = site
        self.context = chromium.new_context(base_url=site, **options)
        watch.over(self.context)
        self.questions: list[str] = []
        self.consents = True
        self.before_answer: Callable[[], object] = bool
        self.requests: list[Request] = []
        self.page = self.new_tab()

    def new_tab(self) -> Page:
        """Open another tab, beside the visitor's own."""
        page = self.context.new_page()
        page.on("dialog", self._answer)
        page.on("request", self._note)
        return page

    def _note(self, request: Request) -> None:
        self.requests.append(request)

    def _answer(self, dialog: Dialog) -> None:
        self.questions.append(dialog.message)
        self.before_answer()
        if self.consents:
            dialog.accept()
        else:
            dialog.dismiss()

    def close(self) -> None:
        """Leave, with every tab."""
        # Chromium may never close a context whose page is just about to be loaded.
        for page in self.context.pages:
            with suppress(Error):
                page.goto("about:blank")
        self.context.close()

    # -- what a person does ------------------------------------------------------------------------

    def sign_in(self, user: Any, to: str = HOST, page: Page | None = None) -> Visitor:
        """Fill in the site's form, and go on to the page ``to``."""
        page = page or self.page
        page.goto(f"{SIGN_IN}?next={to}")
        page.get_by_label("Username").fill(user.get_username())
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"**{to}")
        return self

    def settle_in(self) -> None:
        """Leave a mark on the page that goes when a page is loaded in its place."""
        self.page.evaluate("window.isMarked = true")
        self.loaded = self.documents

    @property
    def has_stayed(self) -> bool:
        """Whether the page is still the one of ``settle_in``, and no other was asked for."""
        return self.documents == self.loaded and bool(self.page.evaluate("window.isMarked"))

    def sign_out(self, device: str, **options: Any) -> None:
        """Click the button of the (first) row of a device."""
        self.button(device).first.click(**options)

    def tab_to(self, target: Locator) -> None:
        """Press Tab until the target has the focus."""
        for _ in range(40):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {target}.")

    # -- what a person sees ------------------------------------------------------------------------

    @property
    def rows(self) -> Locator:
        return self.page.locator("#session-list .sui-row")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("alertdialog")

    @property
    def status(self) -> Locator:
        return self.page.locator("#session-status")

    @property
    def counts(self) -> Locator:
        return self.page.locator(".session-count")

    def button(self, device: str) -> Locator:
        return self.page.locator("#session-list").get_by_role("button", name=f"Sign out {device} (")

    @property
    def others(self) -> Locator:
        return self.page.get_by_role("button", name="Sign out all other sessions")

    def sees(self, rows: int) -> None:
        """Wait until there are that many rows, and every count on the page says so."""
        expect(self.rows).to_have_count(rows)
        for count in self.counts.all():
            expect(count).to_have_text(str(rows))

    def lands_on_sign_in(self) -> None:
        """Wait until the whole page is the one to sign in on, with nothing private on it."""
        self.page.wait_for_url(f"**{SIGN_IN}**")
        expect(self.page.get_by_label("Password")).to_be_visible()
        expect(self.rows).to_have_count(0)

    @property
    def devices(self) -> list[str]:
        return self.page.locator(".sui-device-name").all_inner_texts()

    @property
    def focus(self) -> str:
        """The id of the element that has the focus; empty when there is none."""
        found: str = self.page.evaluate("document.activeElement.id")
        return found

    @property
    def scroll(self) -> float:
        found: float = self.page.evaluate("scrollY")
        return found

    @property
    def scroll_end(self) -> float:
        found: float = self.page.evaluate("document.documentElement.scrollHeight - innerHeight")
        return found

    # -- what goes over the wire -------------------------------------------------------------------

    def count(self, path: str = "", method: str = "GET", kind: str = "fetch xhr") -> int:
        """How many requests of a kind there were whose path ends so."""
        return sum(
            request.resource_type in kind
            and request.method == method
            and urlsplit(request.url).path.endswith(path)
            for request in list(self.requests)
        )

    @property
    def polls(self) -> int:
        return self.count("/poll/")

    @property
    def revokes(self) -> int:
        return self.count("/revoke/", "POST")

    @property
    def documents(self) -> int:
        """How many whole pages were loaded, by whatever method."""
        return sum(self.count(method=method, kind="document") for method in ("GET", "POST"))

    def next_poll(self) -> Response:
        """Wait for the answer to the next poll."""
        with self.page.expect_response(f"**{POLL}**") as poll:
            pass
        return poll.value

    def until(self, is_so: Callable[[], Any], what: str = "the condition") -> None:
        """Wait for something that no locator can tell."""
        for _ in range(200):
            if is_so():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"Waited in vain for {what}.")

    def server_fails(self, path: str, status: int = 500) -> Callable[[], None]:
        """Have every request to the path fail from now on; return what ends that."""
        # With a style that a strict policy complains of, as in Django's own error pages.
        style = "<style>h1 { color: red }</style>"
        body = f"<!DOCTYPE html><title>{status}</title>{style}<h1>Something broke</h1>"
        handler = partial(_fulfill, status=status, body=body)
        self.page.route(path, handler)
        return lambda: self.page.unroute(path, handler)

    @property
    def cookies(self) -> list[Any]:
        """The cookies as ``add_cookies`` takes them."""
        return list(self.context.cookies())


def _fulfill(route: Route, status: int, body: str) -> None:
    route.fulfill(status=status, body=body, content_type="text/html")
