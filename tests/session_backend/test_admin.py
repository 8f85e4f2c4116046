from __future__ import annotations

import pickle
from datetime import date, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from session_backend import admin as session_admin
from session_backend.admin import SessionAdmin, SessionInline
from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser, make_user
from tests.custom_sessions.models import Draft, ShopSession
from tests.session_backend import site

if TYPE_CHECKING:
    from pytest_django import Settings

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

pytestmark = pytest.mark.usefixtures("site")

SESSIONS = "/admin/session_backend/session/"


class Pickle:
    """A serializer of the site's own, that knows more than JSON does."""

    def dumps(self, data: Any) -> bytes:
        return pickle.dumps(data)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class PersonAdmin(ModelAdmin):
    """A user admin with the sessions of the user."""

    fields = ("first_name",)
    inlines = (SessionInline,)


# This module is also the URLs of a site with another admin, in which people's sessions are on
# their own pages, and in which a session model of the site's own is registered.
office = admin.AdminSite("office")
office.register(get_user_model(), PersonAdmin)
office.register(Session, SessionAdmin)
office.register(ShopSession, SessionAdmin)
urlpatterns = [*site.urlpatterns, path("office/", office.urls)]


@pytest.fixture
def boss(db: None) -> Any:
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(boss: Any) -> Browser:
    """The browser of somebody who may do everything."""
    return Browser(LAPTOP).sign_in(boss)


@pytest.fixture
def phone(alice: Any) -> Browser:
    """The browser whose session staff look at."""
    return Browser(PHONE).sign_in(alice)


