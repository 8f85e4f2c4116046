"""A request goes to a thread only where something is to be fetched or stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browsers import LAPTOP, Browser
from tests.session_backend.asgi import AsgiBrowser, hops

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine"),
]

OURS = "session_backend.middleware.SessionMiddleware"


@pytest.fixture
def without_middleware(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hops that Django takes by itself around an async view."""
    settings.MIDDLEWARE = []
    visitor = AsgiBrowser(LAPTOP)
    visitor.get("/ahome/")
    with hops(monkeypatch) as names:
        visitor.get("/ahome/")
    return names


@pytest.fixture
def visitor(without_middleware: list[str], settings: Settings) -> AsgiBrowser:
    """A browser in front of our middleware alone, warm."""
    settings.MIDDLEWARE = [OURS]
    visitor = AsgiBrowser(LAPTOP)
    visitor.get("/ahome/")
    return visitor


@pytest.fixture
def signed_in(visitor: AsgiBrowser, alice: Any) -> AsgiBrowser:
    """The same, with a session whose client is not recorded yet."""
    browser = Browser(LAPTOP)
    browser.force_login(alice)
    visitor.cookies = browser.cookies
    return visitor


def ours(names: list[str], djangos: list[str]) -> list[str]:
    left = list(names)
    for name in djangos:
        left.remove(name)
    return left


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("/ahome/", []),
        ("/aget/", ["load"]),
    ],
)
def test_a_session_that_is_there(
    page: str,
    expected: list[str],
    signed_in: AsgiBrowser,
    without_middleware: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed_in.get("/aget/")
    with hops(monkeypatch) as names:
        signed_in.get(page)
    assert ours(names, without_middleware) == expected


def test_no_session(
    visitor: AsgiBrowser, without_middleware: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in ("/ahome/", "/aget/"):
        with hops(monkeypatch) as names:
            visitor.get(page)
        assert ours(names, without_middleware) == []


def test_a_dead_session(
    visitor: AsgiBrowser, without_middleware: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.cookies["sessionid"] = "a-key-nobody-has"
    with hops(monkeypatch) as names:
        response = visitor.get("/aget/")
    assert response.cookies["sessionid"].value == ""
    assert ours(names, without_middleware) == ["load"]


def test_a_stamp(
    signed_in: AsgiBrowser, without_middleware: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hops(monkeypatch) as names:
        signed_in.get("/aget/")
    assert ours(names, without_middleware) == ["load", "process_response"]
    assert signed_in.row.ip == LAPTOP["REMOTE_ADDR"]


def test_a_save(
    visitor: AsgiBrowser, without_middleware: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hops(monkeypatch) as names:
        visitor.get("/aset/")
    assert ours(names, without_middleware) == ["process_response"]
    with hops(monkeypatch) as names:
        visitor.get("/aset/")
    assert ours(names, without_middleware) == ["load", "process_response"]


def test_saving_every_request(
    signed_in: AsgiBrowser,
    without_middleware: list[str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    with hops(monkeypatch) as names:
        signed_in.get("/ahome/")
    assert ours(names, without_middleware) == ["process_response"]
