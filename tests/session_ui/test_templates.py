"""The markup: what htmx 2 and 4 and a screen reader rely on, and that each piece is a site's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.template import engines

from session_backend.devices import DeviceType
from session_ui.conf import PACKS
from tests.session_ui.helpers import (
    HTMX,
    LIST,
    POLL,
    REVOKE,
    Browser,
    bind,
    counts_in,
    mark_new,
    override,
    revoke,
    row_in,
    sessions_for,
    text_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]

TEMPLATES = Path(__file__).parents[2] / "templates" / "session_ui"
PIECES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.*"))
# Those that the page of a host does not show.
ELSEWHERE = {"answer.html", "base.html", "not_me.html", "page.html", "session_ended.html"}
ELSEWHERE |= {"confirm.html", "reauthenticate.html"}
ELSEWHERE |= {name for name in PIECES if name.startswith("email/")}
BESIDE = {
    *("history.html", "menu.html", "past_session.html", "past_sessions.html"),
    *("sign_out_others.html", "this_device.html", "watch.html"),
}


def steady(html: str) -> str:
    """A page without what is new in every one: the CSRF token's mask, the version, a time."""
    html = re.sub(r'data-seconds="[\d.]+"', "", html)
    return re.sub(r'(name="(?:csrfmiddlewaretoken|ver)" value=")\w+', r"\1", html)


def attributes_of(html: str, start: str) -> dict[str, str]:
    """The attributes with a value of the first tag that starts so."""
    tag = re.search(re.escape(start) + r'(?:[^>"]|"[^"]*")*>', html)
    assert tag, start
    return dict(re.findall(r'([\w:-]+)="([^"]*)"', tag[0]))


@pytest.fixture
def browser(alice: Any, laptop: Browser) -> Browser:
    return laptop.sign_in(alice)


class TestOverrides:
    @pytest.mark.parametrize("name", sorted({*PIECES} - ELSEWHERE))
    def test_one_small_template_changes_that_thing_only(
        self, browser: Browser, alice: Any, settings: Any, name: str
    ) -> None:
        """The same template with marks around it is the same page with marks in it."""
        settings.SESSION_UI_PAGE_SIZE = 6
        settings.SESSION_UI_REAUTHENTICATE_AFTER = 60
        settings.SESSION_BACKEND_IDLE_TIMEOUT = 600
        first, *_, last = sessions_for(alice, 7)
        last.revoke()
        mark_new(first)
        bind(first)
        settings.SESSION_BACKEND_BINDING = "offer"
        url = "/pieces/" if name in BESIDE else f"/host/?session-open={first.public_id}"
        before = steady(text_of(browser.get(url)))
        ours = (TEMPLATES / name).read_text()
        override(settings, **{f"session_ui/{name}": f"[[{ours}]]"})

        after = steady(text_of(browser.get(url)))
        assert "[[" in after
        assert after.replace("[[", "").replace("]]", "") == before

    def test_a_sites_own_page_is_around_the_list(self, browser: Browser, settings: Any) -> None:
        base = (
            "<title>{% block title %}{% endblock %}</title>Ours {% block content %}{% endblock %}"
        )
        override(settings, **{"session_ui/base.html": base})

        page = text_of(browser.get(LIST))
        assert re.match(r"<title>Where you.re signed in</title>Ours ", page)
        assert "Chrome on Windows" in page

    def test_a_block_of_the_table_changes_that_region_only(
        self, browser: Browser, settings: Any
    ) -> None:
        table = (
            "{% extends 'session_ui/table.html' %}"
            "{% block table.thead %}<!-- none -->{% endblock %}"
        )
        override(settings, **{"session_ui/table.html": table})

        page = text_of(browser.get(LIST))
        assert "<!-- none -->" in page
        assert "<thead" not in page
        assert "Chrome on Windows" in page

    @pytest.mark.parametrize("pack", PACKS)
    def test_a_pack_changes_classes_only(
        self, browser: Browser, alice: Any, settings: Any, pack: str
    ) -> None:
        settings.SESSION_UI_PAGE_SIZE = 2
        first, *_ = sessions_for(alice, 3)
        mark_new(first)
        pages = {}
        for name in ("plain", pack):
            settings.SESSION_UI_PACK = name
            list_page = browser.get("/host/", {"session-open": str(first.public_id)})
            html = text_of(list_page) + text_of(browser.get("/pieces/"))
            pages[name] = re.sub(r' class="[^"]*"', "", steady(html))
            # Every class of the pack is on one page or the other, but for those of messages.
            said = {PACKS[name]["messages"], PACKS[name]["ended"]}
            for classes in {*PACKS[name].values()} - said:
                assert classes in html

        assert pages[pack] == pages["plain"]

    def test_variables_of_the_host_do_not_get_in(
        self, browser: Browser, alice: Any, settings: Any
    ) -> None:
        settings.SESSION_UI_PAGE_SIZE = 2
        sessions_for(alice, 3)
        page = text_of(browser.get("/crowded/"))

        assert "Safari on iPhone" in page
        assert "of the host" not in page


