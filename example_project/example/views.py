"""The pages of the site itself."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from example import looks

__all__ = ["PasswordChange", "SignIn", "account", "home", "look", "outbox"]


def home(request: HttpRequest) -> HttpResponse:
    """The public front page."""
    return render(request, "home.html")


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The visitor's account page. The list is in its template; the view knows nothing about it."""
    return render(request, "account/account.html")


def outbox(request: HttpRequest) -> HttpResponse:
    """What this site has sent, the latest first: the files of Django's file-based email backend."""
    files = sorted(
        Path(settings.EMAIL_FILE_PATH).glob("*.log"), key=lambda file: file.stat().st_mtime
    )
    latest = reversed(files[-20:])
    emails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in latest]
    return render(request, "outbox.html", {"emails": [(email, text_of(email)) for email in emails]})


def text_of(email: EmailMessage) -> str:
    body = email.get_body(("plain",))
    return str(body.get_content()) if body else ""


@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Remember the look that the visitor has chosen, and redirect back."""
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()})
    response = HttpResponseRedirect(back if is_ours else resolve_url("home"))
    response.set_cookie("look", request.POST.get("look", ""), httponly=True, samesite="Lax")
    return response


class LookMixin:
    """Gives form inputs the class names of the look."""

    def get_form(self, *args: Any) -> Any:
        form = super().get_form(*args)
        for field in form.fields.values():
            field.widget.attrs["class"] = looks.current().input
        return form


class SignIn(LookMixin, LoginView):
    """Django's view, for visitors who have not signed in yet."""

    template_name = "account/sign_in.html"
    redirect_authenticated_user = True


class PasswordChange(LookMixin, SuccessMessageMixin, PasswordChangeView):  # type: ignore[type-arg]
    """Django's view, which keeps the current session and ends the others."""

    template_name = "account/password_change.html"
    success_url = reverse_lazy("account")
    success_message = "Your password is changed. Your other devices have been signed out."
