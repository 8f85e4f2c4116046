"""The markup: what htmx 2 and 4 and a screen reader rely on, and that each piece is a site's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.template import engines

from session_backend.devices import DeviceType
from session_backend.models import Session
from tests.session_ui.helpers import (
    HTMX,
    LIST,
    OTHERS,
    POLL,
    Browser,
    counts_in,
    revoke_url,
    row_in,
    sessions_for,
    text_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]

TEMPLATES = Path(__file__).parents[2] / "templates" / "session_ui"
PACKS = {"bootstrap5", "tailwind"}
PIECES = sorted(
    path.relative_to(TEMPLATES).as_posix()
    for path in TEMPLATES.rglob("*.html")
    if path.parent.name not in PACKS
)
# Those that the page of a host does not show.
ELSEWHERE = {"answer.html", "base.html", "messages.html", "page.html"}
BESIDE = {
    "alone.html",
    "card.html",
    "menu.html",
    "menu_item.html",
    "sign_out_others.html",
    "this_device.html",
}


def override(settings: Any, **templates: str) -> None:
    """Put templates into the project, in front of ours."""
    loaders = [
        ("django.template.loaders.locmem.Loader", templates),
        "django.template.loaders.app_directories.Loader",
    ]
    engine = {**settings.TEMPLATES[0], "APP_DIRS": False}
    engine["OPTIONS"] = {**engine["OPTIONS"], "loaders": loaders}
    settings.TEMPLATES = [engine]


def steady(html: str) -> str:
    """A page without what is new in every one: the CSRF token's mask."""
    return re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1", html)


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
        for row, kind in zip(sessions_for(alice, 6), DeviceType.values, strict=False):
            Session.objects.filter(pk=row.pk).update(device_type=kind)
        if name == "empty.html":
            Session.objects.others(browser.key).delete()
        url = "/pieces/" if name in BESIDE else "/host/"
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

    def test_a_pack_overrides_only_what_differs(self, browser: Browser, settings: Any) -> None:
        settings.SESSION_UI_PACK = "ours"
        override(settings, **{"session_ui/ours/badge.html": "<i>Here</i>"})

        page = text_of(browser.get(LIST))
        assert "<i>Here</i>" in page
        assert "sui-badge" not in page
        assert "Chrome on Windows" in page

    def test_variables_of_the_host_do_not_get_in(
        self, browser: Browser, alice: Any, settings: Any
    ) -> None:
        settings.SESSION_UI_PAGE_SIZE = 2
        sessions_for(alice, 3)
        page = text_of(browser.get("/crowded/"))

        assert "Safari on iPhone" in page
        assert "of the host" not in page


