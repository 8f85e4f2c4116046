"""The sessions in Django's admin: staff look at them, search them and sign them out.

Nothing can be added or changed. No session key is shown, and what a session holds only to staff
with the permission ``view_session_data``. Register a session model of your own with
:class:`SessionAdmin`; add :class:`SessionInline` and :class:`PastSessionInline` to the
``inlines`` of your user admin to show a user's sessions there, and :func:`sign_out_everywhere` to
its ``actions``.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import BaseModelAdmin, IncorrectLookupParameters
from django.contrib.admin.utils import display_for_value, unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model, logout
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Model, Q
from django.db.models.constants import LOOKUP_SEP
from django.forms.models import BaseInlineFormSet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from session_backend.conf import conf
from session_backend.details import SessionDetails
from session_backend.fields import REFUSAL, Digest
from session_backend.impersonation import actor
from session_backend.legacy import revoke_legacy_sessions
from session_backend.models import (
    AbstractSession,
    PastSession,
    Session,
    SessionQuerySet,
    current_digest,
)

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

__all__ = [
    "PastSessionAdmin",
    "PastSessionInline",
    "SessionAdmin",
    "SessionInline",
    "sign_out_everywhere",
]

# The end of the list: counting further would read every row.
MAX_LISTED = 10_000
INLINE_SIZE = 20

# Django's own, and translated in its catalogues: not a literal where it is used, so not in ours.
CHECKBOX_LABEL = "Select this object for an action - {}"

is_digest = re.compile(r"[0-9a-f]{40}").fullmatch
LINE, BREAK = SafeString("<br>"), SafeString("<wbr>")
# Where a narrow column may break a name or an IPv6 address.
BREAKS = re.compile(r"(?<=[.:_])|(?=@)")


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
    """Sessions that are active, or that have expired or not been used for too long."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("expired", _("Expired"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "active":
                return queryset.active()
            case "expired":
                now = timezone.now()
                return queryset.filter(Q(expire_date__lte=now) | Q(idle_expires_at__lte=now))
        return queryset


class OwnerFilter(admin.SimpleListFilter):
    """Filters by owner: the administrator, any user, or anonymous visitors."""

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

    def in_words(self, moment: datetime | None) -> str:
        """Return a time as the admin writes it. A column of times themselves cannot be broken."""
        return str(display_for_value(moment, self.get_empty_value_display()))

    @admin.display(description=_("user"), ordering="user")
    def owner(self, session: SessionDetails) -> str:
        """Return whose session it is, in a text that fits into a narrow column."""
        return self.get_empty_value_display() if session.user is None else broken(session.user)

    @admin.display(description=_("device"))
    def device_name(self, session: SessionDetails) -> str:
        """Return the device in words."""
        return session.device()

    @admin.display(description=_("location"))
    def location(self, session: SessionDetails) -> str:
        """Return the location in words."""
        return session.location() or self.get_empty_value_display()

    @admin.display(description=_("location"), ordering="ip")
    def place(self, session: SessionDetails) -> str:
        """Return the location and the IP address below it."""
        ip = session.ip or ""
        lines = session.location(), broken(ip) if ":" in ip else ip
        return format_html_join(LINE, "{}", ((line,) for line in lines if line))


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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        session = context["original"]
        context["subtitle"] = f"{session.user}: {session}" if session.user else str(session)
        return super().render_change_form(request, context, *args, **kwargs)

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
        sessions = super().get_queryset(request).defer("session_data")
        return sessions.exclude(pk__startswith=Digest(REFUSAL))

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, session: AbstractSession) -> bool:
        """Return whether the session has neither expired nor been unused for too long."""
        return session.ends_at > timezone.now()

    @admin.display(description=_("last activity"), ordering="last_activity")
    def last_used(self, session: AbstractSession) -> str:
        """Return when the session was last used, in a text that fits into a narrow column."""
        return self.in_words(session.last_activity)

    @admin.display(description=_("last authenticated"))
    def authenticated(self, session: AbstractSession) -> str:
        """Return when the user last proved who they are."""
        return self.in_words(session.authenticated_at)

    @admin.display(description=_("ends if not used"))
    def idle_end(self, session: AbstractSession) -> str:
        """Return when the session ends unless it is used again."""
        return self.in_words(session.idle_expires_at)


