from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.chromium import PATH, launched
from tests.browser.site import TURN, served
from tests.browser.watch import Watch
from tests.browsers import LAPTOP, PHONE, make_user

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

    from tests.browser.visitor import Visitor

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    # No request that is still under way may meet the database as it is emptied.
    with TURN:
        TURN.test += 1
        return (yield)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if PATH is None:
        pytest.skip("There is no Chromium on the PATH, and CHROMIUM names none.")
    with pytest.MonkeyPatch.context() as patch, launched() as browser:
        # Playwright keeps an event loop in this thread, and Django takes that for asynchronous
        # code. Nothing of Django's runs on that loop.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield browser


@pytest.fixture(scope="package")
def live_server(django_db_setup: None) -> Iterator[LiveServer]:
    with served() as server:
        yield server


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test on whatever a browser complained about."""
    watch = Watch()
    yield watch
    assert not watch.problems


@pytest.fixture
def visitor(
    chromium: Browser, live_server: LiveServer, watch: Watch
) -> Iterator[Callable[..., Visitor]]:
    """Open another browser, on a device that the options describe."""
    from tests.browser.visitor import Visitor

    opened: list[Visitor] = []

    def visitor(**options: Any) -> Visitor:
        opened.append(Visitor(chromium, live_server.url, watch, **options))
        return opened[-1]

    yield visitor
    for one in opened:
        one.close()


@pytest.fixture
def alice(db: None) -> Any:
    with TURN:
        return make_user("alice")


@pytest.fixture
def laptop(visitor: Callable[..., Visitor]) -> Visitor:
    return visitor(user_agent=LAPTOP["HTTP_USER_AGENT"], viewport={"width": 1280, "height": 500})


@pytest.fixture
def phone(visitor: Callable[..., Visitor]) -> Visitor:
    return visitor(user_agent=PHONE["HTTP_USER_AGENT"], viewport={"width": 390, "height": 600})


@pytest.fixture(params=[2, 4], ids=["htmx2", "htmx4"])
def htmx(request: pytest.FixtureRequest, live_server: LiveServer, settings: Any) -> int:
    """The version of htmx that the pages load."""
    settings.HTMX_VERSION = request.param
    version: int = request.param
    return version


@pytest.fixture
def own_dialog(live_server: LiveServer, settings: Any) -> None:
    """Have the question in the page, where the other tests have the browser's."""
    engine = settings.TEMPLATES[0]
    source = (HERE.parents[1] / "templates" / "session_ui" / "dialog.html").read_text()
    loaders = [
        ("django.template.loaders.locmem.Loader", {"session_ui/dialog.html": source}),
        "django.template.loaders.filesystem.Loader",
        "django.template.loaders.app_directories.Loader",
    ]
    options = {**engine["OPTIONS"], "loaders": loaders}
    settings.TEMPLATES = [{**engine, "APP_DIRS": False, "OPTIONS": options}]