def staff(*codenames: str) -> Browser:
    """Sign in somebody who has these permissions and no other."""
    user = make_user("sam", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Browser(LAPTOP).sign_in(user)


def page_of(session: Session, view: str = "change") -> str:
    return f"{SESSIONS}{session.pk}/{view}/"


def end(browser: Browser, *sessions: Session, where: str = "", **more: str) -> Any:
    """Tick these sessions in the list and choose the action."""
    data = {"action": "delete_selected", "_selected_action": [row.pk for row in sessions], **more}
    return browser.post(SESSIONS + where, data, follow=True)


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def text(response: Any) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/read/").content.decode() != "nobody: 0"


# What staff see.


def test_the_list_says_who_is_signed_in_and_from_where(desk: Browser, phone: Browser) -> None:
    Session.objects.update(city="Linköping", country="Sweden")
    created_at = timezone.now() - timedelta(days=400)
    Session.objects.filter(pk=phone.row.pk).update(created_at=created_at)
    page = text(desk.get(SESSIONS))
    assert "alice" in page
    assert "Safari on iPhone" in page
    assert "Linköping, Sweden" in page
    assert PHONE["REMOTE_ADDR"] in page
    assert str(created_at.year) in page
    assert page.count("icon-yes") == 2


def test_an_expired_session_is_not_active(desk: Browser, phone: Browser) -> None:
    Session.objects.filter(pk=phone.row.pk).update(expire_date=timezone.now())
    assert text(desk.get(SESSIONS)).count("icon-no") == 1


def test_a_session_has_a_page(desk: Browser, phone: Browser) -> None:
    page = text(desk.get(page_of(phone.row)))
    assert "alice" in page
    assert "Safari on iPhone" in page
    assert PHONE["HTTP_USER_AGENT"] in page


def test_a_page_says_nothing_of_a_place_that_is_not_known(desk: Browser, phone: Browser) -> None:
    Session.objects.update(city="", country="")
    assert "None" not in text(desk.get(page_of(phone.row)))


def test_what_a_client_writes_is_escaped(desk: Browser, phone: Browser) -> None:
    script = "<script>alert(1)</script>"
    written = ("user_agent", "browser", "os", "device_model", "city", "country")
    Session.objects.filter(pk=phone.row.pk).update(**dict.fromkeys(written, script))
    for page in (SESSIONS, page_of(phone.row)):
        response = desk.get(page)
        assert script in text(response)
        assert script.encode() not in response.content


def test_an_anonymous_session_is_listed_and_has_a_page(desk: Browser) -> None:
    visitor = Browser(PHONE)
    visitor.get("/write/")
    assert visitor.row.pk in text(desk.get(SESSIONS))
    assert "Safari on iPhone" in text(desk.get(page_of(visitor.row)))


def test_the_list_takes_the_same_queries_for_any_number_of_sessions(desk: Browser) -> None:
    desk.get(SESSIONS)
    with CaptureQueriesContext(connection) as one:
        desk.get(SESSIONS)
    for number in range(5):
        Browser(PHONE).sign_in(make_user(f"person{number}"))
    with CaptureQueriesContext(connection) as many:
        assert len(desk.get(SESSIONS).context["cl"].result_list) == 6
    assert len(many) == len(one)


def test_no_page_shows_a_key(desk: Browser, phone: Browser) -> None:
    pages = [SESSIONS, *(page_of(phone.row, view) for view in ("change", "history", "delete"))]
    for page in map(desk.get, pages):
        assert phone.row.pk in text(page)
        assert str(phone.key) not in text(page)


@pytest.mark.parametrize("key", ["0" * 40, "%00", "0" * 39 + "%00", "x" * 10_000])
def test_the_page_of_no_session(desk: Browser, key: str) -> None:
    response = desk.get(f"{SESSIONS}{key}/change/", follow=True)
    assert response.redirect_chain == [("/admin/", 302)]
    assert "exist. Perhaps it was deleted?" in text(response)


def test_a_key_leads_to_no_page(desk: Browser, phone: Browser) -> None:
    assert desk.get(f"{SESSIONS}{phone.key}/change/").status_code == 302


# The data.


def keep(browser: Browser, **data: Any) -> None:
    store = Session.get_session_store_class()(browser.key)
    store.update(data)
    store.save()


def test_the_data_is_shown_with_its_own_permission(phone: Browser) -> None:
    keep(phone, basket=["<script>alert(1)</script>", "ÿ"])
    reader = staff("view_session", "view_session_data")
    response = reader.get(page_of(phone.row))
    assert '"basket": [\n    "<script>alert(1)</script>",\n    "ÿ"\n  ]\n' in text(response)
    assert b"<script>alert" not in response.content


def test_data_that_json_does_not_know_is_shown_as_python_writes_it(
    boss: Any, settings: Settings
) -> None:
    settings.SESSION_SERIALIZER = f"{__name__}.Pickle"
    desk = Browser(LAPTOP).sign_in(boss)
    keep(desk, day=date(2026, 1, 2))
    assert '"day": "datetime.date(2026, 1, 2)"' in text(desk.get(page_of(desk.row)))


def test_the_data_is_not_shown_without_it(phone: Browser) -> None:
    keep(phone, basket=["a book"])
    reader = staff("view_session", "delete_session", "change_session")
    url, digest = page_of(phone.row), str(phone.row.pk)
    with CaptureQueriesContext(connection) as queries:
        page = text(reader.get(url))
    assert "basket" not in page
    assert "_auth_user" not in page
    (read,) = [query["sql"] for query in queries if digest in query["sql"]]
    assert "session_data" not in read


def test_the_list_does_not_read_it(desk: Browser) -> None:
    with CaptureQueriesContext(connection) as queries:
        desk.get(SESSIONS)
    (read,) = [query["sql"] for query in queries if "LEFT OUTER JOIN" in query["sql"]]
    assert "session_data" not in read


@pytest.mark.parametrize("lookup", ["session_data", "session_data__contains"])
def test_it_cannot_be_guessed_by_filters(desk: Browser, lookup: str) -> None:
    assert desk.get(SESSIONS, {lookup: "e"}).status_code == 400
    assert desk.get(SESSIONS, {"city__contains": "e"}).status_code == 200


# What staff may do.


def test_nothing_can_be_added_or_changed(desk: Browser, phone: Browser) -> None:
    assert desk.get(SESSIONS + "add/").status_code == 403
    assert desk.post(page_of(phone.row), {"user": ""}).status_code == 403
    page = text(desk.get(page_of(phone.row)))
    assert 'name="_save"' not in page
    assert phone.row.user is not None


@pytest.mark.parametrize("view", ["", "change/", "delete/", "history/"])
def test_staff_without_a_permission_see_nothing(phone: Browser, view: str) -> None:
    reader = staff("view_session_data")
    assert reader.get(f"{SESSIONS}{phone.row.pk}/{view}" if view else SESSIONS).status_code == 403


def test_those_who_may_look_cannot_end(phone: Browser) -> None:
    reader = staff("view_session")
    assert "delete_selected" not in text(reader.get(SESSIONS))
    end(reader, phone.row)
    assert reader.post(page_of(phone.row, "delete"), {"post": "yes"}).status_code == 403
    assert is_signed_in(phone)


# Ending.


def test_the_action_ends_the_selected_sessions(
    engine: str, alice: Any, desk: Browser, phone: Browser
) -> None:
    tablet = Browser(PHONE).sign_in(alice)
    assert is_signed_in(phone)
    assert is_signed_in(tablet)
    digest = phone.row.pk
    response = end(desk, phone.row)
    assert response.redirect_chain == [(SESSIONS, 302)]
    assert messages(response) == ["1 session signed out."]
    assert not is_signed_in(phone)
    assert is_signed_in(tablet)
    assert LogEntry.objects.get().object_id == digest


def test_the_action_says_how_many_there_were(alice: Any, desk: Browser, phone: Browser) -> None:
    tablet = Browser(PHONE).sign_in(alice)
    rows = phone.row, tablet.row
    assert messages(end(desk, *rows)) == ["2 sessions signed out."]
    assert messages(end(desk, *rows)) == ["0 sessions signed out."]


def test_staff_with_the_permission_can_end(phone: Browser) -> None:
    end(staff("view_session", "delete_session"), phone.row)
    assert not is_signed_in(phone)


def test_the_action_takes_digests_and_nothing_else(desk: Browser, phone: Browser) -> None:
    data = {"action": "delete_selected", "_selected_action": [phone.key, "\0", "x", ""]}
    assert "Items must be selected" in messages(desk.post(SESSIONS, data, follow=True))[0]
    assert is_signed_in(phone)


def test_all_that_the_filters_leave_can_be_ended(alice: Any, desk: Browser, phone: Browser) -> None:
    laptop = Browser(LAPTOP).sign_in(alice)
    where = "?device_type__exact=mobile"
    response = end(desk, phone.row, where=where, select_across="1")
    assert response.redirect_chain == [(SESSIONS + where, 302)]
    assert messages(response) == ["1 session signed out."]
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)