class SessionAdmin(CurrentAdmin, ListAdmin):
    """The admin of any session model that inherits from ``AbstractSession``."""

    list_display = ("owner", "device_name", "place", "last_used", "is_active")
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
                    "authenticated",
                    "updated_at",
                    "last_activity",
                    "idle_end",
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

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_sign_out"
        view = self.admin_site.admin_view(self.sign_out_view)
        return [path("sign-out/<path:user_id>/", view, name=name), *super().get_urls()]

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # The checkboxes post digests, which a query would take for keys and hash again.
        post = request.POST.copy()
        digests = [Digest(text) for text in post.getlist(ACTION_CHECKBOX_NAME) if is_digest(text)]
        post.setlist(ACTION_CHECKBOX_NAME, digests)
        request.POST = post  # type: ignore[assignment]
        return super().response_action(request, *args, **kwargs)

    # Replaces Django's action of this name, whose confirmation page reads the rows with their data.
    @admin.action(permissions=["delete"], description=_("Sign out the selected sessions"))
    def delete_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Revoke the selected sessions; if all are selected, those that are listed."""
        sessions = queryset[:MAX_LISTED]
        if "post" not in request.POST:
            title = gettext("Sign out sessions")
            return self.ask(request, sessions, "delete_selected", title=title)
        self.sign_out(request, sessions)
        return None

    def sign_out_view(self, request: HttpRequest, user_id: str) -> HttpResponse:
        """Sign a user out everywhere; linked from the user's page."""
        site, user_model = self.admin_site, get_user_model()
        users: Any = user_model._default_manager
        try:
            user = users.get(pk=unquote(user_id))
        except (user_model.DoesNotExist, ValidationError, ValueError):
            raise Http404 from None
        back = page(self, "changelist")
        user_admin = site.get_model_admin(user_model) if site.is_registered(user_model) else None
        if user_admin and user_admin.has_view_permission(request, user):
            back = page(user_admin, "change", user.pk)
        chosen = users.filter(pk=user.pk)
        return self.sign_out_users(request, chosen, subtitle=user, back=back) or redirect(back)

    def sign_out_users(
        self, request: HttpRequest, users: Any, **context: Any
    ) -> HttpResponse | None:
        """Sign users out everywhere, or return the page that asks."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        users = users.order_by()
        sessions = self.get_queryset(request).filter(user__in=users.values("pk"))
        too_many = sessions[: MAX_LISTED + 1].count() > MAX_LISTED
        if too_many or "post" not in request.POST:
            context = {"title": gettext("Sign out everywhere"), "too_many": too_many, **context}
            return self.ask(request, sessions, "sign_out_everywhere", **context)
        if conf.legacy_engine:
            for user in users:
                revoke_legacy_sessions(user)
        self.sign_out(request, sessions)
        return None

    def ask(
        self, request: HttpRequest, sessions: SessionQuerySet, action: str, **context: Any
    ) -> TemplateResponse:
        """Return the page that counts these sessions and asks whether to sign them out."""
        owners: dict[Any, Any] = dict(sessions[:MAX_LISTED].values_list("pk", "user"))
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        hidden = [(ACTION_CHECKBOX_NAME, pk) for pk in selected]
        if request.POST.get("select_across") == "1":
            # One has to be selected even so.
            hidden = [*hidden[:1], ("select_across", "1")]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "sessions": sessions[:INLINE_SIZE],
            "count": len(owners),
            "more": max(0, len(owners) - INLINE_SIZE),
            "user_count": len(set(owners.values()) - {None}),
            "is_own": current_digest(request) in owners,
            "limit": MAX_LISTED,
            "hidden": [("action", action), *hidden],
            "back": request.get_full_path(),
            **context,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "session_backend/admin/sign_out.html", context)

    def sign_out(self, request: HttpRequest, sessions: SessionQuerySet) -> None:
        """Revoke these sessions, and say how many there were."""
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
    """The ``INLINE_SIZE`` sessions of a user that expire last, each linked to its page.

    Below them is a link that signs the user out everywhere.
    """

    model = Session
    template = "session_backend/admin/sessions.html"
    fields = (
        "device_name",
        "place",
        "created_at",
        "last_activity",
        "expire_date",
        "is_active",
    )


class PastSessionInline(UserInline):
    """The ``INLINE_SIZE`` sessions of a user that ended last, each linked to its page."""

    model = PastSession
    ordering = ("-ended_at",)
    fields = ("device_name", "place", "created_at", "ended_at", "reason", "ended_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        past: Any = super().get_queryset(request)
        return past.select_related("ended_by")


class PastSessionAdmin(ListAdmin):
    """The sessions that have ended, and why; read-only."""

    ordering = ("-ended_at",)
    list_display = ("owner", "device_name", "place", "ended", "reason", "ended_by")
    list_filter = ("reason", "device_type")
    list_select_related = ("user", "ended_by")
    actions = None
    fieldsets = (
        (None, {"fields": ("user", "created_at", "last_activity")}),
        (_("Ended"), {"fields": ("ended_at", "reason", "ended_by")}),
        (_("Device"), {"fields": ("device_name", "device_type", "user_agent")}),
        (_("Location"), {"fields": ("ip", "location")}),
    )

    @admin.display(description=_("ended"), ordering="ended_at")
    def ended(self, session: PastSession) -> str:
        """Return when the session ended, in a text that fits into a narrow column."""
        return self.in_words(session.ended_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Staff need it to delete a user, with whom the history goes.
        match = request.resolver_match
        is_here = match is not None and f"_{self.opts.model_name}_" in str(match.url_name)
        return not is_here and super().has_delete_permission(request, obj)


# In the actions of users, whose admin may be of any class.
@admin.action(description=_("Sign out everywhere"))
def sign_out_everywhere(
    model_admin: ModelAdmin, request: HttpRequest, users: Any
) -> HttpResponse | None:
    """End all sessions of the selected users: an action for your user admin.

    It asks first, and takes the permission to delete sessions.
    """
    site = model_admin.admin_site
    model = Session.get_session_store_class().get_model_class()
    found = site.get_model_admin(model) if site.is_registered(model) else None
    session_admin = found if isinstance(found, SessionAdmin) else SessionAdmin(model, site)
    return session_admin.sign_out_users(request, users)


def page(model_admin: ModelAdmin, view: str, *arguments: Any) -> str:
    """Return the URL of a view of an admin."""
    meta, site = model_admin.opts, model_admin.admin_site
    return reverse(f"{site.name}:{meta.app_label}_{meta.model_name}_{view}", args=arguments)


def broken(text: object) -> str:
    """Return a text as HTML that may be broken at its dots, colons and the like."""
    parts = BREAKS.split(str(text))
    return format_html_join(BREAK, "{}", ((part,) for part in parts))


admin.site.register(Session, SessionAdmin)
admin.site.register(PastSession, PastSessionAdmin)
