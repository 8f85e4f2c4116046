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
    override,
    row_in,
    rows_in,
    sessions_for,
    text_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.session_ui.pages")]

BROWSERS = [("Firefox", "Oslo"), ("Safari", "Rome"), ("Firefox", "Bern")]


class ByDevice(SessionTable):
    class Meta(SessionTable.Meta):
        order_by = ("-device", "location")


@pytest.fixture
def browser(alice: Any, laptop: Browser) -> Browser:
    return laptop.sign_in(alice)


def test_the_icons(browser: Browser, alice: Any, settings: Any) -> None:
    shape = '{% if kind == "mobile" %}<path d="M1 1"/>{% endif %}'
    override(settings, **{"session_ui/icons.html": shape})

    page = text_of(browser.get(LIST))
    assert 'id="session-icon-mobile" viewBox="0 0 24 24"><path d="M1 1"/></symbol>' in page
    assert 'id="session-icon-tablet" viewBox="0 0 24 24"></symbol>' in page


def test_the_order(browser: Browser, alice: Any, settings: Any) -> None:
    settings.SESSION_UI_TABLE = f"{__name__}.ByDevice"
    found = {}
    for row, (name, city) in zip(sessions_for(alice, 3), BROWSERS, strict=True):
        Session.objects.filter(pk=row.pk).update(browser=name, city=city, country="")
        found[name, city] = row.public_id

    own, *others = rows_in(browser.get(LIST))
    assert own == browser.row.public_id
    wanted = [("Safari", "Rome"), ("Firefox", "Bern"), ("Firefox", "Oslo")]
    assert others == [found[key] for key in wanted]
    # A reader's own choice goes before it.
    first, *_ = rows_in(browser.get(LIST, {"session-sort": "location"}))
    assert first == browser.row.public_id
    assert rows_in(browser.get(POLL, headers=HTMX))[1:] == others


@pytest.mark.parametrize(("size", "pages"), [(2, ["1\N{EN DASH}2 of 4"]), (4, [])])
def test_the_page_size(
    browser: Browser, alice: Any, settings: Any, size: int, pages: list[str]
) -> None:
    settings.SESSION_UI_PAGE_SIZE = size
    sessions_for(alice, 3)

    page = browser.get(LIST)
    assert len(rows_in(page)) == size
    assert re.findall(r"\d+\W\d+ of \d+", text_of(page)) == pages


def test_the_sites_own_base_page_extended(browser: Browser, settings: Any) -> None:
    """A base page with blocks of other names: the list's page fills them."""
    site = (
        "<title>{% block name %}{% endblock %}</title><main>{% block main %}{% endblock %}</main>"
    )
    ours = (
        '{% extends "base.html" %}'
        "{% block name %}{% block title %}{% endblock %} | Shop{% endblock %}"
        "{% block main %}<h1>Shop</h1>{% block content %}{% endblock %}{% endblock %}"
    )
    override(settings, **{"base.html": site, "session_ui/base.html": ours})

    html = text_of(browser.get(LIST))
    assert html.startswith("<title>Where you\u2019re signed in | Shop</title><main><h1>Shop</h1>")
    assert str(browser.row.public_id) in html
    assert "sui-body" not in html


def test_a_button(browser: Browser, alice: Any, settings: Any) -> None:
    (row,) = sessions_for(alice, 1)
    override(
        settings,
        **{"session_ui/cells/action.html": "<button {{ row.button }}>Out</button>"},
    )

    html = row_in(browser.get(LIST), row)
    assert f'value="{row.public_id}"' in html
    assert ">Out</button>" in html
    # The button that signs out all others is another template.
    assert ">Out</button>" not in text_of(browser.get(LIST)).split("<table")[0]


def test_a_whole_row(browser: Browser, alice: Any, settings: Any) -> None:
    (row,) = sessions_for(alice, 1)
    ours = (
        '<tr {{ row.attributes }} data-ours><td colspan="5">{{ row.device }},'
        " {{ row.place }}, {{ row.active }} <button {{ row.button }}>Out</button></td></tr>"
    )
    override(settings, **{"session_ui/row.html": ours})

    html = row_in(browser.get(LIST), row)
    assert 'data-ours><td colspan="5">Safari on iPhone, 2.125.0.1, <time datetime=' in html
