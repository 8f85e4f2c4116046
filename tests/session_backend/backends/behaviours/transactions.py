"""A session that is written inside somebody else's transaction, or while the database is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.db import OperationalError, connection, transaction

from tests.session_backend.backends.behaviours.base import Behaviour
from tests.session_backend.budget import statements

__all__ = ["TransactionBehaviour"]


def losing(verb: str) -> Callable[..., Any]:
    """Return a wrapper for statements that fails those that begin with a verb."""

    def wrapper(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if sql.startswith(verb):
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *args)

    return wrapper


class TransactionBehaviour(Behaviour):
    @pytest.mark.parametrize("verb", ["INSERT", "UPDATE"])
    def test_a_lost_connection_surfaces_as_itself(self, verb: str) -> None:
        store = self.saved()
        store["colour"] = "red"
        if verb == "INSERT":
            store._session_key = None
        with connection.execute_wrapper(losing(verb)), pytest.raises(OperationalError):
            store.save()

    def test_a_lost_connection_is_no_missing_session(self) -> None:
        key = self.saved().session_key
        # Past the copy that an engine may hold.
        self.model.objects.filter(pk=key).update(city="Linköping")
        with connection.execute_wrapper(losing("SELECT")), pytest.raises(OperationalError):
            self.store(key).exists(key)

    def test_a_taken_key_leaves_the_callers_transaction_usable(self) -> None:
        taken = self.saved()
        with transaction.atomic():
            store = self.store(taken.session_key)
            with pytest.raises(CreateError):
                store.save(must_create=True)
            other = self.saved({"colour": "red"})
        assert dict(self.store(other.session_key).items()) == {"colour": "red"}

    def test_an_ended_session_leaves_the_callers_transaction_usable(self) -> None:
        store = self.saved()
        self.row(store).end()
        with transaction.atomic():
            with pytest.raises(UpdateError):
                store.save()
            other = self.saved({"colour": "red"})
        assert dict(self.store(other.session_key).items()) == {"colour": "red"}

    def test_only_a_key_of_the_callers_own_takes_a_savepoint(self) -> None:
        with statements(self.model) as fresh, transaction.atomic():
            self.store().save()
        assert fresh == ["BEGIN", "INSERT", "COMMIT"]
        with statements(self.model) as chosen, transaction.atomic():
            self.store("a-key-nobody-has").save(must_create=True)
        assert chosen == ["BEGIN", "SAVEPOINT", "INSERT", "RELEASE", "COMMIT"]
        with statements(self.model) as alone:
            self.store("another-key-nobody-has").save(must_create=True)
        assert alone == ["INSERT"]

    def test_what_was_rolled_back_is_not_read(self) -> None:
        store = self.saved()
        key = store.session_key
        with transaction.atomic():
            store["colour"] = "red"
            store.save()
            transaction.set_rollback(True)
        assert self.store(key)["colour"] == "blue"

    def test_a_new_session_that_was_rolled_back_is_not_read(self) -> None:
        with transaction.atomic():
            key = self.saved().session_key
            transaction.set_rollback(True)
        assert self.store(key).load() == {}

    def test_a_revocation_that_was_rolled_back_has_not_been(self) -> None:
        store = self.saved()
        with transaction.atomic():
            self.row(store).end()
            transaction.set_rollback(True)
        assert self.store(store.session_key)["colour"] == "blue"

    def test_a_cycle_that_was_rolled_back_leaves_the_old_key(self) -> None:
        store = self.saved()
        old_key = store.session_key
        with transaction.atomic():
            store.cycle_key()
            transaction.set_rollback(True)
        assert self.store(old_key)["colour"] == "blue"
        assert self.store(store.session_key).load() == {}
