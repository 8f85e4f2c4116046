"""What a site can listen to: that somebody signed in, that a session ended, that it moved.

All are sent with the session model as ``sender``, once the transaction that did it, if there is
one, is committed. A receiver may be a coroutine function. One that raises breaks nothing: Django
logs the error. Without a receiver nothing is read for them.

``session_started``
    A person signed in. ``session``: the row.

``session_ended``
    A session is gone. ``session``: the row as it was. ``how``: ``"signed_out"`` (by itself),
    ``"revoked"`` (by somebody) or ``"expired"``. ``by``: the user who revoked it, where that was
    said, else None. Sessions that go with their user, or by SQL, are not announced.

``session_moved``
    A session is used from another country, or by another device, than before. ``session``: the
    row. ``changes``: what is different, as ``{"country_code": ("SE", "NG")}``; the keys are
    columns out of :data:`MOVES`.
"""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.dispatch import Signal

__all__ = ["MOVES", "announce", "session_ended", "session_moved", "session_started"]

session_started = Signal()
session_ended = Signal()
session_moved = Signal()

MOVES = ("country_code", "device_type", "device_model", "browser", "os")


def announce(signal: Signal, session: models.Model, using: str, **kwargs: Any) -> None:
    """Send a signal of ours when what it tells of is committed."""
    sender = type(session)
    transaction.on_commit(
        lambda: signal.send_robust(sender=sender, session=session, **kwargs), using=using
    )