def test_no_more_are_ended_than_are_listed(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_admin, "MAX_LISTED", 2)
    first, *listed = [Browser(PHONE).sign_in(make_user(name)) for name in ("ada", "bob", "cyd")]
    where = "?device_type__exact=mobile"
    assert messages(end(desk, first.row, where=where, select_across="1")) == [
        "2 sessions signed out."
    ]
    assert is_signed_in(first)
    assert not any(map(is_signed_in, listed))


def test_the_page_of_a_session_can_end_it(engine: str, desk: Browser, phone: Browser) -> None:
    assert is_signed_in(phone)
    url = page_of(phone.row, "delete")
    assert "Are you sure" in text(desk.get(url))
    assert is_signed_in(phone)
    desk.post(url, {"post": "yes"})
    assert not is_signed_in(phone)
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("saves_always", [False, True])
@pytest.mark.parametrize("way", ["action", "page"])
def test_staff_can_end_their_own_session(
    desk: Browser, settings: Settings, saves_always: bool, way: str
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = saves_always
    desk.get(SESSIONS)
    digest = desk.row.pk
    if way == "action":
        response = end(desk, desk.row)
    else:
        response = desk.post(page_of(desk.row, "delete"), {"post": "yes"}, follow=True)
    assert response.redirect_chain[-1][0].startswith("/admin/login/")
    assert not Session.objects.filter(pk=Digest(digest)).exists()


# The sessions of a user.


@pytest.fixture
def _office(site: None, settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


def person(user: Any) -> str:
    label = user._meta.label_lower.replace(".", "/")
    return f"/office/{label}/{user.pk}/change/"


@pytest.mark.usefixtures("_office")
def test_a_user_admin_shows_the_users_sessions(desk: Browser, alice: Any, phone: Browser) -> None:
    page = text(desk.get(person(alice)))
    assert "Safari on iPhone" in page
    assert "Chrome on Windows" not in page
    assert f"/office/session_backend/session/{phone.row.pk}/change/" in page
    assert str(phone.key) not in page


@pytest.mark.usefixtures("_office")
def test_a_user_admin_shows_the_latest_sessions(
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
def test_a_user_can_be_saved_whatever_the_sessions_do(
    desk: Browser, alice: Any, phone: Browser, meanwhile: str
) -> None:
    page = desk.get(person(alice))
    (formset,) = page.context["inline_admin_formsets"]
    posted = {
        f"session_set-{name}": n for name, n in formset.formset.management_form.initial.items()
    }
    if meanwhile == "one more":
        Browser(LAPTOP).sign_in(alice)
    if meanwhile == "one less":
        phone.row.end()
    count = alice.session_set.count()
    posted["session_set-0-ip"] = "192.0.2.1"
    assert desk.post(person(alice), {"first_name": "Alice", **posted}).status_code == 302
    alice.refresh_from_db()
    assert alice.first_name == "Alice"
    assert alice.session_set.count() == count
    assert not alice.session_set.filter(ip="192.0.2.1").exists()


@pytest.mark.usefixtures("_office")
def test_a_mistake_in_the_form_of_a_user_shows_the_sessions_again(
    desk: Browser, alice: Any, phone: Browser
) -> None:
    page = text(desk.post(person(alice), {"first_name": "x" * 1000}))
    assert "Safari on iPhone" in page


@pytest.mark.usefixtures("_office")
def test_a_user_can_be_added(desk: Browser, boss: Any) -> None:
    url = person(boss).replace(f"{boss.pk}/change/", "add/")
    assert "Safari" not in text(desk.get(url))


@pytest.mark.usefixtures("_office")
def test_a_user_admin_shows_no_sessions_without_the_permission(alice: Any, phone: Browser) -> None:
    reader = staff(f"view_{alice._meta.model_name}")
    assert "Safari on iPhone" not in text(reader.get(person(alice)))


# A session model of the site's own.


@pytest.mark.usefixtures("_office")
def test_a_session_model_of_the_sites_own(settings: Settings, boss: Any, alice: Any) -> None:
    settings.SESSION_ENGINE = "tests.custom_sessions.engine"
    desk, phone = Browser(LAPTOP).sign_in(boss), Browser(PHONE).sign_in(alice)
    shops = "/office/custom_sessions/shopsession/"
    row = ShopSession.objects.get(user=alice)
    Draft.objects.create(session=row)
    assert "Safari on iPhone" in text(desk.get(shops))
    page = text(desk.get(f"{shops}{row.pk}/change/"))
    assert '"_auth_user_id"' in page
    desk.post(shops, {"action": "delete_selected", "_selected_action": row.pk})
    assert not is_signed_in(phone)
    assert not Draft.objects.exists()


@pytest.mark.usefixtures("_office")
def test_the_data_of_such_a_model_has_a_permission_of_its_own(
    settings: Settings, alice: Any
) -> None:
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
    user.user_permissions.add(data.get(content_type__app_label="custom_sessions"))
    assert "_auth_user_id" in text(reader.get(url))
