"""The tutorial, followed step by step, with the wheel in a new environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests.browsers import LAPTOP, PHONE
from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.reader import Reader

pytestmark = pytest.mark.packaging

TUTORIAL = list(blocks(DOCS / "tutorial.md"))
LIST = "/account/sessions/"
SIGN_IN = "/accounts/login/"
PERSON = {"username": "ana", "password": "correct horse battery staple"}


class Browser:
    """A browser that can send forms."""

    def __init__(self, site: str, device: dict[str, str]) -> None:
        self.site = site
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.opener.addheaders = [("User-Agent", device["HTTP_USER_AGENT"])]
        self.url = ""

    def open(self, path: str, data: dict[str, str] | None = None, **headers: str) -> str:
        posted = urlencode(data).encode() if data else None
        request = Request(self.site + path, posted, headers)
        with self.opener.open(request, timeout=10) as response:
            self.url = response.url
            text: str = response.read().decode()
        return text

    def sign_in(self) -> str:
        return self.open(SIGN_IN, PERSON | hidden_in(self.open(LIST)))


def hidden_in(html: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(csrfmiddlewaretoken|next)" value="(.*?)"', html))


def devices_in(html: str) -> list[str]:
    return re.findall(r'class="sui-device-name">(.*?)<', html)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def reader(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Make the tutorial's `pip install` find the wheel and one series of Django."""
    folder = tmp_path_factory.mktemp("reader")
    constraints = folder / "constraints.txt"
    django = os.environ.get("PACKAGING_DJANGO", "Django")
    constraints.write_text(f"django-session-ui @ {wheel.as_uri()}\n{django}\n")
    # Without other environments on the PATH: startproject runs a black that it finds there.
    python = Path(sys.base_prefix) / "bin"
    path = os.pathsep.join([str(python), "/usr/local/bin", "/usr/bin", "/bin"])
    return Reader(folder, PIP_CONSTRAINT=str(constraints), PATH=path)


@pytest.fixture(scope="module")
def site(reader: Reader) -> Iterator[str]:
    """Follow the tutorial to its end and return the address of its server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = reader.folder / "server.log"
    server = None
    for block in TUTORIAL:
        if "runserver" in block.text:
            command = block.text.strip().replace("runserver", f"runserver {address}")
            server = reader.start(command, log)
            wait_for(f"http://{address}", SIGN_IN, "Sign in", log)
        else:
            reader.follow(block)
    assert server is not None
    try:
        # The server restarts by itself when files change.
        wait_for(f"http://{address}", "/", "Sign in", log)
        yield f"http://{address}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(10)


def wait_for(site: str, path: str, text: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if text in Browser(site, LAPTOP).open(path):
                return
        except (URLError, OSError):
            pass
        time.sleep(0.3)
    pytest.fail(f"{site}{path} does not say {text!r}:\n{log.read_text()}")


def test_one_browser_signs_the_other_out(site: str) -> None:
    laptop, phone = Browser(site, LAPTOP), Browser(site, PHONE)
    assert devices_in(laptop.sign_in()) == ["Chrome on Windows"]
    phone.sign_in()
    html = laptop.open(LIST)
    assert devices_in(html) == ["Chrome on Windows", "Safari on iPhone"]

    (public_id,) = re.findall(r'name="session" value="([0-9a-f-]{36})"', html)
    form = {**hidden_in(html), "session": public_id}
    answer = laptop.open("/account/sessions/revoke/", form, **{"HX-Request": "true"})
    assert devices_in(answer) == ["Chrome on Windows"]

    assert "Password" in phone.open(LIST)
    assert phone.url.startswith(site + SIGN_IN)
    assert laptop.open(LIST)
    assert laptop.url == site + LIST
    laptop.open("/")
    assert laptop.url == site + "/"


def test_in_a_real_browser(site: str) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("There is no Chromium on the PATH, and CHROMIUM names none.")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        laptop, phone = (
            browser.new_context(user_agent=device["HTTP_USER_AGENT"], base_url=site).new_page()
            for device in (LAPTOP, PHONE)
        )
        for person, address in ((laptop, "/"), (phone, LIST)):
            person.goto(address)
            for name, value in PERSON.items():
                person.fill(f"[name={name}]", value)
            person.click("[type=submit]")
        laptop.goto("/")
        loaded = laptop.evaluate("performance.timeOrigin")
        others = laptop.get_by_role("button", name="Sign out Safari on iPhone")
        count = others.count()
        assert count > 0
        before = int(laptop.inner_text("p .session-count"))
        others.first.click()
        laptop.get_by_role("alertdialog").get_by_role("button", name="Sign out").click()
        api.expect(others).to_have_count(count - 1)
        api.expect(laptop.locator("p .session-count")).to_have_text(str(before - 1))
        assert laptop.evaluate("performance.timeOrigin") == loaded
        # The next poll of the page that was signed out leads to the sign-in page.
        api.expect(phone).to_have_url(re.compile(SIGN_IN), timeout=30_000)
        browser.close()
