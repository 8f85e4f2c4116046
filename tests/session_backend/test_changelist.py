from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from session_backend import changelist
from session_backend.admin import SessionAdmin
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser, make_user

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.usefixtures("site")

SESSIONS = "/admin/session_backend/session/"


@pytest.fixture
def desk(db: None) -> Browser:
    """The browser of the one who looks at the list; their session expires last."""
    boss = make_user("boss", is_staff=True, is_superuser=True)
    desk = Browser(LAPTOP).sign_in(boss)
    make_last(desk)
    return desk


def make_last(browser: Browser) -> None:
    later = timezone.now() + timedelta(days=100)
    Session.objects.filter(pk=browser.row.pk).update(expire_date=later)


def session(username: str | None = None, **columns: Any) -> Session:
    """Make a session of a user of this name, or of nobody."""
    user = make_user(username) if username else None
    expire_date = timezone.now() + timedelta(days=1)
    columns = {"expire_date": expire_date, "user": user, **columns}
    return Session.objects.create(session_key=f"{Session.objects.count():0>32}", **columns)


def changes(desk: Browser, **query: Any) -> Any:
    response = desk.get(SESSIONS, query)
    assert response.status_code == 200
    return response.context["cl"]


def listed(desk: Browser, **query: Any) -> list[Session]:
    """Return the sessions in the list, less the reader's own."""
    return [row for row in changes(desk, **query).result_list if row != desk.row]


def choices(desk: Browser, title: str, **query: Any) -> dict[str, bool]:
    """Return what a filter offers, and whether that is chosen."""
    cl = changes(desk, **query)
    (spec,) = [spec for spec in cl.filter_specs if str(spec.title) == title]
    return {str(choice["display"]): choice["selected"] for choice in spec.choices(cl)}


# Filters.


def test_active_and_expired(desk: Browser) -> None:
    active = session()
    expired = session(expire_date=timezone.now())
    assert listed(desk) == [active, expired]
    assert listed(desk, state="active") == [active]
    assert listed(desk, state="expired") == [expired]


def test_my_own_those_of_users_and_the_anonymous(desk: Browser) -> None:
    anonymous, theirs = session(), session("alice")
    mine = session(user=desk.row.user)
    assert listed(desk, owner="me") == [mine]
    assert set(listed(desk, owner="users")) == {theirs, mine}
    assert listed(desk, owner="anonymous") == [anonymous]


def test_device_types(desk: Browser) -> None:
    phone, _ = session(device_type="mobile"), session(device_type="bot")
    assert listed(desk, device_type__exact="mobile") == [phone]
    assert "Phone" in choices(desk, "device type")


@pytest.mark.parametrize(
    ("column", "title", "value"),
    [
        ("browser", "browser", "Firefox"),
        ("os", "operating system", "OpenBSD"),
        ("country", "country", "Sweden"),
    ],
)
def test_browsers_systems_and_countries(desk: Browser, column: str, title: str, value: str) -> None:
    wanted, unknown = session(**{column: value}), session()
    Session.objects.filter(pk=desk.row.pk).update(**{column: "Zzz"})
    assert choices(desk, title) == {"All": True, "Unknown": False, value: False, "Zzz": False}
    assert listed(desk, **{column: value}) == [wanted]
    assert listed(desk, **{column: ""}) == [unknown]
    assert choices(desk, title, **{column: ""})["Unknown"]


def test_a_filter_offers_the_values_of_the_latest_sessions(
    desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelist, "SAMPLE_SIZE", 2)
    session(country="Sweden")
    rare = session(country="Nauru", expire_date=timezone.now())
    assert list(choices(desk, "country")) == ["All", "Unknown", "Sweden"]
    assert listed(desk, country="Nauru") == [rare]
    assert choices(desk, "country", country="Nauru")["Nauru"]


def test_filters_do_not_count(desk: Browser) -> None:
    assert not changes(desk, _facets="1").add_facets


# Pages.


