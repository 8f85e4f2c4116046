from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser

from session_backend.auth import NO_OWNER, accepted_hashes, owner_of
from tests.session_backend.helpers import login_data

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db


def test_owner_of_authenticated_session(alice: Any) -> None:
    owner = owner_of(login_data(alice))
    assert owner.user_id == alice.pk
    assert type(owner.user_id) is type(alice.pk)
    assert [owner.auth_hash] == accepted_hashes(alice)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"colour": "blue"},
        {SESSION_KEY: "neither a number nor a UUID"},
        {SESSION_KEY: ""},
        {SESSION_KEY: []},
        {HASH_SESSION_KEY: "a hash without a user"},
    ],
)
def test_owner_of_anonymous_session(data: dict[str, Any]) -> None:
    assert owner_of(data) == NO_OWNER == (None, "")


def test_owner_of_session_without_hash(alice: Any) -> None:
    assert owner_of({SESSION_KEY: str(alice.pk)}).user_id == alice.pk


def test_hash_is_not_djangos(alice: Any) -> None:
    (accepted,) = accepted_hashes(alice)
    assert len(accepted) == 16
    assert accepted not in alice.get_session_auth_hash()


def test_password_change_changes_hash(alice: Any) -> None:
    before = accepted_hashes(alice)
    alice.set_password("another one")
    assert not set(before) & set(accepted_hashes(alice))


def test_secret_key_rotation_keeps_old_hash(alice: Any, settings: Settings) -> None:
    before = accepted_hashes(alice)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next one"
    after = accepted_hashes(alice)
    assert len(after) == 2
    assert set(before) < set(after)


def test_no_hashes_for_anonymous_user() -> None:
    assert accepted_hashes(AnonymousUser()) == []
