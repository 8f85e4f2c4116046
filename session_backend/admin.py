"""The sessions in Django's admin: staff look at them, search them and sign them out.

Nothing can be added or changed. No session key is shown, and what a session holds only to staff
with the permission ``view_session_data``. Register a session model of your own with
:class:`SessionAdmin`; add :class:`SessionInline` and :class:`PastSessionInline` to the
``inlines`` of your user admin to show a user's sessions there.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import BaseModelAdmin, IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model, logout
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from session_backend.details import SessionDetails
from session_backend.fields import Digest
from session_backend.impersonation import actor
from session_backend.models import AbstractSession, PastSession, Session

if TYPE_CHECKING:
    AnyAdmin = BaseModelAdmin[Any]
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Model]
    InlineFormSet = BaseInlineFormSet[Any, Model, Any]
    BasePaginator = Paginator[Any]
else:
    AnyAdmin = BaseModelAdmin
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    InlineFormSet = BaseInlineFormSet
    BasePaginator = Paginator

__all__ = ["PastSessionAdmin", "PastSessionInline", "SessionAdmin", "SessionInline"]

# The end of the list: counting further would read every row.
MAX_LISTED = 10_000
INLINE_SIZE = 20

# Django's own, and translated in its catalogues: not a literal where it is used, so not in ours.
CHECKBOX_LABEL = "Select this object for an action - {}"

is_digest = re.compile(r"[0-9a-f]{40}").fullmatch


class CappedPaginator(BasePaginator):
    """Paginates the first ``MAX_LISTED`` rows."""

    @cached_property
    def count(self) -> int:
        sessions: Any = self.object_list
        return int(sessions.order_by()[:MAX_LISTED].count())


class SessionChangeList(ChangeList):
    """Django's list, which reads its first page off an index and survives any filter."""

    def get_ordering(self, request: HttpRequest, queryset: Any) -> Any:
        ordering = super().get_ordering(request, queryset)
        # With the key that Django appends, all rows of the same time would be sorted.
        return ordering[:1] if ordering[0] in ("-expire_date", "-ended_at") else ordering

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (DataError, ValueError) as error:
            # A value that the database refuses: a NUL, or an IP address that is none.
            raise IncorrectLookupParameters(error) from error


class StateFilter(admin.SimpleListFilter):
    """Active or expired sessions."""

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
    """One's own sessions, those of all users, or those of anonymous visitors."""

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


class ReadOnlyAdmin(AnyAdmin):
    """What the lists have in common."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("device"))
    def device_name(self, session: SessionDetails) -> str:
        """Return the device in words."""
        return session.device()

    @admin.display(description=_("location"))
    def location(self, session: SessionDetails) -> str:
        """Return the location in words."""
        return session.location() or self.get_empty_value_display()


class ListAdmin(ReadOnlyAdmin, ModelAdmin):
    """A list of all users' rows, which may be millions."""

    list_display_links = ("device_name",)
    search_help_text = format_lazy(
        _("IP address, username or email address. At most {limit} sessions are listed."),
        limit=MAX_LISTED,
    )
    paginator = CappedPaginator
    show_full_result_count = False
    # Facets count every row, once for each choice.
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SessionChangeList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        return super().get_object(request, object_id, from_field) if is_digest(object_id) else None

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        user_model = get_user_model()
        names = {user_model.USERNAME_FIELD, user_model.get_email_field_name()}
        fields = names.intersection(field.name for field in user_model._meta.concrete_fields)
        return ["^ip", *(f"user__{name}" for name in sorted(fields))]


class CurrentAdmin(ReadOnlyAdmin):
    """What is shown of sessions that have not ended."""

    ordering = ("-expire_date",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("session_data")

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, session: AbstractSession) -> bool:
        """Return whether the session has not expired."""
        return session.expire_date > timezone.now()


