"""The code on the pages compiles, and runs if it needs no project."""

from __future__ import annotations

import ast
import doctest
import json
import os
import shlex
import subprocess
import sys
import types
import unittest
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import CommandError
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test import override_settings
from django.urls import include, path

from session_backend import nist
from session_backend.conf import conf
from session_backend.fields import Digest
from session_backend.models import Session
from session_backend.signals import session_started
from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser, make_user
from tests.docs.pages import DOCS, PAGES, ROOT, Block, blocks

APPS = ("session_backend", "session_ui")
BLOCKS = [block for path in PAGES for block in blocks(path)]
LIST = "/account/sessions/"
LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


def of(*languages: str) -> pytest.MarkDecorator:
    """Parametrize a test over the blocks in these languages."""
    found = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


def the_block(page: str, caption: str) -> Block:
    (block,) = (block for block in blocks(DOCS / page) if block.caption == caption)
    return block


def run(block: Block, **names: Any) -> types.SimpleNamespace:
    """Run a block of Python and return the names that it defines."""
    namespace = {"__name__": "page", **names}
    exec(compile(block.text, block.place, "exec"), namespace)
    return types.SimpleNamespace(**namespace)


@of("python")
def test_python_compiles(block: Block) -> None:
    if ">>>" in block.text:
        examples = doctest.DocTestParser().get_examples(block.text)
        source = "".join(example.source for example in examples)
    else:
        source = block.text
    for node in ast.walk(compile(source, block.place, "exec", ast.PyCF_ONLY_AST)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(APPS):
            module = import_module(node.module or "")
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@of("python")
def test_settings_exist(block: Block) -> None:
    """Every name that a page puts into settings.py is one of our settings, or of Django's."""
    if not block.caption.endswith("settings.py"):
        return
    names = [name for name in vars(run(block, BASE_DIR=Path("/srv"))) if name.isupper()]
    ours = {f"SESSION_BACKEND_{name}".upper() for name in dir(conf) if not name.startswith("_")}
    assert names
    for name in names:
        known = hasattr(django_settings, name) or name in ours or name in nist.__all__
        assert known or name.startswith(("SESSION_UI_", "GEOIP_", "BASE_DIR")), name


@of("html+django")
def test_templates_render(block: Block, request_of_alice: HttpRequest, settings: Any) -> None:
    """By themselves; as overrides they are tested below."""
    base = (
        "django.template.loaders.locmem.Loader",
        {"base.html": "{% block content %}{% endblock %}"},
    )
    engine = {**settings.TEMPLATES[0], "APP_DIRS": False}
    apps = "django.template.loaders.app_directories.Loader"
    engine["OPTIONS"] = {**engine["OPTIONS"], "loaders": [base, apps]}
    settings.TEMPLATES = [engine]
    session: Any = Session.objects.all()[0]
    session.ended_at = session.last_activity
    row = {"name": "", "device": session.device(), "place": session.ip}
    # A button's template is included with what it says.
    context = {"session": session, "row": row, "name": "", "id": "any", "text": "Sign out"}
    engines["django"].from_string(block.text).render(context, request_of_alice)


def commands_in(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        _, found, arguments = line.partition("python manage.py ")
        if found:
            yield shlex.split(arguments, comments=True)


@of("sh")
def test_command_options_exist(block: Block) -> None:
    for name, *arguments in commands_in(block.text):
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(arguments)


def test_mistyped_option_is_found() -> None:
    block = Block("sh", "", "python manage.py clearsessions --dryrun", "here")
    with pytest.raises(CommandError, match="--dryrun"):
        test_command_options_exist(block)


@pytest.fixture
def request_of_alice(alice: Any, rf: Any) -> HttpRequest:
    """A request of Alice, who is signed in on five similar devices."""
    for device in (LAPTOP, PHONE, PHONE, PHONE, PHONE):
        Browser(device).sign_in(alice)
    Session.objects.update(
        **dict(zip(("browser", "os", "device_model"), ("Chrome", "Windows", ""), strict=True)),
        country="Sweden",
        city="Linköping",
    )
    request: HttpRequest = rf.get(LIST)
    request.user = alice
    keys = Session.objects.order_by("pk").values_list("pk", flat=True)
    request.session = conf.session_store()
    # The last, so that the first is another device.
    request.session._session_key = keys[4]
    return request


def test_readme_console_session(request_of_alice: HttpRequest) -> None:
    (block,) = (block for block in blocks(ROOT / "README.md") if ">>>" in block.text)
    names = {"request": request_of_alice, "Session": Session}
    compared = 0
    for example in doctest.DocTestParser().get_examples(block.text):
        if example.want:
            assert f"{eval(example.source, names)!r}\n" == example.want
            compared += 1
        else:
            exec(example.source, names)
    assert compared


def test_readme_install(alice: Any, laptop: Browser) -> None:
    """In a project that `startproject` made."""
    ours, addresses = (
        run(block)
        for block in blocks(ROOT / "README.md")
        if block.heading == "Install" and block.language == "python"
    )
    first, *last = ours.MIDDLEWARE
    contrib = "django.contrib"
    apps = [f"{contrib}.{app}" for app in ("admin", "auth", "contenttypes", "messages")]
    middleware = [
        first,
        "django.middleware.csrf.CsrfViewMiddleware",
        f"{contrib}.auth.middleware.AuthenticationMiddleware",
        f"{contrib}.messages.middleware.MessageMiddleware",
        *last,
    ]
    sign_in = path("accounts/", include(f"{contrib}.auth.urls"))
    with override_settings(
        DEBUG=True,
        INSTALLED_APPS=[*apps, *ours.INSTALLED_APPS],
        MIDDLEWARE=middleware,
        SESSION_ENGINE=ours.SESSION_ENGINE,
        ROOT_URLCONF=(*addresses.urlpatterns, sign_in),
    ):
        call_command("check", fail_level="WARNING")
        laptop.sign_in(alice)
        assert "Chrome on Windows" in laptop.get(LIST).content.decode()


def test_urls(alice: Any, laptop: Browser) -> None:
    (block,) = (
        block for block in blocks(DOCS / "reference/views.md") if block.language == "python"
    )
    laptop.sign_in(alice)
    with override_settings(ROOT_URLCONF=tuple(run(block).urlpatterns)):
        assert laptop.get(LIST).status_code == 200


@pytest.mark.skipif(django.VERSION < (6,), reason="Django 5.2 has no setting for the policy.")
def test_content_security_policy() -> None:
    (block,) = (block for block in blocks(DOCS / "how-to/production.md") if "CSP" in block.text)
    assert run(block).SECURE_CSP == {"default-src": ["'self'"]}


def test_blanking_recorded_clients(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    _, _, block = (
        block for block in blocks(DOCS / "reference/settings.md") if block.language == "python"
    )
    run(block)
    assert (laptop.row.ip, laptop.row.user_agent, laptop.row.browser) == (None, "", "")


def test_admin_inline(alice: Any, laptop: Browser, admin_client: Browser) -> None:
    laptop.sign_in(alice)
    block, _ = blocks(DOCS / "reference/admin.md")
    before = admin.site._registry[type(alice)]
    try:
        run(block)
        # The admin's URLs refer to what was registered when they were created.
        with override_settings(ROOT_URLCONF=(path("admin/", admin.site.urls),)):
            html = admin_client.get(f"/admin/auth/user/{alice.pk}/change/").content.decode()
    finally:
        admin.site._registry[type(alice)] = before
    assert "Chrome on Windows" in html


def test_functions_about_sessions(request_of_alice: HttpRequest) -> None:
    first, export, second = (
        run(block)
        for block in blocks(DOCS / "reference/models.md")
        if block.language == "python" and not block.caption
    )
    others = first.elsewhere(request_of_alice)
    assert [other[:2] for other in others] == [("Chrome on Windows", "Linköping, Sweden")] * 4

    digest = str(Session.objects.exclude(pk=request_of_alice.session.session_key)[0].pk)
    second.revoke_by_digest(digest)
    assert not Session.objects.filter(pk=Digest(digest)).exists()
    assert first.sign_out_everywhere(request_of_alice.user) == 4
    exported = json.loads(export.sessions_as_json(request_of_alice.user))
    assert {name: len(rows) for name, rows in exported.items()} == {
        "sessions": 0,
        "past_sessions": 5,
    }


def test_log_of_new_devices(
    alice: Any,
    laptop: Browser,
    phone: Browser,
    caplog: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    page = run(the_block("reference/signals.md", "mysite/receivers.py"))
    try:
        with django_capture_on_commit_callbacks(execute=True):
            laptop.sign_in(alice)
            phone.sign_in(alice)
    finally:
        session_started.disconnect(page.log_new_device)
    assert caplog.messages == [f"User {alice.pk} has a new device: Safari on iPhone"]


def test_background_view(alice: Any, laptop: Browser) -> None:
    marked, named = (
        run(block)
        for block in blocks(DOCS / "reference/settings.md")
        if "background" in block.text.lower()
    )

    def api(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.user.pk)

    views = ["unread/", "api/status", "metrics/cpu/", "api/status/other/"]
    laptop.sign_in(alice)
    active = []
    with override_settings(
        ROOT_URLCONF=(path(views[0], marked.unread), *(path(view, api) for view in views[1:])),
        SESSION_BACKEND_BACKGROUND_VIEWS=named.SESSION_BACKEND_BACKGROUND_VIEWS,
    ):
        for view in views:
            Session.objects.update(last_activity=LONG_AGO)
            assert laptop.get(f"/{view}").status_code == 200
            if not Session.objects.filter(last_activity=LONG_AGO).exists():
                active.append(view)
    assert active == ["api/status/other/"]


def test_finding_a_session(alice: Any, laptop: Browser, phone: Browser) -> None:
    form, lookup = (
        run(block)
        for block in blocks(DOCS / "how-to/your-code.md")
        if block.heading == "Find a session"
    )
    laptop.sign_in(alice)
    phone.sign_in(make_user("bob"))
    sent = form.RevokeForm(alice, {"session": str(laptop.row.public_id)})
    assert sent.is_valid()
    assert sent.cleaned_data["session"] == laptop.row
    assert not form.RevokeForm(alice, {"session": str(phone.row.public_id)}).is_valid()
    assert lookup.find(laptop.key) == laptop.row


@pytest.mark.parametrize(("remember_me", "days"), [("on", 30), ("", 14)])
def test_remember_me(
    alice: Any, laptop: Browser, settings: Any, remember_me: str, days: int
) -> None:
    (block,) = (
        block for block in blocks(DOCS / "how-to/your-code.md") if block.heading == "Remember me"
    )
    form = {"username": "alice", "password": PASSWORD, "remember_me": remember_me}
    with override_settings(
        ROOT_URLCONF=(path("", run(block).SignInView.as_view(success_url="/")),),
        LOGIN_REDIRECT_URL="/",
    ):
        laptop.post("/", form)
    assert (laptop.row.expire_date - laptop.row.created_at).days == days
    assert bool(laptop.cookies["sessionid"]["max-age"]) == bool(remember_me)


def test_testing_page(db: None) -> None:
    (block,) = blocks(DOCS / "how-to/testing.md")
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(run(block).SignOutTests)
    result = suite.run(unittest.TestResult())
    assert result.testsRun == 2
    assert not [*result.errors, *result.failures]


def test_custom_table(alice: Any, laptop: Browser, monkeypatch: Any) -> None:
    page = run(the_block("how-to/theming.md", "mysite/tables.py"))
    monkeypatch.setattr("tests.docs.test_code.DeviceTable", page.DeviceTable, raising=False)
    laptop.sign_in(alice)
    Session.objects.update(country="Sweden", city="Linköping")
    with override_settings(SESSION_UI_TABLE="tests.docs.test_code.DeviceTable"):
        html = laptop.get(LIST).content.decode()
    assert "Until" in html
    assert "Signed in" not in html
    assert "Sweden" in html
    assert "Linköping" not in html


def test_custom_session_model(tmp_path: Path) -> None:
    for page in ("reference/models.md", "reference/admin.md"):
        for block in blocks(DOCS / page):
            if block.caption.startswith("shop/"):
                file = tmp_path / block.caption
                file.parent.mkdir(exist_ok=True)
                file.write_text(block.text)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    command = [sys.executable, "-m", "tests.docs.shop"]
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=tmp_path, env=env | {"PYTHONPATH": path}, check=True)


# What a template of the theming page adds to the page of the list.
SHOWN = {
    "templates/session_ui/badge.html": "You are here",
    "templates/session_ui/base.html": "Of the site",
    "templates/session_ui/cells/action.html": 'class="my-button">Sign out</button>',
    "templates/session_ui/cells/location.html": "Sweden</bdi> <small>89.160.20.112</small>",
    "templates/session_ui/cells/device.html": "Chrome on Windows</a> (this one)",
    "templates/session_ui/row.html": '<span class="sui-location">Sweden</span>',
    "templates/session_ui/table.html": "Questions? Write to us.",
    "templates/session_ui/past_session.html": "<li>Safari on iPhone, 2.125.160.216: Signed out,",
}
OVERRIDES = [
    block for block in blocks(DOCS / "how-to/theming.md") if block.caption.startswith("templates/")
]


def test_all_overrides_are_tried() -> None:
    assert {block.caption for block in OVERRIDES} == set(SHOWN)


@pytest.mark.parametrize("block", OVERRIDES, ids=[block.caption for block in OVERRIDES])
def test_custom_template(block: Block, alice: Any, laptop: Browser, settings: Any) -> None:
    base = "{% block title %}{% endblock %} Of the site {% block content %}{% endblock %}"
    own = {block.caption.removeprefix("templates/"): block.text, "base.html": base}
    loaders = [
        ("django.template.loaders.locmem.Loader", own),
        "django.template.loaders.filesystem.Loader",
        "django.template.loaders.app_directories.Loader",
    ]
    Browser(PHONE).sign_in(alice).post("/accounts/logout/")
    Browser(PHONE).sign_in(alice)
    laptop.sign_in(alice)
    Session.objects.filter(ip=LAPTOP["REMOTE_ADDR"]).update(country="Sweden")
    engine = {**settings.TEMPLATES[0], "APP_DIRS": False}
    engine["OPTIONS"] = {**engine["OPTIONS"], "loaders": loaders}
    settings.TEMPLATES = [engine]
    html = laptop.get(LIST).content.decode()
    assert SHOWN[block.caption] in html
    assert "Safari on iPhone" in html
