"""The pages that are the site's own."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy

__all__ = ["PasswordChange", "SignIn", "account", "home"]


def home(request: HttpRequest) -> HttpResponse:
    """The public front page."""
    return render(request, "home.html")


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The visitor's account, with the device list; the view itself knows nothing of the list."""
    return render(request, "account/account.html")


class SignIn(LoginView):
    """Django's own view, for those who have not signed in yet."""

    template_name = "account/sign_in.html"
    redirect_authenticated_user = True


class PasswordChange(SuccessMessageMixin, PasswordChangeView):  # type: ignore[type-arg]
    """Django's own view; it keeps this session and ends the others, and the message says so."""

    template_name = "account/password_change.html"
    success_url = reverse_lazy("account")
    success_message = "Your password is changed. Your other devices have been signed out."
