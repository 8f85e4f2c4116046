from __future__ import annotations

import pickle
import re
from datetime import date, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.backends.cache import SessionStore as LegacyStore
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone, translation
from pytest_django.asserts import assertHTMLEqual

from session_backend import admin as session_admin
from session_backend.admin import (
    PastSessionAdmin,
    PastSessionInline,
    SessionAdmin,
    SessionInline,
    sign_out_everywhere,
)
from session_backend.fields import Digest
from session_backend.legacy import revoke_legacy_sessions
from session_backend.models import PastSession, Session
from tests.browsers import LAPTOP, PHONE, Browser, make_user
from tests.custom_sessions.models import Draft, ShopSession
from tests.session_backend import site
from tests.session_backend.helpers import login_data

if TYPE_CHECKING:
    from pytest_django import Settings

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

pytestmark = pytest.mark.usefixtures("site")

SESSIONS = "/admin/session_backend/session/"
HOUR = timedelta(hours=1)


class Pickle:
    """A serializer for more types than JSON has."""

    def dumps(self, data: Any) -> bytes:
        return pickle.dumps(data)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class PersonAdmin(ModelAdmin):
    """A user admin with the sessions of the user."""

    fields = ("first_name",)
    inlines = (SessionInline, PastSessionInline)
    actions = (sign_out_everywhere,)


# This module is also the URLconf of a site with a second admin, which has the users' sessions on
# their pages and a custom session model.
office = admin.AdminSite("office")
office.register(get_user_model(), PersonAdmin)
office.register(Session, SessionAdmin)
office.register(PastSession, PastSessionAdmin)
office.register(ShopSession, SessionAdmin)
# Two more, each with one of them only.
people = admin.AdminSite("people")
people.register(get_user_model(), PersonAdmin)
visits = admin.AdminSite("visits")
visits.register(Session, SessionAdmin)
urlpatterns = [
    *site.urlpatterns,
    path("office/", office.urls),
    path("people/", people.urls),
    path("visits/", visits.urls),
]


@pytest.fixture
def boss(db: None) -> Any:
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(boss: Any) -> Browser:
    """The browser of a superuser, whose session expires last."""
    desk = Browser(LAPTOP).sign_in(boss)
    later = timezone.now() + timedelta(days=100)
    Session.objects.filter(pk=desk.row.pk).update(expire_date=later)
    return desk


@pytest.fixture
def phone(alice: Any) -> Browser:
    """The browser of a user whose session staff inspect."""
    return Browser(PHONE).sign_in(alice)


def staff(*codenames: str) -> Browser:
    """Sign in a member of staff with these permissions and no other."""
    user = make_user("sam", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Browser(LAPTOP).sign_in(user)


def page_of(session: Session, view: str = "change") -> str:
    return f"{SESSIONS}{session.pk}/{view}/"


def sign_out(browser: Browser, *sessions: Session, where: str = "", **more: str) -> Any:
    """Tick these sessions in the list, choose the action, and answer the question."""
    return answer(browser, ask(browser, *sessions, where=where, **more))


def ask(browser: Browser, *sessions: Session, where: str = "", **more: str) -> Any:
    """Tick these sessions in the list and choose the action."""
    data = {"action": "delete_selected", "_selected_action": [row.pk for row in sessions], **more}
    return browser.post(SESSIONS + where, data)


def answer(browser: Browser, asked: Any) -> Any:
    """Press *Sign out* on a page that asks; any other is returned as it is."""
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.content.decode())
    if ("post", "yes") not in fields:
        return asked
    data: dict[str, list[str]] = {}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    return browser.post(asked.request["PATH_INFO"] + query_of(asked), data, follow=True)


def query_of(response: Any) -> str:
    query = response.request["QUERY_STRING"]
    return f"?{query}" if query else ""


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def text(response: Any) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


def session(username: str | None = None, **columns: Any) -> Session:
    """Make a session of a new user of this name, or of an anonymous visitor."""
    user = make_user(username) if username else None
    expire_date = timezone.now() + timedelta(days=1)
    columns = {"expire_date": expire_date, "user": user, **columns}
    return Session.objects.create(session_key=f"{Session.objects.count():0>32}", **columns)


def changelist(desk: Browser, **query: Any) -> Any:
    response = desk.get(SESSIONS, query)
    assert response.status_code == 200
    return response.context["cl"]


def listed(desk: Browser, **query: Any) -> list[Session]:
    """Return the sessions in the list except the one of the desk itself."""
    return [row for row in changelist(desk, **query).result_list if row != desk.row]


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/read/").content.decode() != "anonymous: 0"


# What staff see.


