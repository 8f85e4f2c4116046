"""The parts of the admin's list of sessions, made for a million rows.

Nothing here counts, reads or compares all of them where a look at the latest does; and no
index is asked for but those that the engine needs itself. ``docs/admin.md`` has the plans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import CharField, Q, TextField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from session_backend.client import clean_ip, recorded
from session_backend.querysets import SessionQuerySet

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

    from session_backend.models import AbstractSession

    BasePaginator = Paginator[AbstractSession]
else:
    BasePaginator = Paginator

__all__ = [
    "MAX_LISTED",
    "LatestPaginator",
    "LatestValuesFilter",
    "OwnerFilter",
    "StateFilter",
    "searched",
]

# As far as the list goes: nobody reads on, and to count on is to read every row.
MAX_LISTED = 10_000
# So many of the latest sessions say which values a filter offers.
SAMPLE_SIZE = 5_000
# Up to so many rows that match a word are named one by one, which an index can find.
FEW = 500

# The beginning of an address: "89.160." or "2001:db8".
PARTIAL_IP = re.compile(r"\d{1,3}\.[\d.]*|[0-9a-f]{1,4}:[0-9a-f:]*", re.ASCII | re.IGNORECASE)


class LatestPaginator(BasePaginator):
    """Pages of ``MAX_LISTED`` rows at most; it counts no further."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_LISTED].count())


class StateFilter(admin.SimpleListFilter):
    """Sessions that have not expired, or those that have."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("expired", _("Expired"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "active":
                return queryset.active()
            case "expired":
                return queryset.filter(expire_date__lte=timezone.now())
        return queryset


class OwnerFilter(admin.SimpleListFilter):
    """The reader's own sessions, those of all users, or those of anonymous visitors."""

    title = _("user")
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", _("My own")), ("users", _("Users")), ("anonymous", _("Anonymous"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "me":
                return queryset.filter(user=request.user.pk)
            case "users":
                return queryset.filter(user__isnull=False)
            case "anonymous":
                return queryset.filter(user__isnull=True)
        return queryset


class LatestValuesFilter(admin.AllValuesFieldListFilter):
    """Offers the values that the latest sessions have; to find all is to read every row.

    Any other can be asked for in the address: ``?country=Nauru``.
    """

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: Any,
        model: Any,
        model_admin: Any,
        field_path: str,
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        latest = model_admin.get_queryset(request).order_by("-expire_date")
        values = set(latest.values_list(field_path, flat=True)[:SAMPLE_SIZE])
        self.lookup_choices: Any = sorted(values.union(self.lookup_val or ()))

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or _("Unknown")}


def searched(sessions: SessionQuerySet, text: str) -> SessionQuerySet:
    """Keep the sessions that each of the words finds.

    An address finds its sessions, and the beginning of one those that begin so; any other
    word, or such a beginning, is looked for in the users' names and e-mail addresses.
    """
    for word in text.split():
        sessions = sessions.filter(_found_by(word, sessions))
    return sessions


def _found_by(word: str, sessions: SessionQuerySet) -> Q:
    # Where addresses are truncated, the row of a whole one holds its network.
    addresses = {clean_ip(word), recorded(word, "").ip} - {None}
    if addresses:
        return Q(ip__in=addresses)
    found = _found_by_user(word)
    if PARTIAL_IP.fullmatch(word):
        beginning = Q(ip__startswith=word.lower())
        keys = _few(sessions.model._base_manager.filter(beginning))
        found |= beginning if keys is None else Q(pk__in=keys)
    return found


def _found_by_user(word: str) -> Q:
    user_model = get_user_model()
    names = {user_model.USERNAME_FIELD, user_model.get_email_field_name()}
    lookups = [
        f"{field.name}__icontains"
        for field in user_model._meta.concrete_fields
        if field.name in names and isinstance(field, (CharField, TextField))
    ]
    if not lookups:
        return Q(user__in=())
    is_named = Q(*((lookup, word) for lookup in lookups), _connector=Q.OR)
    keys = _few(user_model._base_manager.filter(is_named))
    if keys is not None:
        return Q(user__in=keys)
    return Q(*((f"user__{lookup}", word) for lookup in lookups), _connector=Q.OR)


def _few(rows: Any) -> list[Any] | None:
    """Return the keys of these rows, or None where there are many."""
    keys = list(rows.order_by().values_list("pk", flat=True)[: FEW + 1])
    return keys if len(keys) <= FEW else None
