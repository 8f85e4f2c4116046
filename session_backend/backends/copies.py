"""The cache as ``cached_db`` uses it: copies of sessions, and markers of their revocation.

Nothing here raises. A cache that fails is a slower answer: what it does not say, the
database does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, caches

from session_backend.conf import conf
from session_backend.fields import Digest

__all__ = ["Copies"]

logger = logging.getLogger("session_backend")

KEY_PREFIX = "session_backend"
# Longer than any copy lives, and than any request or transaction that could make one.
MARKER_GRACE = 3600


class Outage:
    """What a process knows of its cache's failures."""

    PAUSE = 1.0
    LOG_EVERY = 60.0

    def __init__(self) -> None:
        self._failed_at = self._logged_at = float("-inf")

    def begins(self, error: Exception) -> None:
        """Take note of a failure, and log it unless another was logged a moment ago."""
        self._failed_at = monotonic()
        if self._failed_at - self._logged_at >= self.LOG_EVERY:
            self._logged_at = self._failed_at
            logger.warning(
                "The session cache failed; sessions are served by the database.", exc_info=error
            )

    @property
    def is_recent(self) -> bool:
        """Whether the next load had better not wait for the cache."""
        return monotonic() - self._failed_at < self.PAUSE


outage = Outage()


class Copies:
    """The copies of sessions that one store, that is one request, reads and writes.

    After one failure it leaves the cache alone, and for a second so do all the loads of the
    process: then a server that answers nothing delays one request a second and not each.
    """

    def __init__(self) -> None:
        self._failed = False

    def read(self, digest: Digest) -> tuple[Any, bool | None]:
        """Return the copy of a session, or None, and whether it is marked.

        Where the cache does not say, that is None: the row has to be read then too.
        """
        if outage.is_recent:
            return None, None
        copy, marker = data_key(digest), marker_key(digest)
        found = self._try(lambda cache: cache.get_many([copy, marker]))
        if not isinstance(found, dict):
            return None, None
        return found.get(copy), marker in found

    def fill(self, digest: Digest, copy: Any, seconds: int) -> None:
        """Keep a copy that was read, unless there is one."""
        self._try(lambda cache: cache.add(data_key(digest), copy, seconds))

    def write(self, digest: Digest, copy: Any, seconds: int) -> None:
        """Keep a copy that was written, for as long; for 0 seconds, none."""
        key = data_key(digest)
        if seconds > 0:
            self._try(lambda cache: cache.set(key, copy, seconds))
        else:
            self._try(lambda cache: cache.delete(key))

    def mark(self, digests: Collection[Digest]) -> None:
        """Say that copies of these sessions are not to be believed."""
        entries: dict[str, int | None] = dict.fromkeys(map(marker_key, digests), 1)
        if len(digests) == 1:
            # One command empties the copy too; for many, to drop them afterwards is cheaper.
            entries |= dict.fromkeys(map(data_key, digests))
        lifetime = conf.activity_interval + MARKER_GRACE
        self._try(lambda cache: cache.set_many(entries, lifetime))

    @contextmanager
    def revoking(self, digests: Collection[Digest]) -> Iterator[None]:
        """Surround the end of these sessions, so that no copy outlives it."""
        self.mark(digests)
        yield
        if len(digests) > 1:
            self.drop(digests)

    def drop(self, digests: Iterable[Digest]) -> None:
        """Forget the copies of these sessions."""
        keys = [data_key(digest) for digest in digests]
        self._try(lambda cache: cache.delete_many(keys))

    def _try(self, command: Callable[[BaseCache], Any]) -> Any:
        if self._failed:
            return None
        try:
            return command(caches[settings.SESSION_CACHE_ALIAS])
        except Exception as error:
            self._failed = True
            outage.begins(error)
            return None


def data_key(digest: Digest) -> str:
    return f"{KEY_PREFIX}:{digest}"


def marker_key(digest: Digest) -> str:
    return f"{KEY_PREFIX}:{digest}:revoked"
