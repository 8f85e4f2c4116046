"""Whose a session is, and who used it: what Django's engines do not know."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from tests.browsers import LAPTOP, PHONE, make_user
from tests.session_backend.backends.behaviours.base import Behaviour, signed_in

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["IdentityBehaviour"]

AGENT, IP = LAPTOP["HTTP_USER_AGENT"], LAPTOP["REMOTE_ADDR"]
OTHER_AGENT, OTHER_IP = PHONE["HTTP_USER_AGENT"], PHONE["REMOTE_ADDR"]


class IdentityBehaviour(Behaviour):
    def test_the_owner_and_the_client_are_recorded(self) -> None:
        user = self.user()
        row = self.row(self.saved(signed_in(user), user_agent=AGENT, ip=IP))
        assert (row.user_id, row.ip, row.user_agent) == (user.pk, IP, AGENT)
        assert (row.browser, row.os, row.device_type) == ("Chrome", "Windows", "desktop")

    def test_they_survive_every_later_save(self) -> None:
        user = self.user()
        key = self.saved(signed_in(user), user_agent=AGENT, ip=IP).session_key
        store = self.store(key)
        for count in range(3):
            store["count"] = count
            store.save()
            row = self.row(store)
            assert (row.user_id, row.ip, row.user_agent) == (user.pk, IP, AGENT)
            assert row.browser == "Chrome"

    def test_they_survive_cycle_key(self) -> None:
        user = self.user()
        store = self.saved(signed_in(user), user_agent=AGENT, ip=IP)
        before = self.row(store)
        store.cycle_key()
        row = self.row(store)
        assert (row.user_id, row.ip, row.user_agent) == (user.pk, IP, AGENT)
        assert row.created_at == before.created_at
        assert row.auth_hash == before.auth_hash

    def test_a_client_that_moved_is_recorded_by_a_save(self) -> None:
        key = self.saved(user_agent=AGENT, ip=IP).session_key
        store = self.store(key, user_agent=OTHER_AGENT, ip=OTHER_IP)
        store["count"] = 1
        store.save()
        row = self.row(store)
        assert (row.ip, row.user_agent, row.device_model) == (OTHER_IP, OTHER_AGENT, "iPhone")

    def test_a_save_is_an_activity(self) -> None:
        store = self.saved(user_agent=AGENT, ip=IP)
        self.model.objects.update(last_activity=timezone.now() - timedelta(days=1))
        before = timezone.now()
        store["count"] = 1
        store.save()
        assert self.row(store).last_activity >= before

    def test_user_id_is_that_of_the_data(self) -> None:
        user = self.user()
        assert self.store().user_id is None
        store = self.store(self.saved(signed_in(user)).session_key)
        assert store.user_id == user.pk
        store.flush()
        assert store.user_id is None

    def test_an_owner_comes_and_goes_with_the_data(self) -> None:
        user = self.user()
        store = self.saved()
        assert self.row(store).user_id is None
        store.update(signed_in(user))
        store.save()
        assert self.row(store).user_id == user.pk
        store.pop("_auth_user_id")
        store.save()
        row = self.row(store)
        assert (row.user_id, row.auth_hash) == (None, "")

    def test_signing_in_dates_the_session_anew(self) -> None:
        store = self.saved()
        anonymous_since = self.row(store).created_at
        store.update(signed_in(self.user()))
        store.save()
        signed_in_at = self.row(store).created_at
        assert signed_in_at > anonymous_since
        store["count"] = 1
        store.save()
        assert self.row(store).created_at == signed_in_at

    def test_a_session_that_changes_hands_is_dated_anew(self) -> None:
        store = self.store(self.saved(signed_in(self.user())).session_key)
        before = self.row(store).created_at
        bob = make_user("bob")
        store.update(signed_in(bob))
        store.save()
        row = self.row(store)
        assert row.created_at > before
        assert row.user_id == bob.pk

    def test_a_name_that_is_no_users_is_no_owner(self) -> None:
        store = self.saved({"_auth_user_id": "neither a number nor a UUID"})
        assert self.row(store).user_id is None
        assert store.user_id is None

    def test_nothing_is_put_into_the_data(self) -> None:
        store = self.saved(user_agent=AGENT, ip=IP)
        assert self.row(store).get_decoded() == {"colour": "blue"}

    def test_what_the_site_does_not_keep_is_not_recorded(self, settings: Settings) -> None:
        settings.SESSION_BACKEND_STORE_IP = "truncated"
        settings.SESSION_BACKEND_STORE_USER_AGENT = False
        row = self.row(self.saved(user_agent=AGENT, ip=IP))
        assert (row.ip, row.user_agent, row.browser) == ("89.160.20.0", "", "")

    def test_a_store_without_a_client_leaves_the_recorded_one(self) -> None:
        key = self.saved(user_agent=AGENT, ip=IP).session_key
        store = self.store(key)
        store["count"] = 1
        store.save()
        assert self.row(store).ip == IP
