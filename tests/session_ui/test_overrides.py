"""What a site can make its own, one thing at a time."""

from __future__ import annotations

import re
from typing import Any

import pytest

from session_backend.models import Session
from session_ui.tables import SessionTable
from tests.session_ui.helpers import (
    HTMX,
    LIST,
    POLL,
    Browser,
    row_in,
    rows_in,
    sessions_for,
    text_of,
)
from tests.session_ui.test_templates import override

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]

BROWSERS = [("Firefox", "Oslo"), ("Safari", "Rome"), ("Firefox", "Bern")]


class ByDevice(SessionTable):
    class Meta(SessionTable.Meta):
        order_by = ("-device", "location")


@pytest.fixture
def browser(alice: Any, laptop: Browser) -> Browser:
    return laptop.sign_in(alice)


def test_one_icon(browser: Browser, alice: Any, settings: Any) -> None:
    phone, tablet = sessions_for(alice, 2, device_type="mobile")
    Session.objects.filter(pk=tablet.pk).update(device_type="tablet")
    override(settings, **{"session_ui/icons/mobile.html": '<img src="/phone.svg" alt="">'})

    page = browser.get(LIST)
    assert '<img src="/phone.svg" alt="">' in row_in(page, phone)
    assert "<svg" not in row_in(page, phone)
    assert "<svg" in row_in(page, tablet)


def test_an_icon_for_a_pack_only(browser: Browser, alice: Any, settings: Any) -> None:
    (phone,) = sessions_for(alice, 1, device_type="mobile")
    override(settings, **{"session_ui/bootstrap5/icons/mobile.html": '<i class="bi bi-phone"></i>'})
    assert "bi-phone" not in row_in(browser.get(LIST), phone)

    settings.SESSION_UI_PACK = "bootstrap5"
    assert "bi-phone" in row_in(browser.get(LIST), phone)


def test_the_order(browser: Browser, alice: Any, settings: Any) -> None:
    settings.SESSION_UI_TABLE = f"{__name__}.ByDevice"
    found = {}
    for row, (name, city) in zip(sessions_for(alice, 3), BROWSERS, strict=True):
        Session.objects.filter(pk=row.pk).update(browser=name, city=city, country="")
        found[name, city] = row.pk

    own, *others = rows_in(browser.get(LIST))
    assert own == browser.row.pk
    wanted = [("Safari", "Rome"), ("Firefox", "Bern"), ("Firefox", "Oslo")]
    assert others == [found[key] for key in wanted]
    # A reader's own choice goes before it.
    first, *_ = rows_in(browser.get(LIST, {"session-sort": "location"}))
    assert first == browser.row.pk
    assert rows_in(browser.get(POLL, headers=HTMX))[1:] == others


@pytest.mark.parametrize(("size", "pages"), [(2, ["1", "2"]), (4, [])])
def test_the_page_size(
    browser: Browser, alice: Any, settings: Any, size: int, pages: list[str]
) -> None:
    settings.SESSION_UI_PAGE_SIZE = size
    sessions_for(alice, 3)

    page = browser.get(LIST)
    assert len(rows_in(page)) == size
    assert re.findall(r'class="sui-page-link"[^>]*>([^<]*)<', text_of(page)) == pages


def test_the_sites_own_base_page_extended(browser: Browser, settings: Any) -> None:
    """A base page with blocks of other names: the kit's page is put into one of them."""
    site = (
        "<title>{% block name %}{% endblock %}</title><main>{% block main %}{% endblock %}</main>"
    )
    kits = (
        '{% extends "base.html" %}'
        "{% block name %}{% block title %}{% endblock %} | Shop{% endblock %}"
        "{% block main %}<h1>Shop</h1>{% block content %}{% endblock %}{% endblock %}"
    )
    override(settings, **{"base.html": site, "session_ui/base.html": kits})

    html = text_of(browser.get(LIST))
    assert html.startswith("<title>Where you\u2019re signed in | Shop</title><main><h1>Shop</h1>")
    assert str(browser.row.pk) in html
    assert "sui-page" not in html


def test_the_words_of_one_button(browser: Browser, alice: Any, settings: Any) -> None:
    (row,) = sessions_for(alice, 1)
    button = '{% extends "session_ui/button.html" %}{% block class %}ours{% endblock %}'
    override(settings, **{"session_ui/button.html": button})

    html = row_in(browser.get(LIST), row)
    assert 'class="ours"' in html
    assert f'id="session-revoke-{row.pk}"' in html
