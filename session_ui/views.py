"""The page of the list, and the views that revoke sessions."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.base import UpdateError
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh, reswap

from session_backend.impersonation import actor
from session_backend.legacy import revoke_legacy_sessions
from session_ui import text
from session_ui.conf import conf
from session_ui.history import PAGE_FIELD
from session_ui.reauthentication import (
    PASSWORD_FIELD,
    SINCE_FIELD,
    PasswordForm,
    asks_for_password,
    has_proved_since,
    is_required,
    prove,
    reauthentication_url,
)
from session_ui.redirects import is_partial, own_url, page_of, send_on, wait_for_key
from session_ui.sessions import VERSION_FIELD, SessionList, Version, stored_sessions
from session_ui.watch import USER_FIELD, fingerprint, seconds_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_backend.details import SessionDetails
    from session_backend.models import AbstractSession, SessionQuerySet
    from session_ui.redirects import Request

__all__ = [
    "ReauthenticateView",
    "SessionConfirmView",
    "SessionListView",
    "SessionNotMeView",
    "SessionRenameView",
    "SessionRevokeView",
    "SessionStayView",
    "SessionView",
    "SessionWatchView",
    "not_me_url",
]

# What the field ``session`` holds for every session but the current one, and for that one.
OTHERS = "others"
CURRENT = "current"

NOT_ME_SALT = "session_ui.not_me"
NOT_ME_AGE = timedelta(days=7)


class SessionView(View):
    """What the views of the list have in common; each step is a method to override."""

    listing_class = SessionList
    request: Request

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        # Not by method_decorator: that decorates anew at each request, which a poll would feel.
        view = csrf_protect(super().as_view(**initkwargs))
        view = sensitive_post_parameters(PASSWORD_FIELD)(view)
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
            return wait_for_key(request) or self.redirect(self.sign_in_url)
        return super().dispatch(request, *args, **kwargs)

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks for the list alone, and not for a page."""
        return is_partial(self.request)

    @property
    def page_url(self) -> str:
        """The address, without a host, of the page that holds the list."""
        known = page_of(self.request)
        if self.request.method == "POST" and not self.is_partial:
            known = self.fields.get(REDIRECT_FIELD_NAME, "")
        return own_url(self.request, known) or resolve_url("session_ui:session_list")

    @property
    def sign_in_url(self) -> str:
        """The address of the sign-in page, which leads to this page."""
        return redirect_to_login(self.page_url).url

    @property
    def fields(self) -> QueryDict:
        """What the request says."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    def get_listing(self) -> SessionList:
        """Return the list as the request wants it."""
        return self.listing_class(self.request, self.fields, self.page_url)

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
        return send_on(self.request, url)


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


class QuestionView(SessionView):
    """A view with a page of its own, which the visitor leaves for the page ``next``."""

    @property
    def page_url(self) -> str:
        """The address, without a host, of the page to go on to."""
        known = self.fields.get(REDIRECT_FIELD_NAME)
        return own_url(self.request, known) or resolve_url("session_ui:session_list")


class SessionRevokeView(SessionView):
    """Revokes what the field ``session`` says: some public ids with commas between, or others.

    ``current`` signs out. Another person's session gets the same answer as one that does not exist.
    """

    http_method_names = ["post"]
    session = ""
    """What to revoke instead of what the field says."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        chosen = self.session or request.POST.get("session", "")
        if chosen == CURRENT:
            return self.sign_out()
        response = self.reauthenticate(chosen) if is_required(request) else None
        if response is not None:
            return response
        return self.revoke_others() if chosen == OTHERS else self.revoke(chosen)

    def reauthenticate(self, chosen: str) -> HttpResponseBase | None:
        """Return what asks the visitor who they are; None if they need not say, or just have."""
        request, found = self.request, self.find(chosen)
        is_current = any(session.is_current(request) for session in found)
        if chosen != OTHERS and (is_current or not found):
            return None
        query = urlencode({"session": chosen, REDIRECT_FIELD_NAME: self.page_url})
        pending = f"{reverse('session_ui:session_confirm')}?{query}"
        if not asks_for_password(request):
            return self.redirect(reauthentication_url(request, pending))
        # A dialog that can ask sends the field, if only empty.
        if self.is_partial and PASSWORD_FIELD not in request.POST:
            return self.redirect(pending)
        form = PasswordForm(request, request.POST if request.POST.get(PASSWORD_FIELD) else None)
        if form.is_valid():
            return None if prove(request) else self.redirect(self.sign_in_url)
        if not self.is_partial:
            return self.ask(chosen, found, form)
        context = {"form": form, "classes": conf.classes, "oob": True}
        return reswap(render(request, "session_ui/password_form.html", context), "none")

    def ask(
        self, chosen: str, found: list[AbstractSession], form: PasswordForm | None
    ) -> HttpResponse:
        """Return a page with the question and its one button, and the form if there is one."""
        title = gettext("Sign out all other sessions?")
        if chosen != OTHERS:
            device = text.full_name(text.name(found[0]), found[0].device())
            title = text.sign_out_question(device, len(found))
        context = {
            "title": title,
            "chosen": chosen,
            "sessions": found,
            "form": form,
            "page_url": self.page_url,
            "classes": conf.classes,
        }
        return render(self.request, "session_ui/confirm.html", context)

    def answer(self, status: str, *, has_revoked: bool = True) -> HttpResponseBase:
        return super().answer(status, has_revoked=has_revoked)

    def find(self, chosen: str) -> list[AbstractSession]:
        """Return the sessions of the visitor that have these public ids."""
        return list(self.get_listing().every_session.filter(public_id__in=public_ids(chosen)))

    def sign_out(self) -> HttpResponseBase:
        """Sign out the current session."""
        logout(self.request)
        return self.redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or settings.LOGIN_URL))

    def revoke(self, chosen: str) -> HttpResponseBase:
        """Revoke the sessions with these public ids; the current one is signed out."""
        listing = self.get_listing()
        # By user and public id: a sign-in or a new password may change the rest at this moment.
        sessions = listing.every_session.filter(public_id__in=public_ids(chosen))
        found = list(sessions)
        if any(session.is_current(self.request) for session in found):
            return self.sign_out()
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


