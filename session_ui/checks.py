"""System checks of the settings, apps, templates and URLs that ``session_ui`` needs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django import VERSION
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, get_script_prefix, is_valid_path, reverse
from django.utils.module_loading import import_string
from django.utils.translation import get_language

from session_backend.conf import conf as backend_conf
from session_backend.conf import is_positive
from session_ui.conf import PACKS, PLAIN, address_of, conf

__all__ = [
    "check_environment",
    "check_links",
    "check_notifications",
    "check_setting_names",
    "check_settings",
    "check_table",
    "check_templates",
    "check_urls",
]

DEPENDENCIES = ("session_backend", "django_tables2", "django_htmx")
HTMX_MIDDLEWARE = "django_htmx.middleware.HtmxMiddleware"
IMMEDIATE_TASKS = "django.tasks.backends.immediate.ImmediateBackend"
REQUEST_PROCESSOR = "django.template.context_processors.request"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
APP = Path(__file__).parent


@register()
def check_settings(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the values of this app's settings."""
    interval = getattr(settings, "SESSION_UI_POLL_INTERVAL", 15)
    if not is_whole(interval) or interval < 0:
        yield Error(
            f"SESSION_UI_POLL_INTERVAL is {interval!r} and must be a whole number of seconds.",
            hint="Set it to 0 to turn polling off.",
            id="session_ui.E001",
        )
    size = getattr(settings, "SESSION_UI_PAGE_SIZE", 25)
    if not is_positive(size):
        yield Error(
            f"SESSION_UI_PAGE_SIZE is {size!r} and must be a whole number, 1 or more.",
            id="session_ui.E002",
        )
    pack = getattr(settings, "SESSION_UI_PACK", "plain")
    unknown = [name for name in pack if name not in PLAIN] if isinstance(pack, Mapping) else []
    if unknown or not (isinstance(pack, Mapping) or str(pack) in PACKS):
        yield Error(
            f"SESSION_UI_PACK is {pack!r}, which is not a pack.",
            hint=f"Set it to one of {', '.join(PACKS)}, or to a dict with any of the keys "
            f"{', '.join(PLAIN)}.",
            id="session_ui.E003",
        )
    notifies = getattr(settings, "SESSION_UI_NOTIFY_NEW_SIGN_IN", False)
    if not isinstance(notifies, bool):
        yield Error(
            f"SESSION_UI_NOTIFY_NEW_SIGN_IN is {notifies!r} and must be True or False.",
            id="session_ui.E009",
        )
    after = getattr(settings, "SESSION_UI_REAUTHENTICATE_AFTER", None)
    if after is not None and not is_positive(after):
        yield Error(
            f"SESSION_UI_REAUTHENTICATE_AFTER is {after!r} and must be a whole number of seconds, "
            "1 or more, or None.",
            hint="Set it to None not to ask users who they are before they sign out a device.",
            id="session_ui.E012",
        )


