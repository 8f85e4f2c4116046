"""Touches: when a session was last used and by which client."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from tests.browsers import LAPTOP, PHONE, make_request
from tests.session_backend.backends.contract.base import BaseStoreTests
from tests.session_backend.budget import statements
from tests.session_backend.helpers import fail_on

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["ActivityTests"]


class ActivityTests(BaseStoreTests):
    def unloaded(self, key: str | None = None, meta: dict[str, str] = LAPTOP) -> Any:
        """Return a store as the middleware sets it up."""
        store = self.store(key)
        store.request = make_request(meta)
        return store

    def loaded(self, key: str, meta: dict[str, str] = LAPTOP) -> Any:
        store = self.unloaded(key, meta)
        store.get("colour")
        return store

    def aged(self, **age: float) -> tuple[str, datetime]:
        """Save a session of this age; returns its key and ``last_activity``."""
        store = self.unloaded()
        store["colour"] = "blue"
        store.save()
        self.model.objects.update(last_activity=timezone.now() - timedelta(**age))
        cache.clear()
        return store.session_key, self.row(store).last_activity

    def test_unloaded_session_not_touched(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.unloaded(key)
        assert not store.is_touch_due
        with statements(self.model) as sent:
            store.touch()
        assert sent == []

    def test_unknown_session_not_touched(self) -> None:
        store = self.loaded("unknown-key")
        assert not store.is_touch_due
        store.touch()
        assert not self.model.objects.exists()

    @pytest.mark.parametrize(("age", "is_due"), [(50, False), (61, True)])
    def test_touched_after_interval(self, age: int, is_due: bool) -> None:
        key, seen = self.aged(seconds=age)
        store = self.loaded(key)
        assert store.is_touch_due is is_due
        store.touch()
        assert (self.row(store).last_activity > seen) is is_due
        assert not store.is_touch_due

    def test_activity_interval_setting(self, settings: Settings) -> None:
        settings.SESSION_BACKEND_ACTIVITY_INTERVAL = 10
        key, _ = self.aged(seconds=11)
        assert self.loaded(key).is_touch_due

    def test_touch_updates_only_activity_columns(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.loaded(key, PHONE)
        before = self.row(store)
        store.touch()
        after = self.row(store)
        assert (after.ip, after.user_agent) == (PHONE["REMOTE_ADDR"], PHONE["HTTP_USER_AGENT"])
        assert (after.device_model, after.device_type) == ("iPhone", "mobile")
        for column in ("session_data", "expire_date", "updated_at", "created_at", "auth_hash"):
            assert getattr(after, column) == getattr(before, column)

    def test_touch_by_same_client_keeps_device_and_location(self) -> None:
        key, _ = self.aged(hours=1)
        self.model.objects.update(city="Linköping", browser="Unparsed")
        store = self.loaded(key)
        store.touch()
        assert self.row(store).city == "Linköping"
        assert self.row(store).browser == "Unparsed"

    def test_new_client_not_touched_within_interval(self) -> None:
        key, _ = self.aged(seconds=10)
        assert not self.loaded(key, PHONE).is_touch_due

    def test_row_without_client_touched_at_once(self) -> None:
        store = self.saved()
        assert not self.loaded(store.session_key, {}).is_touch_due
        reader = self.loaded(store.session_key)
        assert reader.is_touch_due
        reader.touch()
        assert self.row(store).ip == LAPTOP["REMOTE_ADDR"]
        assert not self.loaded(store.session_key).is_touch_due

    def test_row_without_client_not_touched_if_clients_not_stored(self, settings: Settings) -> None:
        settings.SESSION_BACKEND_STORE_IP = "off"
        settings.SESSION_BACKEND_STORE_USER_AGENT = False
        assert not self.loaded(self.saved().session_key).is_touch_due

    def test_unknown_client_keeps_recorded_one(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.loaded(key, {})
        store.touch()
        assert self.row(store).last_activity > seen
        assert self.row(store).ip == LAPTOP["REMOTE_ADDR"]

    def test_touch_keeps_concurrent_save(self) -> None:
        key, _ = self.aged(hours=1)
        reader, writer = self.loaded(key), self.loaded(key)
        writer["colour"] = "red"
        writer.save()
        reader.touch()
        assert self.store(key)["colour"] == "red"

    def test_first_of_two_concurrent_touches_wins(self) -> None:
        key, _ = self.aged(hours=1)
        one = self.loaded(key)
        cache.clear()
        other = self.loaded(key, PHONE)
        one.touch()
        other.touch()
        assert self.row(one).ip == LAPTOP["REMOTE_ADDR"]

    def test_background_request_does_not_touch(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.unloaded(key)
        store.background = True
        store.get("colour")
        assert not store.is_touch_due
        store.touch()
        assert self.row(store).last_activity == seen

    def test_background_save_does_not_touch(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.unloaded(key, PHONE)
        store.background = True
        store["colour"] = "red"
        store.save()
        row = self.row(store)
        assert row.get_decoded() == {"colour": "red"}
        assert (row.last_activity, row.ip) == (seen, LAPTOP["REMOTE_ADDR"])

    def test_background_create_records_no_client(self) -> None:
        store = self.unloaded()
        store.background = True
        store["colour"] = "red"
        store.save()
        assert self.row(store).ip is None
        assert self.row(store).last_activity <= timezone.now()

    def test_save_touches(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.loaded(key)
        store.save()
        assert not store.is_touch_due

    def test_flushed_session_not_touched(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.loaded(key)
        store.flush()
        assert not store.is_touch_due
        store.touch()

    def test_touch_after_cycle_key(self) -> None:
        key, seen = self.aged(hours=1)
        store = self.loaded(key)
        store.cycle_key()
        store.touch()
        assert self.row(store).last_activity > seen

    def test_touch_does_not_recreate_revoked_session(self) -> None:
        key, _ = self.aged(hours=1)
        store = self.loaded(key)
        self.row(store).revoke()
        store.touch()
        assert not self.model.objects.exists()

    def test_touch_logs_database_error(self, caplog: pytest.LogCaptureFixture) -> None:
        key, seen = self.aged(hours=1)
        store = self.loaded(key)
        with connection.execute_wrapper(fail_on("UPDATE")):
            store.touch()
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("session_backend", "WARNING")
        assert self.row(store).last_activity == seen
        assert not store.is_touch_due

    def test_touch_does_not_wait_for_locks(self) -> None:
        if not connection.features.has_select_for_update_skip_locked:
            pytest.skip("This database does not support SKIP LOCKED.")
        key, seen = self.aged(hours=1)
        store = self.loaded(key)
        other = connection.copy()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                table = connection.ops.quote_name(self.model._meta.db_table)
                cursor.execute(f"SELECT 1 FROM {table} FOR UPDATE")
                store.touch()
            assert self.row(store).last_activity == seen
        finally:
            other.rollback()
            other.close()