class SessionAdmin(CurrentAdmin, ListAdmin):
    """The admin of any session model that inherits from ``AbstractSession``."""

    list_display = ("user", "device_name", "location", "ip", "last_activity", "is_active")
    list_select_related = ("user",)
    # To offer the values of any other column, Django reads every row.
    list_filter = (StateFilter, OwnerFilter, "device_type")
    actions = ("delete_selected",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "user",
                    "is_active",
                    "created_at",
                    "updated_at",
                    "last_activity",
                    "expire_date",
                )
            },
        ),
        (_("Device"), {"fields": ("device_name", "device_type", "user_agent")}),
        (_("Location"), {"fields": ("ip", "location")}),
    )

    def action_checkbox(self, obj: AbstractSession) -> SafeString:
        # Django renders the template of a widget for each row: a quarter of the time of the page.
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            gettext(CHECKBOX_LABEL).format(obj),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.has_perm(f"{self.opts.app_label}.view_session_data"):
            return [*fieldsets, (_("Data"), {"fields": ("data",)})]
        return fieldsets

    @admin.display(description=_("data"))
    def data(self, session: AbstractSession) -> str:
        """Return what the session holds, as JSON; shown with its own permission only."""
        text = json.dumps(session.get_decoded(), indent=2, ensure_ascii=False, default=repr)
        return format_html("<pre>{}</pre>", text)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # Django filters by any column that the address names, which is enough to guess the data.
        if lookup.partition(LOOKUP_SEP)[0] == "session_data":
            return False
        return super().lookup_allowed(lookup, value, request)

    # Signing out.

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # The checkboxes post digests, which a query would take for keys and hash again.
        post = request.POST.copy()
        digests = [Digest(text) for text in post.getlist(ACTION_CHECKBOX_NAME) if is_digest(text)]
        post.setlist(ACTION_CHECKBOX_NAME, digests)
        request.POST = post  # type: ignore[assignment]
        return super().response_action(request, *args, **kwargs)

    # Replaces Django's action of this name, whose confirmation page reads the rows with their data.
    @admin.action(permissions=["delete"], description=_("Sign out the selected sessions"))
    def delete_selected(self, request: HttpRequest, queryset: Any) -> None:
        """Revoke the selected sessions; if all are selected, those that are listed."""
        sessions = queryset[:MAX_LISTED]
        self.log_deletions(request, sessions)
        count = sessions.revoke(by=actor(request))
        message = ngettext("%(count)d session signed out.", "%(count)d sessions signed out.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)
        if any(session.is_current(request) for session in sessions):
            logout(request)

    def delete_model(self, request: HttpRequest, obj: AbstractSession) -> None:
        is_current = obj.is_current(request)
        obj.revoke(by=actor(request))
        if is_current:
            logout(request)


class ReadOnlyFormSet(InlineFormSet):
    """The first rows, read-only: what is posted about them is ignored."""

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def get_queryset(self) -> Any:
        if not hasattr(self, "_first"):
            self._first = super().get_queryset()[:INLINE_SIZE]
        return self._first

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[Any]:
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []
        return []


class UserInline(ReadOnlyAdmin, TabularInline):
    """The first ``INLINE_SIZE`` rows of a user, each linked to its page."""

    formset = ReadOnlyFormSet
    fk_name = "user"
    extra = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields


class SessionInline(CurrentAdmin, UserInline):
    """The ``INLINE_SIZE`` sessions of a user that expire last, each linked to its page."""

    model = Session
    fields = (
        "device_name",
        "location",
        "ip",
        "created_at",
        "last_activity",
        "expire_date",
        "is_active",
    )


class PastSessionInline(UserInline):
    """The ``INLINE_SIZE`` sessions of a user that ended last, each linked to its page."""

    model = PastSession
    ordering = ("-ended_at",)
    fields = ("device_name", "location", "ip", "created_at", "ended_at", "reason", "ended_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        past: Any = super().get_queryset(request)
        return past.select_related("ended_by")


class PastSessionAdmin(ListAdmin):
    """The sessions that have ended, and why; read-only."""

    ordering = ("-ended_at",)
    list_display = ("user", "device_name", "location", "ip", "ended_at", "reason", "ended_by")
    list_filter = ("reason", "device_type")
    list_select_related = ("user", "ended_by")
    actions = None
    fieldsets = (
        (None, {"fields": ("user", "created_at", "last_activity")}),
        (_("Ended"), {"fields": ("ended_at", "reason", "ended_by")}),
        (_("Device"), {"fields": ("device_name", "device_type", "user_agent")}),
        (_("Location"), {"fields": ("ip", "location")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Staff need it to delete a user, with whom the history goes.
        match = request.resolver_match
        is_here = match is not None and f"_{self.opts.model_name}_" in str(match.url_name)
        return not is_here and super().has_delete_permission(request, obj)


admin.site.register(Session, SessionAdmin)
admin.site.register(PastSession, PastSessionAdmin)