def test_list_shows_user_and_client(desk: Browser, phone: Browser) -> None:
    Session.objects.update(city="Linköping", country="Sweden")
    last_activity = timezone.now() - timedelta(days=400)
    Session.objects.filter(pk=phone.row.pk).update(last_activity=last_activity)
    page = text(desk.get(SESSIONS))
    assert "alice" in page
    assert "Safari on iPhone" in page
    assert "Linköping, Sweden" in page
    assert PHONE["REMOTE_ADDR"] in page
    assert str(last_activity.year) in page
    assert page.count("icon-yes") == 2


def test_expired_session_not_active(desk: Browser, phone: Browser) -> None:
    Session.objects.filter(pk=phone.row.pk).update(expire_date=timezone.now())
    assert text(desk.get(SESSIONS)).count("icon-no") == 1


def test_session_page(desk: Browser, phone: Browser) -> None:
    created_at = timezone.now() - timedelta(days=400)
    Session.objects.filter(pk=phone.row.pk).update(created_at=created_at)
    page = text(desk.get(page_of(phone.row)))
    assert str(created_at.year) in page
    assert "alice" in page
    assert "Safari on iPhone" in page
    assert PHONE["HTTP_USER_AGENT"] in page


def test_session_page_says_when_it_ends(desk: Browser, phone: Browser) -> None:
    rows = Session.objects.filter(pk=phone.row.pk)
    noon = timezone.now().replace(year=2031, month=5, day=3, hour=12, minute=0)
    rows.update(authenticated_at=noon, idle_expires_at=noon + timedelta(minutes=30))
    page = " ".join(text(desk.get(page_of(phone.row))).split())
    assert re.search(r"Last authenticated:.{1,80}May 3, 2031, noon", page)
    assert re.search(r"Ends if not used:.{1,80}May 3, 2031, 12:30 p.m.", page)


def test_a_narrow_column_can_break_names_and_addresses(desk: Browser) -> None:
    session("bob.long_name@example.com", ip="2001:db8::1")
    page = text(desk.get(SESSIONS))
    assert "bob.<wbr>long_<wbr>name<wbr>@example.<wbr>com" in page
    assert "2001:<wbr>db8:<wbr>:<wbr>1" in page


def test_unknown_location(desk: Browser, phone: Browser) -> None:
    Session.objects.update(city="", country="")
    assert "None" not in text(desk.get(page_of(phone.row)))


def test_user_agent_escaped(desk: Browser, phone: Browser) -> None:
    script = "<script>alert(1)</script>"
    written = ("user_agent", "browser", "os", "device_model", "city", "country")
    Session.objects.filter(pk=phone.row.pk).update(**dict.fromkeys(written, script))
    for page in (SESSIONS, page_of(phone.row)):
        response = desk.get(page)
        assert script in text(response)
        assert script.encode() not in response.content


def test_anonymous_session(desk: Browser) -> None:
    visitor = Browser(PHONE)
    visitor.get("/write/")
    assert visitor.row.pk in text(desk.get(SESSIONS))
    assert "Safari on iPhone" in text(desk.get(page_of(visitor.row)))


def test_list_leaves_out_what_is_no_session(desk: Browser, alice: Any, settings: Any) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.db"
    revoke_legacy_sessions(alice)
    assert Session.objects.count() == 2
    assert listed(desk) == []


def test_list_query_count_is_constant(desk: Browser) -> None:
    desk.get(SESSIONS)
    with CaptureQueriesContext(connection) as one:
        desk.get(SESSIONS)
    for number in range(5):
        Browser(PHONE).sign_in(make_user(f"person{number}"))
    with CaptureQueriesContext(connection) as many:
        assert len(desk.get(SESSIONS).context["cl"].result_list) == 6
    assert len(many) == len(one)


def test_checkbox_is_djangos(desk: Browser) -> None:
    model_admin = SessionAdmin(Session, admin.site)
    ours, theirs = (
        cls.action_checkbox(model_admin, desk.row) for cls in (SessionAdmin, ModelAdmin)
    )
    assertHTMLEqual(ours, theirs)
    with translation.override("de"):
        assert "auswählen" in model_admin.action_checkbox(desk.row)


def test_no_page_shows_key(desk: Browser, phone: Browser) -> None:
    pages = [SESSIONS, *(page_of(phone.row, view) for view in ("change", "history", "delete"))]
    for page in map(desk.get, pages):
        assert phone.row.pk in text(page)
        assert str(phone.key) not in text(page)


@pytest.mark.parametrize("key", ["0" * 40, "%00", "0" * 39 + "%00", "x" * 10_000])
def test_unknown_session_page(desk: Browser, key: str) -> None:
    response = desk.get(f"{SESSIONS}{key}/change/", follow=True)
    assert response.redirect_chain == [("/admin/", 302)]
    assert "exist. Perhaps it was deleted?" in text(response)


def test_key_in_url_not_found(desk: Browser, phone: Browser) -> None:
    assert desk.get(f"{SESSIONS}{phone.key}/change/").status_code == 302


# The data.


def keep(browser: Browser, **data: Any) -> None:
    store = Session.get_session_store_class()(browser.key)
    store.update(data)
    store.save()


