from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.example_project.site import Browser, Page, serving
from tests.example_project.test_demo import printed_passwords

LIST = "/account/sessions/"


@pytest.fixture(scope="module")
def dressed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser on the example, with the stylesheets of Bootstrap and half of daisyUI's."""
    var = tmp_path_factory.mktemp("dressed")
    (var / "looks").mkdir()
    for name in ("bootstrap.css", "daisyui.css"):
        (var / "looks" / name).write_text("/* a stand-in */")
    with serving(var) as site:
        browser = Browser(site)
        log = (var / "server.log").read_text()
        browser.sign_in("alice", printed_passwords(log)["alice"])
        yield browser


def choose(browser: Browser, look: str, back: str = LIST) -> Page:
    browser.open(LIST)
    return browser.open("/look/", look=look, next=back)


def test_one_look_by_default(site: str) -> None:
    text = Browser(site).open("/").text
    assert "fernbank/site.css" in text
    assert "/static/looks/" not in text
    assert 'name="look"' not in text


def test_a_downloaded_framework_can_be_chosen(dressed: Browser) -> None:
    text = choose(dressed, "fernbank").text
    assert 'value="bootstrap"' in text
    assert 'value="tailwind"' not in text
    assert "fernbank/site.css" in text


def test_the_look_applies_to_the_site_and_the_list(dressed: Browser) -> None:
    page = choose(dressed, "bootstrap")
    assert page.url.endswith(LIST)
    assert page.inline == []
    assert "/static/looks/bootstrap.css" in page.text
    assert "fernbank/site.css" not in page.text
    assert "btn btn-sm sui-revoke" in page.text
    assert dressed.open("/static/looks/bootstrap.css").status == 200

    text = choose(dressed, "fernbank").text
    assert "btn btn-sm" not in text
    assert "sui-button" in text


@pytest.mark.parametrize("look", ["tailwind", "no such look", ""])
def test_an_unknown_look_is_the_default(dressed: Browser, look: str) -> None:
    assert "fernbank/site.css" in choose(dressed, look).text


def test_the_redirect_stays_on_the_site(dressed: Browser) -> None:
    assert choose(dressed, "fernbank", "https://elsewhere.example/").url == f"{dressed.site}/"
