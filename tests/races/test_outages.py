"""The devices of one person, while each of the cache's commands fails in turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache, caches

from session_backend.backends import copies
from session_backend.backends.copies import data_key, marker_key
from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser
from tests.races.outage import FAILING, FailingCache

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

ERRORS: list[type[Exception]] = [
    ConnectionRefusedError,
    TimeoutError,
    RuntimeError,
    UnpicklingError,
    KeyError,
]


class Clock:
    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(copies, "outage", copies.Outage())
    monkeypatch.setattr(copies, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture(autouse=True)
def _site(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.session_backend.site"
    settings.LOGIN_REDIRECT_URL = "/read/"
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"


@pytest.fixture
def failing(settings: Settings) -> Iterator[type[FailingCache]]:
    settings.CACHES = FAILING
    FailingCache.trouble = staticmethod(lambda number, command: None)
    FailingCache.commands.clear()
    FailingCache.failed = -1
    cache.clear()
    yield FailingCache
    FailingCache.trouble = staticmethod(lambda number, command: None)
    cache.clear()


def live(alice: Any, clock: Clock) -> Iterator[str]:
    """Go through a day of two devices, and a third that signs in; yield the pages that they get.

    After a request whose commands failed an interval passes: until then the cache may have what
    was true before.
    """
    laptop, phone, tablet = Browser(LAPTOP), Browser(PHONE), Browser(PHONE)

    def visit(browser: Browser, path: str) -> str:
        clock.now += 2
        with settled():
            response = browser.get(path)
        assert response.status_code == 200, (path, response.status_code)
        return response.content.decode()

    for browser in laptop, phone:
        clock.now += 2
        with settled():
            browser.sign_in(alice)
        for path in "/read/", "/write/", "/read/", "/write/", "/cycle/":
            yield visit(browser, path)
        cache.clear()
        yield visit(browser, "/read/")
    clock.now += 2
    with settled():
        tablet.sign_in(alice)
    clock.now += 2
    with settled():
        assert Session.objects.for_user(alice).others(laptop.key).end() == 2
    for browser in phone, tablet, laptop:
        yield visit(browser, "/read/")
    yield visit(laptop, "/flush/")
    yield visit(laptop, "/read/")


@contextmanager
def settled() -> Iterator[None]:
    before = FailingCache.failed
    yield
    if FailingCache.failed != before:
        now_failing = caches["default"]
        assert isinstance(now_failing, FailingCache)
        now_failing.let_an_interval_pass()


DAY = [
    *["alice: 0", "alice: 1", "alice: 1", "alice: 2", "alice: 2", "alice: 2"] * 2,
    *["nobody: 0", "nobody: 0", "alice: 2", "Flushed.", "nobody: 0"],
]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for-good"])
def test_each_command_that_fails_costs_nobody_a_page_or_a_session(
    for_good: bool, alice: Any, clock: Clock, failing: type[FailingCache]
) -> None:
    assert list(live(alice, clock)) == DAY
    total = len(failing.commands)
    assert {"add", "set", "get_many", "set_many", "delete_many"} <= set(failing.commands)
    for index in range(total):
        error = ERRORS[index % len(ERRORS)]

        def trouble(number: int, command: str, index: int = index, error: Any = error) -> None:
            if number == index or (for_good and number > index):
                failing.failed = number
                raise error(command)

        cache.clear()
        failing.commands.clear()
        failing.trouble = staticmethod(trouble)
        assert list(live(alice, clock)) == DAY, (index, error)
        failing.trouble = staticmethod(lambda number, command: None)
        clock.now += 100


def test_a_process_that_has_no_cache_says_so_once_a_minute(
    alice: Any,
    clock: Clock,
    failing: type[FailingCache],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(number: int, command: str) -> None:
        failing.failed = number
        raise ConnectionRefusedError

    failing.trouble = staticmethod(refuse)
    with caplog.at_level(logging.DEBUG, "session_backend"):
        for _ in range(5):
            assert list(live(alice, clock)) == DAY
    # Some 170 requests, and 2 s between two of them.
    minutes = clock.now // 60 + 1
    assert minutes >= 3
    assert len(caplog.records) == minutes


class Junk:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "junk",
    [
        None,
        0,
        b"\x00",
        "text",
        [],
        {},
        {"_auth_user_id": "1"},
        (),
        (1, 2, 3, 4, 5, 6),
        ({}, None, None, None, None, None),
        Junk,
    ],
    ids=repr,
)
@pytest.mark.parametrize("which", [data_key, marker_key])
def test_what_does_not_belong_there_is_passed_by(
    which: Any, junk: Any, alice: Any, clock: Clock, settings: Settings
) -> None:
    laptop = Browser(LAPTOP).sign_in(alice)
    laptop.get("/write/")
    key = which(Digest.of(laptop.key or ""))
    for path, page in ("/read/", b"alice: 1"), ("/write/", b"alice: 2"), ("/read/", b"alice: 2"):
        cache.set(key, junk)
        response = laptop.get(path)
        assert (response.status_code, response.content) == (200, page)
    assert laptop.row.end()
    assert laptop.get("/read/").content == b"nobody: 0"


def test_a_copy_with_times_of_another_kind_is_passed_by(
    alice: Any, clock: Clock, settings: Settings
) -> None:
    laptop = Browser(LAPTOP).sign_in(alice)
    key = data_key(Digest.of(laptop.key or ""))
    data, *rest = cache.get(key)
    naive = [value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value for value in rest]
    cache.set(key, (data, *naive))
    assert laptop.get("/read/").content == b"alice: 0"


def test_a_cache_that_keeps_nothing_is_a_slower_answer(
    alice: Any, clock: Clock, settings: Settings
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert list(live(alice, clock)) == DAY


def test_a_cache_that_is_emptied_between_any_two_requests_is_a_slower_answer(
    alice: Any, clock: Clock, failing: type[FailingCache]
) -> None:
    pages = []
    for page in live(alice, clock):
        cache.clear()
        pages.append(page)
    assert pages == DAY
