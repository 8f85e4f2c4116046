"""The page of the list, and the views that revoke sessions."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect, reswap

from session_backend.impersonation import actor
from session_backend.legacy import revoke_legacy_sessions
from session_ui import text
from session_ui.conf import conf
from session_ui.history import PAGE_FIELD
from session_ui.sessions import VERSION_FIELD, SessionList, Version, stored_sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_htmx.middleware import HtmxDetails

    from session_backend.details import SessionDetails
    from session_backend.models import SessionQuerySet

    class Request(HttpRequest):
        """A request that has passed django-htmx's middleware."""

        htmx: HtmxDetails


__all__ = [
    "SessionListView",
    "SessionNotMeView",
    "SessionRenameView",
    "SessionRevokeView",
    "SessionView",
    "not_me_url",
]

# What the field ``session`` holds for every session but the current one.
OTHERS = "others"

NOT_ME_SALT = "session_ui.not_me"
NOT_ME_AGE = timedelta(days=7)


class SeeOther(HttpResponseRedirect):
    """Sends a browser on with a GET after its POST (RFC 9110, section 15.4.4)."""

    status_code = 303


class SessionView(View):
    """What the views of the list have in common; each step is a method to override."""

    listing_class = SessionList
    request: Request

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        # Not by method_decorator: that decorates anew at each request, which a poll would feel.
        view = csrf_protect(super().as_view(**initkwargs))
        names = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request", "Cookie")
        view = never_cache(vary_on_headers(*names)(view))
        # The views redirect anonymous visitors by themselves: LoginRequiredMiddleware would put the
        # sign-in page into the list.
        return login_not_required(view)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not hasattr(request, "htmx"):
            raise ImproperlyConfigured("Add 'django_htmx.middleware.HtmxMiddleware' to MIDDLEWARE.")
        is_allowed = str(request.method).lower() in self.http_method_names
        if is_allowed and not request.user.is_authenticated:
            return self.redirect(redirect_to_login(self.page_url).url)
        return super().dispatch(request, *args, **kwargs)

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks for the list alone, and not for a page."""
        htmx = self.request.htmx
        return bool(htmx) and not htmx.boosted and not htmx.history_restore_request

    @property
    def page_url(self) -> str:
        """The address, without a host, of the page that holds the list."""
        known = None
        if self.is_partial:
            # The client writes this header, and urlsplit() raises on "http://[::1".
            with suppress(ValueError):
                known = self.request.htmx.current_url_abs_path
        elif self.request.method == "POST":
            known = self.request.POST.get("next")
        else:
            known = self.request.get_full_path()
        is_ours = url_has_allowed_host_and_scheme(
            known, {self.request.get_host()}, require_https=self.request.is_secure()
        )
        return known if known and is_ours else resolve_url("session_ui:session_list")

    def get_listing(self) -> SessionList:
        """Return the list as the request wants it."""
        params = self.request.POST if self.request.method == "POST" else self.request.GET
        return self.listing_class(self.request, params, self.page_url)

    def render_list(
        self, listing: SessionList, status: str = "", *, has_revoked: bool = False
    ) -> HttpResponse:
        """Return the list alone, with the counts elsewhere on the page and a status to announce.

        If something ``has_revoked``, that comes with the way to change the password, and with the
        history, where the page has that.
        """
        context = {"listing": listing, "classes": conf.classes, "status": status}
        if has_revoked:
            history = listing.history if PAGE_FIELD in self.request.POST else None
            context |= {"has_revoked": True, "history": history}
        return render(self.request, "session_ui/answer.html", context)

    def answer(self, status: str, *, has_revoked: bool = False) -> HttpResponseBase:
        """Say what happened: beside the list to htmx, else on the page that held the list."""
        if self.is_partial:
            return self.render_list(self.get_listing(), status, has_revoked=has_revoked)
        messages.info(self.request, status, fail_silently=True)
        return self.redirect(self.page_url)

    def redirect(self, url: str) -> HttpResponseBase:
        """Send the whole page to another address."""
        if self.is_partial:
            return HttpResponseClientRedirect(url)
        return SeeOther(url) if self.request.method == "POST" else HttpResponseRedirect(url)


class SessionListView(SessionView):
    """The page; to htmx the list alone, or 204 when the one on the page is still right."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = self.get_listing()
        if not self.is_partial:
            context = {"listing": listing, "classes": conf.classes}
            return render(request, "session_ui/page.html", context)
        known = Version.parse(request.GET.get(VERSION_FIELD, ""))
        if listing.holds(known) or known == listing.version:
            return HttpResponse(status=204)
        if known.shown == listing.version.shown:
            answer = render(request, "session_ui/version.html", {"listing": listing, "oob": True})
            return reswap(answer, "none")
        return self.render_list(listing)


