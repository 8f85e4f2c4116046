from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.base_session import AbstractBaseSession
from django.test import RequestFactory
from django.utils import timezone
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from session_backend.backends import cached_db, db
from session_backend.client import Client
from session_backend.fields import Digest
from session_backend.models import AbstractSession, Session
from tests.browsers import LAPTOP, PHONE, Browser, make_user
from tests.session_backend.backends.behaviours.base import signed_in

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine"),
]


@pytest.fixture
def geoip(tmp_path: Path, settings: Settings) -> None:
    """A GeoIP database that knows where the laptop is."""
    writer = MMDBWriter(6, "GeoLite2-City", ["en"], "test", ipv4_compatible=True)
    country = {"iso_code": "SE", "names": {"en": "Sweden"}}
    place = {"city": {"names": {"en": "Linköping"}}, "country": country}
    writer.insert_network(IPSet([f"{LAPTOP['REMOTE_ADDR']}/32"]), place)
    writer.to_db_file(str(tmp_path / "GeoLite2-City.mmdb"))
    settings.GEOIP_PATH = tmp_path


def test_a_session_knows_its_device_and_times(alice: Any, laptop: Browser) -> None:
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


def test_a_phone_is_called_by_its_name(alice: Any, phone: Browser) -> None:
    session = phone.sign_in(alice).row
    assert session.device() == "Safari on iPhone"
    assert session.device_type == "mobile"


@pytest.mark.usefixtures("geoip")
def test_a_session_knows_its_place(alice: Any, laptop: Browser) -> None:
    session = laptop.sign_in(alice).row
    assert (session.city, session.country, session.country_code) == ("Linköping", "Sweden", "SE")
    assert session.location() == "Linköping, Sweden"
    info = session.location_info()
    assert info is not None
    assert info["country_code"] == "SE"


@pytest.mark.usefixtures("geoip")
def test_a_place_that_is_not_known_is_none(alice: Any, phone: Browser) -> None:
    session = phone.sign_in(alice).row
    assert session.location() is None
    assert session.location_info() is None


def test_without_a_database_there_is_no_place(alice: Any, laptop: Browser) -> None:
    session = laptop.sign_in(alice).row
    assert session.location() is None
    assert session.location_info() is None


def test_the_sessions_of_a_user_are_a_set(alice: Any, laptop: Browser, phone: Browser) -> None:
    row = laptop.sign_in(alice).row
    assert list(alice.session_set.all()) == [row]
    assert list(alice.session_set.filter(expire_date__gt=timezone.now())) == [row]
    alice.session_set.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not alice.session_set.filter(expire_date__gt=timezone.now()).exists()


def test_deleting_the_set_signs_out_everywhere(alice: Any, laptop: Browser, phone: Browser) -> None:
    other = Browser(LAPTOP).sign_in(make_user("bob"))
    for browser in (laptop, phone):
        browser.sign_in(alice)
        browser.get("/read/")
    assert alice.session_set.all().delete() == (2, {"session_backend.Session": 2})
    for browser in (laptop, phone):
        assert browser.get("/read/").content == b"nobody: 0"
    assert other.get("/read/").content == b"bob: 0"


@pytest.mark.parametrize("how", ["delete", "end", "store", "queryset"])
def test_deleting_a_session_signs_it_out(
    how: str, alice: Any, laptop: Browser, phone: Browser
) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    row = phone.row
    ends: dict[str, Callable[[], Any]] = {
        "delete": row.delete,
        "end": row.end,
        "store": row.get_session_store_class()(row.session_key).delete,
        "queryset": Session.objects.filter(pk=row.pk).delete,
    }
    ends[how]()
    assert phone.get("/read/").content == b"nobody: 0"
    assert laptop.get("/read/").content == b"alice: 0"


def test_end_tells_whether_there_was_one(alice: Any, laptop: Browser) -> None:
    row, same = laptop.sign_in(alice).row, laptop.row
    assert row.end() is True
    assert same.end() is False
    assert row.end() is False
    laptop.sign_in(alice)
    row = laptop.row
    row.delete()
    assert row.end() is False


def test_delete_counts_as_djangos(alice: Any, laptop: Browser) -> None:
    row: Any = laptop.sign_in(alice).row
    assert row.delete() == (1, {"session_backend.Session": 1})
    assert row.pk is None
    with pytest.raises(ValueError, match="can't be deleted"):
        row.delete()


def test_a_session_knows_whether_it_is_the_requests(
    alice: Any, laptop: Browser, phone: Browser
) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    request = RequestFactory().get("/")
    request.session = laptop.row.get_session_store_class()(laptop.key)
    assert laptop.row.is_current(request)
    assert not phone.row.is_current(request)
    request.session = laptop.row.get_session_store_class()()
    assert not laptop.row.is_current(request)


def test_a_session_decodes_its_data(alice: Any, laptop: Browser) -> None:
    laptop.get("/write/")
    assert laptop.row.get_decoded() == {"count": 1}


def test_its_text_is_its_digest(laptop: Browser) -> None:
    laptop.get("/write/")
    assert str(laptop.row) == Digest.of(laptop.key or "")


class TestManagerSave:
    """``BaseSessionManager.save(session_key, session_dict, expire_date)`` in Django's docs."""

    def test_it_makes_a_session(self, alice: Any, laptop: Browser) -> None:
        date = timezone.now() + timedelta(days=1)
        made = Session.objects.save("a-key-nobody-has", signed_in(alice), date)
        row = Session.objects.get()
        assert (row.pk, row.user_id, row.expire_date) == (made.pk, alice.pk, date)
        laptop.cookies["sessionid"] = "a-key-nobody-has"
        assert laptop.get("/read/").content == b"alice: 0"

    def test_it_writes_the_data_and_leaves_the_rest(self, alice: Any, laptop: Browser) -> None:
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

    def test_it_knows_the_owner(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        Session.objects.save(laptop.key or "", {"count": 7}, laptop.row.expire_date)
        assert laptop.row.user_id is None
        assert laptop.get("/read/").content == b"nobody: 7"

    def test_without_data_it_ends_the_session(self, alice: Any, laptop: Browser) -> None:
        laptop.sign_in(alice)
        Session.objects.save(laptop.key or "", {}, laptop.row.expire_date)
        assert not Session.objects.exists()
        assert laptop.get("/read/").content == b"nobody: 0"


def test_the_first_columns_are_those_of_django() -> None:
    names = [field.name for field in AbstractBaseSession._meta.get_fields()]
    assert [field.name for field in Session._meta.local_fields[:3]] == names


def test_its_columns_are_written_from_a_client() -> None:
    columns = AbstractSession.client_columns(Client(PHONE["REMOTE_ADDR"], PHONE["HTTP_USER_AGENT"]))
    assert columns["ip"] == PHONE["REMOTE_ADDR"]
    assert columns["device_model"] == "iPhone"
    assert set(columns) <= {field.attname for field in Session._meta.concrete_fields}


def test_its_store_is_that_of_the_engine(settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"
    assert Session.get_session_store_class() is cached_db.SessionStore
    settings.SESSION_ENGINE = "session_backend.backends.db"
    assert Session.get_session_store_class() is db.SessionStore
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert Session.get_session_store_class() is db.SessionStore


def test_an_anonymous_visitor_has_no_sessions(laptop: Browser) -> None:
    laptop.get("/write/")
    assert not Session.objects.for_user(AnonymousUser()).exists()
