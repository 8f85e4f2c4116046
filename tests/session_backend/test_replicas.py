"""Sessions are never read from a replica: its lag would let a revoked session in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db.models import Model

from session_backend.fields import Digest
from session_backend.models import AbstractSession, Session
from tests.browsers import Browser

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site", "engine")]


class Router:
    """Reads sessions from a database that does not exist, so that each read raises."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return "replica" if issubclass(model, AbstractSession) else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return "default" if issubclass(model, AbstractSession) else None

    def allow_relation(self, *instances: Model, **hints: Any) -> bool:
        return True


@pytest.fixture(autouse=True)
def _router(settings: Settings) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Router"]


def test_requests(alice: Any, laptop: Browser, phone: Browser) -> None:
    laptop.sign_in(alice)
    phone.sign_in(alice)
    Session.objects.using("default").update(last_activity="2020-01-01T00:00:00Z")
    cache.clear()
    for page in ("/read/", "/write/", "/cycle/", "/poll/", "/aread/"):
        assert laptop.get(page).content.startswith(b"alice")
    laptop.post("/accounts/logout/")
    assert laptop.get("/read/").content == b"anonymous: 0"


@pytest.mark.parametrize("how", ["store", "row", "queryset", "user", "expired"])
def test_delete(how: str, alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    row = Session.objects.using("default").get()
    store = row.get_session_store_class()
    if how == "store":
        assert store().exists(laptop.key or "")
        store(Digest.of(laptop.key or "")).delete()
    elif how == "row":
        assert row.revoke() is True
    elif how == "queryset":
        assert Session.objects.for_user(alice).revoke() == 1
    elif how == "user":
        alice.delete()
    else:
        Session.objects.using("default").update(expire_date="2020-01-01T00:00:00Z")
        store.clear_expired()
    assert not Session.objects.using("default").exists()
