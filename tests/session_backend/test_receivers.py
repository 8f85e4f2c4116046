from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete

from session_backend.backends.copies import marker_key
from session_backend.models import Session
from tests.browsers import Browser, make_user
from tests.session_backend.budget import statements

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site"),
]


@pytest.fixture(autouse=True)
def _cached(settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.cached_db"


def is_marked(session: Session) -> bool:
    return marker_key(session.session_key) in cache


def test_a_deleted_user_is_signed_out_everywhere(
    alice: Any, laptop: Browser, phone: Browser
) -> None:
    rows = [laptop.sign_in(alice).row, phone.sign_in(alice).row]
    alice.delete()
    assert not Session.objects.exists()
    assert all(map(is_marked, rows))
    for browser in (laptop, phone):
        assert browser.get("/read/").content == b"nobody: 0"


def test_others_stay_signed_in(alice: Any, laptop: Browser, phone: Browser) -> None:
    laptop.sign_in(alice)
    row = phone.sign_in(make_user("bob")).row
    alice.delete()
    assert not is_marked(row)
    assert phone.get("/read/").content == b"bob: 0"


def test_users_that_are_deleted_together_are_marked(
    alice: Any, laptop: Browser, phone: Browser
) -> None:
    rows = [laptop.sign_in(alice).row, phone.sign_in(make_user("bob")).row]
    get_user_model()._default_manager.all().delete()
    assert all(map(is_marked, rows))


def test_a_deletion_that_was_rolled_back_signs_nobody_out(alice: Any, laptop: Browser) -> None:
    laptop.sign_in(alice)
    with transaction.atomic():
        alice.delete()
        transaction.set_rollback(True)
    assert laptop.get("/read/").content == b"alice: 0"


def test_a_cascade_stays_one_statement(alice: Any, laptop: Browser, phone: Browser) -> None:
    assert not pre_delete.has_listeners(Session)
    assert not post_delete.has_listeners(Session)
    laptop.sign_in(alice)
    phone.sign_in(alice)
    with statements() as sent:
        alice.delete()
    assert sent.count("DELETE") == 1


def test_without_a_cache_nothing_is_read(alice: Any, laptop: Browser, settings: Settings) -> None:
    settings.SESSION_ENGINE = "session_backend.backends.db"
    laptop.sign_in(alice)
    with statements() as sent:
        alice.delete()
    assert sent == ["BEGIN", "DELETE", "COMMIT"]


def test_a_signal_that_somebody_sends_by_hand_marks_too(alice: Any, laptop: Browser) -> None:
    row = laptop.sign_in(alice).row
    pre_delete.send(type(alice), instance=alice, using="default", origin=alice)
    assert is_marked(row)
    assert laptop.row == row
