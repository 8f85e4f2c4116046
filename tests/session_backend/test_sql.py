"""Prepared statements equal the ORM's, which is used where they cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Count, Max
from django.db.models.functions import Upper
from django.test.utils import isolate_apps
from django.utils import timezone

from session_backend import sql
from session_backend.auth import accepted_hashes
from session_backend.fields import Digest
from session_backend.history import Ending
from session_backend.models import AbstractSession, Session, SessionQuerySet
from tests.custom_sessions.models import ShopSession

pytestmark = pytest.mark.django_db

KEY = Digest.of("a-key")
NOW = timezone.now()
LATER = NOW + timedelta(days=1)
COLUMNS = ("session_data", "last_activity", "ip", "user_agent", "updated_at", "expire_date")


def new_row(**columns: Any) -> Session:
    return Session(session_key=KEY, session_data="data", expire_date=LATER, **columns)


def loaded(*names: str) -> AbstractSession:
    return Session.objects.only("session_key", *names).get()


@contextmanager
def sent() -> Iterator[list[tuple[str, list[Any]]]]:
    """Collect statements and parameters, without table names and brackets of the ORM."""
    collected: list[tuple[str, list[Any]]] = []
    table = connection.ops.quote_name(Session._meta.db_table)

    def record(execute: Callable[..., Any], sql: str, params: Any, *args: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            bare = sql.replace(f"{table}.", "").replace("WHERE (", "WHERE ")
            collected.append((bare.removesuffix(")") if "WHERE (" in sql else bare, [*params]))
        return execute(sql, params, *args)

    with connection.execute_wrapper(record):
        yield collected


def test_select_equals_orm() -> None:
    new_row(ip="2001:db8::1", user_agent="Agent/1.0").save(force_insert=True)
    rows = Session.objects.filter(pk=KEY).filter(expire_date__gt=NOW)
    with sent() as by_orm:
        (expected,) = rows.values_list(*COLUMNS)
    with sent() as prepared:
        assert sql.select(Session.objects.all(), KEY, NOW, COLUMNS) == expected
    assert [(re.sub(r" AS .\w+.", "", sql), params) for sql, params in by_orm] == prepared


def test_select_expired_or_unknown_session() -> None:
    new_row().save(force_insert=True)
    assert sql.select(Session.objects.all(), KEY, LATER, COLUMNS) is None
    assert sql.select(Session.objects.all(), Digest.of("another"), NOW, COLUMNS) is None


def test_select_falls_back_to_orm(monkeypatch: pytest.MonkeyPatch) -> None:
    new_row(ip="192.0.2.1").save(force_insert=True)
    expected = sql.select(Session.objects.all(), KEY, NOW, COLUMNS)
    monkeypatch.setattr(sql, "plain_fields", lambda *args: None)
    assert sql.select(Session.objects.all(), KEY, NOW, COLUMNS) == expected
    assert sql.select(Session.objects.all(), KEY, LATER, COLUMNS) is None


def test_newest_equals_orm(django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("alice")
    (auth_hash,) = accepted_hashes(user)
    times = ("last_activity", "created_at", "updated_at")
    changes: list[dict[str, Any]] = [{}, {}, {"auth_hash": "changed"}, {"user": None}]
    for number, change in enumerate(changes):
        columns = {"user": user, "auth_hash": auth_hash, "last_activity": NOW, **change}
        Session(session_key=f"{number}", session_data="", expire_date=LATER, **columns).save()
    rows = Session.objects.for_user(user).active().others("0")
    expected = tuple(rows.aggregate(Count("pk"), *map(Max, times)).values())
    assert expected[0] == 1
    assert sql.newest(Session.objects.all(), user, Digest.of("0"), NOW, times) == expected
    assert sql.newest(Session.objects.all(), user, KEY, LATER, times) == (0, None, None, None)


def test_newest_leaves_it_to_orm(monkeypatch: pytest.MonkeyPatch, django_user_model: Any) -> None:
    user = django_user_model(pk=1, username="alice")
    monkeypatch.setattr(sql, "plain_fields", lambda *args: None)
    assert sql.newest(Session.objects.all(), user, KEY, NOW, ("last_activity",)) is None


def test_session_columns_do_not_need_orm() -> None:
    # Otherwise the tests above would compare the ORM with itself.
    names = tuple(field.attname for field in Session._meta.concrete_fields)
    assert sql.plain_fields(Session, names) is not None


def test_update_equals_orm() -> None:
    new_row().save(force_insert=True)
    row = loaded("session_data", "updated_at", "ip")
    row.session_data = "other"
    row.ip = "2001:db8::1"
    columns = sql.saved_columns(row)
    assert set(columns) == {"session_data", "updated_at", "ip"}
    rows = Session.objects.filter(pk=row.pk, updated_at=row.updated_at)
    with sent() as by_orm:
        rows.update(**columns)
    with sent() as prepared:
        assert sql.update(Session.objects.all(), row, updated_at=row.updated_at) == 1
    assert prepared == by_orm
    assert Session.objects.get().ip == "2001:db8::1"


def test_update_without_match() -> None:
    new_row().save(force_insert=True)
    row = loaded("session_data", "updated_at")
    assert sql.update(Session.objects.all(), row, updated_at=LATER) == 0
    Session.objects.all().delete()
    assert sql.update(Session.objects.all(), row) == 0


def test_revoke_batch_repeats_filter() -> None:
    new_row().save(force_insert=True)
    expired = Session.objects.filter(expire_date__lt=timezone.now())
    assert isinstance(expired, SessionQuerySet)
    assert expired._revoke_batch([KEY], Ending()) == {"session_backend.Session": 0}
    assert Session.objects.exists()


def test_error_marks_transaction_for_rollback() -> None:
    new_row().save(force_insert=True)
    row = loaded("user_agent")
    row.user_agent = None  # type: ignore[assignment]
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            sql.update(Session.objects.all(), row)
        assert connection.needs_rollback


def test_expression_needs_orm() -> None:
    new_row().save(force_insert=True)
    row: Any = loaded("user_agent")
    row.user_agent = Upper(models.Value("other"))
    assert sql.update(Session.objects.all(), row) == 1
    assert Session.objects.get().user_agent == "OTHER"


@pytest.mark.parametrize("name", ["get_placeholder", "get_placeholder_sql"])
def test_placeholder_needs_orm(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    remark = ShopSession._meta.get_field("remark")
    monkeypatch.setattr(remark, name, None, raising=False)
    plain_fields = sql.plain_fields.__wrapped__
    assert plain_fields(ShopSession, ("shop", "user_id")) is not None
    assert plain_fields(ShopSession, ("shop", "remark")) is None


@isolate_apps("tests.custom_sessions")
def test_select_format_needs_orm() -> None:
    class UpperCaseField(models.TextField):  # type: ignore[type-arg]
        def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
            return f"upper({sql})", params

    class CustomSession(AbstractSession):
        remark = UpperCaseField()

        class Meta:
            app_label = "custom_sessions"

    assert sql.plain_fields(CustomSession, ("user_agent",)) is not None
    assert sql.plain_fields(CustomSession, ("user_agent", "remark")) is None


@isolate_apps("tests.custom_sessions")
def test_inherited_model_needs_orm() -> None:
    class Terminal(Session):
        place = models.CharField(max_length=20)

        class Meta:
            app_label = "custom_sessions"

    assert sql.plain_fields(Terminal, ("place",)) is None
