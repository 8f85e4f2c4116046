"""The user and the client of a session, which Django's engines do not record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from tests.browsers import LAPTOP, PHONE, make_user
from tests.session_backend.backends.contract.base import BaseStoreTests
from tests.session_backend.helpers import login_data

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["IdentityTests"]

AGENT, IP = LAPTOP["HTTP_USER_AGENT"], LAPTOP["REMOTE_ADDR"]
OTHER_AGENT, OTHER_IP = PHONE["HTTP_USER_AGENT"], PHONE["REMOTE_ADDR"]


class IdentityTests(BaseStoreTests):
    def test_user_and_client_recorded(self) -> None:
        user = self.user()
        row = self.row(self.saved(login_data(user), user_agent=AGENT, ip=IP))
        assert (row.user_id, row.ip, row.user_agent) == (user.pk, IP, AGENT)
        assert (row.browser, row.os, row.device_type) == ("Chrome", "Windows", "desktop")

    def test_save_and_cycle_key_keep_user_and_client(self) -> None:
        user = self.user()
        saved = self.saved(login_data(user), user_agent=AGENT, ip=IP)
        before = self.row(saved)
        store = self.store(saved.session_key)
        for write in (store.save, store.save, store.cycle_key):
            store["count"] = store.get("count", 0) + 1
            write()
            row = self.row(store)
            assert (row.user_id, row.ip, row.user_agent) == (user.pk, IP, AGENT)
            assert row.browser == "Chrome"
            assert row.created_at == before.created_at
            assert row.auth_hash == before.auth_hash

    def test_save_records_new_client(self) -> None:
        key = self.saved(user_agent=AGENT, ip=IP).session_key
        store = self.store(key, user_agent=OTHER_AGENT, ip=OTHER_IP)
        store["count"] = 1
        store.save()
        row = self.row(store)
        assert (row.ip, row.user_agent, row.device_model) == (OTHER_IP, OTHER_AGENT, "iPhone")

    def test_save_updates_last_activity(self) -> None:
        store = self.saved(user_agent=AGENT, ip=IP)
        self.model.objects.update(last_activity=timezone.now() - timedelta(days=1))
        before = timezone.now()
        store["count"] = 1
        store.save()
        assert self.row(store).last_activity >= before

    def test_user_id(self) -> None:
        user = self.user()
        assert self.store().user_id is None
        store = self.store(self.saved(login_data(user)).session_key)
        assert store.user_id == user.pk
        store.flush()
        assert store.user_id is None

    def test_user_follows_data(self) -> None:
        user = self.user()
        store = self.saved(user_agent=AGENT, ip=IP)
        assert self.row(store).get_decoded() == {"colour": "blue"}
        assert self.row(store).user_id is None
        store.update(login_data(user))
        store.save()
        assert self.row(store).user_id == user.pk
        store.pop("_auth_user_id")
        store.save()
        row = self.row(store)
        assert (row.user_id, row.auth_hash) == (None, "")

    def test_sign_in_resets_created_at(self) -> None:
        store = self.saved()
        created_at = self.row(store).created_at
        store.update(login_data(self.user()))
        store.save()
        signed_in_at = self.row(store).created_at
        assert signed_in_at > created_at
        store["count"] = 1
        store.save()
        assert self.row(store).created_at == signed_in_at

    def test_sign_in_as_other_user_resets_created_at(self) -> None:
        store = self.store(self.saved(login_data(self.user())).session_key)
        before = self.row(store).created_at
        bob = make_user("bob")
        store.update(login_data(bob))
        store.save()
        row = self.row(store)
        assert row.created_at > before
        assert row.user_id == bob.pk

    def test_invalid_user_id(self) -> None:
        store = self.saved({"_auth_user_id": "neither a number nor a UUID"})
        assert self.row(store).user_id is None
        assert store.user_id is None

    def test_deleted_user(self) -> None:
        user = self.user()
        data = login_data(user)
        user.delete()
        store = self.saved(data)
        store["count"] = 1
        store.save()
        assert self.row(store).get_decoded() == {**data, "count": 1}
        assert self.row(store).device()

    @pytest.mark.parametrize("auth_hash", [None, 7, ["a", "list"]])
    def test_invalid_auth_hash(self, auth_hash: Any) -> None:
        data = {**login_data(self.user()), "_auth_user_hash": auth_hash}
        assert self.row(self.saved(data)).get_decoded() == data

    def test_privacy_settings(self, settings: Settings) -> None:
        settings.SESSION_BACKEND_STORE_IP = "truncated"
        settings.SESSION_BACKEND_STORE_USER_AGENT = False
        row = self.row(self.saved(user_agent=AGENT, ip=IP))
        assert (row.ip, row.user_agent, row.browser) == ("89.160.20.0", "", "")