class SessionRevokeView(SessionView):
    """Revokes what the field ``session`` says: some public ids with commas between, or others.

    Another person's session gets the same answer as one that does not exist.
    """

    http_method_names = ["post"]
    session = ""
    """What to revoke instead of what the field says."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        chosen = self.session or request.POST.get("session", "")
        return self.revoke_others() if chosen == OTHERS else self.revoke(chosen)

    def answer(self, status: str, *, has_revoked: bool = True) -> HttpResponseBase:
        return super().answer(status, has_revoked=has_revoked)

    def revoke(self, chosen: str) -> HttpResponseBase:
        """Revoke the sessions with these public ids; the current one is signed out."""
        listing = self.get_listing()
        # By user and public id: a sign-in or a new password may change the rest at this moment.
        sessions = listing.every_session.filter(public_id__in=public_ids(chosen))
        found = list(sessions)
        if any(session.is_current(self.request) for session in found):
            logout(self.request)
            return self.redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or settings.LOGIN_URL))
        count = sessions.revoke(by=actor(self.request))
        if not count:
            return self.answer(gettext("That device is already signed out."))
        if count > 1:
            words = ngettext(
                "%(count)d session has been signed out.",
                "%(count)d sessions have been signed out.",
                count,
            )
            return self.answer(words % {"count": count})
        session = found[0]
        ago = text.ago(session.last_activity, listing.now)
        device = text.full_name(text.name(session), session.device(), text.place(session), ago)
        return self.answer(gettext("%(device)s has been signed out.") % {"device": device})

    def revoke_others(self) -> HttpResponseBase:
        """Revoke every session of the visitor but the current one, and those of support."""
        listing = self.get_listing()
        revoke_legacy_sessions(self.request.user)
        others = listing.every_session.filter(impersonator="")
        if listing.current_key:
            # By its public id: another request of this browser may change its key at this moment.
            current = listing.every_session.filter(pk=listing.current_key).first()
            if current is not None:
                others = others.exclude(public_id=current.public_id)
            elif actor(self.request) == self.request.user:
                return self.answer(gettext("This page was out of date. Please try again."))
        if others.revoke(by=actor(self.request)):
            return self.answer(gettext("All other sessions have been signed out."))
        return self.answer(gettext("You are not signed in anywhere else."))


class SessionRenameView(SessionView):
    """Gives the device of a session the name that the field ``name`` holds; nothing removes it.

    All sessions of the visitor on that device get it, and so its next one. Another person's
    session gets the same answer as one that does not exist.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        sessions = self.get_listing().every_session
        ids = public_ids(request.POST.get("session", ""))
        session = sessions.filter(public_id__in=ids[:1], impersonator="").first()
        if session is None:
            return self.answer(gettext("That device is already signed out."))
        name = text.clean_name(request.POST.get("name", ""))
        device = Q(public_id=session.public_id)
        if session.device_id:
            device |= Q(device_id=session.device_id, impersonator="")
        sessions.filter(device).update(name=name, updated_at=timezone.now())
        if name:
            return self.answer(gettext("The name has been saved."))
        return self.answer(gettext("The name has been removed."))


def public_ids(chosen: str) -> list[UUID]:
    """Return the public ids in a text; no more than a page can show."""
    found = []
    for part in chosen.split(",")[: conf.page_size]:
        with suppress(ValueError):
            found.append(UUID(part))
    return found


def not_me_url(session: SessionDetails) -> str:
    """Return the address, without a host, of the page that signs out this one session.

    It works for seven days, and for anyone who has it.
    """
    token = signing.dumps([str(session.public_id), str(session.user_id)], salt=NOT_ME_SALT)
    return reverse("session_ui:session_not_me", args=[token])


@method_decorator([login_not_required, never_cache, csrf_protect], name="dispatch")
class SessionNotMeView(View):
    """The page of the link in the email about a new sign-in: asks, and revokes that one session.

    GET changes nothing: programs that scan email follow every link.
    """

    http_method_names = ["get", "head", "post"]
    sessions: SessionQuerySet
    """The session of the link, unless it has ended."""

    def dispatch(self, request: HttpRequest, token: str) -> HttpResponseBase:
        try:
            public_id, user_id = signing.loads(token, salt=NOT_ME_SALT, max_age=NOT_ME_AGE)
        except signing.SignatureExpired:
            response: HttpResponseBase = self.answer(gettext("This link has expired."), status=410)
        except signing.BadSignature:
            response = self.answer(gettext("This link does not work."), status=404)
        else:
            mine = stored_sessions().active().filter(user=user_id, public_id=public_id)
            self.sessions = mine.defer("session_data")
            response = super().dispatch(request)
        # Whoever knows the address may sign the device out.
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        session = self.sessions.first()
        if session is None:
            return self.answer_ended()
        title = gettext("Sign out %(device)s?") % {"device": session.device()}
        return self.answer(title, session=session, is_current=session.is_current(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        session = self.sessions.select_related("user").first()
        if session is None or not self.sessions.revoke(by=session.user):
            return self.answer_ended()
        if session.is_current(request):
            logout(request)
        title = gettext("%(device)s has been signed out.") % {"device": session.device()}
        return self.answer(title, password_url=conf.password_reset_url)

    def answer_ended(self) -> HttpResponse:
        """Answer that there is nothing to sign out any more."""
        title = gettext("That device is already signed out.")
        return self.answer(title, status=410, password_url=conf.password_reset_url)

    def answer(self, title: str, status: int = 200, **context: Any) -> HttpResponse:
        """Return the page with this title."""
        context |= {"title": title, "classes": conf.classes}
        return render(self.request, "session_ui/not_me.html", context, status=status)
