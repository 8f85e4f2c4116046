"""Who is signed in, for staff: to look at, to search and to end, never to write.

There is no session key to see, only its digest; the data of a session is shown to those who
have the permission ``view_session_data``. A site with a session model of its own registers it
with :class:`SessionAdmin`, and one that wants the sessions of a user on that user's page adds
:class:`SessionInline` to its user admin.

It is made for a million rows. Nothing here counts, reads or compares them all where a look at
the latest does; ``docs/admin.md`` has the plans of its queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model, logout
from django.core.paginator import Paginator
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from session_backend.fields import Digest
from session_backend.models import AbstractSession, Session
from session_backend.querysets import SessionQuerySet

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList, _ListFilterChoices

    ModelAdmin = admin.ModelAdmin[AbstractSession]
    TabularInline = admin.TabularInline[AbstractSession, models.Model]
    InlineFormSet = BaseInlineFormSet[AbstractSession, models.Model, Any]
    SessionPaginator = Paginator[AbstractSession]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    InlineFormSet = BaseInlineFormSet
    SessionPaginator = Paginator

__all__ = ["SessionAdmin", "SessionInline"]

# The longest list there is: nobody reads on, and to count further reads every row.
MAX_LISTED = 10_000
# How many of the latest sessions are asked which values a filter had better offer.
SAMPLE_SIZE = 2_000
INLINE_SIZE = 20


class StateFilter(admin.SimpleListFilter):
    """Sessions that can still be used, or those that cannot."""

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
    """The reader's own sessions, those of users, or those of anonymous visitors."""

    title = _("user")
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", _("Me")), ("user", _("Signed in")), ("nobody", _("Anonymous"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "me":
                return queryset.filter(user=request.user.pk)
            case "user":
                return queryset.filter(user__isnull=False)
            case "nobody":
                return queryset.filter(user__isnull=True)
        return queryset


class LatestValuesFilter(admin.AllValuesFieldListFilter):
    """Offers the values of the latest sessions: to find them all would read every row.

    A value that is none of them can still be asked for in the address.
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
        self.lookup_choices = sorted(values.union(self.lookup_val or ()))

    def choices(self, changelist: ChangeList) -> Iterator[_ListFilterChoices]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or gettext("Unknown")}


class LatestPaginator(SessionPaginator):
    """Pages of the first ``MAX_LISTED`` rows, which is as far as it counts."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_LISTED].count())


class SessionColumns:
    """What both the list of all sessions and that of a user show."""

    @admin.display(description=_("device"))
    def device_name(self, session: AbstractSession) -> str:
        return session.device()

    @admin.display(description=_("place"))
    def place(self, session: AbstractSession) -> str | None:
        return session.location()

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, session: AbstractSession) -> bool:
        return session.expire_date > timezone.now()


class SessionAdmin(SessionColumns, ModelAdmin):
    """The admin of a session model, for any that inherits from ``AbstractSession``."""

    list_display = (
        "user",
        "device_name",
        "place",
        "ip",
        "created_at",
        "last_activity",
        "expire_date",
        "is_active",
    )
    list_display_links = ("user", "device_name")
    list_filter = (
        StateFilter,
        OwnerFilter,
        "device_type",
        ("browser", LatestValuesFilter),
        ("os", LatestValuesFilter),
        ("country", LatestValuesFilter),
    )
    list_select_related = ("user",)
    # By an index: the latest saved come first, or nearly so.
    ordering = ("-expire_date",)
    search_fields = ("ip__startswith",)
    actions = ("delete_selected",)
    fieldsets = (
        (None, {"fields": ("user", "is_active", "created_at", "last_activity", "expire_date")}),
        (_("Device"), {"fields": ("device_name", "device_type", "user_agent")}),
        (_("Place"), {"fields": ("ip", "place")}),
    )
    paginator = LatestPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_data_permission(self, request: HttpRequest) -> bool:
        """Tell whether the reader may see what a session holds."""
        return request.user.has_perm(f"{self.opts.app_label}.view_session_data")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("session_data")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if self.has_view_data_permission(request):
            return [*fieldsets, (_("Data"), {"fields": ("data",)})]
        return fieldsets

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [*super().get_search_fields(request), *user_search_fields()]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # Django lets an address filter by any column, which would read the data bit by bit.
        is_data = lookup.partition(LOOKUP_SEP)[0] == "session_data"
        return not is_data and super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("data"))
    def data(self, session: AbstractSession) -> str:
        text = json.dumps(session.get_decoded(), indent=2, ensure_ascii=False, default=repr)
        return format_html("<pre>{}</pre>", text)

    # Ending.

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # The checkboxes post digests, which a filter would take for keys and hash again.
        request.POST = request.POST.copy()
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        request.POST.setlist(ACTION_CHECKBOX_NAME, [Digest(digest) for digest in selected])
        return super().response_action(request, *args, **kwargs)

    # It takes the place of Django's action, which reads whole rows to ask whether one is sure.
    @admin.action(permissions=["delete"], description=_("Sign out the selected sessions"))
    def delete_selected(self, request: HttpRequest, queryset: Any) -> None:
        """End the selected sessions, or all that are listed."""
        sessions = queryset[:MAX_LISTED]
        self.log_deletions(request, sessions)
        count = sessions.end()
        message = ngettext("Signed out %(count)d session.", "Signed out %(count)d sessions.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)
        if any(session.is_current(request) for session in sessions):
            logout(request)

    def delete_model(self, request: HttpRequest, obj: AbstractSession) -> None:
        super().delete_model(request, obj)
        if obj.is_current(request):
            logout(request)


class LatestFormSet(InlineFormSet):
    """The latest rows, to look at: nothing that a page posts about them is read."""

    def get_queryset(self) -> Any:
        if not hasattr(self, "_latest"):
            self._latest = super().get_queryset()[:INLINE_SIZE]
        return self._latest


class SessionInline(SessionColumns, TabularInline):
    """A user's latest sessions, for the ``inlines`` of a user admin."""

    model = Session
    formset = LatestFormSet
    fields = readonly_fields = (
        "device_name", "place", "ip", "created_at", "last_activity", "expire_date", "is_active",
    )
    ordering = ("-expire_date",)
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("session_data")


def user_search_fields() -> list[str]:
    """Return how to search by user name and e-mail address, as far as the user model has them."""
    user_model = get_user_model()
    texts = {
        field.name
        for field in user_model._meta.concrete_fields
        if isinstance(field, (models.CharField, models.TextField))
    }
    names = dict.fromkeys((user_model.USERNAME_FIELD, user_model.get_email_field_name()))
    return [f"user__{name}" for name in names if name in texts]


admin.site.register(Session, SessionAdmin)