def test_data_shown_with_permission(phone: Browser) -> None:
    keep(phone, basket=["<script>alert(1)</script>", "ÿ"])
    reader = staff("view_session", "view_session_data")
    response = reader.get(page_of(phone.row))
    assert '"basket": [\n    "<script>alert(1)</script>",\n    "ÿ"\n  ]\n' in text(response)
    assert b"<script>alert" not in response.content


def test_data_that_is_not_json(boss: Any, settings: Settings) -> None:
    settings.SESSION_SERIALIZER = f"{__name__}.Pickle"
    desk = Browser(LAPTOP).sign_in(boss)
    keep(desk, day=date(2026, 1, 2))
    assert '"day": "datetime.date(2026, 1, 2)"' in text(desk.get(page_of(desk.row)))


def test_data_not_shown_without_permission(phone: Browser) -> None:
    keep(phone, basket=["a book"])
    reader = staff("view_session", "delete_session", "change_session")
    url, digest = page_of(phone.row), str(phone.row.pk)
    with CaptureQueriesContext(connection) as queries:
        page = text(reader.get(url))
    assert "basket" not in page
    assert "_auth_user" not in page
    (read,) = [query["sql"] for query in queries if digest in query["sql"]]
    assert "session_data" not in read


def test_list_does_not_read_data(desk: Browser) -> None:
    with CaptureQueriesContext(connection) as queries:
        desk.get(SESSIONS)
    (read,) = [query["sql"] for query in queries if "LEFT OUTER JOIN" in query["sql"]]
    assert "session_data" not in read


@pytest.mark.parametrize("lookup", ["session_data", "session_data__contains"])
def test_data_cannot_be_filtered(desk: Browser, lookup: str) -> None:
    assert desk.get(SESSIONS, {lookup: "e"}).status_code == 400
    assert desk.get(SESSIONS, {"city__contains": "e"}).status_code == 200


# Filters.


def test_filter_by_state(desk: Browser) -> None:
    active = session()
    expired = session(expire_date=timezone.now())
    assert listed(desk) == [active, expired]
    assert listed(desk, state="active") == [active]
    assert listed(desk, state="expired") == [expired]


def test_unused_for_too_long_is_not_active(desk: Browser) -> None:
    minute = timedelta(minutes=1)
    in_use = session(idle_expires_at=timezone.now() + minute)
    idle = session(idle_expires_at=timezone.now() - minute)
    assert listed(desk, state="active") == [in_use]
    assert listed(desk, state="expired") == [idle]
    assert text(desk.get(SESSIONS)).count("icon-no") == 1


def test_filter_by_user(desk: Browser) -> None:
    anonymous, theirs = session(), session("alice")
    mine = session(user=desk.row.user)
    assert listed(desk, owner="me") == [mine]
    assert set(listed(desk, owner="users")) == {theirs, mine}
    assert listed(desk, owner="anonymous") == [anonymous]


def test_filter_by_device_type(desk: Browser) -> None:
    phone, _ = session(device_type="mobile"), session(device_type="bot")
    assert listed(desk, device_type__exact="mobile") == [phone]
    specs = {str(spec.title): spec for spec in changelist(desk).filter_specs}
    choices = specs["device type"].choices(changelist(desk))
    assert "Phone" in {choice["display"] for choice in choices}


@pytest.mark.parametrize("column", ["browser", "os", "country"])
def test_filter_in_url(desk: Browser, column: str) -> None:
    wanted, unknown = session(**{column: "Nauru"}), session(**{column: ""})
    assert listed(desk, **{column: "Nauru"}) == [wanted]
    assert unknown in listed(desk, **{column: ""})


def test_filters_send_no_count(desk: Browser) -> None:
    assert not changelist(desk, _facets="1").add_facets


def refuse_nul(execute: Any, sql: str, params: Any, *arguments: Any) -> Any:
    """Execute a statement as PostgreSQL's driver does, on any database."""
    if "\0" in "".join(map(str, params or ())):
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return execute(sql, params, *arguments)


@pytest.mark.parametrize(
    "parameter", ["browser", "browser__contains", "device_type__exact", "ip", "q", "state", "user"]
)
def test_nul_in_url(desk: Browser, parameter: str) -> None:
    with connection.execute_wrapper(refuse_nul):
        response = desk.get(SESSIONS, {parameter: "\0"}, follow=True)
    assert response.status_code == 200


# Pages.


def test_list_is_limited(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_admin, "MAX_LISTED", 3)
    monkeypatch.setattr(SessionAdmin, "list_per_page", 2)
    rows = [session(expire_date=timezone.now() + timedelta(days=day)) for day in (5, 4, 3, 2)]
    cl = changelist(desk)
    assert (cl.result_count, cl.paginator.num_pages, cl.full_result_count) == (3, 2, None)
    assert listed(desk) + listed(desk, p=2) == rows[:2]
    assert desk.get(SESSIONS, {"p": 3}).status_code == 302
    assert changelist(desk, state="expired").result_count == 0