def test_the_list_ends(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelist, "MAX_LISTED", 3)
    monkeypatch.setattr(SessionAdmin, "list_per_page", 2)
    rows = [session(expire_date=timezone.now() + timedelta(days=day)) for day in (5, 4, 3, 2)]
    cl = changes(desk)
    assert (cl.result_count, cl.paginator.num_pages, cl.full_result_count) == (3, 2, None)
    assert listed(desk) + listed(desk, p=2) == rows[:2]
    assert desk.get(SESSIONS, {"p": 3}).status_code == 302
    assert changes(desk, state="expired").result_count == 0


# The search.


@pytest.mark.parametrize("word", ["89.160.20.112", "89.160.20.112:443", "::ffff:89.160.20.112"])
def test_an_address_finds_its_sessions(desk: Browser, word: str) -> None:
    Session.objects.update(ip=None)
    there, _ = session(ip="89.160.20.112"), session(ip="89.160.20.11")
    assert listed(desk, q=word) == [there]


def test_an_address_finds_its_truncated_sessions(desk: Browser, settings: Settings) -> None:
    settings.SESSION_BACKEND_STORE_IP = "truncated"
    now, before = session(ip="89.160.20.0"), session(ip="89.160.20.112")
    session(ip="89.160.20.7")
    assert set(listed(desk, q="89.160.20.112")) == {now, before}


@pytest.mark.parametrize("few", [0, 500])
@pytest.mark.parametrize(
    ("word", "ip"),
    [("192.0.", "192.0.2.1"), ("192.", "192.0.2.1"), ("2001:DB8", "2001:db8::1")],
)
def test_the_beginning_of_an_address_finds_all_that_begin_so(
    desk: Browser, monkeypatch: pytest.MonkeyPatch, word: str, ip: str, few: int
) -> None:
    monkeypatch.setattr(changelist, "FEW", few)
    there, _ = session(ip=ip), session(ip="10.192.0.1")
    assert listed(desk, q=word) == [there]


@pytest.mark.parametrize("few", [0, 500])
@pytest.mark.parametrize("word", ["alice", "LIC", "alice@", "@example.com alice"])
def test_a_user_is_found_by_name_and_email_address(
    desk: Browser, monkeypatch: pytest.MonkeyPatch, word: str, few: int
) -> None:
    monkeypatch.setattr(changelist, "FEW", few)
    hers, _, _ = session("alice"), session("bob"), session()
    assert listed(desk, q=word) == [hers]


def test_a_name_like_the_beginning_of_an_address(desk: Browser) -> None:
    theirs = session("10.fold")
    user_model = get_user_model()
    user_model._default_manager.update(**{user_model.get_email_field_name(): ""})
    assert listed(desk, q="10.") == [theirs]
    there = session(ip="10.1.2.3")
    assert set(listed(desk, q="10.")) == {theirs, there}


def test_every_word_counts(desk: Browser) -> None:
    both, _, _ = (
        session("alice", ip="192.0.2.1"),
        session(ip="192.0.2.1"),
        session("bob", ip="192.0.2.2"),
    )
    assert listed(desk, q="192.0.2.1 alice") == [both]
    assert listed(desk, q="192.0.2.1 alice bob") == []


def test_no_words_find_everything(desk: Browser) -> None:
    rows = {session("alice"), session()}
    assert set(listed(desk, q=" ")) == rows


def test_a_user_model_whose_names_are_no_text(
    desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, _ = session(ip="192.0.2.1"), session("alice")
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
    monkeypatch.setattr(get_user_model(), "EMAIL_FIELD", "no_such_field")
    assert listed(desk, q="alice") == []
    assert listed(desk, q="192.0.") == [there]


@pytest.mark.parametrize("few", [0, 500])
def test_what_a_search_found_can_be_ended(
    desk: Browser, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(changelist, "FEW", few)
    phone = Browser(PHONE).sign_in(make_user("alice"))
    other = Browser(PHONE).sign_in(make_user("bob"))
    data = {"action": "delete_selected", "_selected_action": phone.row.pk, "select_across": "1"}
    desk.post(SESSIONS + "?q=alice", data)
    assert phone.get("/read/").content == b"nobody: 0"
    assert other.get("/read/").content == b"bob: 0"
