from __future__ import annotations

import re
from time import time
from typing import Any

import django_tables2 as tables
import pytest
from django.contrib.auth import get_user_model
from django.utils.html import format_html

from session_backend.models import Session
from session_ui.sessions import Version
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
    value_in,
)

pytestmark = pytest.mark.django_db


class WithColumn(SessionTable):
    browser = tables.Column("Program", attrs={"td": {"class": "program", "data-x": "<"}})


class WithRenderedColumn(SessionTable):
    os = tables.Column()

    def render_os(self, value: str, record: Session) -> str:
        return format_html("<b>{}</b> of {}", value, record.ip)


class WithRedefinedColumn(SessionTable):
    location = tables.Column("Where", accessor="city", default="<nowhere>")


class WithRender(SessionTable):
    def render_device(self, value: str) -> str:
        return f"<{value}>"


class WithValue(SessionTable):
    def value_device(self, value: str) -> str:
        return value


class WithRecordsAttributes(SessionTable):
    ip = tables.Column(attrs={"td": {"data-ip": lambda record: record.ip}})


class Short(SessionTable):
    class Meta(SessionTable.Meta):
        exclude = ("created_at", "location")
        sequence = ("action", "...")
        order_by = "created_at"


class Headless(SessionTable):
    class Meta(SessionTable.Meta):
        show_header = False


class WithFooter(SessionTable):
    device = tables.Column(footer=lambda table: f"{len(table.rows)} <in all>")


class OwnMeta(SessionTable):
    class Meta:
        attrs = {"th": {"class": "ours"}}


class Fixed(SessionTable):
    class Meta(SessionTable.Meta):
        orderable = False


def page_with(table: type[SessionTable], browser: Browser, settings: Any) -> Any:
    settings.SESSION_UI_TABLE = f"{__name__}.{table.__name__}"
    return browser.get(LIST)


def columns_in(page: Any) -> list[str]:
    return re.findall(r'<th class="sui-cell sui-(\w+)', text_of(page))


@pytest.fixture
def browser(alice: Any, laptop: Browser) -> Browser:
    return laptop.sign_in(alice)


@pytest.fixture
def row(browser: Browser, alice: Any) -> Session:
    return sessions_for(alice, 1)[0]


def test_the_columns(browser: Browser) -> None:
    page = browser.get(LIST)

    assert columns_in(page) == ["device", "location", "created_at", "last_activity", "action"]
    assert text_of(page).count('scope="col"') == 5


def test_a_site_adds_a_column(browser: Browser, row: Session, settings: Any) -> None:
    page = page_with(WithColumn, browser, settings)

    assert columns_in(page)[-1] == "browser"
    assert "Program" in text_of(page)
    cell = (
        '<td class="sui-cell sui-browser program" data-x="&lt;" data-label="Program" role="cell">'
    )
    html = row_in(page, row)
    assert re.search(re.escape("Mobile Safari") + "|Safari</td>", html)
    assert sorted(cell.split()) == sorted(re.findall(r"<td[^>]*sui-browser[^>]*>", html)[0].split())


def test_a_site_adds_a_column_that_it_renders(
    browser: Browser, row: Session, settings: Any
) -> None:
    html = row_in(page_with(WithRenderedColumn, browser, settings), row)

    assert f"<b>iOS</b> of {row.ip}</td>" in html
    assert '<bdi class="sui-device-name">Safari on iPhone</bdi>' in html


def test_a_site_redefines_a_column(browser: Browser, row: Session, settings: Any) -> None:
    page = page_with(WithRedefinedColumn, browser, settings)

    assert "&lt;nowhere&gt;</td>" in row_in(page, row)
    assert "sui-ip" not in text_of(page)
    assert columns_in(page).count("location") == 1


def test_a_site_renders_a_column_of_ours(browser: Browser, row: Session, settings: Any) -> None:
    html = row_in(page_with(WithRender, browser, settings), row)

    assert "&lt;Safari on iPhone&gt;</td>" in html
    assert "sui-device-name" not in html


def test_a_value_of_a_sites_own_is_shown(browser: Browser, row: Session, settings: Any) -> None:
    html = row_in(page_with(WithValue, browser, settings), row)

    assert ">Safari on iPhone</td>" in html


