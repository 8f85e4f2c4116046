"""Who is signed in, for staff: to look at, to search and to end, never to write.

There is no session key to see, only its digest. What a session holds is shown to those who
have the permission ``view_session_data``. A site with a session model of its own registers it
with :class:`SessionAdmin`; one that wants a user's sessions on that user's page adds
:class:`SessionInline` to the ``inlines`` of its user admin.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.auth import logout
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from session_backend.changelist import (
    MAX_LISTED,
    LatestPaginator,
    LatestValuesFilter,
    OwnerFilter,
    StateFilter,
    searched,
)
from session_backend.fields import Digest
from session_backend.models import AbstractSession, Session

if TYPE_CHECKING:
    AnyAdmin = BaseModelAdmin[AbstractSession]
    ModelAdmin = admin.ModelAdmin[AbstractSession]
    TabularInline = admin.TabularInline[AbstractSession, Model]
    InlineFormSet = BaseInlineFormSet[AbstractSession, Model, Any]
else:
    AnyAdmin = BaseModelAdmin
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    InlineFormSet = BaseInlineFormSet

__all__ = ["SessionAdmin", "SessionInline"]

INLINE_SIZE = 20

# Anything else in an address or a form is no session's, and need not be looked for.
is_digest = re.compile(r"[0-9a-f]{40}").fullmatch


class ReadOnlyAdmin(AnyAdmin):
    """What the list of all sessions and that of one user have in common."""

    ordering = ("-expire_date",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("session_data")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("device"))
    def device_name(self, session: AbstractSession) -> str:
        """Return the device in words."""
        return session.device()

    @admin.display(description=_("place"))
    def place(self, session: AbstractSession) -> str:
        """Return the place in words."""
        return session.location() or self.get_empty_value_display()

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, session: AbstractSession) -> bool:
        """Tell whether the session has not expired."""
        return session.expire_date > timezone.now()


class SessionAdmin(ReadOnlyAdmin, ModelAdmin):
    """The admin of a session model: any that inherits from ``AbstractSession``."""

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
    list_display_links = ("device_name",)
    list_filter = (
        StateFilter,
        OwnerFilter,
        "device_type",
        ("browser", LatestValuesFilter),
        ("os", LatestValuesFilter),
        ("country", LatestValuesFilter),
    )
    list_select_related = ("user",)
    search_fields = ("ip", "user")
    search_help_text = format_lazy(
        _("IP address, user name or e-mail address. At most {limit} sessions are listed."),
        limit=MAX_LISTED,
    )
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
        (_("Place"), {"fields": ("ip", "place")}),
    )
    paginator = LatestPaginator
    show_full_result_count = False
    # Facets count every row, once for each choice.
    show_facets = admin.ShowFacets.NEVER

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.has_perm(f"{self.opts.app_label}.view_session_data"):
            return [*fieldsets, (_("Data"), {"fields": ("data",)})]
        return fieldsets

    @admin.display(description=_("data"))
    def data(self, session: AbstractSession) -> str:
        """Return what the session holds as JSON; shown to those who have the permission."""
        text = json.dumps(session.get_decoded(), indent=2, ensure_ascii=False, default=repr)
        return format_html("<pre>{}</pre>", text)

    # Finding.

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AbstractSession | None:
        return super().get_object(request, object_id, from_field) if is_digest(object_id) else None

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # Django filters by any column that the address names: enough to guess the data by.
        if lookup.partition(LOOKUP_SEP)[0] == "session_data":
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return searched(queryset, search_term), False

    # Ending.

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # The checkboxes post digests, which a query would take for keys and hash once more.
        post = request.POST.copy()
        digests = [Digest(text) for text in post.getlist(ACTION_CHECKBOX_NAME) if is_digest(text)]
        post.setlist(ACTION_CHECKBOX_NAME, digests)
        request.POST = post  # type: ignore[assignment]
        return super().response_action(request, *args, **kwargs)

    # Named as Django's own action, whose place it takes: that one reads the rows whole, with
    # their data, to ask whether one is sure.
    @admin.action(permissions=["delete"], description=_("Sign out the selected sessions"))
    def delete_selected(self, request: HttpRequest, queryset: Any) -> None:
        """End the selected sessions; where all are selected, those that are listed."""
        sessions = queryset[:MAX_LISTED]
        self.log_deletions(request, sessions)
        count = sessions.end(by=request.user)
        message = ngettext("%(count)d session signed out.", "%(count)d sessions signed out.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)
        if any(session.is_current(request) for session in sessions):
            logout(request)

    def delete_model(self, request: HttpRequest, obj: AbstractSession) -> None:
        is_current = obj.is_current(request)
        super().delete_model(request, obj)
        if is_current:
            logout(request)


class ReadOnlyFormSet(InlineFormSet):
    """The first rows, to look at; what a page posts about them is not read."""

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


class SessionInline(ReadOnlyAdmin, TabularInline):
    """A user's sessions, the ``INLINE_SIZE`` that expire last, each linked to its own page."""

    model = Session
    formset = ReadOnlyFormSet
    fields = (
        "device_name",
        "place",
        "ip",
        "created_at",
        "last_activity",
        "expire_date",
        "is_active",
    )
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True


admin.site.register(Session, SessionAdmin)
