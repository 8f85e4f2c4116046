from __future__ import annotations

from typing import Any

import pytest
from django.utils.functional import lazystr

from session_ui.conf import PACKS, conf
from session_ui.tables import SessionTable


def test_the_defaults() -> None:
    assert (conf.poll_interval, conf.page_size) == (15, 25)
    assert conf.classes == PACKS["plain"]
    assert conf.table_class is SessionTable


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("SESSION_UI_POLL_INTERVAL", 0, "poll_interval"),
        ("SESSION_UI_TABLE", "shop.tables.Devices", "table_path"),
        ("SESSION_UI_PAGE_SIZE", 3, "page_size"),
    ],
)
def test_a_setting_is_read_when_it_is_asked_for(
    settings: Any, setting: str, value: Any, name: str
) -> None:
    setattr(settings, setting, value)

    assert getattr(conf, name) == value


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_is_a_table_of_classes(settings: Any, name: str) -> None:
    # The setting may be a lazy string.
    settings.SESSION_UI_PACK = lazystr(name)

    assert conf.classes == PACKS[name]
    assert {*conf.classes} == {*PACKS["plain"]}


def test_a_pack_of_the_site_adds_to_the_plain_one(settings: Any) -> None:
    settings.SESSION_UI_PACK = {"button": "ours"}

    assert conf.classes == {**PACKS["plain"], "button": "ours"}


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (None, "/accounts/password_change/"),
        ("", ""),
        ("/security/", "/security/"),
        ("session_ui:session_list", "/account/sessions/"),
    ],
)
def test_the_way_to_change_the_password(settings: Any, value: Any, url: str) -> None:
    settings.SESSION_UI_PASSWORD_CHANGE_URL = value

    assert conf.password_change_url == url


@pytest.mark.urls("session_ui.urls")
def test_a_site_without_a_way_to_change_the_password(settings: Any) -> None:
    assert conf.password_change_url == ""
    assert conf.password_reset_url == ""

    settings.SESSION_UI_PASSWORD_CHANGE_URL = "/security/"
    assert conf.password_reset_url == "/security/"


def test_the_way_to_a_new_password() -> None:
    assert conf.password_reset_url == "/accounts/password_reset/"


@pytest.mark.parametrize(("value", "is_on"), [(False, False), (True, True), ("False", False)])
def test_emails_are_sent_only_where_the_site_says_so(
    settings: Any, value: Any, is_on: bool
) -> None:
    settings.SESSION_UI_NOTIFY_NEW_SIGN_IN = value

    assert conf.notify_new_sign_in is is_on


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), (600, 600), (0, None), ("600", None), (True, None)]
)
def test_users_are_asked_who_they_are_only_where_the_site_says_so(
    settings: Any, value: Any, seconds: int | None
) -> None:
    settings.SESSION_UI_REAUTHENTICATE_AFTER = value

    assert conf.reauthenticate_after == seconds


@pytest.mark.parametrize(
    ("value", "url"), [(None, None), ("/sso/", "/sso/"), (lazystr("/sso/"), "/sso/")]
)
def test_the_way_to_authenticate_again(settings: Any, value: Any, url: str | None) -> None:
    settings.SESSION_UI_REAUTHENTICATE_URL = value

    assert conf.reauthenticate_url == url