def test_first_page_uses_index(desk: Browser) -> None:
    first_page = changelist(desk).result_list
    assert first_page.query.order_by == ("-expire_date",)
    assert changelist(desk, o="1").result_list.query.order_by == ("user", "-expire_date", "-pk")


# The search.


@pytest.mark.parametrize(
    ("search", "ip"),
    [
        ("89.160.20.112", "89.160.20.112"),
        ("192.0.", "192.0.2.1"),
        ("192.", "192.0.2.1"),
        ("2001:DB8", "2001:db8::1"),
    ],
)
def test_search_by_ip(desk: Browser, search: str, ip: str) -> None:
    Session.objects.update(ip=None)
    there, _ = session(ip=ip), session(ip="10.192.0.1")
    assert listed(desk, q=search) == [there]


@pytest.mark.parametrize("search", ["alice", "LIC", "alice@", "@example.com alice"])
def test_search_by_user(desk: Browser, search: str) -> None:
    hers, _, _ = session("alice"), session("bob"), session()
    assert listed(desk, q=search) == [hers]


def test_search_matches_all_words(desk: Browser) -> None:
    both = session("alice", ip="192.0.2.1")
    session(ip="192.0.2.1")
    session("bob", ip="192.0.2.2")
    assert listed(desk, q="192.0.2.1 alice") == [both]
    assert listed(desk, q="192.0.2.1 alice bob") == []


def test_empty_search(desk: Browser) -> None:
    rows = {session("alice"), session()}
    assert set(listed(desk, q=" ")) == rows


def test_search_without_email_field(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    there, _ = session(ip="192.0.2.1"), session("alice")
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
    monkeypatch.setattr(get_user_model(), "EMAIL_FIELD", "no_such_field")
    assert listed(desk, q="alice") == []
    assert listed(desk, q="192.0.") == [there]


# What staff may do.


def test_admin_is_read_only(desk: Browser, phone: Browser) -> None:
    assert desk.get(SESSIONS + "add/").status_code == 403
    assert desk.post(page_of(phone.row), {"user": ""}).status_code == 403
    page = text(desk.get(page_of(phone.row)))
    assert 'name="_save"' not in page
    assert phone.row.user is not None


@pytest.mark.parametrize("view", ["", "change/", "delete/", "history/"])
def test_staff_without_permission(phone: Browser, view: str) -> None:
    reader = staff("view_session_data")
    assert reader.get(f"{SESSIONS}{phone.row.pk}/{view}" if view else SESSIONS).status_code == 403


def test_view_permission_cannot_sign_out(phone: Browser) -> None:
    reader = staff("view_session")
    assert "delete_selected" not in text(reader.get(SESSIONS))
    sign_out(reader, phone.row)
    assert reader.post(page_of(phone.row, "delete"), {"post": "yes"}).status_code == 403
    assert is_signed_in(phone)


# Signing out.


def test_action_signs_out_selected_sessions(
    engine: str, alice: Any, desk: Browser, phone: Browser
) -> None:
    tablet = Browser(PHONE).sign_in(alice)
    assert is_signed_in(phone)
    assert is_signed_in(tablet)
    digest = phone.row.pk
    response = sign_out(desk, phone.row)
    assert response.redirect_chain == [(SESSIONS, 302)]
    assert messages(response) == ["1 session signed out."]
    assert not is_signed_in(phone)
    assert is_signed_in(tablet)
    assert LogEntry.objects.get().object_id == digest


def test_action_reports_count(alice: Any, desk: Browser, phone: Browser) -> None:
    tablet = Browser(PHONE).sign_in(alice)
    rows = phone.row, tablet.row
    assert messages(sign_out(desk, *rows)) == ["2 sessions signed out."]
    assert messages(sign_out(desk, *rows)) == ["0 sessions signed out."]


def test_delete_permission_can_sign_out(phone: Browser) -> None:
    sign_out(staff("view_session", "delete_session"), phone.row)
    assert not is_signed_in(phone)


def test_action_accepts_digests_only(desk: Browser, phone: Browser) -> None:
    data = {"action": "delete_selected", "_selected_action": [phone.key, "\0", "x", ""]}
    assert "Items must be selected" in messages(desk.post(SESSIONS, data, follow=True))[0]
    assert is_signed_in(phone)


def test_action_on_all_filtered_sessions(alice: Any, desk: Browser, phone: Browser) -> None:
    laptop = Browser(LAPTOP).sign_in(alice)
    where = "?device_type__exact=mobile"
    response = sign_out(desk, phone.row, where=where, select_across="1")
    assert response.redirect_chain == [(SESSIONS + where, 302)]
    assert messages(response) == ["1 session signed out."]
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)


