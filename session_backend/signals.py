"""Signals: a person signed in, a session ended, a session moved.

All are sent with the session model as ``sender``, after the transaction, if there is one, is
committed. A receiver may be a coroutine function. An error in a receiver is logged by Django and
breaks nothing. Without receivers no statement is run for them.

``session_started``
    A person signed in. ``session``: the row. ``is_new``: whether the user has signed in before,
    but not with this device. ``request``: the request, or None outside of one. Not sent if the
    session was revoked meanwhile.

``session_ended``
    A session ended; sent once for each. ``session``: the row as it was. ``reason``: a
    :class:`~session_backend.history.Reason`. ``by``: the user who revoked it, if known, else
    None. Not sent for the sessions of a user who is deleted, nor
    for rows deleted by SQL.

``session_moved``
    A session is used from another country or by another device than before. ``session``: the
    row. ``changes``: what differs, as ``{"country_code": ("SE", "NG")}``; the keys are
    the columns in :data:`MOVES`.
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
    """Send a signal of this module after the current transaction is committed."""
    sender = type(session)
    transaction.on_commit(
        lambda: signal.send_robust(sender=sender, session=session, **kwargs), using=using
    )