@register()
def check_notifications(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that emails about new sign-ins can be sent, and delay no sign-in for long."""
    if not conf.notify_new_sign_in:
        return
    if not backend_conf.history_days:
        yield Error(
            "SESSION_UI_NOTIFY_NEW_SIGN_IN has no effect while SESSION_BACKEND_HISTORY_DAYS is 0: "
            "without a history no sign-in is new.",
            id="session_ui.E010",
        )
    if not has_task_queue() and waits_for_smtp():
        yield Warning(
            "A mail server that does not answer would delay sign-ins from new devices for ever.",
            hint='Set a timeout: EMAIL_TIMEOUT, or "timeout" in the OPTIONS of MAILERS. Or send '
            "email from a queue: TASKS, from Django 6.0 on.",
            id="session_ui.W006",
        )


@register()
def check_setting_names(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check for misspelt settings, which have no effect."""
    for name, hint in conf.unknown_names():
        yield Warning(f"There is no setting {name}.", hint=hint, id="session_ui.W004")


@register()
def check_table(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the class that ``SESSION_UI_TABLE`` names."""
    try:
        from session_ui.tables import SessionTable

        table = import_string(conf.table_path)
    except ImportError as error:
        problem = str(error)
    else:
        if isinstance(table, type) and issubclass(table, SessionTable):
            return
        problem = "it is not a subclass of session_ui.tables.SessionTable"
    yield Error(
        f"SESSION_UI_TABLE, {conf.table_path!r}, cannot be used: {problem}.", id="session_ui.E004"
    )


@register()
def check_environment(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check the apps, the middleware and the context processor that the templates need."""
    for name in DEPENDENCIES:
        if not apps.is_installed(name):
            yield Error(f"session_ui needs {name!r} in INSTALLED_APPS.", id="session_ui.E005")
    if not any(inherits(path, HTMX_MIDDLEWARE) for path in settings.MIDDLEWARE):
        yield Error(f"session_ui needs {HTMX_MIDDLEWARE!r} in MIDDLEWARE.", id="session_ui.E006")
    if not any(has_request(engine) for engine in settings.TEMPLATES):
        yield Warning(
            f"No template engine has the context processor {REQUEST_PROCESSOR!r}.",
            hint="django-tables2, and templates that override ours, expect the request.",
            id="session_ui.W001",
        )


@register(Tags.files)
def check_links(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that this is not a clone in which Git wrote symbolic links as text files."""
    broken = [f"session_ui/{name}" for name in ("templates", "static") if (APP / name).is_file()]
    if broken:
        yield Error(
            f"Not a symbolic link: {' and '.join(broken)} (Git wrote a text file).",
            hint="On Windows turn on developer mode, then clone again with: "
            "git clone -c core.symlinks=true",
            id="session_ui.E007",
        )


@register(Tags.templates)
def check_templates(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that Django finds the templates."""
    try:
        get_template("session_ui/page.html")
    except TemplateDoesNotExist:
        if not any(check_links()):
            yield Error(
                "The templates of session_ui are not found.",
                hint="Set APP_DIRS to True in TEMPLATES, or add 'django.template.loaders"
                ".app_directories.Loader' to the loaders.",
                id="session_ui.E008",
            )


@register(Tags.urls)
def check_urls(**kwargs: Any) -> Iterator[CheckMessage]:
    """Check that the pages, and the sign-in page to which they redirect, have URLs."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    try:
        reverse("session_ui:session_list")
    except NoReverseMatch:
        yield Warning(
            "The URLs of session_ui are not in ROOT_URLCONF: its pages are not found, and its "
            "templates raise NoReverseMatch.",
            hint="Add path('account/sessions/', include('session_ui.urls')) to urlpatterns.",
            id="session_ui.W002",
        )
    if not is_valid_url(str(settings.LOGIN_URL)):
        yield Warning(
            f"LOGIN_URL, {str(settings.LOGIN_URL)!r}, leads nowhere: anonymous visitors are "
            "redirected to it.",
            hint="Set it to the URL or the URL name of your sign-in page, such as 'admin:login'.",
            id="session_ui.W003",
        )
    try:
        reverse("session_ui:session_not_me", args=["token"])
    except NoReverseMatch:
        if conf.notify_new_sign_in:
            yield Error(
                "The link in the emails of SESSION_UI_NOTIFY_NEW_SIGN_IN, "
                "'session_ui:session_not_me', has no URL, so none are sent.",
                hint="Add path('account/sessions/', include('session_ui.urls')) to urlpatterns.",
                id="session_ui.E011",
            )
    names = ("session_ui:session_confirm", "session_ui:session_reauthenticate")
    if conf.reauthenticate_after and not all(map(address_of, names)):
        yield Error(
            f"SESSION_UI_REAUTHENTICATE_AFTER needs URLs for {names[0]!r} and {names[1]!r}.",
            hint="Add path('account/sessions/', include('session_ui.urls')) to urlpatterns.",
            id="session_ui.E013",
        )
    reauthenticate_url = conf.reauthenticate_url
    if reauthenticate_url is not None and not is_valid_url(reauthenticate_url):
        yield Warning(
            f"SESSION_UI_REAUTHENTICATE_URL, {reauthenticate_url!r}, leads nowhere.",
            hint="Set it to the URL or the URL name of a page where users without a password prove "
            "who they are, or to None.",
            id="session_ui.W007",
        )
    password_url = conf.get("PASSWORD_CHANGE_URL")
    if password_url and not is_valid_url(str(password_url)):
        yield Warning(
            f"SESSION_UI_PASSWORD_CHANGE_URL, {str(password_url)!r}, leads nowhere.",
            hint="Set it to a URL or a URL name, or to an empty string for no link.",
            id="session_ui.W005",
        )


def is_valid_url(to: str) -> bool:
    """Tell whether a URL, or the name of one, leads to a view or to another host."""
    try:
        url = urlsplit(resolve_url(to))
    except NoReverseMatch:
        return False
    path = "/" + url.path.removeprefix(get_script_prefix()).removeprefix("/")
    # CommonMiddleware and LocaleMiddleware redirect to these.
    paths = [path, f"{path}/"] if settings.APPEND_SLASH else [path]
    paths += [f"/{get_language() or settings.LANGUAGE_CODE}{path}" for path in paths]
    return bool(url.netloc) or any(map(is_valid_path, paths))


def is_whole(value: Any) -> bool:
    """Tell whether a value is an int, and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def inherits(path: str, base: str) -> bool:
    """Tell whether one dotted path names the class of the other, or one that inherits from it."""
    try:
        parent, found = import_string(base), import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, parent)


def has_task_queue() -> bool:
    """Tell whether tasks run elsewhere; Django 5.2 has none."""
    tasks = getattr(settings, "TASKS", {}).get("default", {})
    return VERSION >= (6,) and not inherits(tasks.get("BACKEND", IMMEDIATE_TASKS), IMMEDIATE_TASKS)


def waits_for_smtp() -> bool:
    """Tell whether email is sent by SMTP without a timeout."""
    mailers = getattr(settings, "MAILERS", None)
    if mailers is None:
        with warnings.catch_warnings():
            # Django 6.1 deprecates both.
            warnings.simplefilter("ignore")
            backend, timeout = settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT
    else:
        mailer = mailers.get("default", {})
        backend, timeout = mailer.get("BACKEND", SMTP), mailer.get("OPTIONS", {}).get("timeout")
    return timeout is None and inherits(backend, SMTP)


def has_request(engine: dict[str, Any]) -> bool:
    """Tell whether a template engine gives the request to every template."""
    return REQUEST_PROCESSOR in engine.get("OPTIONS", {}).get("context_processors", ())
