"""A site with a session model and a store of its own: tests/custom_sessions."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.core.cache import cache

from session_backend.backends.copies import marker_key
from session_backend.fields import Digest
from session_backend.models import Session
from tests.custom_sessions.models import Customer, Draft, ShopSession
from tests.session_backend.backends.behaviours.base import signed_in
from tests.session_backend.backends.contract import StoreContract


class TestCustomStore(StoreContract):
    engine = "tests.custom_sessions.engine"

    def test_its_sessions_are_rows_of_its_own_model(self) -> None:
        store = self.saved()
        assert type(self.row(store)) is ShopSession
        assert not Session.objects.exists()

    def test_the_columns_that_its_store_fills_are_saved_each_time(self) -> None:
        store = self.saved({"shop": 7})
        assert self.row(store).shop == 7
        store["shop"] = 8
        store.save()
        assert self.row(store).shop == 8
        store.pop("shop")
        store.save()
        assert self.row(store).shop is None

    def test_a_row_is_made_by_its_async_twin_too(self) -> None:
        store = self.saved()
        row = async_to_sync(store.acreate_model_instance)({"shop": 9})
        assert isinstance(row, ShopSession)
        assert (row.shop, row.session_key) == (9, Digest.of(store.session_key))

    def test_the_columns_that_it_does_not_fill_have_their_default_and_survive(self) -> None:
        store = self.saved()
        assert self.row(store).remark == "none"
        ShopSession.objects.update(remark="VIP")
        store["colour"] = "red"
        store.save()
        store.cycle_key()
        store.save()
        assert self.row(store).remark == "VIP"

    def test_its_model_knows_its_store(self) -> None:
        row = self.row(self.saved({"shop": 7}))
        assert row.get_decoded() == {"shop": 7}

    def test_its_users_have_its_sessions(self) -> None:
        user = self.user()
        store = self.saved(signed_in(user))
        assert ShopSession.objects.for_user(user).get() == self.row(store)

    def test_what_hangs_on_a_session_goes_with_it(self) -> None:
        # The rows are then collected by Django, as for any model with a foreign key to it.
        doomed, other = self.saved(), self.saved()
        for store in (doomed, doomed, other):
            Draft.objects.create(session=self.row(store))
        self.store(self.row(doomed).session_key).delete()
        assert Draft.objects.get().session == self.row(other)
        assert self.store(doomed.session_key).load() == {}
        assert ShopSession.objects.all().end() == 1
        assert not Draft.objects.exists()

    def test_delete_counts_what_goes_by_model(self) -> None:
        Draft.objects.create(session=self.row(self.saved()))
        assert ShopSession.objects.all().delete() == (
            2,
            {"custom_sessions.ShopSession": 1, "custom_sessions.Draft": 1},
        )

    def test_a_user_goes_with_the_sessions(self) -> None:
        user = self.user()
        key = self.saved(signed_in(user)).session_key
        Draft.objects.create(session=ShopSession.objects.get())
        user.delete()
        assert self.store(key).load() == {}

    def test_a_proxy_of_the_user_model_goes_with_the_sessions(self) -> None:
        user = self.user()
        store = self.saved(signed_in(user))
        digest = Digest.of(store.session_key)
        Customer.objects.get(pk=user.pk).delete()
        assert marker_key(digest) in cache
        assert self.store(store.session_key).load() == {}
