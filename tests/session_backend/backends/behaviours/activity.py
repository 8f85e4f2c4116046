"""When and from where a session was last seen, as the middleware has it recorded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from tests.browsers import LAPTOP, PHONE
from tests.session_backend.backends.behaviours.base import Behaviour
from tests.session_backend.backends.behaviours.transactions import losing
from tests.session_backend.budget import statements

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["ActivityBehaviour"]


class ActivityBehaviour(Behaviour):
    def used(self, key: str | None = None, device: dict[str, str] = LAPTOP) -> Any:
        """Return a store as the middleware makes it."""
        store = self.store(key)
        store.meta = device
        return store

    def opened(self, key: str, device: dict[str, str] = LAPTOP) -> Any:
        store = self.used(key, device)
        store.get("colour")
        return store

    def aged(self, **age: float) -> tuple[str, datetime]:
        """Return the key of a session that was last seen so long ago, and when that was."""
        store = self.used()
        store["colour"] = "blue"
        store.save()
        seen = timezone.now() - timedelta(**age)
        self.model.objects.update(last_activity=seen)
        cache.clear()
        return store.session_key, self.row(store).last_activity

    def test_an_unopened_session_is_not_stamped(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.used(key)
        assert not store.is_stamp_due
        with statements(self.model) as sent:
            store.stamp()
        assert sent == []

    def test_no_session_is_not_stamped(self) -> None:
        store = self.opened("a-key-nobody-has")
        assert not store.is_stamp_due
        store.stamp()
        assert not self.model.objects.exists()

    def test_a_session_seen_a_moment_ago_is_not_stamped(self) -> None:
        key, seen = self.aged(seconds=50)
        store = self.opened(key)
        assert not store.is_stamp_due
        store.stamp()
        assert self.row(store).last_activity == seen

    def test_a_session_seen_an_interval_ago_is_stamped(self) -> None:
        key, seen = self.aged(seconds=61)
        store = self.opened(key)
        assert store.is_stamp_due
        store.stamp()
        assert self.row(store).last_activity > seen
        assert not store.is_stamp_due

    def test_the_interval_is_the_settings(self, settings: Settings) -> None:
        settings.SESSION_BACKEND_ACTIVITY_INTERVAL = 10
        key, _ = self.aged(seconds=11)
        assert self.opened(key).is_stamp_due

    def test_a_stamp_records_the_client_and_touches_nothing_else(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.opened(key, PHONE)
        before = self.row(store)
        store.stamp()
        after = self.row(store)
        assert (after.ip, after.user_agent) == (PHONE["REMOTE_ADDR"], PHONE["HTTP_USER_AGENT"])
        assert (after.device_model, after.device_type) == ("iPhone", "mobile")
        for column in ("session_data", "expire_date", "updated_at", "created_at", "auth_hash"):
            assert getattr(after, column) == getattr(before, column)

    def test_a_client_that_stayed_is_not_looked_up_again(self) -> None:
        key, _ = self.aged(hours=1)
        self.model.objects.update(city="Linköping", browser="Known by other means")
        store = self.opened(key)
        store.stamp()
        assert self.row(store).city == "Linköping"
        assert self.row(store).browser == "Known by other means"

    def test_a_client_that_moves_within_the_interval_waits_for_its_end(self) -> None:
        key, _ = self.aged(seconds=10)
        assert not self.opened(key, PHONE).is_stamp_due

    def test_a_row_without_a_client_is_always_due(self) -> None:
        store = self.saved()
        assert not self.opened(store.session_key, {}).is_stamp_due
        reader = self.opened(store.session_key)
        assert reader.is_stamp_due
        reader.stamp()
        assert self.row(store).ip == LAPTOP["REMOTE_ADDR"]
        assert not self.opened(store.session_key).is_stamp_due

    def test_a_row_without_a_client_is_not_due_where_none_is_kept(self, settings: Settings) -> None:
        settings.SESSION_BACKEND_STORE_IP = "off"
        settings.SESSION_BACKEND_STORE_USER_AGENT = False
        assert not self.opened(self.saved().session_key).is_stamp_due

    def test_an_unknown_client_leaves_the_recorded_one(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.opened(key, {})
        store.stamp()
        assert self.row(store).last_activity > seen
        assert self.row(store).ip == LAPTOP["REMOTE_ADDR"]

    def test_a_stamp_loses_no_concurrent_write(self) -> None:
        key, _ = self.aged(hours=1)
        reader, writer = self.opened(key), self.opened(key)
        writer["colour"] = "red"
        writer.save()
        reader.stamp()
        assert self.store(key)["colour"] == "red"

    def test_of_two_stamps_the_first_stays(self) -> None:
        key, _ = self.aged(hours=1)
        one, other = self.opened(key), self.used(key, PHONE)
        cache.clear()
        other.get("colour")
        one.stamp()
        other.stamp()
        assert self.row(one).ip == LAPTOP["REMOTE_ADDR"]

    def test_a_silent_session_is_not_stamped(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.used(key)
        store.silent = True
        store.get("colour")
        assert not store.is_stamp_due
        store.stamp()
        assert self.row(store).last_activity == seen

    def test_what_is_saved_in_silence_is_no_activity(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.used(key, PHONE)
        store.silent = True
        store["colour"] = "red"
        store.save()
        row = self.row(store)
        assert row.get_decoded() == {"colour": "red"}
        assert (row.last_activity, row.ip) == (seen, LAPTOP["REMOTE_ADDR"])

    def test_what_is_made_in_silence_has_no_client(self) -> None:
        store = self.used()
        store.silent = True
        store["colour"] = "red"
        store.save()
        assert self.row(store).ip is None
        assert self.row(store).last_activity <= timezone.now()

    def test_a_save_stamps_on_the_way(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.opened(key)
        store.save()
        assert not store.is_stamp_due

    def test_a_flushed_session_is_not_stamped(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.opened(key)
        store.flush()
        assert not store.is_stamp_due
        store.stamp()

    def test_a_cycled_session_is_stamped_under_its_new_key(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.opened(key)
        store.cycle_key()
        store.stamp()
        assert self.row(store).last_activity > seen

    def test_a_revoked_session_is_not_brought_back(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.opened(key)
        self.row(store).end()
        store.stamp()
        assert not self.model.objects.exists()

    def test_an_error_of_the_database_is_logged_and_passed(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        key, seen = self.aged(hours=1)
        store = self.opened(key)
        with connection.execute_wrapper(losing("UPDATE")):
            store.stamp()
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("session_backend", "WARNING")
        assert self.row(store).last_activity == seen
        assert not store.is_stamp_due

    def test_a_stamp_waits_for_nobody(self) -> None:
        if not connection.features.has_select_for_update_skip_locked:
            pytest.skip("This database cannot tell that a row is locked.")
        key, seen = self.aged(hours=1)
        store = self.opened(key)
        somebody = connection.copy()
        try:
            somebody.set_autocommit(False)
            with somebody.cursor() as cursor:
                table = connection.ops.quote_name(self.model._meta.db_table)
                cursor.execute(f"SELECT 1 FROM {table} FOR UPDATE")
                store.stamp()
            assert self.row(store).last_activity == seen
        finally:
            somebody.rollback()
            somebody.close()
