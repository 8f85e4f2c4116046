"""The page of the list, and the view that revokes sessions."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect, reswap

from session_backend.legacy import revoke_legacy_sessions
from session_ui import text
from session_ui.conf import conf
from session_ui.sessions import VERSION_FIELD, SessionList, Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_htmx.middleware import HtmxDetails

    class Request(HttpRequest):
        """A request that has passed django-htmx's middleware."""

        htmx: HtmxDetails


__all__ = ["SessionListView", "SessionRevokeView", "SessionView"]

# What the field ``session`` holds for every session but the current one.
OTHERS = "others"


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

    def render_list(self, listing: SessionList, status: str = "") -> HttpResponse:
        """Return the list alone, with the counts elsewhere on the page and a status to announce."""
        context = {"listing": listing, "classes": conf.classes, "status": status}
        return render(self.request, "session_ui/answer.html", context)

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

    def revoke(self, chosen: str) -> HttpResponseBase:
        """Revoke the sessions with these public ids; the current one is signed out."""
        listing = self.get_listing()
        # By user and public id: a sign-in or a new password may change the rest at this moment.
        sessions = listing.every_session.filter(public_id__in=public_ids(chosen))
        found = list(sessions)
        if any(session.is_current(self.request) for session in found):
            logout(self.request)
            return self.redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or settings.LOGIN_URL))
        count = sessions.revoke(by=self.request.user)
        if not count:
            return self.answer(gettext("That device is already signed out."))
        if count > 1:
            words = ngettext(
                "%(count)d session has been signed out.",
                "%(count)d sessions have been signed out.",
                count,
            )
            return self.answer(words % {"count": count})
        place = text.place(found[0])
        ago = text.ago(found[0].last_activity, listing.now)
        device = f"{found[0].device()} ({place}, {ago})"
        return self.answer(gettext("%(device)s has been signed out.") % {"device": device})

    def revoke_others(self) -> HttpResponseBase:
        """Revoke every session of the visitor but the current one."""
        listing = self.get_listing()
        revoke_legacy_sessions(self.request.user)
        others = listing.every_session
        if listing.current_key:
            # By its public id: another request of this browser may change its key at this moment.
            current = others.filter(pk=listing.current_key).first()
            if current is None:
                return self.answer(gettext("This page was out of date. Please try again."))
            others = others.exclude(public_id=current.public_id)
        if others.revoke(by=self.request.user):
            return self.answer(gettext("All other sessions have been signed out."))
        return self.answer(gettext("You are not signed in anywhere else."))

    def answer(self, status: str) -> HttpResponseBase:
        """Say what happened: beside the list to htmx, else on the page that held the list."""
        if self.is_partial:
            return self.render_list(self.get_listing(), status)
        messages.info(self.request, status, fail_silently=True)
        return self.redirect(self.page_url)


def public_ids(chosen: str) -> list[UUID]:
    """Return the public ids in a text; no more than a page can show."""
    found = []
    for part in chosen.split(",")[: conf.page_size]:
        with suppress(ValueError):
            found.append(UUID(part))
    return found
