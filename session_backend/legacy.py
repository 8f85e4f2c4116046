"""Sessions as other engines keep them, and the rows they become here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.signing import b62_decode
from django.db import models, transaction
from django.utils.timezone import now

from session_backend.client import recorded
from session_backend.conf import conf
from session_backend.devices import Device, DeviceType
from session_backend.fields import Digest
from session_backend.owner import owner_of

if TYPE_CHECKING:
    from session_backend.models import AbstractSession

__all__ = [
    "LegacySession",
    "atomic",
    "claim",
    "columns_of",
    "device_from_label",
    "existing_users",
]

# Where the peers repeat the client in the session's own data, and the column it belongs to.
_CLIENT_KEYS = {
    "_qsessions_ip": "ip",
    "_qsessions_user_agent": "user_agent",
    "_django_user_sessions_ng_session_ip": "ip",
    "_django_user_sessions_ng_session_device": "device",
}
_NO_MODEL = re.compile(r"PC|Spider|K|Generic.*|iOS-Device")


class LegacySession(NamedTuple):
    """A session as another engine kept it.

    ``columns`` are those of its row, under the names that engine gave them; ``expire_date``
    is always there.
    """

    key: str
    data: dict[str, Any]
    columns: Mapping[str, Any]

    def belongs(self, users: Collection[Any]) -> bool:
        """Tell whether it is nobody's, or that of a user with one of these primary keys."""
        return SESSION_KEY not in self.data or owner_of(self.data).user_id in users

    def as_row(self, model: type[AbstractSession]) -> AbstractSession:
        """Return the row that keeps this session here, not saved yet.

        Of the client it records what the site's settings let it. A time that the other engine
        did not keep is that of the session's last write, which Django's signature tells.
        """
        data = dict(self.data)
        noted = {column: data.pop(key) for key, column in _CLIENT_KEYS.items() if key in data}
        known = noted | {name: value for name, value in self.columns.items() if value}
        client = recorded(known.get("ip"), known.get("user_agent"))
        columns = model.client_columns(client)
        if not client.user_agent and conf.store_user_agent:
            columns |= device_from_label(known.get("device") or "")._asdict()
        updated_at = known.get("updated_at") or _signed_at(known.get("session_data", ""))
        return model(
            session_key=Digest.of(self.key),
            session_data=model.get_session_store_class()().encode(data),
            expire_date=known["expire_date"],
            created_at=known.get("created_at") or updated_at,
            updated_at=updated_at,
            last_activity=max(updated_at, known.get("last_activity") or updated_at),
            **columns,
            **owner_of(data)._asdict(),
        )


def existing_users(sessions: Iterable[LegacySession]) -> set[Any]:
    """Return the primary keys of those users of these sessions that there are."""
    ids = {owner_of(session.data).user_id for session in sessions} - {None}
    users = get_user_model()._base_manager.filter(pk__in=ids)
    return set(users.values_list("pk", flat=True)) if ids else set()


def device_from_label(label: str) -> Device:
    """Read what ``user-agents`` prints: ``iPhone / iOS 17.4 / Mobile Safari 17.4``."""
    device, os, browser = map(_family, (*label.split(" / "), "", "", "")[:3])
    is_phone = device in ("iPhone", "iPod") or "Mobile" in label
    kinds = {"PC": DeviceType.DESKTOP, "Spider": DeviceType.BOT, "iPad": DeviceType.TABLET}
    kind = kinds.get(device, DeviceType.MOBILE if is_phone else DeviceType.UNKNOWN)
    model = "" if _NO_MODEL.fullmatch(device) else device
    browser = " ".join(word for word in browser.split() if word not in ("Mobile", "iOS"))
    return Device(kind.value, model[:64], browser[:64], os[:64].replace("Mac OS X", "macOS"))


def _family(text: str) -> str:
    family = re.sub(r"( [\d.]+)?$", "", text.strip())
    return "" if family == "Other" else family


@contextmanager
def atomic(*aliases: str) -> Iterator[None]:
    """Open a transaction in each of these databases; the last is committed first."""
    with ExitStack() as stack:
        for alias in dict.fromkeys(aliases):
            stack.enter_context(transaction.atomic(alias))
        yield


def claim(rows: models.QuerySet[Any]) -> list[Any]:
    """Lock rows of another engine until the transaction ends and return those still there."""
    # An update that changes nothing does that in any database, SQLite included.
    return list(rows) if rows.update(expire_date=models.F("expire_date")) else []


def columns_of(row: models.Model) -> dict[str, Any]:
    """Return what a row says, by the names of its columns."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _signed_at(session_data: str) -> datetime:
    """Return when session data was signed: ``django.core.signing`` writes ``data:time:mac``."""
    try:
        _, seconds, _ = session_data.rsplit(":", 2)
        zone = timezone.utc if settings.USE_TZ else None
        return datetime.fromtimestamp(b62_decode(seconds), zone)
    except (ValueError, OverflowError, OSError):
        return now()
