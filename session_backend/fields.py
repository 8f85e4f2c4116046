"""Session keys as they are stored: hashed, so that no copy of the database opens a session.

The cookie holds the key that Django made. Everything else, columns, cache keys, URLs and
logs, holds its :class:`Digest`. A key has 165 bits of randomness, which no salt improves on.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Expression

    KeyField = models.CharField[str, "Digest"]
else:
    KeyField = models.CharField

__all__ = ["Digest", "SessionKeyField"]

REFUSAL = "legacy:"


class Digest(str):
    """The public id of a session: the first 40 hexadecimal digits of its key's SHA-256.

    ``Digest(text)`` says that the text *is* a digest, out of a URL, say. ``Digest.of(key)``
    makes one from a session key.
    """

    __slots__ = ()

    @classmethod
    def of(cls, key: object) -> Digest:
        """Return the digest of a session key; a digest is returned as it is."""
        if isinstance(key, cls):
            return key
        # A cookie may hold anything, lone surrogates included, which must not raise.
        return cls(sha256(str(key).encode("utf-8", "surrogatepass")).hexdigest()[:40])

    @classmethod
    def of_refusal(cls, user_id: object) -> Digest:
        """Return the key of the row that records that a user's legacy sessions are revoked.

        No cookie opens it: no digest has a colon.
        """
        return cls(f"{REFUSAL}{sha256(str(user_id).encode()).hexdigest()[:33]}")

    @property
    def is_refusal(self) -> bool:
        """Whether it is the key of such a row, and not of a session."""
        return self.startswith(REFUSAL)


class _HashingAttribute(DeferredAttribute):
    """Hashes a key on its way into a row, so that no row in memory holds one either."""

    def __set__(self, instance: models.Model, value: str | None) -> None:
        instance.__dict__[self.field.attname] = Digest.of(value) if value else value


class SessionKeyField(KeyField):
    """A column of digests that takes session keys.

    Reading it, also by ``values_list``, gives a :class:`Digest`. A plain string that is
    assigned to it, or compared with it by ``exact`` or ``in``, is taken for a key and hashed.
    Text from a form, a serializer or the URL of an admin page is taken for a digest.
    """

    descriptor_class = _HashingAttribute

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        db_type = super().db_type(connection)
        # PostgreSQL's full name of the type: to one that starts with "varchar" Django adds an
        # index for LIKE, which no query here needs.
        is_postgresql = connection.vendor == "postgresql"
        return f"character varying({self.max_length})" if is_postgresql else db_type

    def from_db_value(
        self, value: str | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> Digest | None:
        return None if value is None else Digest(value)

    def to_python(self, value: Any) -> Digest | None:
        return None if value is None else Digest(value)

    def get_prep_value(self, value: Any) -> Any:
        value = models.Field.get_prep_value(self, value)
        return Digest.of(value) if value else value

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        # The text in a form is what the form showed: a digest.
        super().save_form_data(instance, self.to_python(data))
