"""From the email about a new sign-in to the end of that session, in a browser that nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core import mail

from session_backend.signals import session_started
from tests.browser.visitor import IPHONE, Visitor, expect
from tests.browser.watch import Watch

pytestmark = pytest.mark.filterwarnings("ignore:Django 2028 will not have a default mailer")


@pytest.mark.parametrize("has_script", [True, False])
def test_this_was_not_me(
    laptop: Visitor,
    phone: Visitor,
    visitor: Callable[..., Visitor],
    alice: Any,
    settings: Any,
    watch: Watch,
    has_script: bool,
) -> None:
    settings.SESSION_UI_NOTIFY_NEW_SIGN_IN = True
    apps.get_app_config("session_ui").ready()
    try:
        laptop.sign_in(alice)
        phone.sign_in(alice)
    finally:
        session_started.disconnect(dispatch_uid="session_ui")
    (email,) = mail.outbox
    ((html, _),) = vars(email)["alternatives"]
    reader = visitor(java_script_enabled=has_script)
    # As a mail program shows it.
    reader.page.set_content(str(html))
    reader.page.get_by_role("link", name="This wasn’t me").click()  # noqa: RUF001
    link = reader.page.url

    expect(reader.page.get_by_role("heading")).to_have_text(f"Sign out {IPHONE}?")
    reader.page.get_by_role("button", name="Sign out").click()
    expect(reader.page.get_by_role("heading")).to_have_text(f"{IPHONE} has been signed out.")
    phone.lands_on_sign_in()
    laptop.sees(rows=1)
    reader.page.get_by_role("link", name="Change your password").click()
    reader.page.wait_for_url("**/password_reset/")

    watch.expect("status of 410")
    reader.page.goto(link)
    expect(reader.page.get_by_role("heading")).to_have_text("That device is already signed out.")
