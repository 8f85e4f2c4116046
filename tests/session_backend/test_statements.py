"""The statements are those of the ORM; what only the ORM can say is left to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models.functions import Upper
from django.db.models.signals import post_save
from django.test.utils import isolate_apps
from django.utils import timezone

from session_backend import statements
from session_backend.fields import Digest
from session_backend.models import AbstractSession, Session
from session_backend.querysets import SessionQuerySet
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
    """Collect statements and parameters, without the names of tables and brackets ORMs add."""
    collected: list[tuple[str, list[Any]]] = []
    table = connection.ops.quote_name(Session._meta.db_table)

    def note(execute: Callable[..., Any], sql: str, params: Any, *args: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            bare = sql.replace(f"{table}.", "").replace("WHERE (", "WHERE ")
            collected.append((bare.removesuffix(")") if "WHERE (" in sql else bare, [*params]))
        return execute(sql, params, *args)

    with connection.execute_wrapper(note):
        yield collected


def test_a_select_is_the_same() -> None:
    new_row(ip="2001:db8::1", user_agent="Agent/1.0").save(force_insert=True)
    rows = Session.objects.filter(pk=KEY).filter(expire_date__gt=NOW)
    with sent() as by_the_orm:
        (expected,) = rows.values_list(*COLUMNS)
    with sent() as ours:
        assert statements.select(Session, "default", KEY, NOW, COLUMNS) == expected
    assert [(re.sub(r" AS .\w+.", "", sql), params) for sql, params in by_the_orm] == ours


def test_a_select_finds_no_session_that_has_expired() -> None:
    new_row().save(force_insert=True)
    assert statements.select(Session, "default", KEY, LATER, COLUMNS) is None
    assert statements.select(Session, "default", Digest.of("another"), NOW, COLUMNS) is None


def test_a_select_by_the_orm_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    new_row(ip="192.0.2.1").save(force_insert=True)
    quick = statements.select(Session, "default", KEY, NOW, COLUMNS)
    monkeypatch.setattr(statements, "plain_fields", lambda *args: None)
    assert statements.select(Session, "default", KEY, NOW, COLUMNS) == quick
    assert statements.select(Session, "default", KEY, LATER, COLUMNS) is None


def test_our_own_columns_are_not_left_to_the_orm() -> None:
    # Else what is compared here would be the ORM and the ORM.
    names = tuple(field.attname for field in Session._meta.concrete_fields)
    assert statements.plain_fields(Session, names) is not None


def test_an_insert_is_the_same() -> None:
    row = new_row(ip="192.0.2.1", user_agent="Agent/1.0")
    with sent() as by_the_orm:
        row.save(force_insert=True)
    Session.objects.all().delete()
    with sent() as ours:
        statements.insert(row, "default")
    assert ours == by_the_orm
    stored = Session.objects.get()
    assert (stored.ip, stored.user_agent, stored.expire_date) == ("192.0.2.1", "Agent/1.0", LATER)


def test_an_update_is_the_same_and_of_the_columns_that_the_row_holds() -> None:
    new_row().save(force_insert=True)
    row = loaded("session_data", "updated_at", "ip")
    row.session_data = "other"
    row.ip = "2001:db8::1"
    columns = statements.columns_of(row)
    assert set(columns) == {"session_data", "updated_at", "ip"}
    rows = Session.objects.filter(pk=row.pk, updated_at=row.updated_at)
    with sent() as by_the_orm:
        rows.update(**columns)
    with sent() as ours:
        assert statements.update(row, "default", updated_at=row.updated_at) == 1
    assert ours == by_the_orm
    assert Session.objects.get().ip == "2001:db8::1"


def test_an_update_says_when_there_was_nothing_to_write() -> None:
    new_row().save(force_insert=True)
    row = loaded("session_data", "updated_at")
    assert statements.update(row, "default", updated_at=LATER) == 0
    Session.objects.all().delete()
    assert statements.update(row, "default") == 0


def test_a_deletion_is_the_same() -> None:
    new_row().save(force_insert=True)
    keys = [KEY, Digest.of("another")]
    with sent() as by_the_orm:
        Session.objects.filter(pk__in=keys)._raw_delete("default")
    new_row().save(force_insert=True)
    with sent() as ours:
        assert statements.delete(Session, "default", keys) == 1
    assert ours == by_the_orm
    assert not Session.objects.exists()


def test_a_set_with_a_filter_asks_for_it_in_the_deletion() -> None:
    new_row().save(force_insert=True)
    expired = Session.objects.filter(expire_date__lt=timezone.now())
    assert isinstance(expired, SessionQuerySet)
    assert expired.delete_batch([KEY]) == {"session_backend.Session": 0}
    assert Session.objects.exists()


def test_an_error_spoils_the_transaction_around_it() -> None:
    statements.insert(new_row(), "default")
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            statements.insert(new_row(), "default")
        assert connection.needs_rollback


def test_an_expression_is_left_to_the_orm() -> None:
    row: Any = new_row(user_agent=Upper(models.Value("agent")))
    statements.insert(row, "default")
    assert Session.objects.get().user_agent == "AGENT"
    row = loaded("user_agent")
    row.user_agent = Upper(models.Value("other"))
    assert statements.update(row, "default") == 1
    assert Session.objects.get().user_agent == "OTHER"


def test_who_listens_to_saves_hears_of_a_new_session() -> None:
    heard: list[Any] = []

    def listen(instance: Any, **kwargs: Any) -> None:
        heard.append(instance.pk)

    post_save.connect(listen, sender=Session)
    try:
        statements.insert(new_row(), "default")
    finally:
        post_save.disconnect(listen, sender=Session)
    assert heard == [KEY]


def test_a_model_that_saves_in_its_own_way_is_let(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[Any] = []
    monkeypatch.setattr(Session, "save", lambda row, **kwargs: saved.append((row.pk, kwargs)))
    statements.insert(new_row(), "default")
    assert saved == [(KEY, {"force_insert": True, "using": "default"})]


@pytest.mark.parametrize("name", ["get_placeholder", "get_placeholder_sql"])
def test_a_field_with_a_placeholder_is_left_to_the_orm(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remark = ShopSession._meta.get_field("remark")
    monkeypatch.setattr(remark, name, None, raising=False)
    plain_fields = statements.plain_fields.__wrapped__
    assert plain_fields(ShopSession, ("shop", "user_id")) is not None
    assert plain_fields(ShopSession, ("shop", "remark")) is None


@isolate_apps("tests.custom_sessions")
def test_a_field_that_is_selected_in_its_own_way_is_left_to_the_orm() -> None:
    class Loud(models.TextField):  # type: ignore[type-arg]
        def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
            return f"upper({sql})", params

    class LoudSession(AbstractSession):
        remark = Loud()

        class Meta:
            app_label = "custom_sessions"

    assert statements.plain_fields(LoudSession, ("user_agent",)) is not None
    assert statements.plain_fields(LoudSession, ("user_agent", "remark")) is None


@isolate_apps("tests.custom_sessions")
def test_a_model_of_two_tables_is_left_to_the_orm() -> None:
    class Terminal(Session):
        place = models.CharField(max_length=20)

        class Meta:
            app_label = "custom_sessions"

    assert statements.plain_fields(Terminal, ("place",)) is None
