"""Cached sessions, and the markers that invalidate them.

The database is the only truth. A cached session is believed for at most one activity interval,
and only while there is no invalidation marker for it under a key of its own. A revocation sets
the marker before the row is deleted, so a request that read the row earlier cannot bring the
session back by writing to the cache late.

Nothing here raises. A cache that fails makes an answer slower, because the row is read instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, InvalidCacheBackendError, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache

from session_backend.conf import conf
from session_backend.fields import Digest

__all__ = ["CircuitBreaker", "SessionCache", "session_cache"]

logger = logging.getLogger("session_backend")

KEY_PREFIX = "session_backend"
FAILED = object()
# Longer than any cached session, and than any request or transaction that could write one.
MARKER_GRACE = 3600


class CircuitBreaker:
    """Makes a process skip a failing cache for a second.

    A server that does not answer then delays one request a second, and not each.
    """

    PAUSE = 1.0
    LOG_EVERY = 60.0

    def __init__(self) -> None:
        self._failed_at = self._logged_at = float("-inf")

    def record_failure(self, error: Exception) -> None:
        """Open the circuit, and log the error unless another was logged a minute ago or less."""
        self._failed_at = monotonic()
        if self._failed_at - self._logged_at >= self.LOG_EVERY:
            self._logged_at = self._failed_at
            logger.warning(
                "The session cache failed; sessions are read from the database.", exc_info=error
            )

    @property
    def is_open(self) -> bool:
        """Whether the next load should not wait for the cache."""
        return monotonic() - self._failed_at < self.PAUSE


circuit_breaker = CircuitBreaker()


class SessionCache:
    """The cache as one operation uses it: one request, or the revocation of any number.

    After a command has failed, only deletes are sent: a Redis that is full refuses writes and
    takes those. After a delete has failed, nothing is sent: the server hangs or is gone.
    """

    def __init__(self, *, is_used: bool = True) -> None:
        self._is_used = is_used and has_shared_cache()
        self._has_failed = False
        self._is_gone = False

    def read(self, digest: Digest) -> tuple[Any, bool | None]:
        """Return the cached session, or None, and whether it is invalidated.

        The second is None when the cache does not say; the row has to be read then.
        """
        if not self._is_used or circuit_breaker.is_open:
            return None, None
        entry, marker = entry_key(digest), marker_key(digest)
        found = self._attempt(lambda cache: cache.get_many([entry, marker]))
        if not isinstance(found, dict):
            return None, None
        return found.get(entry), marker in found

    def fill(self, digest: Digest, entry: Any, seconds: int) -> None:
        """Cache a session that was read, unless it is cached already."""
        self._attempt(lambda cache: cache.add(entry_key(digest), entry, seconds))

    def write(self, digest: Digest, entry: Any, seconds: int) -> None:
        """Cache a session that was saved; without any seconds to live, delete it."""
        key = entry_key(digest)
        # Most caches return None; some return False if they refuse.
        is_written = (
            seconds > 0
            and not circuit_breaker.is_open
            and self._attempt(lambda cache: cache.set(key, entry, seconds)) in (None, True)
        )
        if not is_written:
            self.delete([digest])

    def invalidate(self, digests: Collection[Digest]) -> bool:
        """Set the markers of these sessions, and return whether that succeeded.

        If it did not, the cached sessions are deleted, which leaves a moment in which a request
        that is under way can cache one again.
        """
        entries: dict[str, int | None] = dict.fromkeys(map(marker_key, digests), 1)
        if len(digests) == 1:
            # One command empties the entry too; for many, deleting them afterwards costs less.
            entries |= dict.fromkeys(map(entry_key, digests))
        seconds = conf.activity_interval + MARKER_GRACE
        # What set_many() returns are the keys that were refused, by memcached for one.
        if not self._attempt(lambda cache: cache.set_many(entries, seconds)):
            return True
        self.delete(digests)
        return False

    @contextmanager
    def invalidating(self, digests: Collection[Digest]) -> Iterator[None]:
        """Surround the statement that deletes these sessions or changes their keys."""
        is_marked = self.invalidate(digests)
        yield
        if len(digests) > 1 or not is_marked:
            self.delete(digests)

    def delete(self, digests: Collection[Digest]) -> None:
        """Delete these cached sessions."""
        if self._is_used and not self._is_gone:
            keys = [entry_key(digest) for digest in digests]
            self._is_gone = self._run(lambda cache: cache.delete_many(keys)) is FAILED

    def _attempt(self, command: Callable[[BaseCache], Any]) -> Any:
        return self._run(command) if self._is_used and not self._has_failed else FAILED

    def _run(self, command: Callable[[BaseCache], Any]) -> Any:
        try:
            return command(caches[settings.SESSION_CACHE_ALIAS])
        except Exception as error:
            self._has_failed = True
            circuit_breaker.record_failure(error)
            return FAILED


def session_cache() -> SessionCache:
    """Return the cache of the engine in use; one that does nothing if that engine has none."""
    return SessionCache(is_used=getattr(conf.session_store, "caches_sessions", False))


def has_shared_cache() -> bool:
    """Return whether ``SESSION_CACHE_ALIAS`` names a cache that all processes may share."""
    try:
        # A subclass is a cache of the site's own, which knows better.
        return type(caches[settings.SESSION_CACHE_ALIAS]) not in (LocMemCache, DummyCache)
    except InvalidCacheBackendError:
        # There is a system check for this; each command logs it.
        return True


def entry_key(digest: Digest) -> str:
    return f"{KEY_PREFIX}:{digest}"


def marker_key(digest: Digest) -> str:
    return f"{KEY_PREFIX}:{digest}:revoked"
