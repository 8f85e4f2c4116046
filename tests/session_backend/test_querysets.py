from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import DatabaseError, NotSupportedError, connection, transaction
from django.db.models import Count
from django.db.models.signals import post_delete
from django.utils import timezone

from session_backend import models
from session_backend.cache import marker_key
from session_backend.history import Ending
from session_backend.models import Session, SessionQuerySet
from tests.browsers import Browser, make_user
from tests.session_backend.budget import statements
from tests.session_backend.helpers import execute_before, fail_on, login_data

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "BATCH_SIZE", 2)


def make(user: Any = None, *, days: float = 1, **columns: Any) -> Session:
    store = Session.get_session_store_class()()
    store.update(login_data(user) if user else {"colour": "blue"})
    store.save()
    columns["expire_date"] = timezone.now() + timedelta(days=days)
    Session.objects.filter(pk=store.session_key).update(**columns)
    return Session.objects.get(pk=store.session_key)


def test_active() -> None:
    live = make()
    make(days=-1)
    assert list(Session.objects.active()) == [live]


def test_for_user(alice: Any) -> None:
    row = make(alice)
    make(make_user("bob"))
    make()
    assert list(Session.objects.for_user(alice)) == [row]
    assert list(Session.objects.for_user(alice).active().defer("session_data")) == [row]
    alice.set_password("another one")
    assert not Session.objects.for_user(alice).exists()


def test_others(alice: Any, laptop: Browser, phone: Browser) -> None:
    current, other = laptop.sign_in(alice).row, phone.sign_in(alice).row
    assert list(Session.objects.others(laptop.key)) == [other]
    assert list(Session.objects.others(current.session_key)) == [other]
    assert set(Session.objects.others(None)) == {current, other}
    assert set(Session.objects.others("")) == {current, other}


def test_revoke_returns_count(alice: Any) -> None:
    rows = [make(alice) for _ in range(3)]
    kept = make()
    assert Session.objects.filter(user=alice).revoke() == len(rows)
    assert Session.objects.filter(user=alice).revoke() == 0
    assert list(Session.objects.all()) == [kept]


def test_delete_returns_counts() -> None:
    make()
    make()
    assert Session.objects.all().delete() == (2, {"session_backend.Session": 2})
    assert Session.objects.all().delete() == (0, {})
    assert Session.objects.none().delete() == (0, {})


@pytest.mark.usefixtures("batches_of_two", "no_history")
def test_revoke_in_batches() -> None:
    for _ in range(9):
        make()
    with statements() as sent:
        assert Session.objects.order_by("-last_activity").revoke() == 9
    assert sent == ["SELECT", *["DELETE"] * 4, "SELECT", "DELETE"]
    for _ in range(8):
        make()
    with statements() as sent:
        assert Session.objects.all().revoke() == 8
    # After four full batches it looks for a fifth.
    assert sent == ["SELECT", *["DELETE"] * 4, "SELECT"]


@pytest.mark.usefixtures("batches_of_two")
def test_key_batches() -> None:
    for _ in range(5):
        make()
    batches = list(Session.objects.all().key_batches())
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert len({key for batch in batches for key in batch}) == 5
    assert [len(batch) for batch in Session.objects.all()[:3].key_batches()] == [2, 1]


def test_session_extended_meanwhile_not_revoked() -> None:
    row, expired = make(days=-1), make(days=-1)

    def extend() -> None:
        Session.objects.filter(pk=row.pk).update(expire_date=timezone.now() + timedelta(days=1))

    with execute_before("DELETE", extend):
        assert Session.objects.filter(expire_date__lt=timezone.now()).revoke() == 1
    assert list(Session.objects.all()) == [row]
    assert not Session.objects.filter(pk=expired.pk).exists()


def test_session_cycled_meanwhile_revoked(alice: Any) -> None:
    make(alice)

    def cycle() -> None:
        Session.objects.update(session_key="another-key")

    with execute_before("DELETE", cycle):
        assert Session.objects.filter(user=alice).revoke() == 1
    assert not Session.objects.exists()