def test_attributes_may_hang_on_the_row(browser: Browser, row: Session, settings: Any) -> None:
    page = page_with(WithRecordsAttributes, browser, settings)

    assert f'data-ip="{row.ip}"' in row_in(page, row)
    assert f'data-ip="{browser.row.ip}"' in row_in(page, browser.row)


def test_a_site_leaves_columns_out_and_orders_them(
    browser: Browser, row: Session, settings: Any
) -> None:
    page = page_with(Short, browser, settings)

    assert columns_in(page) == ["action", "device", "last_activity"]
    assert "aria-sort" not in text_of(page)


def test_a_site_does_without_headings(browser: Browser, settings: Any) -> None:
    page = page_with(Headless, browser, settings)

    assert "<thead" not in text_of(page)
    assert "<tbody" in text_of(page)


def test_a_site_sums_up(browser: Browser, row: Session, settings: Any) -> None:
    page = page_with(WithFooter, browser, settings)

    assert '<td role="cell">2 &lt;in all&gt;</td>' in text_of(page)


def test_a_site_does_without_an_order(browser: Browser, settings: Any) -> None:
    page = page_with(Fixed, browser, settings)

    assert "session-sort=" not in text_of(page)
    assert columns_in(page)[0] == "device"


def test_a_site_forgets_our_meta(browser: Browser, row: Session, settings: Any) -> None:
    page = page_with(OwnMeta, browser, settings)

    assert len(re.findall(r'<th class="sui-cell [^"]*\bours\b', text_of(page))) == 5
    assert rows_in(page)[0] == browser.row.public_id
    assert 'href="/account/sessions/?session-sort=device#session-list"' in text_of(page)


def test_a_column_of_a_sites_own_is_part_of_the_version(
    browser: Browser, row: Session, settings: Any
) -> None:
    query = {"ver": value_in(page_with(WithColumn, browser, settings), "ver")}
    headers = {**HTMX, "HX-Current-URL": f"http://testserver{LIST}"}
    assert browser.get(POLL, query, headers=headers).status_code == 204
    settings.SESSION_UI_TABLE = f"{__name__}.WithRecordsAttributes"
    assert browser.get(POLL, query, headers=headers).status_code == 200
    # Of the row nothing else changes, and no column that one short query tells of.
    settings.SESSION_UI_TABLE = f"{__name__}.WithRenderedColumn"
    query = {"ver": value_in(browser.get(LIST), "ver")}
    Session.objects.filter(pk=row.pk).update(ip="2.125.0.99", city="", country="")
    assert "of 2.125.0.99" in row_in(browser.get(POLL, query, headers=headers), row)


@pytest.mark.parametrize("template", ["cells/location.html", "row.html"])
def test_a_template_of_the_site_is_part_of_the_version(
    browser: Browser, row: Session, settings: Any, template: str
) -> None:
    """What a template of the site shows is seen, at the latest when the version has run out."""
    source = "{{ row.session.user.first_name }}"
    if template == "row.html":
        source = f"<tr><td>{{{{ row.id }}}}: {source}</td></tr>"
    override(settings, **{f"session_ui/{template}": source})
    known = Version.parse(value_in(browser.get(LIST), "ver"))
    get_user_model().objects.update(first_name="Ada")

    headers = {**HTMX, "HX-Current-URL": f"http://testserver{LIST}"}
    query = {"ver": str(known._replace(until=int(time())))}
    assert "Ada" in row_in(browser.get(POLL, query, headers=headers), row)


def test_django_tables2_renders_it_too(browser: Browser, row: Session) -> None:
    from django.template import engines

    listing = browser.get(LIST).context["listing"]
    template = "{% load django_tables2 %}{% render_table table %}"
    html = engines["django"].from_string(template).render({"table": listing.table}, listing.request)

    assert f'id="session-open-{row.public_id}"' in html
    assert 'class="sui-button sui-revoke"' in html


def test_it_exports_words(browser: Browser, row: Session) -> None:
    heads, first, *_ = SessionTable(data=Session.objects.filter(pk=row.pk)).as_values()

    assert heads == ["Device", "Location", "Signed in", "Last active"]
    assert first[0] == "Safari on iPhone"
