"""Keys are hashed at rest, and a digest may end a session and never open one."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import UpdateError

from session_backend.fields import Digest
from tests.session_backend.backends.behaviours.base import Behaviour

__all__ = ["DigestBehaviour"]


class DigestBehaviour(Behaviour):
    def test_the_row_holds_the_digest(self) -> None:
        key = self.saved().session_key
        assert list(self.model.objects.values_list("pk", flat=True)) == [Digest.of(key)]
        assert self.model.objects.get().session_key != key

    @pytest.mark.parametrize("as_digest", [True, False], ids=["Digest", "str"])
    def test_a_digest_opens_nothing(self, as_digest: bool) -> None:
        digest = self.row(self.saved()).session_key
        store = self.store(digest if as_digest else str(digest))
        assert store.load() == {}
        assert store.session_key is None
        assert list(self.store(digest).items()) == []

    @pytest.mark.parametrize("must_create", [True, False])
    @pytest.mark.parametrize("cleared", [True, False])
    def test_a_digest_writes_nothing(self, cleared: bool, must_create: bool) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        if cleared:
            # With data at hand nothing is loaded, and a load is what would drop the digest.
            store.clear()
        with pytest.raises(UpdateError):
            store.save(must_create=must_create)
        assert self.model.objects.count() == 1
        assert dict(self.store(victim.session_key).items()) == {"colour": "blue"}

    @pytest.mark.parametrize("cleared", [True, False])
    def test_a_digest_is_not_cycled_into_a_key(self, cleared: bool) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        if cleared:
            store.clear()
        store.cycle_key()
        assert list(self.store(store.session_key).items()) == []
        assert dict(self.store(victim.session_key).items()) == {"colour": "blue"}

    def test_a_session_is_used_under_a_new_key_by_who_holds_its_digest_only(self) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        store["colour"] = "red"
        store.save()
        assert not isinstance(store.session_key, Digest)
        assert dict(self.store(victim.session_key).items()) == {"colour": "blue"}

    def test_a_digest_ends_the_session(self) -> None:
        store, other = self.saved(), self.saved()
        self.store(self.row(store).session_key).delete()
        assert list(self.store(store.session_key).items()) == []
        assert dict(self.store(other.session_key).items()) == {"colour": "blue"}

    def test_a_digest_flushes_the_session(self) -> None:
        victim = self.saved()
        store = self.store(self.row(victim).session_key)
        store.flush()
        assert store.session_key is None
        assert victim.exists(victim.session_key) is False

    def test_delete_takes_a_key_or_a_digest(self) -> None:
        one, other = self.saved(), self.saved()
        self.store().delete(self.row(one).session_key)
        self.store().delete(other.session_key)
        assert not self.model.objects.exists()

    def test_exists_takes_a_key_or_a_digest(self) -> None:
        store = self.saved()
        assert self.store().exists(self.row(store).session_key) is True
        assert self.store().exists(str(self.row(store).session_key)) is False