def test_revoke_gives_up_on_session_cycled_repeatedly(alice: Any) -> None:
    make(alice)
    keys = map(str, count())

    def cycle(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if sql.startswith("DELETE"):
            Session.objects.update(session_key=f"key {next(keys)}")
        return execute(sql, *args)

    with connection.execute_wrapper(cycle):
        assert Session.objects.filter(user=alice).revoke() == 0
    assert Session.objects.count() == 1


def test_session_deleted_meanwhile_not_counted() -> None:
    rows = [make(), make()]

    with execute_before(
        "DELETE", lambda: Session.objects.filter(pk=rows[0].pk)._raw_delete("default")
    ):
        assert Session.objects.all().revoke() == 1


@pytest.mark.usefixtures("batches_of_two")
def test_revoke_slice() -> None:
    rows = [make(last_activity=timezone.now() - timedelta(hours=age)) for age in range(5)]
    assert Session.objects.order_by("-last_activity")[1:4].revoke() == 3
    assert set(Session.objects.all()) == {rows[0], rows[4]}


def test_revoke_with_join(alice: Any) -> None:
    make(alice)
    make(alice)
    kept = make(make_user("bob"))
    assert Session.objects.filter(user__email="alice@example.com").revoke() == 2
    assert list(Session.objects.all()) == [kept]


@pytest.mark.parametrize(
    "narrow",
    [
        lambda rows: rows.distinct(),
        lambda rows: rows.order_by("user__email", "-last_activity"),
        lambda rows: rows.select_related("user"),
        lambda rows: rows.defer("session_data"),
        lambda rows: rows.values("pk"),
        lambda rows: rows.values_list("ip", "pk"),
        lambda rows: rows.filter(user__isnull=False).distinct().order_by("ip"),
        lambda rows: rows.annotate(groups=Count("user__groups")).filter(groups=0),
        lambda rows: rows.reverse(),
    ],
)
def test_delete_any_queryset(alice: Any, narrow: Callable[[Any], Any]) -> None:
    make(alice)
    make(alice)
    kept = make(make_user("bob"))
    rows = narrow(Session.objects.filter(user__email__startswith="alice"))
    assert rows.delete() == (2, {"session_backend.Session": 2})
    assert list(Session.objects.all()) == [kept]


def test_delete_union_raises() -> None:
    make()
    rows = Session.objects.filter(ip=None).union(Session.objects.filter(user=None))
    with pytest.raises(NotSupportedError):
        rows.delete()
    union = Session.objects.all().union(Session.objects.filter(user=None))
    with pytest.raises(NotSupportedError):
        union._revoke_batch([Session.objects.get().pk], Ending())
    assert Session.objects.count() == 1


def test_revoke_batch_hashes_keys() -> None:
    store = Session.get_session_store_class()()
    store.save()
    keys: Any = [store.session_key]
    assert Session.objects.all()._revoke_batch(keys, Ending()) == {"session_backend.Session": 1}


def test_post_delete_sent(alice: Any, engine: str) -> None:
    rows = {make(alice).pk, make(alice).pk}
    received: list[Any] = []

    def receiver(instance: Session, **kwargs: Any) -> None:
        received.append(instance.pk)

    post_delete.connect(receiver, sender=Session)
    try:
        assert Session.objects.filter(user=alice).revoke() == 2
    finally:
        post_delete.disconnect(receiver, sender=Session)
    assert set(received) == rows
    assert not Session.objects.exists()
    assert all((marker_key(pk) in cache) is (engine == "cached_db") for pk in rows)


def test_revoke_error_leaves_transaction_usable() -> None:
    row = make()

    fail = connection.execute_wrapper(fail_on("DELETE"))
    with transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic(), fail:
            Session.objects.filter(pk=row.pk).revoke()
        assert Session.objects.count() == 1


def test_methods_not_callable_from_templates() -> None:
    for name in ("clear", "delete", "revoke", "update_unlocked"):
        method = getattr(SessionQuerySet, name)
        assert method.alters_data
        assert not hasattr(Session.objects, name)


def test_update_unlocked(alice: Any) -> None:
    row, other = make(alice), make()
    assert Session.objects.filter(user=alice).update_unlocked(city="Uppsala") == 1
    assert Session.objects.filter(pk="unknown-key").update_unlocked(city="Uppsala") == 0
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.city, other.city) == ("Uppsala", "")


@pytest.mark.parametrize("vendor", ["postgresql", "another"])
def test_update_unlocked_skips_locked_rows(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite accepts the statements of other databases without the lock clause.
    if connection.vendor != "sqlite":
        pytest.skip("Other databases have locks.")
    row, other = make(), make()
    sent: list[str] = []

    def without_lock(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        sent.append(sql)
        return execute(sql.replace(" FOR UPDATE SKIP LOCKED", ""), *args)

    monkeypatch.setattr(connection.features, "has_select_for_update_skip_locked", True)
    monkeypatch.setattr(connection, "vendor", vendor)
    with connection.execute_wrapper(without_lock):
        assert Session.objects.filter(pk=row.pk).update_unlocked(city="Uppsala") == 1
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.city, other.city) == ("Uppsala", "")
    verbs = [sql.split()[0] for sql in sent]
    if vendor == "postgresql":
        assert verbs == ["UPDATE"]
        assert sent[0].endswith("FOR UPDATE SKIP LOCKED)")
    else:
        assert verbs == ["BEGIN", "SELECT", "UPDATE"]


def test_filter_users_by_session(alice: Any) -> None:
    make(alice, ip="192.0.2.1")
    users = get_user_model()._default_manager.filter(session__ip="192.0.2.1")
    assert list(users) == [alice]
