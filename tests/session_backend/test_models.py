from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.utils import timezone
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from session_backend.backends import cached_db, db
from session_backend.client import Client
from session_backend.models import AbstractSession, Session
from tests.browsers import LAPTOP, PHONE, Browser, make_user
from tests.session_backend.helpers import login_data

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]


@pytest.fixture
def geoip(tmp_path: Path, settings: Settings) -> None:
    """A GeoIP database with the address of the laptop."""
    writer = MMDBWriter(6, "GeoLite2-City", ["en"], "test", ipv4_compatible=True)
    country = {"iso_code": "SE", "names": {"en": "Sweden"}}
    place = {"city": {"names": {"en": "Linköping"}}, "country": country}
    writer.insert_network(IPSet([f"{LAPTOP['REMOTE_ADDR']}/32"]), place)
    writer.to_db_file(str(tmp_path / "GeoLite2-City.mmdb"))
    settings.GEOIP_PATH = tmp_path


def test_columns(alice: Any, laptop: Browser) -> None:
    before = timezone.now()
    session = laptop.sign_in(alice).row
    after = timezone.now()
    assert session.user == alice
    assert session.ip == LAPTOP["REMOTE_ADDR"]
    assert session.user_agent == LAPTOP["HTTP_USER_AGENT"]
    assert session.device() == "Chrome on Windows"
    for time in (session.created_at, session.updated_at, session.last_activity):
        assert before <= time <= after
    assert session.expire_date > after
    assert str(session) == "Chrome on Windows"


def test_device_of_phone(alice: Any, phone: Browser) -> None:
    session = phone.sign_in(alice).row
    assert session.device() == "Safari on iPhone"
    assert session.device_type == "mobile"


@pytest.mark.usefixtures("geoip")
def test_location(alice: Any, laptop: Browser) -> None:
    session = laptop.sign_in(alice).row
    assert (session.city, session.country, session.country_code) == ("Linköping", "Sweden", "SE")
    assert session.location() == "Linköping, Sweden"
    info = session.location_info()
    assert info is not None
    assert info["country_code"] == "SE"


@pytest.mark.usefixtures("geoip")
def test_location_of_unlisted_address(alice: Any, phone: Browser) -> None:
    session = phone.sign_in(alice).row
    assert session.location() is None
    assert session.location_info() is None


def test_location_without_database(alice: Any, laptop: Browser) -> None:
    session = laptop.sign_in(alice).row
    assert session.location() is None
    assert session.location_info() is None


def test_session_set(alice: Any, laptop: Browser, phone: Browser) -> None:
    row = laptop.sign_in(alice).row
    assert list(alice.session_set.all()) == [row]
    assert list(alice.session_set.filter(expire_date__gt=timezone.now())) == [row]
    alice.session_set.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not alice.session_set.filter(expire_date__gt=timezone.now()).exists()


def test_delete_session_set(alice: Any, laptop: Browser, phone: Browser) -> None:
    other = Browser(LAPTOP).sign_in(make_user("bob"))
    for browser in (laptop, phone):
        browser.sign_in(alice)
        browser.get("/read/")
    assert alice.session_set.all().delete() == (2, {"session_backend.Session": 2})
    for browser in (laptop, phone):
        assert browser.get("/read/").content == b"anonymous: 0"
    assert other.get("/read/").content == b"bob: 0"


@pytest.mark.parametrize("how", ["delete", "revoke", "store", "queryset"])
def test_delete_signs_out(how: str, alice: Any, laptop: Browser, phone: Browser) -> None:
    laptop.sign_in(alice)
    row = phone.sign_in(alice).row
    operations: dict[str, Callable[[], Any]] = {
        "delete": row.delete,
        "revoke": row.revoke,
        "store": row.get_session_store_class()(row.session_key).delete,
        "queryset": Session.objects.filter(pk=row.pk).delete,
    }
    operations[how]()
    assert phone.get("/read/").content == b"anonymous: 0"
    assert laptop.get("/read/").content == b"alice: 0"


def test_revoke_returns_whether_revoked(alice: Any, laptop: Browser) -> None:
    row, same = laptop.sign_in(alice).row, laptop.row
    assert row.revoke() is True
    assert same.revoke() is False
    assert row.revoke() is False
    row = laptop.sign_in(alice).row
    row.delete()
    assert row.revoke() is False


def test_delete_returns_counts(alice: Any, laptop: Browser) -> None:
    row: Any = laptop.sign_in(alice).row
    assert row.delete() == (1, {"session_backend.Session": 1})
    assert row.pk is None
    with pytest.raises(ValueError, match="can't be deleted"):
        row.delete()


def test_is_current(alice: Any, laptop: Browser, phone: Browser) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    request = RequestFactory().get("/")
    request.session = laptop.row.get_session_store_class()(laptop.key)
    assert laptop.row.is_current(request)
    assert not phone.row.is_current(request)
    request.session = laptop.row.get_session_store_class()()
    assert not laptop.row.is_current(request)


def test_get_decoded(laptop: Browser) -> None:
    laptop.get("/write/")
    assert laptop.row.get_decoded() == {"count": 1}


class TestManagerSave:
    """``BaseSessionManager.save(session_key, session_dict, expire_date)``."""

    def test_create(self, alice: Any, laptop: Browser) -> None:
        date = timezone.now() + timedelta(days=1)
        saved = Session.objects.save("chosen-key", login_data(alice), date)
        row = Session.objects.get()
        assert (row.pk, row.user_id, row.expire_date) == (saved.pk, alice.pk, date)
        laptop.cookies["sessionid"] = "chosen-key"
        assert laptop.get("/read/").content == b"alice: 0"

    def test_update_keeps_other_columns(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        laptop.get("/read/")
        before = laptop.row
        data = {**before.get_decoded(), "count": 7}
        Session.objects.save(laptop.key or "", data, before.expire_date)
        after = laptop.row
        assert after.get_decoded() == data
        assert after.updated_at > before.updated_at
        for column in ("user_id", "auth_hash", "ip", "user_agent", "browser", "created_at"):
            assert getattr(after, column) == getattr(before, column)
        assert laptop.get("/read/").content == b"alice: 7"

    def test_update_user(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        Session.objects.save(laptop.key or "", {"count": 7}, laptop.row.expire_date)
        assert laptop.row.user_id is None
        assert laptop.get("/read/").content == b"anonymous: 7"

    def test_empty_data_revokes(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        Session.objects.save(laptop.key or "", {}, laptop.row.expire_date)
        assert not Session.objects.exists()
        assert laptop.get("/read/").content == b"anonymous: 0"


def test_client_columns() -> None:
    columns = AbstractSession.client_columns(Client(PHONE["REMOTE_ADDR"], PHONE["HTTP_USER_AGENT"]))
    assert columns["ip"] == PHONE["REMOTE_ADDR"]
    assert columns["device_model"] == "iPhone"
    assert set(columns) <= {field.attname for field in Session._meta.concrete_fields}


def test_get_session_store_class(settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"
    assert Session.get_session_store_class() is cached_db.SessionStore
    settings.SESSION_ENGINE = "session_backend.backends.db"
    assert Session.get_session_store_class() is db.SessionStore
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert Session.get_session_store_class() is db.SessionStore


def test_no_sessions_for_anonymous_user(laptop: Browser) -> None:
    laptop.get("/write/")
    assert not Session.objects.for_user(AnonymousUser()).exists()
