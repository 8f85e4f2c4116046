"""Keys are stored as digests; a digest can delete a session but neither load nor save it."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import UpdateError

from session_backend.fields import Digest
from tests.session_backend.backends.contract.base import BaseStoreTests

__all__ = ["DigestTests"]


class DigestTests(BaseStoreTests):
    def test_row_holds_digest(self) -> None:
        key = self.saved().session_key
        assert list(self.model.objects.values_list("pk", flat=True)) == [Digest.of(key)]
        assert self.model.objects.get().session_key != key

    @pytest.mark.parametrize("type_", [Digest, str])
    def test_digest_loads_nothing(self, type_: type[str]) -> None:
        digest = self.row(self.saved()).session_key
        store = self.store(digest if type_ is Digest else str(digest))
        assert store.load() == {}
        assert store.session_key is None
        assert self.data(digest) == {}

    @pytest.mark.parametrize("must_create", [True, False])
    @pytest.mark.parametrize("is_loaded", [True, False])
    def test_digest_saves_nothing(self, is_loaded: bool, must_create: bool) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        if is_loaded:
            # What is loaded does not load again, which would drop the digest.
            store.clear()
        with pytest.raises(UpdateError):
            store.save(must_create=must_create)
        assert self.model.objects.count() == 1
        assert self.data(victim.session_key) == {"colour": "blue"}

    @pytest.mark.parametrize("is_loaded", [True, False])
    def test_cycle_key_of_digest_creates_empty_session(self, is_loaded: bool) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        if is_loaded:
            store.clear()
        store.cycle_key()
        assert self.data(store.session_key) == {}
        assert self.data(victim.session_key) == {"colour": "blue"}

    def test_write_with_digest_creates_new_session(self) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        store["colour"] = "red"
        store.save()
        assert not isinstance(store.session_key, Digest)
        assert self.data(victim.session_key) == {"colour": "blue"}

    def test_digest_deletes_session(self) -> None:
        store, other = self.saved(), self.saved()
        self.store(self.row(store).session_key).delete()
        assert self.data(store.session_key) == {}
        assert self.data(other.session_key) == {"colour": "blue"}

    def test_digest_flushes_session(self) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        store.flush()
        assert store.session_key is None
        assert victim.exists(victim.session_key) is False

    def test_delete_accepts_key_or_digest(self) -> None:
        one, other = self.saved(), self.saved()
        self.store().delete(self.row(one).session_key)
        self.store().delete(other.session_key)
        assert not self.model.objects.exists()

    def test_exists_accepts_digest_but_not_its_text(self) -> None:
        store = self.saved()
        assert self.store().exists(self.row(store).session_key) is True
        assert self.store().exists(str(self.row(store).session_key)) is False
