from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib import reload
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.conf.urls.i18n import i18n_patterns
from django.core.checks.registry import registry
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.smtp import EmailBackend
from django.test import Client, override_settings
from django.test.utils import override_script_prefix
from django.urls import include, path, reverse_lazy
from django.views import View
from django_htmx.middleware import HtmxMiddleware

from session_ui import checks, urls
from session_ui.conf import PACKS
from session_ui.tables import SessionTable


class CustomTable(SessionTable):
    pass


class CustomMail(EmailBackend):
    pass


class CustomMiddleware(HtmxMiddleware):  # type: ignore[misc,unused-ignore]
    pass


CHECKS = [
    checks.check_settings,
    checks.check_notifications,
    checks.check_setting_names,
    checks.check_table,
    checks.check_environment,
    checks.check_links,
    checks.check_templates,
    checks.check_urls,
]


def problems() -> list[str]:
    return [str(message.id) for check in CHECKS for message in check()]


def test_the_checks_are_registered() -> None:
    assert {*CHECKS} <= {*registry.get_checks()}


def test_a_valid_site_has_no_problems() -> None:
    assert problems() == []


@pytest.mark.parametrize("value", [-1, 1.5, "15", None, True])
def test_an_invalid_poll_interval(settings: Any, value: Any) -> None:
    settings.SESSION_UI_POLL_INTERVAL = value

    assert problems() == ["session_ui.E001"]


def test_polling_can_be_turned_off(settings: Any) -> None:
    settings.SESSION_UI_POLL_INTERVAL = 0

    assert problems() == []


@pytest.mark.parametrize("value", [0, -1, "25", None, False])
def test_an_invalid_page_size(settings: Any, value: Any) -> None:
    settings.SESSION_UI_PAGE_SIZE = value

    assert problems() == ["session_ui.E002"]


@pytest.mark.parametrize("value", ["bootstrap", "", None, {"buttons": "btn"}])
def test_an_unknown_pack(settings: Any, value: Any) -> None:
    settings.SESSION_UI_PACK = value

    assert problems() == ["session_ui.E003"]


@pytest.mark.parametrize("value", ["False", 1, None])
def test_an_invalid_notify_new_sign_in(settings: Any, value: Any) -> None:
    settings.SESSION_UI_NOTIFY_NEW_SIGN_IN = value

    assert problems() == ["session_ui.E009"]


@pytest.mark.parametrize("value", [0, -1, 1.5, "600", True])
def test_an_invalid_reauthenticate_after(settings: Any, value: Any) -> None:
    settings.SESSION_UI_REAUTHENTICATE_AFTER = value

    assert problems() == ["session_ui.E012"]


@pytest.mark.parametrize("value", [None, 1, 600])
def test_a_reauthenticate_after(settings: Any, value: Any) -> None:
    settings.SESSION_UI_REAUTHENTICATE_AFTER = value

    assert problems() == []


def test_reauthentication_without_its_pages(settings: Any) -> None:
    settings.ROOT_URLCONF = (path("accounts/login/", View.as_view(), name="login"),)
    settings.SESSION_UI_REAUTHENTICATE_AFTER = 600

    assert problems() == ["session_ui.W002", "session_ui.E013"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, []),
        ("session_ui:session_reauthenticate", []),
        ("https://id.example/again/", []),
        (reverse_lazy("login"), []),
        ("", ["session_ui.W007"]),
        ("no-such-name", ["session_ui.W007"]),
        ("/nowhere/", ["session_ui.W007"]),
    ],
)
def test_the_reauthenticate_url(settings: Any, value: Any, found: list[str]) -> None:
    settings.SESSION_UI_REAUTHENTICATE_URL = value

    assert problems() == found


@pytest.fixture
def notifying(settings: Any) -> None:
    settings.SESSION_UI_NOTIFY_NEW_SIGN_IN = True