class TestBlock:
    def test_it_is_the_section_that_htmx_needs(self, browser: Browser) -> None:
        html = text_of(browser.get("/host/"))

        wrapper = attributes_of(html, '<div class="sui"')
        assert (wrapper["hx-disinherit"], wrapper["hx-history"]) == ("*", "false")
        assert attributes_of(html, "<section") == {
            "id": "session-list",
            "class": "sui-list",
            "aria-labelledby": "session-title",
            "hx-disinherit": "*",
            "hx-get": POLL,
            "hx-trigger": "every 15s, session-ui:refresh from:body",
            "hx-include": "#session-ver, #session-page, #session-sort",
            "hx-target": "#session-list",
            "hx-swap": "innerHTML settle:0ms",
            "hx-sync": "#session-list:drop",
            "hx-status:4xx": "swap:none",
            "hx-status:5xx": "swap:none",
            "hx-confirm": "",
            "hx-push-url": "false",
            "hx-boost": "false",
        }
        for name in (
            "session-title",
            "session-status",
            "session-ver",
            "session-page",
            "session-sort",
        ):
            assert html.count(f'id="{name}"') == 1

    def test_a_form_needs_nothing_from_around_it(self, browser: Browser, alice: Any) -> None:
        (row,) = sessions_for(alice, 1)
        html = row_in(browser.get("/host/"), row)
        url = revoke_url(row)

        assert attributes_of(html, "<form") == {
            "method": "post",
            "action": url,
            "class": "sui-form",
            "hx-post": url,
            "hx-action": url,
            "hx-method": "post",
            "hx-trigger": "submit",
            "hx-include": "",
            "hx-target": "#session-list",
            "hx-swap": "innerHTML settle:0ms",
            "hx-confirm": "Sign out Safari on iPhone? That device will have to sign in again.",
            "hx-sync": "#session-list:replace",
            "hx-push-url": "false",
            "hx-status:4xx": "swap:none",
            "hx-status:5xx": "swap:none",
        }
        assert attributes_of(html, "<button") == {
            "type": "submit",
            "id": f"session-revoke-{row.pk}",
            "class": "sui-button",
            "aria-label": "Sign out Safari on iPhone",
        }
        for name in ("csrfmiddlewaretoken", "next", "session-page", "session-sort", "session-row"):
            assert html.count(f'name="{name}"') == 1

    def test_links_need_nothing_from_around_them(
        self, browser: Browser, alice: Any, settings: Any
    ) -> None:
        settings.SESSION_UI_PAGE_SIZE = 1
        sessions_for(alice, 1)
        html = text_of(browser.get("/host/"))

        for link in ('<a href="?session-sort=device"', '<a href="?session-page=2"'):
            found = attributes_of(html, link)
            assert found["hx-get"].startswith(f"{LIST}?session-")
            for name, value in {
                "hx-trigger": "click",
                "hx-include": "",
                "hx-target": "#session-list",
                "hx-swap": "innerHTML settle:0ms",
                "hx-sync": "#session-list:replace",
                "hx-push-url": "false",
                "hx-confirm": "",
                "hx-status:4xx": "swap:none",
                "hx-status:5xx": "swap:none",
            }.items():
                assert found[name] == value

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

    def test_signing_out_everywhere_else_wants_somewhere_else(self, browser: Browser) -> None:
        alone = text_of(browser.get("/host/"))
        assert OTHERS not in alone
        assert "not signed in anywhere else." in alone

    @pytest.mark.parametrize(
        ("count", "words"), [(1, "1 other device? It"), (2, "2 other devices? They")]
    )
    def test_it_asks_first(self, browser: Browser, alice: Any, count: int, words: str) -> None:
        sessions_for(alice, count)
        html = text_of(browser.get("/host/"))

        assert f'hx-confirm="Sign out {words} will have to sign in again."' in html
        assert "anywhere else" not in html

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

        assert "<svg" in html
        assert '<bdi class="sui-device-name">Safari on iPhone</bdi>' in html
        assert '<span class="sui-place"><bdi>Linköping, Sweden</bdi></span>' in html
        assert f'<span class="sui-ip"><bdi>{row.ip}</bdi></span>' in html
        moment = row.last_activity.isoformat()
        assert re.search(rf'datetime="{re.escape(moment)}" title="[^"]+ UTC">1 minute ago<', html)

    def test_what_it_says_of_a_place_it_does_not_know(self, browser: Browser, alice: Any) -> None:
        (row,) = sessions_for(alice, 1, city="", country="")
        rows = Session.objects.filter(pk=row.pk)

        html = row_in(browser.get(LIST), row)
        assert str(row.ip) in html
        assert "sui-place" not in html
        rows.update(ip=None)
        assert "Unknown location" in row_in(browser.get(LIST), row)
        rows.update(country="Sweden")
        html = row_in(browser.get(LIST), row)
        assert "<bdi>Sweden</bdi>" in html
        assert "sui-ip" not in html

    def test_ones_own(self, browser: Browser) -> None:
        html = row_in(browser.get(LIST), browser.row)

        assert 'aria-current="true"' in html
        assert "Active now" in html
        assert "This device" in html

    @pytest.mark.parametrize("kind", ["desktop", "mobile", "tablet", "bot", "unknown"])
    def test_each_type_has_its_icon(self, browser: Browser, alice: Any, kind: str) -> None:
        (row,) = sessions_for(alice, 1, device_type=kind)
        icon = (TEMPLATES / "icons" / f"{kind}.html").read_text().strip()

        assert icon in row_in(browser.get(LIST), row)

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
        answer = text_of(browser.post(revoke_url(row), headers=HTMX))
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
