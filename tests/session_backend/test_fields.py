from __future__ import annotations

import pickle
from hashlib import sha256
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import serializers
from django.db import connection
from django.db.models import F, Value
from django.forms import model_to_dict, modelform_factory
from django.utils import timezone

from session_backend.fields import Digest
from session_backend.models import Session
from tests.browsers import make_user

pytestmark = pytest.mark.django_db

KEY = "q5n8yk3vpgmzjfzb7w2zpm4gln5xqcuv"
DIGEST = sha256(KEY.encode()).hexdigest()[:40]


def make(key: str = KEY, **columns: Any) -> Session:
    return Session.objects.create(session_key=key, expire_date=timezone.now(), **columns)


def test_digest_is_truncated_sha256() -> None:
    digest = Digest.of(KEY)
    assert digest == DIGEST
    assert type(digest) is Digest
    assert isinstance(digest, str)
    assert len(digest) == 40


def test_digest_not_hashed_again() -> None:
    assert Digest.of(Digest.of(KEY)) == DIGEST
    assert Digest.of(Digest("any text")) == "any text"
    # A plain string is a key, even if it looks like a digest.
    assert Digest.of(DIGEST) != DIGEST


@pytest.mark.parametrize("key", ["", "å", "\x00", "\ud800", "k" * 10_000])
def test_any_cookie_value_hashed(key: str) -> None:
    assert len(Digest.of(key)) == 40
    assert not Session.objects.filter(pk=key).exists()


def test_row_never_holds_key() -> None:
    row = Session(session_key=KEY)
    assert row.session_key == row.pk == DIGEST
    row.session_key = "another-key"
    assert row.session_key == Digest.of("another-key")
    assert KEY not in repr(vars(row))


def test_column_read_as_digest() -> None:
    make()
    read = [
        Session.objects.get().session_key,
        Session.objects.values_list("session_key", flat=True)[0],
        Session.objects.values_list("pk")[0][0],
        Session.objects.values("pk")[0]["pk"],
        Session.objects.annotate(digest=F("pk")).values_list("digest", flat=True)[0],
    ]
    assert [type(value) for value in read] == [Digest] * 5
    assert set(read) == {DIGEST}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT session_key FROM {Session._meta.db_table}")
        assert list(cursor.fetchall()) == [(DIGEST,)]


def test_lookup_by_key_or_digest() -> None:
    row = make()
    make("another-key")
    for value in (KEY, Digest.of(KEY), row.session_key):
        assert Session.objects.get(pk=value) == row
        assert Session.objects.get(session_key=value) == row
        assert list(Session.objects.filter(pk__in=[value, "unknown-key"])) == [row]
        assert Session.objects.exclude(pk=value).count() == 1
        assert Session.objects.in_bulk([value]) == {DIGEST: row}


def test_lookup_by_text_of_digest() -> None:
    make()
    assert not Session.objects.filter(pk=DIGEST).exists()
    assert not Session.objects.filter(pk__in=[DIGEST]).exists()


def test_lookup_by_none_or_empty_key() -> None:
    make()
    assert not Session.objects.filter(pk=None).exists()
    assert not Session.objects.filter(pk="").exists()
    assert Session().pk == ""


def test_update_and_bulk_create_hash_key() -> None:
    make("another-key")
    Session.objects.update(session_key=KEY)
    assert Session.objects.get().session_key == DIGEST
    Session.objects.bulk_create([Session(session_key="third-key", expire_date=timezone.now())])
    assert Session.objects.filter(pk="third-key").exists()
    assert Session.objects.get_or_create(pk=KEY)[1] is False


def test_null_key() -> None:
    user = make_user()
    rows = get_user_model()._default_manager.values_list("session", flat=True)
    assert list(rows.all()) == [None]
    row = make(user_id=user.pk)
    assert [type(pk) for pk in rows.all()] == [Digest]
    row.delete()
    assert row.pk is None


def test_expressions_not_hashed() -> None:
    make()
    assert Session.objects.filter(pk=F("session_key")).exists()
    assert Session.objects.filter(pk=Value(DIGEST)).exists()
    assert Session.objects.filter(pk__in=Session.objects.values("pk")).exists()


def test_text_lookups_not_hashed() -> None:
    make()
    assert Session.objects.filter(pk__startswith=DIGEST[:6]).exists()
    assert Session.objects.filter(pk__icontains=DIGEST[6:12].upper()).exists()


def test_pickle_and_serializers() -> None:
    row = make()
    assert pickle.loads(pickle.dumps(row)).session_key == DIGEST
    assert type(pickle.loads(pickle.dumps(Digest.of(KEY)))) is Digest
    dumped = serializers.serialize("json", [row])
    row.delete()
    for loaded in serializers.deserialize("json", dumped):
        loaded.save()
    assert Session.objects.get(pk=KEY).session_key == DIGEST


def test_refresh_from_db() -> None:
    row = make()
    row.refresh_from_db()
    assert row.session_key == DIGEST
    assert type(row.session_key) is Digest


def test_model_form() -> None:
    row = make(session_data="data")
    form_class = modelform_factory(Session, fields="__all__")
    form = form_class(model_to_dict(row) | {"city": "Uppsala"}, instance=Session.objects.get())
    assert form.errors == {}
    form.save()
    assert [(row.pk, row.city) for row in Session.objects.all()] == [(row.pk, "Uppsala")]


def test_full_clean() -> None:
    make(session_data="data").full_clean()
