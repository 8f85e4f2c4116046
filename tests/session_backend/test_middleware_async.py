"""A request under ASGI uses a thread only where there is something to load or save."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import SyncToAsync

from tests.browsers import LAPTOP, AsyncBrowser, Browser

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]

Calls = Callable[[str], list[str]]


@pytest.fixture
def browser() -> AsyncBrowser:
    return AsyncBrowser(LAPTOP)


@pytest.fixture
def signed_in(browser: AsyncBrowser, alice: Any) -> AsyncBrowser:
    """The browser, with a session whose client is not recorded yet."""
    client = Browser(LAPTOP)
    client.force_login(alice)
    browser.cookies = client.cookies
    return browser


@pytest.fixture
def calls(browser: AsyncBrowser, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return a function that gets a page and returns what our middleware calls in threads."""
    names: list[str] = []
    call = SyncToAsync.__call__

    async def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
        names.append(getattr(self.func, "__name__", repr(self.func)))
        return await call(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", recorded)
    settings.MIDDLEWARE = []
    AsyncBrowser(LAPTOP).get("/ahome/")
    by_django = list(names)
    settings.MIDDLEWARE = ["session_backend.middleware.SessionMiddleware"]

    def get(page: str) -> list[str]:
        names.clear()
        browser.get(page)
        ours = list(names)
        for name in by_django:
            ours.remove(name)
        return ours

    return get


@pytest.mark.usefixtures("signed_in")
def test_load(calls: Calls) -> None:
    calls("/aget/")
    assert calls("/aget/") == ["load"]


@pytest.mark.usefixtures("signed_in")
def test_session_not_accessed(calls: Calls) -> None:
    calls("/aget/")
    assert calls("/ahome/") == []


def test_no_session(calls: Calls) -> None:
    assert calls("/ahome/") == []
    assert calls("/aget/") == []


def test_unknown_session(browser: AsyncBrowser, calls: Calls) -> None:
    browser.cookies["sessionid"] = "unknown-key"
    # The second looks for the reason in the history.
    assert calls("/aget/") == ["load", "process_response"]
    assert browser.key is None


def test_touch(signed_in: AsyncBrowser, calls: Calls) -> None:
    assert calls("/aget/") == ["load", "process_response"]
    assert signed_in.row.ip == LAPTOP["REMOTE_ADDR"]


def test_save(calls: Calls) -> None:
    assert calls("/aset/") == ["process_response"]
    assert calls("/aset/") == ["load", "process_response"]


@pytest.mark.usefixtures("signed_in")
def test_save_every_request(calls: Calls, settings: Settings) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    assert calls("/ahome/") == ["process_response"]