def test_action_is_limited_to_listed_sessions(
    desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_admin, "MAX_LISTED", 2)
    first, *listed = [Browser(PHONE).sign_in(make_user(name)) for name in ("ada", "bob", "cyd")]
    where = "?device_type__exact=mobile"
    assert messages(sign_out(desk, first.row, where=where, select_across="1")) == [
        "2 sessions signed out."
    ]
    assert is_signed_in(first)
    assert not any(map(is_signed_in, listed))


def test_action_on_search_results(desk: Browser, phone: Browser) -> None:
    other = Browser(PHONE).sign_in(make_user("bob"))
    sign_out(desk, phone.row, where="?q=alice", select_across="1")
    assert not is_signed_in(phone)
    assert is_signed_in(other)


def test_sign_out_on_session_page(engine: str, desk: Browser, phone: Browser) -> None:
    assert is_signed_in(phone)
    url = page_of(phone.row, "delete")
    assert "Are you sure" in text(desk.get(url))
    assert is_signed_in(phone)
    desk.post(url, {"post": "yes"})
    assert not is_signed_in(phone)
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("saves_always", [False, True])
@pytest.mark.parametrize("way", ["action", "page"])
def test_staff_can_sign_themselves_out(
    desk: Browser, settings: Settings, saves_always: bool, way: str
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = saves_always
    desk.get(SESSIONS)
    digest = desk.row.pk
    if way == "action":
        response = sign_out(desk, desk.row)
    else:
        response = desk.post(page_of(desk.row, "delete"), {"post": "yes"}, follow=True)
    assert response.redirect_chain[-1][0].startswith("/admin/login/")
    assert not Session.objects.filter(pk=Digest(digest)).exists()


@pytest.mark.parametrize("way", ["action", "page"])
@pytest.mark.parametrize("whose", ["own", "a user's"])
def test_the_history_names_who_did_it(
    desk: Browser, boss: Any, phone: Browser, way: str, whose: str
) -> None:
    browser = Browser(PHONE).sign_in(boss) if whose == "own" else phone
    row = browser.row
    if way == "action":
        sign_out(desk, row)
    else:
        desk.post(page_of(row, "delete"), {"post": "yes"})
    past = PastSession.objects.get()
    reason = "revoked" if whose == "own" else "revoked_by_staff"
    assert (past.pk, past.reason, past.ended_by) == (row.pk, reason, boss)


# The question before it.


def test_the_action_asks_and_counts(alice: Any, desk: Browser, phone: Browser) -> None:
    tablet = Browser(PHONE).sign_in(alice)
    Session.objects.update(city="Linköping", country="Sweden")
    page = text(ask(desk, phone.row, tablet.row))
    assert "2 sessions will be signed out." in page
    assert "1 user has to sign in again." in page
    assert page.count("<li>alice: Safari on iPhone, Linköping, Sweden</li>") == 2
    assert "you will be signed out too" not in page
    assert is_signed_in(phone)
    assert is_signed_in(tablet)
    assert not LogEntry.objects.exists()


def test_the_question_names_the_first_sessions(
    alice: Any, desk: Browser, phone: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = Browser(LAPTOP)
    visitor.get("/write/")
    monkeypatch.setattr(session_admin, "INLINE_SIZE", 1)
    Session.objects.filter(pk=visitor.row.pk).update(expire_date=phone.row.expire_date - HOUR)
    page = text(ask(desk, phone.row, visitor.row))
    assert re.findall("<li>(.*on .*)</li>", page) == ["alice: Safari on iPhone"]
    assert "<li>and 1 more</li>" in page
    page = text(ask(desk, visitor.row))
    assert "1 session will be signed out." in page
    assert "has to sign in again" not in page
    assert "<li>Chrome on Windows</li>" in page
    assert "more</li>" not in page


def test_the_question_says_that_ones_own_session_is_among_them(
    desk: Browser, phone: Browser
) -> None:
    asked = ask(desk, phone.row, select_across="1")
    assert "2 sessions will be signed out." in text(asked)
    assert "The session that you are using is one of them" in text(asked)
    answer(desk, asked)
    assert not is_signed_in(desk)
    assert not is_signed_in(phone)


def test_the_question_reads_no_data(desk: Browser, phone: Browser) -> None:
    row, everyone = phone.row, {"select_across": "1"}
    ask(desk, row, **everyone)
    with CaptureQueriesContext(connection) as queries:
        ask(desk, row, **everyone)
    # The one that reads it is the request's own session.
    (own,) = [query["sql"] for query in queries if "session_data" in query["sql"]]
    assert str(desk.row.pk) in own
    for number in range(3):
        Browser(PHONE).sign_in(make_user(f"person{number}"))
    with CaptureQueriesContext(connection) as more:
        assert "5 sessions" in text(ask(desk, row, **everyone))
    assert len(more) == len(queries)


def test_cancelling_leads_back_to_the_same_list(desk: Browser, phone: Browser) -> None:
    page = text(ask(desk, phone.row, where="?device_type__exact=mobile"))
    assert f'href="{SESSIONS}?device_type__exact=mobile" class="button cancel-link"' in page


# Past sessions.

HISTORY = "/admin/session_backend/pastsession/"


@pytest.fixture
def past(boss: Any, phone: Browser) -> PastSession:
    """A session that Alice has had on her phone, until staff ended it."""
    phone.row.revoke(by=boss)
    return PastSession.objects.get()


def test_the_history_says_why_a_session_ended(desk: Browser, past: PastSession) -> None:
    for page in map(text, map(desk.get, (HISTORY, f"{HISTORY}{past.pk}/change/"))):
        assert "Safari on iPhone" in page
        assert "alice" in page
        assert "Signed out by an administrator" in page
        assert "boss" in page
    for query in ({"q": "alice"}, {"q": "2.125."}, {"reason__exact": "revoked_by_staff"}):
        assert "Safari on iPhone" in text(desk.get(HISTORY, query))
    for query in ({"q": "bob"}, {"reason__exact": "expired"}):
        assert "Safari on iPhone" not in text(desk.get(HISTORY, query))


def test_no_title_is_a_digest(desk: Browser, phone: Browser, past: PastSession) -> None:
    for url in (page_of(desk.row), f"{HISTORY}{past.pk}/change/"):
        response = desk.get(url)
        assert response.context["subtitle"] in (
            "boss: Chrome on Windows",
            "alice: Safari on iPhone",
        )


def test_the_history_is_read_only(desk: Browser, past: PastSession) -> None:
    assert desk.get(f"{HISTORY}add/").status_code == 403
    for view in ("change", "delete"):
        assert desk.post(f"{HISTORY}{past.pk}/{view}/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [past.pk], "post": "yes"}
    desk.post(HISTORY, data)
    assert "Delete" not in text(desk.get(f"{HISTORY}{past.pk}/change/"))
    assert PastSession.objects.get() == past


def test_a_user_with_a_history_can_be_deleted(desk: Browser, alice: Any, past: PastSession) -> None:
    url = f"/admin/{alice._meta.label_lower.replace('.', '/')}/{alice.pk}/delete/"
    if alice._meta.app_label != "auth":
        pytest.skip("The admin has no such users.")
    assert desk.post(url, {"post": "yes"}).status_code == 302
    assert not PastSession.objects.exists()


def test_a_past_session_that_does_not_exist(desk: Browser, past: PastSession) -> None:
    assert desk.get(f"{HISTORY}{'0' * 40}/change/").status_code == 302
    assert desk.get(f"{HISTORY}x/change/").status_code == 302


def test_the_history_has_its_own_permission(past: PastSession) -> None:
    user = make_user("sam", is_staff=True)
    reader = Browser(LAPTOP).sign_in(user)
    user.user_permissions.add(Permission.objects.get(codename="view_session"))
    assert reader.get(HISTORY).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_pastsession"))
    assert "Safari on iPhone" in text(reader.get(HISTORY))


def test_the_history_takes_the_same_queries_for_any_number(desk: Browser, past: Any) -> None:
    desk.get(HISTORY)
    with CaptureQueriesContext(connection) as one:
        desk.get(HISTORY)
    for number in range(3):
        Browser(PHONE).sign_in(make_user(f"person{number}")).row.revoke(by=past.ended_by)
    with CaptureQueriesContext(connection) as many:
        assert len(desk.get(HISTORY).context["cl"].result_list) == 4
    assert len(many) == len(one)


# The sessions of a user.


@pytest.fixture
def _office(site: None, settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


def person(user: Any) -> str:
    label = user._meta.label_lower.replace(".", "/")
    return f"/office/{label}/{user.pk}/change/"


@pytest.mark.usefixtures("_office")
def test_inline_shows_sessions_of_user(desk: Browser, alice: Any, phone: Browser) -> None:
    page = text(desk.get(person(alice)))
    assert "Safari on iPhone" in page
    assert "Chrome on Windows" not in page
    assert f"/office/session_backend/session/{phone.row.pk}/change/" in page
    assert str(phone.key) not in page


@pytest.mark.usefixtures("_office")
def test_inline_shows_past_sessions_of_user(desk: Browser, alice: Any, past: PastSession) -> None:
    page = text(desk.get(person(alice)))
    assert "Safari on iPhone" in page
    assert "Signed out by an administrator" in page
    assert f"/office/session_backend/pastsession/{past.pk}/change/" in page


@pytest.mark.usefixtures("_office")
def test_inline_shows_latest_sessions(
    desk: Browser, alice: Any, phone: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_admin, "INLINE_SIZE", 1)
    Session.objects.filter(pk=phone.row.pk).update(expire_date=timezone.now())
    Browser(LAPTOP).sign_in(alice)
    page = text(desk.get(person(alice)))
    assert "Chrome on Windows" in page
    assert "Safari on iPhone" not in page


@pytest.mark.usefixtures("_office")
@pytest.mark.parametrize("meanwhile", ["nothing", "one more", "one less"])
def test_save_user_with_changed_sessions(
    desk: Browser, alice: Any, phone: Browser, meanwhile: str
) -> None:
    page = desk.get(person(alice))
    posted = {
        f"{inline.formset.prefix}-{name}": number
        for inline in page.context["inline_admin_formsets"]
        for name, number in inline.formset.management_form.initial.items()
    }
    if meanwhile == "one more":
        Browser(LAPTOP).sign_in(alice)
    if meanwhile == "one less":
        phone.row.revoke()
    count = alice.session_set.count()
    posted["session_set-0-ip"] = "192.0.2.1"
    assert desk.post(person(alice), {"first_name": "Alice", **posted}).status_code == 302
    alice.refresh_from_db()
    assert alice.first_name == "Alice"
    assert alice.session_set.count() == count
    assert not alice.session_set.filter(ip="192.0.2.1").exists()


@pytest.mark.usefixtures("_office")
def test_inline_shown_again_with_form_errors(desk: Browser, alice: Any, phone: Browser) -> None:
    page = text(desk.post(person(alice), {"first_name": "x" * 1000}))
    assert "Safari on iPhone" in page


@pytest.mark.usefixtures("_office")
def test_add_user_with_inline(desk: Browser, boss: Any) -> None:
    url = person(boss).replace(f"{boss.pk}/change/", "add/")
    assert "Safari" not in text(desk.get(url))


@pytest.mark.usefixtures("_office")
def test_inline_hidden_without_permission(alice: Any, phone: Browser) -> None:
    reader = staff(f"view_{alice._meta.model_name}")
    assert "Safari on iPhone" not in text(reader.get(person(alice)))


# Signing a user out everywhere.


def everywhere(user: Any, site: str = "office") -> str:
    return f"/{site}/session_backend/session/sign-out/{user.pk}/"


def choose(browser: Browser, *users: Any, **more: str) -> Any:
    """Tick these users in the list and choose the action."""
    url = f"/office/{users[0]._meta.label_lower.replace('.', '/')}/"
    ids = [user.pk for user in users]
    return browser.post(url, {"action": "sign_out_everywhere", "_selected_action": ids, **more})


@pytest.mark.usefixtures("_office")
def test_sign_out_everywhere_on_the_page_of_a_user(
    engine: str, desk: Browser, boss: Any, alice: Any, phone: Browser
) -> None:
    laptop, other = Browser(LAPTOP).sign_in(alice), Browser(PHONE).sign_in(make_user("bob"))
    assert f'<a href="{everywhere(alice)}" class="button">' in text(desk.get(person(alice)))
    asked = desk.get(everywhere(alice))
    page = text(asked)
    assert "<h2>alice</h2>" in page
    assert "2 sessions will be signed out." in page
    assert f'href="{person(alice)}" class="button cancel-link"' in page
    assert is_signed_in(phone)
    response = answer(desk, asked)
    assert response.redirect_chain == [(person(alice), 302)]
    assert messages(response) == ["2 sessions signed out."]
    assert [is_signed_in(one) for one in (phone, laptop, other)] == [False, False, True]
    ended = PastSession.objects.values_list("user", "reason", "ended_by")
    assert list(ended) == [(alice.pk, "revoked_by_staff", boss.pk)] * 2
    assert LogEntry.objects.count() == 2


@pytest.mark.usefixtures("_office")
def test_sign_out_everywhere_as_an_action_on_users(
    engine: str, desk: Browser, boss: Any, alice: Any, phone: Browser
) -> None:
    bob, cyd = make_user("bob"), make_user("cyd")
    laptop, other = Browser(LAPTOP).sign_in(bob), Browser(PHONE).sign_in(cyd)
    asked = choose(desk, alice, bob)
    assert "2 sessions will be signed out." in text(asked)
    assert "2 users have to sign in again." in text(asked)
    assert is_signed_in(laptop)
    assert messages(answer(desk, asked)) == ["2 sessions signed out."]
    assert [is_signed_in(one) for one in (phone, laptop, other)] == [False, False, True]
    assert set(PastSession.objects.values_list("ended_by", flat=True)) == {boss.pk}


@pytest.mark.usefixtures("_office")
def test_all_users_are_signed_out_everywhere(desk: Browser, alice: Any, phone: Browser) -> None:
    asked = choose(desk, alice, select_across="1")
    assert "The session that you are using is one of them" in text(asked)
    answer(desk, asked)
    assert not is_signed_in(phone)
    assert not is_signed_in(desk)


@pytest.mark.usefixtures("_office")
def test_sign_out_everywhere_needs_the_permission_to_sign_out(alice: Any, phone: Browser) -> None:
    name = alice._meta.model_name
    reader = staff("view_session", f"view_{name}", f"change_{name}", f"delete_{name}")
    assert "Sign out everywhere" not in text(reader.get(person(alice)))
    assert reader.get(everywhere(alice)).status_code == 403
    assert reader.post(everywhere(alice), {"post": "yes"}).status_code == 403
    assert choose(reader, alice, post="yes").status_code == 403
    assert is_signed_in(phone)


@pytest.mark.usefixtures("_office")
def test_sign_out_everywhere_is_not_for_visitors(alice: Any, phone: Browser) -> None:
    for visitor in (Browser(LAPTOP), phone):
        assert visitor.post(everywhere(alice), {"post": "yes"}).status_code == 302
    assert is_signed_in(phone)


@pytest.mark.usefixtures("_office")
@pytest.mark.parametrize("pk", ["0", "x", "%00", "_2F"])
def test_nobody_to_sign_out_everywhere(desk: Browser, pk: str) -> None:
    assert desk.post(f"/office/session_backend/session/sign-out/{pk}/").status_code == 404


@pytest.mark.usefixtures("_office")
def test_too_many_sessions_for_a_request(
    desk: Browser, alice: Any, phone: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    Browser(LAPTOP).sign_in(alice)
    monkeypatch.setattr(session_admin, "MAX_LISTED", 1)
    for response in (
        desk.get(everywhere(alice)),
        desk.post(everywhere(alice), {"post": "yes"}),
        choose(desk, alice, post="yes"),
    ):
        assert "Use the command “revokesessions”." in text(response)
        assert 'name="post"' not in text(response)
    assert is_signed_in(phone)


@pytest.mark.usefixtures("_office")
def test_sign_out_everywhere_includes_sessions_not_adopted_yet(
    settings: Settings, desk: Browser, alice: Any
) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.cache"
    old = LegacyStore()
    old.update(login_data(alice))
    old.save()
    answer(desk, desk.get(everywhere(alice)))
    browser = Browser(PHONE)
    browser.cookies["sessionid"] = str(old.session_key)
    assert not is_signed_in(browser)


@pytest.mark.usefixtures("_office")
def test_users_without_an_admin_of_their_own(desk: Browser, alice: Any, phone: Browser) -> None:
    response = answer(desk, desk.get(everywhere(alice, "visits")))
    assert response.redirect_chain == [("/visits/session_backend/session/", 302)]
    assert not is_signed_in(phone)


@pytest.mark.usefixtures("_office")
def test_users_that_one_may_not_see(alice: Any, phone: Browser) -> None:
    clerk = staff("view_session", "delete_session")
    response = answer(clerk, clerk.get(everywhere(alice)))
    assert response.redirect_chain == [("/office/session_backend/session/", 302)]
    assert not is_signed_in(phone)


@pytest.mark.usefixtures("_office")
def test_sessions_without_an_admin_of_their_own(desk: Browser, alice: Any, phone: Browser) -> None:
    url = person(alice).replace("office", "people")
    assert "Sign out everywhere" not in text(desk.get(url))
    users = url.replace(f"{alice.pk}/change/", "")
    data = {"action": "sign_out_everywhere", "_selected_action": alice.pk}
    answer(desk, desk.post(users, data))
    assert not is_signed_in(phone)


# A custom session model.


@pytest.mark.usefixtures("_office")
def test_a_custom_session_model(settings: Settings, boss: Any, alice: Any) -> None:
    settings.SESSION_ENGINE = "tests.custom_sessions.engine"
    desk, phone = Browser(LAPTOP).sign_in(boss), Browser(PHONE).sign_in(alice)
    shops = "/office/custom_sessions/shopsession/"
    row = ShopSession.objects.get(user=alice)
    Draft.objects.create(session=row)
    assert "Safari on iPhone" in text(desk.get(shops))
    page = text(desk.get(f"{shops}{row.pk}/change/"))
    assert '"_auth_user_id"' in page
    answer(desk, desk.post(shops, {"action": "delete_selected", "_selected_action": row.pk}))
    assert not is_signed_in(phone)
    assert not Draft.objects.exists()


@pytest.mark.usefixtures("_office")
def test_custom_session_model_permission(settings: Settings, alice: Any) -> None:
    settings.SESSION_ENGINE = "tests.custom_sessions.engine"
    Browser(PHONE).sign_in(alice)
    row = ShopSession.objects.get(user=alice)
    user = make_user("sam", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_shopsession"))
    data = Permission.objects.filter(codename="view_session_data")
    user.user_permissions.add(data.get(content_type__app_label="session_backend"))
    reader = Browser(LAPTOP).sign_in(user)
    url = f"/office/custom_sessions/shopsession/{row.pk}/change/"
    assert "_auth_user_id" not in text(reader.get(url))
    user.user_permissions.add(data.get(content_type__model="shopsession"))
    assert "_auth_user_id" in text(reader.get(url))