@pytest.mark.usefixtures("notifying")
class TestNotifications:
    @pytest.fixture(autouse=True)
    def _deprecated(self) -> Iterator[None]:
        """Django 6.1 warns of the settings that 5.2 has."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The EMAIL_")
            yield

    def test_with_the_mail_of_the_tests(self) -> None:
        assert problems() == []

    def test_without_a_history(self, settings: Any) -> None:
        settings.SESSION_BACKEND_HISTORY_DAYS = 0

        assert problems() == ["session_ui.E010"]

    @override_settings(ROOT_URLCONF=(path("accounts/login/", View.as_view(), name="login"),))
    def test_without_an_address_for_the_link(self) -> None:
        assert problems() == ["session_ui.W002", "session_ui.E011"]

    @pytest.mark.parametrize(
        ("backend", "timeout", "found"),
        [
            (checks.SMTP, None, ["session_ui.W006"]),
            (f"{__name__}.CustomMail", None, ["session_ui.W006"]),
            (checks.SMTP, 5, []),
            ("django.core.mail.backends.console.EmailBackend", None, []),
            ("no.such.Backend", None, []),
        ],
    )
    @pytest.mark.parametrize("way", ["EMAIL", "MAILERS"])
    def test_mail_that_may_hang(
        self, settings: Any, way: str, backend: str, timeout: int | None, found: list[str]
    ) -> None:
        if way == "EMAIL":
            settings.EMAIL_BACKEND = backend
            settings.EMAIL_TIMEOUT = timeout
        else:
            options = {"timeout": timeout} if timeout else {}
            settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}

        assert problems() == found

    @pytest.mark.parametrize("mailers", [{}, {"default": {}}])
    def test_mail_that_is_smtp_by_default(self, settings: Any, mailers: Any) -> None:
        settings.MAILERS = mailers

        assert problems() == ["session_ui.W006"]

    @pytest.mark.parametrize("backend", ["dummy.DummyBackend", "immediate.ImmediateBackend"])
    def test_mail_from_a_queue(self, settings: Any, backend: str) -> None:
        settings.MAILERS = {"default": {}}
        settings.TASKS = {"default": {"BACKEND": f"django.tasks.backends.{backend}"}}
        is_queued = django.VERSION >= (6,) and "Dummy" in backend

        assert problems() == ([] if is_queued else ["session_ui.W006"])


@pytest.mark.parametrize("value", [*PACKS, {}, {"button": "btn"}])
def test_a_pack(settings: Any, value: Any) -> None:
    settings.SESSION_UI_PACK = value

    assert problems() == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, []),
        ("", []),
        ("password_change", []),
        ("https://id.example/password/", []),
        ("no-such-name", ["session_ui.W005"]),
        ("/nowhere/", ["session_ui.W005"]),
    ],
)
def test_the_password_change_url(settings: Any, value: Any, found: list[str]) -> None:
    settings.SESSION_UI_PASSWORD_CHANGE_URL = value

    assert problems() == found


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        "session_ui.tables.NoSuchTable",
        "session_ui.no_such_module.Table",
        "django_tables2.Table",
        "session_ui.tables.as_time",
    ],
)
def test_an_invalid_table(settings: Any, value: str) -> None:
    settings.SESSION_UI_TABLE = value

    assert problems() == ["session_ui.E004"]


def test_a_custom_table(settings: Any) -> None:
    settings.SESSION_UI_TABLE = f"{__name__}.CustomTable"

    assert problems() == []


@pytest.mark.parametrize("name", checks.DEPENDENCIES)
def test_a_required_app_is_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda app: app != name)

    found = list(checks.check_environment())
    assert [(message.id, name in message.msg) for message in found] == [("session_ui.E005", True)]


def test_the_htmx_middleware_is_missing(settings: Any) -> None:
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if "htmx" not in path]

    assert problems() == ["session_ui.E006"]


@pytest.mark.parametrize("path", [f"{__name__}.CustomMiddleware", checks.HTMX_MIDDLEWARE])
def test_custom_htmx_middleware(settings: Any, path: str) -> None:
    others = [f"{__name__}.problems", "no.such.Middleware"]
    settings.MIDDLEWARE = [*others, path]

    assert not list(checks.check_environment())


def test_the_request_context_processor_is_missing(settings: Any) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": {}}]

    assert problems() == ["session_ui.W001"]


def test_the_templates_are_not_found(settings: Any) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": False}]

    assert problems() == ["session_ui.E008"]


@pytest.mark.parametrize("name", ["templates", "static"])
def test_a_clone_without_symbolic_links(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With core.symlinks false Git writes the target of a link into a text file."""
    for link in ("templates", "static"):
        (tmp_path / link).mkdir()
    (tmp_path / name).rmdir()
    (tmp_path / name).write_text(f"../{name}")
    monkeypatch.setattr(checks, "APP", tmp_path)

    settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": False}]

    assert problems() == ["session_ui.E007"]
    (found,) = checks.check_links()
    assert found.id == "session_ui.E007"
    assert f"session_ui/{name} " in found.msg
    assert "core.symlinks=true" in (found.hint or "")


