from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template import Context, RequestContext, Template, engines
from django.test import RequestFactory

from session_backend import locations
from session_backend.locations import Place
from session_backend.models import Session
from session_ui import text
from session_ui.templatetags import session_ui as tags
from tests.session_ui.helpers import (
    LAPTOP,
    LIST,
    PHONE,
    SIGN_IN,
    Browser,
    override,
    sessions_for,
    text_of,
)

BLOCK = "{% include 'session_ui/block.html' %}"


def rendered(template: str, request: HttpRequest | None = None, **context: Any) -> str:
    backend = engines["django"].from_string("{% load session_ui %}" + template)
    return str(backend.render(context, request))


@pytest.fixture
def linkoping(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {LAPTOP["REMOTE_ADDR"]: Place("SE", "Sweden", "Linköping")}
    monkeypatch.setattr(tags, "locate", lambda ip: known.get(ip, locations.NOWHERE))


@pytest.mark.parametrize(
    ("name", "of_laptop", "of_phone", "of_nothing"),
    [
        ("device", "Chrome on Windows", "Safari on iPhone", "Unknown device"),
        ("browser", "Chrome", "Safari", ""),
        ("platform", "Windows", "iOS", ""),
    ],
)
def test_a_device_of_a_session_or_a_user_agent(
    name: str, of_laptop: str, of_phone: str, of_nothing: str
) -> None:
    template = "{{ value|%s }}" % name  # noqa: UP031
    session = Session(browser="Chrome", os="Windows")

    assert rendered(template, value=session) == of_laptop
    assert rendered(template, value=LAPTOP["HTTP_USER_AGENT"]) == of_laptop
    assert of_phone in rendered(template, value=PHONE["HTTP_USER_AGENT"])
    for nothing in ("", None, Session()):
        assert rendered(template, value=nothing) == of_nothing


@pytest.mark.usefixtures("linkoping")
@pytest.mark.parametrize(
    ("name", "words"),
    [("location", "Linköping, Sweden"), ("city", "Linköping"), ("country", "Sweden")],
)
def test_a_place_of_a_session_or_an_address(name: str, words: str) -> None:
    template = "{{ value|%s }}" % name  # noqa: UP031
    session = Session(country_code="SE", country="Sweden", city="Linköping")

    assert rendered(template, value=session) == words
    assert rendered(template, value=LAPTOP["REMOTE_ADDR"]) == words
    for nothing in ("", None, "127.0.0.1", Session()):
        assert rendered(template, value=nothing) == ""


def test_a_hostile_device_is_escaped() -> None:
    session = Session(browser="<script>", os="<img>", city="<b>", country="&")

    for name in ("device", "browser", "platform", "location", "city", "country"):
        html = rendered("{{ value|%s }}" % name, value=session)  # noqa: UP031
        assert "<" not in html
        assert html


class TestAssets:
    def test_the_stylesheet_and_the_scripts(self) -> None:
        html = rendered("{% session_ui_assets %}")

        assert (html.count("<link "), html.count("<script ")) == (1, 2)
        assert 'href="/static/session_ui/session_ui.css"' in html
        for name in ("session_ui", "session_watch"):
            assert f'src="/static/session_ui/{name}.js" defer' in html
        assert "nonce" not in html

    def test_with_the_nonce_of_django(self) -> None:
        assert rendered("{% session_ui_assets %}", csp_nonce="abc").count('nonce="abc"') == 3

    def test_with_the_nonce_of_django_csp(self, rf: RequestFactory) -> None:
        class Nonce:
            """As django-csp makes it: lazy, and false until it is used."""

            def __bool__(self) -> bool:
                return False

            def __str__(self) -> str:
                return "abc"

        request: Any = rf.get("/")
        request.csp_nonce = Nonce()

        assert rendered("{% session_ui_assets %}", request).count('nonce="abc"') == 3


@pytest.mark.django_db
class TestCount:
    def test_it_is_the_number_of_devices(self, alice: Any, laptop: Browser, phone: Browser) -> None:
        phone.sign_in(alice)
        request = laptop.sign_in(alice).get(LIST).wsgi_request

        html = rendered("{% session_count %}, {% session_count %}", request)
        assert [part.strip() for part in html.split(",")] == [
            '<span class="session-count">2</span>'
        ] * 2

    def test_it_is_nothing_for_a_visitor(self, rf: RequestFactory) -> None:
        request = rf.get("/")
        assert rendered("{% session_count %}", request).strip() == ""
        request.user = AnonymousUser()
        assert rendered("{% session_count %}", request).strip() == ""
        assert rendered("{% session_count %}").strip() == ""


ENDED = "<p>{% session_ended %}</p>"


def sign_in_page(browser: Browser, settings: Any) -> str:
    override(settings, **{"registration/login.html": "{% load session_ui %}" + ENDED})
    return text_of(browser.get(SIGN_IN))


@pytest.mark.django_db
@pytest.mark.usefixtures("engine")
class TestEnded:
    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            ("revoked", "You were signed out from another device."),
            ("revoked_by_staff", "An administrator signed you out."),
            ("expired", "Your session has expired."),
            ("password_changed", "Your password was changed. Please sign in again."),
            ("binding_failed", "Please sign in again. If this happens again, use another browser."),
            ("signed_out", ""),
        ],
    )
    def test_it_is_told_once(
        self, alice: Any, laptop: Browser, settings: Any, reason: str, words: str
    ) -> None:
        laptop.sign_in(alice).row.revoke(reason=reason)
        assert laptop.get(LIST).status_code == 302

        assert (words in sign_in_page(laptop, settings)) is True
        assert ("sui-messages" in sign_in_page(laptop, settings)) is False

    @pytest.mark.parametrize("reason", ["revoked", "password_changed"])
    def test_it_is_told_by_the_very_page_that_finds_out(
        self, alice: Any, laptop: Browser, settings: Any, reason: str
    ) -> None:
        row = laptop.sign_in(alice).row
        if reason == "revoked":
            row.revoke()
        else:
            alice.set_password("a quiet heron reads")
            alice.save()

        assert str(text.SIGNED_OUT_BECAUSE[reason]) in sign_in_page(laptop, settings)
        assert "sui-messages" not in sign_in_page(laptop, settings)

    def test_it_names_no_device_and_no_place(
        self, alice: Any, laptop: Browser, settings: Any
    ) -> None:
        laptop.sign_in(alice)
        Session.objects.update(name="Work laptop", city="Bern")
        laptop.row.revoke()

        html = sign_in_page(laptop, settings)
        assert "You were signed out" in html
        for word in ("Work", "Bern", "Chrome", "Windows", LAPTOP["REMOTE_ADDR"]):
            assert word not in html

    def test_who_has_signed_in_again_is_not_told(
        self, alice: Any, laptop: Browser, settings: Any
    ) -> None:
        laptop.sign_in(alice).row.revoke()
        laptop.get(LIST)
        laptop.sign_in(alice)

        assert "sui-messages" not in sign_in_page(laptop, settings)
        # Nor later, when they have signed out.
        laptop.post("/accounts/logout/")
        assert "sui-messages" not in sign_in_page(laptop, settings)

    def test_it_is_nothing_for_a_visitor(
        self, laptop: Browser, settings: Any, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(0):
            assert "sui-messages" not in sign_in_page(laptop, settings)
        assert rendered(ENDED) == "<p></p>"


@pytest.mark.django_db
class TestBlock:
    def test_it_is_the_whole_list(self, alice: Any, laptop: Browser) -> None:
        request = laptop.sign_in(alice).get(LIST).wsgi_request

        assert "Chrome on Windows" in rendered(BLOCK, request)

    def test_it_needs_no_context_processor(self, alice: Any, laptop: Browser) -> None:
        request = laptop.sign_in(alice).get(LIST).wsgi_request
        template = Template(BLOCK)

        assert "Chrome on Windows" in template.render(Context({"request": request}))
        context = RequestContext(request)
        assert "request" not in context.flatten() or context.pop()
        assert "Chrome on Windows" in template.render(context)

    def test_it_is_nothing_for_a_visitor(self, rf: RequestFactory) -> None:
        request = rf.get("/")
        assert rendered(BLOCK, request).strip() == ""
        request.user = AnonymousUser()
        assert rendered(BLOCK, request).strip() == ""
        assert rendered(BLOCK).strip() == ""

    def test_a_listing_of_the_sites_own_is_no_list(self, alice: Any, laptop: Browser) -> None:
        sessions_for(alice, 1)
        request = laptop.sign_in(alice).get(LIST).wsgi_request

        assert "Safari on iPhone" in rendered(BLOCK, request, listing="3 rooms, garden")
