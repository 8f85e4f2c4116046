from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.core import signing
from django.utils import timezone

from session_backend.devices import Device
from session_backend.fields import Digest
from session_backend.legacy import LegacySession, device_from_label, existing_users
from session_backend.models import AbstractSession, Session
from tests.browsers import LAPTOP

if TYPE_CHECKING:
    from pytest_django import Settings

KEY = "k3y0fasessionthatanotherappkept0"
TIMES = ("created_at", "updated_at", "last_activity")
HOUR = timedelta(hours=1)


def legacy(data: dict[str, Any] | None = None, **columns: Any) -> LegacySession:
    return LegacySession(KEY, data or {}, {"expire_date": timezone.now() + HOUR, **columns})


def times_of(row: AbstractSession) -> tuple[datetime, ...]:
    return tuple(getattr(row, name) for name in TIMES)


# The row


def test_the_row_is_one_that_the_engine_opens(alice: User) -> None:
    expire_date = timezone.now() + HOUR
    data = {SESSION_KEY: str(alice.pk), HASH_SESSION_KEY: alice.get_session_auth_hash(), "n": 1}
    legacy(data, expire_date=expire_date).as_row(Session).save(force_insert=True)
    row = Session.objects.for_user(alice).get()
    assert row.session_key == Digest.of(KEY)
    assert row.get_decoded() == data
    assert row.expire_date == expire_date


def test_the_row_knows_the_client_and_its_device() -> None:
    ip, agent = LAPTOP["REMOTE_ADDR"], LAPTOP["HTTP_USER_AGENT"]
    row = legacy(ip=ip, user_agent=agent).as_row(Session)
    assert (row.ip, row.user_agent, row.device()) == (ip, agent, "Chrome on Windows")


def test_the_row_holds_no_more_of_the_client_than_the_settings_allow(settings: Settings) -> None:
    settings.SESSION_BACKEND_STORE_IP = "truncated"
    settings.SESSION_BACKEND_STORE_USER_AGENT = False
    row = legacy(ip="89.160.20.112", user_agent="Mozilla/5.0", device="iPad / iOS / Safari")
    assert device_columns(row.as_row(Session)) == Device("unknown", "", "", "")
    assert row.as_row(Session).ip == "89.160.20.0"
    assert row.as_row(Session).user_agent == ""


def device_columns(row: AbstractSession) -> Device:
    return Device(row.device_type, row.device_model, row.browser, row.os)


@pytest.mark.parametrize(
    ("ip", "agent"),
    [
        ("_qsessions_ip", "_qsessions_user_agent"),
        ("_django_user_sessions_ng_session_ip", "_django_user_sessions_ng_session_device"),
    ],
)
def test_what_a_peer_noted_in_the_data_goes_where_it_belongs(ip: str, agent: str) -> None:
    row = legacy({ip: "89.160.20.112", agent: None, "n": 1}).as_row(Session)
    assert row.get_decoded() == {"n": 1}
    assert row.ip == "89.160.20.112"


def test_a_column_says_more_than_the_data() -> None:
    row = legacy({"_qsessions_ip": "89.160.20.112"}, ip="2.125.160.216").as_row(Session)
    assert row.ip == "2.125.160.216"
    row = legacy({"_qsessions_ip": "89.160.20.112"}, ip=None).as_row(Session)
    assert row.ip == "89.160.20.112"


def test_times_are_those_that_were_kept() -> None:
    now = timezone.now()
    created, updated, seen = now - 3 * HOUR, now - 2 * HOUR, now - HOUR
    row = legacy(created_at=created, updated_at=updated, last_activity=seen).as_row(Session)
    assert times_of(row) == (created, updated, seen)
    row = legacy(created_at=created, updated_at=updated).as_row(Session)
    assert times_of(row) == (created, updated, updated)


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_that_were_not_kept_are_that_of_the_signature(
    use_tz: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USE_TZ = use_tz
    written = timezone.now().replace(microsecond=0) - 5 * HOUR
    monkeypatch.setattr("time.time", written.timestamp)
    session_data = signing.dumps({}, salt="any")
    row = legacy(session_data=session_data).as_row(Session)
    assert times_of(row) == (written, written, written)


@pytest.mark.parametrize("session_data", ["", "data:mac", "data:!:mac", "data:zzzzzzzzzzzzz:mac"])
def test_without_a_signature_they_are_that_of_the_move(session_data: str) -> None:
    before = timezone.now()
    row = legacy(session_data=session_data).as_row(Session)
    assert before <= row.created_at <= row.updated_at <= row.last_activity


# Its owner


def test_users_who_are_gone_own_nothing(alice: User) -> None:
    hers, gone = legacy({SESSION_KEY: str(alice.pk)}), legacy({SESSION_KEY: str(alice.pk + 1)})
    nobodys, broken = legacy({"n": 1}), legacy({SESSION_KEY: "no primary key"})
    users = existing_users([hers, gone, nobodys, broken])
    assert users == {alice.pk}
    belong = [session.belongs(users) for session in (hers, gone, nobodys, broken)]
    assert belong == [True, False, True, False]
    assert existing_users([nobodys]) == set()


# The label that django-user-sessions-ng keeps instead of a user agent


@pytest.mark.parametrize(
    ("label", "device"),
    [
        ("PC / Windows 10 / Chrome 126.0.0", ("desktop", "", "Chrome", "Windows")),
        ("PC / Mac OS X 10.15.7 / Safari 17.4", ("desktop", "", "Safari", "macOS")),
        ("iPhone / iOS 17.4 / Mobile Safari 17.4", ("mobile", "iPhone", "Safari", "iOS")),
        ("iPad / iOS 17.4 / Chrome Mobile iOS 120.0.1", ("tablet", "iPad", "Chrome", "iOS")),
        ("K / Android 10 / Chrome Mobile 126.0.0", ("mobile", "", "Chrome", "Android")),
        (
            "Samsung SM-T870 / Android 11 / Chrome 96",
            ("unknown", "Samsung SM-T870", "Chrome", "Android"),
        ),
        ("Generic Smartphone / Android / Firefox Mobile 1", ("mobile", "", "Firefox", "Android")),
        ("Spider / Other / Googlebot 2.1", ("bot", "", "Googlebot", "")),
        ("Other / Other / Other", ("unknown", "", "", "")),
        ("nonsense", ("unknown", "nonsense", "", "")),
        ("", ("unknown", "", "", "")),
    ],
)
def test_a_label_names_a_device(label: str, device: tuple[str, ...]) -> None:
    assert device_from_label(label) == device


def test_the_row_of_a_label_has_its_device_until_the_user_agent_is_seen() -> None:
    row = legacy(device="PC / Windows 10 / Chrome 126.0.0", ip="89.160.20.112").as_row(Session)
    assert row.device() == "Chrome on Windows"
    row = legacy(device="PC / Windows / Chrome", user_agent="curl/8.0").as_row(Session)
    assert row.browser == "curl"
