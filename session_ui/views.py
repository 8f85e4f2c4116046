"""The page of the list, and the two ways to sign out elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from session_backend.fields import Digest
from session_ui.listing import SessionList
from session_ui.packs import template_names
from session_ui.paging import as_number

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    class Request(HttpRequest):
        """A request that has passed django-htmx's middleware."""

        htmx: HtmxDetails


__all__ = ["SessionListView", "SessionRevokeOthersView", "SessionRevokeView", "SessionView"]


class SeeOther(HttpResponseRedirect):
    """Sends a browser on with a GET after its POST (RFC 9110, section 15.4.4)."""

    status_code = 303


# The views turn signed-out visitors away by themselves, so LoginRequiredMiddleware lets them be:
# its redirect would put the sign-in page into the list.
@method_decorator(
    [
        login_not_required,
        never_cache,
        vary_on_headers("HX-Request", "HX-Boosted", "HX-History-Restore-Request", "Cookie"),
        csrf_protect,
    ],
    name="dispatch",
)
class SessionView(View):
    """What the views of the list have in common; each step is a method to override."""

    listing_class = SessionList
    request: Request

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_allowed = str(request.method).lower() in self.http_method_names
        if is_allowed and not request.user.is_authenticated:
            return self.turn_away()
        return super().dispatch(request, *args, **kwargs)

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks for the list alone, and not for a page."""
        htmx = self.request.htmx
        return bool(htmx) and not htmx.boosted and not htmx.history_restore_request

    @property
    def page_url(self) -> str:
        """The address, without a host, of the page that holds the list."""
        if self.is_partial:
            known = self.request.htmx.current_url_abs_path
        elif self.request.method == "POST":
            known = self.request.POST.get("next")
        else:
            known = self.request.get_full_path()
        is_ours = url_has_allowed_host_and_scheme(
            known, {self.request.get_host()}, require_https=self.request.is_secure()
        )
        return known if known and is_ours else resolve_url("session_ui:session_list")

    def get_listing(self, focus: int | None = None) -> SessionList:
        """Return the list as the request wants it; ``focus`` is the place of a removed row."""
        params = self.request.POST if self.request.method == "POST" else self.request.GET
        return self.listing_class(self.request, params, self.page_url, focus)

    def render_list(self, listing: SessionList, status: str = "") -> HttpResponse:
        """Return the list alone, with the counts elsewhere on the page and a status to announce."""
        context = {"listing": listing, "status": status}
        return render(self.request, template_names("answer.html"), context)

    def turn_away(self) -> HttpResponseBase:
        """Send a signed-out visitor, with the whole page, to the sign-in page."""
        return self.redirect(redirect_to_login(self.page_url).url)

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
            return render(request, template_names("page.html"), {"listing": listing})
        return HttpResponse(status=204) if listing.is_unchanged else self.render_list(listing)


class SessionActionView(SessionView):
    """Signs something out and answers with what is left."""

    http_method_names = ["post"]

    def answer(self, status: str) -> HttpResponseBase:
        """Say what happened: beside the list to htmx, else on the page that held the list."""
        if self.is_partial:
            place = as_number(self.request.POST.get("session-row", "1")) - 1
            return self.render_list(self.get_listing(focus=place), status)
        messages.info(self.request, status, fail_silently=True)
        return self.redirect(self.page_url)


class SessionRevokeView(SessionActionView):
    """Signs one device of the visitor's out; the one that asks, too.

    Somebody else's device is answered as one that is gone already.
    """

    def post(self, request: HttpRequest, digest: Digest) -> HttpResponseBase:
        session = self.get_listing().get_queryset().filter(pk=digest).first()
        if session and session.is_current(request):
            logout(request)
            return self.redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or settings.LOGIN_URL))
        if session and session.end(by=request.user):
            text = gettext("%(device)s has been signed out.") % {"device": session.device()}
        else:
            text = gettext("That device is already signed out.")
        return self.answer(text)


class SessionRevokeOthersView(SessionActionView):
    """Signs out every device of the visitor's but the one that asks."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        listing = self.get_listing()
        count = listing.get_queryset().others(listing.current_key).end(by=request.user)
        if count:
            text = ngettext(
                "%(count)d other device has been signed out.",
                "%(count)d other devices have been signed out.",
                count,
            ) % {"count": count}
        else:
            text = gettext("You are not signed in anywhere else.")
        return self.answer(text)