class SessionConfirmView(QuestionView, SessionRevokeView):
    """Asks whether to revoke what the parameter ``session`` says, and revokes nothing.

    For a visitor who had to prove elsewhere who they are. Its button posts to SessionRevokeView.
    """

    http_method_names = ["get", "head"]

    @property
    def sign_in_url(self) -> str:
        """The address of the sign-in page, which leads to the question."""
        return redirect_to_login(self.request.get_full_path()).url

    def get(self, request: HttpRequest) -> HttpResponseBase:
        chosen = request.GET.get("session", "")
        found = self.find(chosen)
        if chosen != OTHERS and not found:
            return self.answer(gettext("That device is already signed out."))
        is_asked = is_required(request) and asks_for_password(request)
        return self.ask(chosen, found, PasswordForm(request) if is_asked else None)


class ReauthenticateView(QuestionView):
    """Asks who the visitor is, and goes on to the address ``next``, if it is one of this site."""

    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        since = request.GET.get(SINCE_FIELD)
        if since is not None and has_proved_since(request, since):
            return self.redirect(self.page_url)
        if asks_for_password(request):
            return self.ask(PasswordForm(request))
        if since is None:
            return self.redirect(reauthentication_url(request, self.page_url))
        # They have come back as they went: the other page does not ask who is signed in.
        return self.ask(None)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if not asks_for_password(request):
            logout(request)
            return self.redirect(self.sign_in_url)
        form = PasswordForm(request, request.POST)
        if not form.is_valid():
            return self.ask(form)
        return self.redirect(self.page_url if prove(request) else self.sign_in_url)

    def ask(self, form: PasswordForm | None) -> HttpResponse:
        """Return the page with the form; without one, with a button to sign in anew."""
        context = {"form": form, "page_url": self.page_url, "classes": conf.classes}
        return render(self.request, "session_ui/reauthenticate.html", context)


class SessionWatchView(SessionView):
    """Tells an open page, as JSON, after how many ``seconds`` its session ends unless it is used.

    The page of a visitor who is not signed in any more goes to the sign-in page.
    """

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        user = request.GET.get(USER_FIELD)
        if user is not None and user != fingerprint(request.user):
            return HttpResponseClientRefresh()
        return JsonResponse({"seconds": seconds_left(request)})


class SessionStayView(SessionView):
    """Uses the session, as *Stay signed in* says, and tells the same as SessionWatchView."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        # A touch may not be due yet.
        try:
            request.session.save()
        except UpdateError:
            return self.redirect(self.sign_in_url)
        if not self.is_partial:
            return self.redirect(self.page_url)
        return JsonResponse({"seconds": seconds_left(request)})


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
        # Anyone who has the address can sign the device out, so other sites must not see it.
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