@override_settings(ROOT_URLCONF=(path("accounts/login/", View.as_view(), name="login"),))
def test_the_urls_are_not_included() -> None:
    assert problems() == ["session_ui.W002"]


@pytest.mark.parametrize("urlconf", [None, "", "tests.urls"])
def test_a_process_without_urls(settings: Any, urlconf: str | None) -> None:
    """Such as a worker of a task queue."""
    settings.ROOT_URLCONF = urlconf

    assert problems() == []


@pytest.mark.parametrize("url", ["no_such_name", "/no/such/path/", "/accounts/login"])
def test_a_login_url_that_leads_nowhere(settings: Any, url: str) -> None:
    settings.APPEND_SLASH = False
    settings.LOGIN_URL = url

    (found,) = checks.check_urls()
    assert found.id == "session_ui.W003"
    assert repr(url) in found.msg


@pytest.mark.parametrize(
    "url",
    [
        "login",
        "/accounts/login/",
        "/accounts/login",  # APPEND_SLASH redirects it
        "/accounts/login/?method=password",
        "https://sso.example.com/",
        "//sso.example.com/",
        reverse_lazy("login"),
    ],
)
def test_a_valid_login_url(settings: Any, url: str) -> None:
    settings.LOGIN_URL = url

    assert problems() == []


@override_settings(
    ROOT_URLCONF=(
        path("account/sessions/", include("session_ui.urls")),
        *i18n_patterns(path("login/", View.as_view())),
    ),
    LOGIN_URL="/login/",
)
def test_a_login_url_without_its_language_prefix() -> None:
    """LocaleMiddleware redirects to it."""
    assert problems() == []


@override_settings(LOGIN_URL="/shop/accounts/login/")
def test_a_login_url_with_a_script_prefix() -> None:
    with override_script_prefix("/shop/"):
        assert problems() == []


def test_a_misspelt_setting(settings: Any) -> None:
    settings.SESSION_UI_POL_INTERVAL = 5

    (found,) = checks.check_setting_names()
    assert (found.id, found.hint) == ("session_ui.W004", "Did you mean SESSION_UI_POLL_INTERVAL?")


def test_the_app_is_missing(settings: Any) -> None:
    """Django's checks import the URLs, so `check` reports this."""
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "session_ui"]

    with pytest.raises(ImproperlyConfigured, match="Add 'session_ui' to INSTALLED_APPS"):
        reload(urls)


@pytest.mark.django_db
def test_a_view_names_the_middleware_that_is_missing(settings: Any, client: Client) -> None:
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path != checks.HTMX_MIDDLEWARE]

    with pytest.raises(ImproperlyConfigured, match=checks.HTMX_MIDDLEWARE):
        client.get("/account/sessions/")
