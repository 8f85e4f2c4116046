"""The session models and stores of tests/custom_sessions."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.db import transaction

from session_backend.cache import marker_key
from session_backend.fields import Digest
from session_backend.models import Session
from tests.custom_sessions.models import Customer, Draft, ShopSession, VipSession
from tests.session_backend.backends.contract.store import StoreTests
from tests.session_backend.budget import statements
from tests.session_backend.helpers import login_data


class TestInheritedModel(StoreTests):
    engine = "tests.custom_sessions.vip"

    def test_savepoint_for_chosen_key_only(self) -> None:
        # Django inserts into both tables in a transaction of its own.
        with statements(ShopSession) as sent:
            self.store("chosen-key").save(must_create=True)
        assert sent == ["BEGIN", "INSERT", "COMMIT"]

    def test_both_tables_written(self) -> None:
        store = self.saved()
        VipSession.objects.update(table="by the door")
        for colour in ("red", "green"):
            store["colour"] = colour
            store.save()
        store.cycle_key()
        row = VipSession.objects.get()
        assert (row.session_key, row.table) == (Digest.of(store.session_key), "by the door")
        assert ShopSession.objects.get().vipsession == row
        assert self.store(store.session_key)["colour"] == "green"


class TestCustomStore(StoreTests):
    engine = "tests.custom_sessions.engine"

    def test_cycle_key_updates_foreign_keys(self) -> None:
        stores = self.saved(), self.saved()
        drafts = [Draft.objects.create(session=self.row(store)) for store in stores]
        stores[0].cycle_key()
        assert [self.row(store).draft_set.get() for store in stores] == drafts

    def test_cycle_key_rolled_back_keeps_foreign_keys(self) -> None:
        store = self.saved()
        row = self.row(store)
        Draft.objects.create(session=row)
        with transaction.atomic():
            store.cycle_key()
            transaction.set_rollback(True)
        assert row.draft_set.count() == 1

    def test_generated_column(self) -> None:
        store = self.saved()
        assert self.row(store).loud_remark == "NONE"
        ShopSession.objects.update(remark="vip")
        store["colour"] = "red"
        store.save()
        assert self.row(store).loud_remark == "VIP"

    def test_auto_now_column(self) -> None:
        store = self.saved()
        first = self.row(store).saved_at
        store["colour"] = "red"
        store.save()
        second = self.row(store).saved_at
        store["colour"] = "green"
        store.cycle_key()
        assert first < second < self.row(store).saved_at

    def test_custom_model_used(self) -> None:
        assert type(self.row(self.saved())) is ShopSession
        assert not Session.objects.exists()

    def test_create_model_instance_columns_saved(self) -> None:
        store = self.saved({"shop": 7})
        assert self.row(store).shop == 7
        store["shop"] = 8
        store.save()
        assert self.row(store).shop == 8
        store.pop("shop")
        store.save()
        assert self.row(store).shop is None

    def test_acreate_model_instance(self) -> None:
        store = self.saved()
        row = async_to_sync(store.acreate_model_instance)({"shop": 9})
        assert isinstance(row, ShopSession)
        assert (row.shop, row.session_key) == (9, Digest.of(store.session_key))

    def test_save_keeps_other_columns(self) -> None:
        store = self.saved()
        assert self.row(store).remark == "none"
        ShopSession.objects.update(remark="VIP")
        store["colour"] = "red"
        store.save()
        store.cycle_key()
        store.save()
        assert self.row(store).remark == "VIP"

    def test_get_decoded(self) -> None:
        assert self.row(self.saved({"shop": 7})).get_decoded() == {"shop": 7}

    def test_for_user(self) -> None:
        user = self.user()
        store = self.saved(login_data(user))
        assert ShopSession.objects.for_user(user).get() == self.row(store)

    def test_delete_cascades(self) -> None:
        store, other = self.saved(), self.saved()
        for owner in (store, store, other):
            Draft.objects.create(session=self.row(owner))
        self.store(self.row(store).session_key).delete()
        assert Draft.objects.get().session == self.row(other)
        assert self.store(store.session_key).load() == {}
        assert ShopSession.objects.all().revoke() == 1
        assert not Draft.objects.exists()

    def test_delete_returns_counts_by_model(self) -> None:
        Draft.objects.create(session=self.row(self.saved()))
        assert ShopSession.objects.all().delete() == (
            2,
            {"custom_sessions.ShopSession": 1, "custom_sessions.Draft": 1},
        )

    def test_delete_user(self) -> None:
        user = self.user()
        key = self.saved(login_data(user)).session_key
        Draft.objects.create(session=ShopSession.objects.get())
        user.delete()
        assert self.store(key).load() == {}

    def test_delete_user_through_proxy_model(self) -> None:
        user = self.user()
        key = self.saved(login_data(user)).session_key
        Customer.objects.get(pk=user.pk).delete()
        assert marker_key(Digest.of(key)) in cache
        assert self.store(key).load() == {}
