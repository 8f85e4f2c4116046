from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.example_project.site import Browser, Page, serving
from tests.example_project.test_demo import printed_passwords

LIST = "/account/sessions/"


@pytest.fixture(scope="module")
def dressed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser on the example with the stylesheets of Bootstrap and of half of daisyUI."""
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


def test_at_first_there_is_one_look(site: str) -> None:
    text = Browser(site).open("/").text
    assert "fernbank/site.css" in text
    assert "/static/looks/" not in text
    assert 'name="look"' not in text


def test_a_framework_that_is_all_there_can_be_chosen(dressed: Browser) -> None:
    text = choose(dressed, "fernbank").text
    assert 'value="bootstrap"' in text
    assert 'value="tailwind"' not in text
    assert "fernbank/site.css" in text


def test_the_choice_holds_for_site_and_list(dressed: Browser) -> None:
    page = choose(dressed, "bootstrap")
    assert page.url.endswith(LIST)
    assert page.inline == []
    assert "/static/looks/bootstrap.css" in page.text
    assert "fernbank/site.css" not in page.text
    assert "btn btn-sm btn-outline-danger" in page.text
    assert dressed.open("/static/looks/bootstrap.css").status == 200

    text = choose(dressed, "fernbank").text
    assert "btn-outline-danger" not in text
    assert "sui-button" in text


@pytest.mark.parametrize("look", ["tailwind", "no such look", ""])
def test_what_is_not_there_is_the_sites_own(dressed: Browser, look: str) -> None:
    assert "fernbank/site.css" in choose(dressed, look).text


def test_the_way_back_leads_nowhere_else(dressed: Browser) -> None:
    assert choose(dressed, "fernbank", "https://elsewhere.example/").url == f"{dressed.site}/"
