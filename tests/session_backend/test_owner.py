from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser

from session_backend.owner import NOBODY, accepted_hashes, owner_of
from tests.session_backend.backends.behaviours.base import signed_in

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db


def test_a_signed_in_session_has_an_owner(alice: Any) -> None:
    owner = owner_of(signed_in(alice))
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
def test_any_other_has_none(data: dict[str, Any]) -> None:
    assert owner_of(data) == NOBODY == (None, "")


def test_a_user_model_without_hashes_has_owners(alice: Any) -> None:
    assert owner_of({SESSION_KEY: str(alice.pk)}).user_id == alice.pk


def test_the_hash_is_short_and_not_djangos(alice: Any) -> None:
    (accepted,) = accepted_hashes(alice)
    assert len(accepted) == 16
    assert accepted not in alice.get_session_auth_hash()


def test_a_changed_password_changes_the_hash(alice: Any) -> None:
    before = accepted_hashes(alice)
    alice.set_password("another one")
    assert not set(before) & set(accepted_hashes(alice))


def test_a_rotated_secret_key_keeps_the_old_hash(alice: Any, settings: Settings) -> None:
    before = accepted_hashes(alice)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next one"
    after = accepted_hashes(alice)
    assert len(after) == 2
    assert set(before) < set(after)


def test_nobody_is_accepted_as_anonymous() -> None:
    assert accepted_hashes(AnonymousUser()) == []
