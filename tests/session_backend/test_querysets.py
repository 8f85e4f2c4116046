from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

from session_backend.backends.copies import marker_key
from session_backend.models import Session
from session_backend.querysets import SessionQuerySet
from tests.browsers import Browser, make_user
from tests.session_backend.backends.behaviours.base import signed_in
from tests.session_backend.budget import statements

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "engine"),
]


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SessionQuerySet.key_batches, "__defaults__", (2,))


def make(user: Any = None, *, days: float = 1, **columns: Any) -> Session:
    store = Session.get_session_store_class()()
    store.update(signed_in(user) if user else {"colour": "blue"})
    store.save()
    columns["expire_date"] = timezone.now() + timedelta(days=days)
    Session.objects.filter(pk=store.session_key).update(**columns)
    return Session.objects.get(pk=store.session_key)


@contextmanager
def before(verb: str, act: Callable[[], Any]) -> Iterator[None]:
    """Do something just before the first statement of a kind, as another process might."""
    done = False

    def wrapper(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        nonlocal done
        if sql.startswith(verb) and not done:
            done = True
            act()
        return execute(sql, *args)

    with connection.execute_wrapper(wrapper):
        yield


def test_active_leaves_out_what_has_expired() -> None:
    live = make()
    make(days=-1)
    assert list(Session.objects.active()) == [live]


def test_for_user_keeps_what_django_lets_in(alice: Any) -> None:
    row = make(alice)
    make(make_user("bob"))
    make()
    assert list(Session.objects.for_user(alice)) == [row]
    assert list(Session.objects.for_user(alice).active().defer("session_data")) == [row]
    alice.set_password("another one")
    assert not Session.objects.for_user(alice).exists()


def test_others_leaves_out_ones_own(alice: Any, laptop: Browser, phone: Browser) -> None:
    own, other = laptop.sign_in(alice).row, phone.sign_in(alice).row
    assert list(Session.objects.others(laptop.key)) == [other]
    assert list(Session.objects.others(own.session_key)) == [other]
    assert set(Session.objects.others(None)) == {own, other}
    assert set(Session.objects.others("")) == {own, other}


def test_end_tells_how_many_there_were(alice: Any) -> None:
    rows = [make(alice) for _ in range(3)]
    left = make()
    assert Session.objects.filter(user=alice).end() == len(rows)
    assert Session.objects.filter(user=alice).end() == 0
    assert list(Session.objects.all()) == [left]


def test_delete_counts_as_djangos() -> None:
    make()
    make()
    assert Session.objects.all().delete() == (2, {"session_backend.Session": 2})
    assert Session.objects.all().delete() == (0, {})
    assert Session.objects.none().delete() == (0, {})


@pytest.mark.usefixtures("batches_of_two")
def test_many_go_in_batches() -> None:
    for _ in range(9):
        make()
    with statements() as sent:
        assert Session.objects.order_by("-last_activity").end() == 9
    assert sent == ["SELECT", *["DELETE"] * 4, "SELECT", "DELETE"]
    for _ in range(8):
        make()
    with statements() as sent:
        assert Session.objects.all().end() == 8
    # Four full ones may be followed by a fifth.
    assert sent == ["SELECT", *["DELETE"] * 4, "SELECT"]


@pytest.mark.usefixtures("batches_of_two")
def test_no_batch_is_larger_than_the_rest() -> None:
    for _ in range(5):
        make()
    batches = list(Session.objects.all().key_batches())
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert len({key for batch in batches for key in batch}) == 5
    assert [len(batch) for batch in Session.objects.all()[:3].key_batches()] == [2, 1]


def test_a_session_that_is_extended_meanwhile_lives_on(engine: str) -> None:
    row, expired = make(days=-1), make(days=-1)

    def extend() -> None:
        Session.objects.filter(pk=row.pk).update(expire_date=timezone.now() + timedelta(days=1))

    with before("DELETE", extend):
        assert Session.objects.filter(expire_date__lt=timezone.now()).end() == 1
    assert list(Session.objects.all()) == [row]
    assert not Session.objects.filter(pk=expired.pk).exists()


def test_a_session_that_is_cycled_meanwhile_is_ended_all_the_same(alice: Any) -> None:
    make(alice)

    def cycle() -> None:
        Session.objects.update(session_key="another-key")

    with before("DELETE", cycle):
        assert Session.objects.filter(user=alice).end() == 1
    assert not Session.objects.exists()


def test_a_session_that_is_never_there_is_let_go(alice: Any) -> None:
    make(alice)
    keys = map(str, count())

    def cycle(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if sql.startswith("DELETE"):
            Session.objects.update(session_key=f"key {next(keys)}")
        return execute(sql, *args)

    with connection.execute_wrapper(cycle):
        assert Session.objects.filter(user=alice).end() == 0
    assert Session.objects.count() == 1


def test_a_session_that_goes_meanwhile_is_not_counted() -> None:
    rows = [make(), make()]

    with before("DELETE", lambda: Session.objects.filter(pk=rows[0].pk)._raw_delete("default")):
        assert Session.objects.all().end() == 1


@pytest.mark.usefixtures("batches_of_two")
def test_a_slice_goes() -> None:
    rows = [make(last_activity=timezone.now() - timedelta(hours=age)) for age in range(5)]
    assert Session.objects.order_by("-last_activity")[1:4].end() == 3
    assert set(Session.objects.all()) == {rows[0], rows[4]}


def test_a_join_goes(alice: Any) -> None:
    make(alice)
    make(alice)
    left = make(make_user("bob"))
    assert Session.objects.filter(user__email="alice@example.com").end() == 2
    assert list(Session.objects.all()) == [left]


@pytest.mark.parametrize(
    "shape",
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
def test_a_set_of_any_shape_goes(alice: Any, shape: Callable[[Any], Any]) -> None:
    make(alice)
    make(alice)
    left = make(make_user("bob"))
    rows = shape(Session.objects.filter(user__email__startswith="alice"))
    assert rows.delete() == (2, {"session_backend.Session": 2})
    assert list(Session.objects.all()) == [left]


def test_a_union_is_refused_as_by_django() -> None:
    make()
    rows = Session.objects.filter(ip=None).union(Session.objects.filter(user=None))
    with pytest.raises(NotSupportedError):
        rows.delete()
    whole = Session.objects.all().union(Session.objects.filter(user=None))
    with pytest.raises(NotSupportedError):
        whole.delete_batch([Session.objects.get().pk])
    assert Session.objects.count() == 1


def test_a_plain_string_in_a_batch_is_a_key_and_hashed() -> None:
    store = Session.get_session_store_class()()
    store.save()
    keys: Any = [store.session_key]
    assert Session.objects.all().delete_batch(keys) == {"session_backend.Session": 1}


def test_receivers_are_called(alice: Any, engine: str) -> None:
    # A site that listens gets what it listens for; the rows are then collected by Django.
    rows = {make(alice).pk, make(alice).pk}
    heard: list[Any] = []

    def listen(instance: Session, **kwargs: Any) -> None:
        heard.append(instance.pk)

    post_delete.connect(listen, sender=Session)
    try:
        assert Session.objects.filter(user=alice).end() == 2
    finally:
        post_delete.disconnect(listen, sender=Session)
    assert set(heard) == rows
    assert not Session.objects.exists()
    assert all((marker_key(pk) in cache) is (engine == "cached_db") for pk in rows)


def test_an_error_leaves_the_transaction_to_its_owner() -> None:
    row = make()

    def fail(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        raise DatabaseError

    with transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic(), connection.execute_wrapper(fail):
            Session.objects.filter(pk=row.pk).end()
        assert Session.objects.count() == 1


def test_a_template_cannot_end_anything() -> None:
    for name in ("delete", "end", "delete_batch", "update_unlocked"):
        method = getattr(SessionQuerySet, name)
        assert method.alters_data
        assert not hasattr(Session.objects, name)


def test_rows_are_updated_unless_they_are_locked(alice: Any) -> None:
    row, other = make(alice), make()
    assert Session.objects.filter(user=alice).update_unlocked(city="Uppsala") == 1
    assert Session.objects.filter(pk="a-key-nobody-has").update_unlocked(city="Uppsala") == 0
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.city, other.city) == ("Uppsala", "")


@pytest.mark.parametrize("vendor", ["postgresql", "another"])
def test_how_locked_rows_are_skipped(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the other databases are sent, and SQLite takes but for the lock itself.
    if connection.vendor != "sqlite":
        pytest.skip("This database is sent the real thing.")
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


def test_users_are_found_by_their_sessions(alice: Any) -> None:
    make(alice, ip="192.0.2.1")
    users = get_user_model()._default_manager.filter(session__ip="192.0.2.1")
    assert list(users) == [alice]
