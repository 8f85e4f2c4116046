"""Addresses of the list, for ``include("session_ui.urls")``."""

from __future__ import annotations

from django.urls import path, register_converter

from session_backend.fields import Digest
from session_backend.middleware import silent
from session_ui.views import SessionListView, SessionRevokeOthersView, SessionRevokeView

__all__ = ["app_name", "urlpatterns"]


class DigestConverter:
    """The public id of a session in an address."""

    regex = "[0-9a-f]{40}"

    def to_python(self, value: str) -> Digest:
        return Digest(value)

    def to_url(self, value: Digest) -> str:
        return value


register_converter(DigestConverter, "session_digest")

app_name = "session_ui"

urlpatterns = [
    path("", SessionListView.as_view(), name="session_list"),
    # The same for an open page that looks for changes by itself: no doing of a person's.
    path("poll/", silent(SessionListView.as_view()), name="session_poll"),
    path("<session_digest:digest>/revoke/", SessionRevokeView.as_view(), name="session_revoke"),
    path("revoke-others/", SessionRevokeOthersView.as_view(), name="session_revoke_others"),
]
