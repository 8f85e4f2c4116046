"""Sessions inside the caller's transaction, and without a working database."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.db import OperationalError, connection, transaction

from tests.session_backend.backends.contract.base import BaseStoreTests
from tests.session_backend.budget import statements
from tests.session_backend.helpers import fail_on

__all__ = ["TransactionTests"]


class TransactionTests(BaseStoreTests):
    @pytest.mark.parametrize("verb", ["INSERT", "UPDATE"])
    def test_save_raises_database_error(self, verb: str) -> None:
        store = self.saved()
        store["colour"] = "red"
        if verb == "INSERT":
            store._session_key = None
        with connection.execute_wrapper(fail_on(verb)), pytest.raises(OperationalError):
            store.save()

    def test_exists_raises_database_error(self) -> None:
        key = self.saved().session_key
        with connection.execute_wrapper(fail_on("SELECT")), pytest.raises(OperationalError):
            self.store(key).exists(key)

    def test_create_error_leaves_transaction_usable(self) -> None:
        taken = self.saved()
        with transaction.atomic():
            store = self.store(taken.session_key)
            with pytest.raises(CreateError):
                store.save(must_create=True)
            other = self.saved({"colour": "red"})
        assert self.data(other.session_key) == {"colour": "red"}

    def test_update_error_leaves_transaction_usable(self) -> None:
        store = self.saved()
        self.row(store).revoke()
        with transaction.atomic():
            with pytest.raises(UpdateError):
                store.save()
            other = self.saved({"colour": "red"})
        assert self.data(other.session_key) == {"colour": "red"}

    def test_savepoint_for_chosen_key_only(self) -> None:
        with statements(self.model) as generated, transaction.atomic():
            self.store().save()
        assert generated == ["BEGIN", "INSERT", "COMMIT"]
        with statements(self.model) as chosen, transaction.atomic():
            self.store("chosen-key").save(must_create=True)
        assert chosen == ["BEGIN", "SAVEPOINT", "INSERT", "RELEASE", "COMMIT"]
        with statements(self.model) as autocommit:
            self.store("another-key").save(must_create=True)
        assert autocommit == ["INSERT"]

    def test_save_rolled_back(self) -> None:
        store = self.saved()
        with transaction.atomic():
            store["colour"] = "red"
            store.save()
            transaction.set_rollback(True)
        assert self.store(store.session_key)["colour"] == "blue"

    def test_create_rolled_back(self) -> None:
        with transaction.atomic():
            key = self.saved().session_key
            transaction.set_rollback(True)
        assert self.store(key).load() == {}

    def test_revoke_rolled_back(self) -> None:
        store = self.saved()
        with transaction.atomic():
            self.row(store).revoke()
            transaction.set_rollback(True)
        assert self.store(store.session_key)["colour"] == "blue"

    def test_cycle_key_rolled_back(self) -> None:
        store = self.saved()
        old_key = store.session_key
        with transaction.atomic():
            store.cycle_key()
            transaction.set_rollback(True)
        assert self.store(old_key)["colour"] == "blue"
        assert self.store(store.session_key).load() == {}