class TestBlock:
    def test_it_polls_by_one_element(self, browser: Browser) -> None:
        html = text_of(browser.get("/host/"))

        wrapper = attributes_of(html, '<div class="sui"')
        assert (wrapper["hx-disinherit"], wrapper["hx-history"]) == ("*", "false")
        assert (wrapper["hx-boost"], wrapper["hx-boost:inherited"]) == ("false", "false")
        assert attributes_of(html, '<div id="session-poll"') == {
            "id": "session-poll",
            "hx-get": POLL,
            "hx-trigger": "every 15s, session-ui:refresh from:body",
            "hx-include": "#session-state",
            "hx-target": "#session-list",
            "hx-swap": "innerHTML settle:0ms",
            "hx-select": "",
            "hx-sync": "#session-list:queue last",
            "hx-status:4xx": "swap:none",
            "hx-status:5xx": "swap:none",
            "hx-confirm": "",
            "hx-push-url": "false",
        }
        for name in ("title", "status", "ver", "page", "sort", "open", "form", "list", "others"):
            assert html.count(f'id="session-{name}"') == 1

    def test_it_signs_out_by_one_form(self, browser: Browser) -> None:
        assert attributes_of(text_of(browser.get("/host/")), '<form id="session-form"') == {
            "id": "session-form",
            "method": "post",
            "action": REVOKE,
            "hx-post": REVOKE,
            "hx-action": REVOKE,
            "hx-method": "post",
            "hx-trigger": "submit",
            "hx-include": "",
            "hx-target": "#session-list",
            "hx-swap": "innerHTML settle:0ms",
            "hx-select": "",
            "hx-confirm": "Sign out?",
            "hx-sync": "#session-list:replace",
            "hx-push-url": "false",
            "hx-status:4xx": "swap:none",
            "hx-status:5xx": "swap:none",
        }

    def test_only_the_form_sends_the_token(self, browser: Browser) -> None:
        html = text_of(browser.get("/host/"))

        state = html.split('<div id="session-state"')[1].split("</div>")[0]
        assert "csrfmiddlewaretoken" not in state
        assert 'name="ver"' in state
        for name in ("csrfmiddlewaretoken", "next", "session-page", "session-sort", "session-open"):
            fields = re.findall(f'<input [^>]*name="{name}"[^>]*>', html)
            assert len(fields) == 1
            assert 'form="session-form"' in fields[0]

    def test_a_button_says_what_it_signs_out(self, browser: Browser, alice: Any) -> None:
        (row,) = sessions_for(alice, 1)
        html = row_in(browser.get("/host/"), row)

        assert attributes_of(html, "<button") == {
            "type": "submit",
            "form": "session-form",
            "name": "session",
            "value": str(row.public_id),
            "id": f"session-revoke-{row.public_id}",
            "class": "sui-button sui-revoke",
            "aria-label": "Sign out Safari on iPhone (2.125.0.1, 1 minute ago)",
            "data-question": "Sign out Safari on iPhone?",
        }

    def test_links_are_plain(self, browser: Browser, alice: Any, settings: Any) -> None:
        settings.SESSION_UI_PAGE_SIZE = 1
        sessions_for(alice, 1)
        html = text_of(browser.get("/host/"))

        links = re.findall(r'<a [^>]*id="session-[^>]*>', html)
        # Four headings, a row and the next page.
        assert len(links) == 6
        for link in links:
            assert "hx-" not in link
            assert 'href="/host/?session-' in link

    def test_polling_is_off_where_the_site_says_so(self, browser: Browser, settings: Any) -> None:
        settings.SESSION_UI_POLL_INTERVAL = 0
        html = text_of(browser.get("/host/"))

        assert 'hx-trigger="session-ui:refresh from:body"' in html
        assert "session-pause" not in html

    def test_the_script_has_its_sentences_from_it(self, browser: Browser) -> None:
        html = text_of(browser.get("/host/"))
        script = (Path(__file__).parents[2] / "static/session_ui/session_ui.js").read_text()

        for name in ("offline", "failed", "refused", "stale"):
            assert f' data-{name}="' in html
            assert f'"{name}"' in script

    def test_signing_out_everywhere_else_needs_another_session(
        self, browser: Browser, alice: Any
    ) -> None:
        alone = text_of(browser.get("/host/"))
        assert 'value="others"' not in alone
        assert "not signed in anywhere else." in alone

        sessions_for(alice, 1)
        html = text_of(browser.get("/host/"))
        assert attributes_of(html, '<button type="submit" form="session-form"')["value"] == "others"
        assert "anywhere else" not in html

    @pytest.mark.parametrize(("url", "is_there"), [("/security/", True), ("", False)])
    def test_the_way_to_change_the_password(
        self, browser: Browser, alice: Any, settings: Any, url: str, is_there: bool
    ) -> None:
        settings.SESSION_UI_PASSWORD_CHANGE_URL = url
        sessions_for(alice, 1)

        link = f'<a href="{url}">Change your password</a>'
        assert (link in text_of(browser.get("/host/"))) is is_there
        # Beside the outcome too.
        assert text_of(revoke(browser, "others")).count(link) == 2 * is_there

    def test_the_badges_of_a_page_and_of_an_answer(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 2)

        assert counts_in(browser.get("/host/")) == ["3", "3"]
        assert counts_in(browser.get(POLL, headers=HTMX)) == ["3"]

    def test_the_page_of_its_own_has_a_first_heading(self, browser: Browser) -> None:
        assert '<h1 id="session-title"' in text_of(browser.get(LIST))
        assert '<h2 id="session-title"' in text_of(browser.get("/host/"))

    def test_nothing_in_it_breaks_a_strict_policy(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 30)
        html = text_of(browser.get(LIST))

        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:|hx-on|hx-vals|\bjs:", html)
        assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", html))


