from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.example_project.site import Browser, demo, serving
from tests.example_project.test_demo import printed_passwords

PUBLIC = ["/", "/accounts/login/", "/outbox/"]
PRIVATE = ["/account/", "/accounts/password_change/", "/account/sessions/"]
STAFF = ["/admin/", "/admin/auth/user/"]


@pytest.fixture(scope="module")
def alice(built: tuple[Path, str], site: str) -> Browser:
    browser = Browser(site)
    browser.sign_in("alice", printed_passwords(built[1])["alice"])
    return browser


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages(site: str, path: str) -> None:
    page = Browser(site).open(path)
    assert page.status == 200
    assert page.policy == "default-src 'self'"
    assert page.inline == []


@pytest.mark.parametrize("path", PRIVATE)
def test_private_pages_redirect_to_the_sign_in_page(site: str, path: str) -> None:
    assert f"/accounts/login/?next={path}" in Browser(site).open(path).url


@pytest.mark.parametrize("path", [*PRIVATE, *STAFF])
def test_pages_of_a_signed_in_user(alice: Browser, path: str) -> None:
    page = alice.open(path)
    assert page.status == 200
    assert page.url.endswith(path)
    assert page.policy == "default-src 'self'"
    assert page.inline == []


def test_the_account_page_lists_the_devices(alice: Browser) -> None:
    text = alice.open("/account/").text
    assert text.count("<bdi>Linköping, Sweden</bdi>") == 2
    # In the list, and in the card beside it.
    assert text.count("This device") == 2
    assert 'id="session-list"' in text


def test_other_pages_show_smaller_pieces(alice: Browser) -> None:
    assert "All devices" in alice.open("/").text
    assert "Sign out all other sessions" in alice.open("/accounts/password_change/").text


def test_the_admin_is_for_staff_only(built: tuple[Path, str], site: str) -> None:
    bob = Browser(site)
    bob.sign_in("bob", printed_passwords(built[1])["bob"])
    assert "/admin/login/" in bob.open("/admin/").url


def test_a_new_sign_in_is_in_the_outbox(built: tuple[Path, str], site: str) -> None:
    bob, anyone = Browser(site), Browser(site)
    # With the user agent of the other tests he would be known already.
    bob.opener.addheaders = [("User-Agent", "Mozilla/5.0 (X11; Linux) Firefox/130.0")]
    account = bob.sign_in("bob", printed_passwords(built[1])["bob"])
    assert '<a href="/outbox/">' in account.text
    page = anyone.open("/outbox/")
    assert page.inline == []
    latest = page.text.split("</article>")[0]
    assert "New sign-in to your account on 127.0.0.1" in latest
    assert "bob@fernbank.example" in latest
    (link,) = re.findall(f'href="{site}(.*?/not-me/.*?)"', latest)
    question = anyone.open(link)
    assert (question.status, question.inline) == (200, [])

    assert "has been signed out." in anyone.open(link, sign="out").text
    assert "/accounts/login/" in bob.open("/account/").url


def test_signing_out_redirects_home(built: tuple[Path, str], site: str) -> None:
    bob = Browser(site)
    bob.sign_in("bob", printed_passwords(built[1])["bob"])
    assert bob.open("/accounts/logout/", sign="out").url == f"{site}/"
    assert "/accounts/login/" in bob.open("/account/").url


def test_assets_are_served_with_debug_off(site: str) -> None:
    browser = Browser(site)
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', browser.open("/").text)
    assert len(assets) >= 4
    assert {browser.open(asset).status for asset in assets} == {200}


def test_the_system_checks_find_nothing(built: tuple[Path, str], site: str) -> None:
    log = (built[0] / "server.log").read_text()
    assert "System check identified no issues" in log


def test_error_pages(site: str) -> None:
    browser = Browser(site)
    missing = browser.open("/no-such-shelf/")
    assert (missing.status, missing.inline) == (404, [])
    assert "Page not found" in missing.text
    forged = browser.open("/accounts/login/", username="bob", password="without a token")
    assert (forged.status, forged.inline) == (403, [])
    assert "This form has gone stale" in forged.text


def test_environment_variables_and_a_changed_password(tmp_path: Path) -> None:
    with serving(tmp_path, HTMX_VERSION="4", DEBUG="1") as address:
        alice, elsewhere = Browser(address), Browser(address)
        password = printed_passwords((tmp_path / "server.log").read_text())["alice"]
        page = alice.sign_in("alice", password)
        assert "django_htmx/htmx-4.min.js" in page.text
        elsewhere.sign_in("alice", password)
        new = "wide-otter-listens"
        form = {"old_password": password, "new_password1": new, "new_password2": new}

        changed = alice.open("/accounts/password_change/", **form)

        assert "Your password is changed." in changed.text
        assert "Linköping" not in changed.text
        assert "/accounts/login/" in elsewhere.open("/account/").url

        demo(tmp_path)
        assert elsewhere.sign_in("alice", password).url.endswith("/account/")
