"""Addresses of the list, for ``include("session_ui.urls")``."""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from session_backend.middleware import background
from session_ui.views import (
    OTHERS,
    ReauthenticateView,
    SessionConfirmView,
    SessionListView,
    SessionNotMeView,
    SessionRenameView,
    SessionRevokeView,
    SessionStayView,
    SessionWatchView,
)

__all__ = ["app_name", "urlpatterns"]

if not apps.is_installed("session_ui"):
    raise ImproperlyConfigured("Add 'session_ui' to INSTALLED_APPS.")

app_name = "session_ui"

urlpatterns = [
    path("", SessionListView.as_view(), name="session_list"),
    # The same for the polls of an open page, which are no activity of the visitor.
    path("poll/", background(SessionListView.as_view()), name="session_poll"),
    path("revoke/", SessionRevokeView.as_view(), name="session_revoke"),
    # For a form of the site: the same with its one field filled in.
    path("revoke-others/", SessionRevokeView.as_view(session=OTHERS), name="session_revoke_others"),
    # Where a visitor proves who they are before revoking, and the question that is left then.
    path("reauthenticate/", ReauthenticateView.as_view(), name="session_reauthenticate"),
    path("confirm/", SessionConfirmView.as_view(), name="session_confirm"),
    # For {% session_watch %}.
    path("watch/", background(SessionWatchView.as_view()), name="session_watch"),
    path("stay/", SessionStayView.as_view(), name="session_stay"),
    # The link in the email about a new sign-in.
    path("not-me/<token>/", SessionNotMeView.as_view(), name="session_not_me"),
    path("rename/", SessionRenameView.as_view(), name="session_rename"),
]