class TestRow:
    def test_what_it_says(self, browser: Browser, alice: Any) -> None:
        (row,) = sessions_for(alice, 1, city="Linköping", country="Sweden")
        html = row_in(browser.get(LIST), row)

        assert '<use href="#session-icon-mobile"/>' in html
        assert '<bdi class="sui-device-name">Safari on iPhone</bdi>' in html
        assert "<bdi>Linköping, Sweden</bdi>" in html
        assert str(row.ip) not in html
        active, signed_in = (
            f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (row.last_activity, row.created_at)
        )
        assert f'<time datetime="{active}">1 minute ago</time>' in html
        assert f'<time datetime="{signed_in}">Today</time>' in html

    def test_the_current_session(self, browser: Browser) -> None:
        html = row_in(browser.get(LIST), browser.row)

        assert 'aria-current="true"' in html
        assert "Active now" in html
        assert "This device" in html

    def test_each_type_has_its_icon(self, browser: Browser) -> None:
        html = text_of(browser.get(LIST))

        shapes = re.findall(r'<symbol id="session-icon-(\w+)"[^>]*>(.+?)</symbol>', html)
        assert [kind for kind, _ in shapes] == DeviceType.values
        assert len({shape for _, shape in shapes}) == 5

    def test_hostile_text_is_text(self, browser: Browser, alice: Any) -> None:
        evil = "\"><script>alert(1)</script>'"
        (row,) = sessions_for(
            alice, 1, browser=evil, os="<img src=x>", city="<b>", country="\u202e&", user_agent=evil
        )
        for url, headers in ((LIST, {}), (POLL, HTMX)):
            html = row_in(browser.get(url, headers=headers), row)
            assert "<script" not in html
            assert "<img" not in html
            assert "<b>" not in html
        answer = text_of(revoke(browser, row))
        assert "&quot;&gt;&lt;script&gt;" in answer
        assert "<script>alert" not in answer

    def test_a_hostile_page_is_text(self, browser: Browser, alice: Any) -> None:
        sessions_for(alice, 1)
        evil = 'http://testserver/host/?a="><script>alert(1)</script>&<b>'
        answer = text_of(browser.get(POLL, headers={**HTMX, "HX-Current-URL": evil}))

        assert "<script" not in answer
        assert "<b>" not in answer


class TestLanguages:
    def test_the_page_says_which_and_where_it_starts(self, browser: Browser, settings: Any) -> None:
        settings.LANGUAGE_CODE = "ar"

        assert '<html lang="ar" dir="rtl">' in text_of(browser.get(LIST))

    @pytest.mark.parametrize("name", PIECES)
    def test_all_words_can_be_translated(self, name: str) -> None:
        source = (TEMPLATES / name).read_text()
        sentences = r"{% blocktranslate.*?{% endblocktranslate %}"
        markup = r"""{#.*?#}|{%.*?%}|{{.*?}}|<(?:[^>"']|"[^"]*"|'[^']*')*>"""
        bare = re.sub(f"{sentences}|{markup}", "", source, flags=re.DOTALL)

        assert not re.search(r"[A-Za-z]", bare), bare

    @pytest.mark.parametrize("name", PIECES)
    def test_no_sentence_has_html_in_it(self, name: str) -> None:
        source = (TEMPLATES / name).read_text()
        tags = r"{% translate .*?%}|{% blocktranslate.*?{% endblocktranslate %}"

        assert not [tag for tag in re.findall(tags, source, re.DOTALL) if "<" in tag]


def test_every_template_loads() -> None:
    assert len(PIECES) > 20
    for name in PIECES:
        engines["django"].get_template(f"session_ui/{name}")
