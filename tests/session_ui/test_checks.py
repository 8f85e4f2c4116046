from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core.checks.registry import registry
from django_htmx.middleware import HtmxMiddleware

from session_ui import checks
from session_ui.tables import SessionTable


class OwnTable(SessionTable):
    pass


class OwnMiddleware(HtmxMiddleware):  # type: ignore[misc,unused-ignore]
    pass


CHECKS = [checks.check_settings, checks.check_table, checks.check_environment]


def problems() -> list[str]:
    return [str(message.id) for check in CHECKS for message in check(None)]


def test_django_runs_them() -> None:
    assert {*CHECKS} <= {*registry.get_checks()}


def test_a_site_as_documented_has_no_problem() -> None:
    assert problems() == []


@pytest.mark.parametrize("value", [-1, 1.5, "15", None, True])
def test_the_interval_is_a_whole_number(settings: Any, value: Any) -> None:
    settings.SESSION_UI_POLL_INTERVAL = value

    assert problems() == ["session_ui.E001"]


def test_an_interval_of_nothing_turns_polling_off(settings: Any) -> None:
    settings.SESSION_UI_POLL_INTERVAL = 0

    assert problems() == []


@pytest.mark.parametrize("value", [0, -1, "25", None, False])
def test_a_page_has_a_row_at_least(settings: Any, value: Any) -> None:
    settings.SESSION_UI_PAGE_SIZE = value

    assert problems() == ["session_ui.E002"]


@pytest.mark.parametrize("value", ["bootstrap", "", None, "../plain"])
def test_a_pack_has_templates(settings: Any, value: Any) -> None:
    settings.SESSION_UI_PACK = value

    assert problems() == ["session_ui.E003"]


def test_a_site_may_have_a_pack_of_its_own(settings: Any, tmp_path: Any) -> None:
    folder = tmp_path / "session_ui" / "ours" / "cells"
    folder.mkdir(parents=True)
    (folder / "device.html").write_text("ours")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    settings.SESSION_UI_PACK = "ours"

    assert problems() == []


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        "session_ui.tables.NoSuchTable",
        "session_ui.no_such_module.Table",
        "django_tables2.Table",
        "session_ui.tables.as_html",
    ],
)
def test_the_table_is_one_of_ours(settings: Any, value: str) -> None:
    settings.SESSION_UI_TABLE = value

    assert problems() == ["session_ui.E004"]


def test_a_table_that_inherits_from_ours_will_do(settings: Any) -> None:
    settings.SESSION_UI_TABLE = f"{__name__}.OwnTable"

    assert problems() == []


@pytest.mark.parametrize("name", checks.DEPENDENCIES)
def test_the_apps_are_installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda app: app != name)

    found = checks.check_environment(None)
    assert [(message.id, name in message.msg) for message in found] == [("session_ui.E005", True)]


def test_the_middleware_is_there(settings: Any) -> None:
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if "htmx" not in path]

    assert problems() == ["session_ui.E006"]


@pytest.mark.parametrize("path", [f"{__name__}.OwnMiddleware", checks.HTMX_MIDDLEWARE])
def test_a_middleware_that_inherits_will_do(settings: Any, path: str) -> None:
    others = [f"{__name__}.problems", "no.such.Middleware"]
    settings.MIDDLEWARE = [*others, path]

    assert checks.check_environment(None) == []


def test_the_templates_see_the_request(settings: Any) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": {}}]

    assert problems() == ["session_ui.W001"]
