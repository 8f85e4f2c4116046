"""The settings of session_ui, read when they are first needed and never at import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from session_backend.conf import Settings, is_positive

if TYPE_CHECKING:
    from session_ui.tables import SessionTable

__all__ = ["PACKS", "conf"]

# The CSS classes of what the templates draw, by the name of the pack. Colours that must be
# readable on any ground come from our stylesheet, in each pack.
PLAIN = {
    "badge": "sui-badge",
    "button": "sui-button sui-revoke",
    "cancel": "sui-button",
    "card": "sui-card",
    "confirm": "sui-button sui-confirm",
    "count": "sui-count",
    "dialog": "",
    "dialog_box": "sui-dialog-box",
    "ended": "sui-messages",
    "input": "sui-input",
    "live": "sui-live",
    "messages": "sui-messages",
    "new": "sui-badge sui-new",
    "others": "sui-button sui-revoke",
    "page": "sui-button",
    "table": "",
}
PACKS: dict[str, Mapping[str, str]] = {
    "plain": PLAIN,
    "bootstrap5": {
        **PLAIN,
        "badge": "badge sui-badge",
        "button": "btn btn-sm sui-revoke",
        "cancel": "btn sui-neutral",
        "card": "card card-body",
        "confirm": "btn sui-confirm",
        "count": "badge rounded-pill sui-count",
        "dialog_box": "card card-body shadow sui-dialog-box",
        "ended": "alert alert-warning",
        "input": "form-control form-control-sm",
        "messages": "alert alert-success list-unstyled",
        "new": "badge sui-badge sui-new",
        "others": "btn btn-sm sui-revoke",
        "page": "btn btn-sm sui-neutral",
        "table": "table",
    },
    # The component names of daisyUI.
    "tailwind": {
        **PLAIN,
        "badge": "badge badge-sm sui-badge",
        "button": "btn btn-sm sui-revoke",
        "cancel": "btn sui-neutral",
        "card": "card card-border bg-base-100 card-body",
        "confirm": "btn sui-confirm",
        "count": "badge badge-sm sui-count",
        "dialog_box": "sui-dialog-box",
        "ended": "alert alert-warning",
        "input": "input input-sm",
        "messages": "alert alert-info",
        "new": "badge badge-sm sui-badge sui-new",
        "others": "btn btn-sm sui-revoke",
        "page": "btn btn-sm sui-neutral",
        "table": "table",
    },
}


class Conf(Settings):
    """One typed property for each setting. The system checks report invalid values."""

    prefix = "SESSION_UI_"
    defaults = {
        "NOTIFY_NEW_SIGN_IN": False,
        "PACK": "plain",
        "PAGE_SIZE": 25,
        "PASSWORD_CHANGE_URL": None,
        "POLL_INTERVAL": 15,
        "REAUTHENTICATE_AFTER": None,
        "REAUTHENTICATE_URL": None,
        "TABLE": "session_ui.tables.SessionTable",
    }

    @property
    def notify_new_sign_in(self) -> bool:
        """Whether users get an email about a sign-in from a new device."""
        return self.get("NOTIFY_NEW_SIGN_IN") is True

    @property
    def poll_interval(self) -> int:
        """Seconds between two polls by an open page; 0 turns polling off."""
        return self.get_int("POLL_INTERVAL")

    @property
    def classes(self) -> Mapping[str, str]:
        """The CSS classes of the chosen pack; a dict of the site's own adds to the plain ones."""
        pack = self.get("PACK")
        if isinstance(pack, Mapping):
            return {**PLAIN, **pack}
        # Not the setting itself: it may be a lazy string.
        return PACKS.get(str(pack), PLAIN)

    @property
    def table_path(self) -> str:
        """The dotted path of the table class."""
        return str(self.get("TABLE"))

    @property
    def table_class(self) -> type[SessionTable]:
        """The table class itself."""
        table: type[SessionTable] = import_string(self.table_path)
        return table

    @property
    def page_size(self) -> int:
        """Rows on a page of the list."""
        return self.get_int("PAGE_SIZE")

    @property
    def reauthenticate_after(self) -> int | None:
        """Seconds after which revoking asks users who they are; None: it never does."""
        seconds = self.get("REAUTHENTICATE_AFTER")
        return seconds if is_positive(seconds) else None

    @property
    def reauthenticate_url(self) -> str | None:
        """The URL, or its name, where users without a password prove who they are.

        None, the default, is django-allauth's page where it has one for the user, else
        ``LOGIN_URL``.
        """
        url = self.get("REAUTHENTICATE_URL")
        return None if url is None else str(url)

    @property
    def password_change_url(self) -> str:
        """The address where a password is changed, or ``""``.

        None, the default, is Django's own view where the site has it.
        """
        url = self.get("PASSWORD_CHANGE_URL")
        if url is not None:
            return resolve_url(url) if url else ""
        return address_of("password_change")

    @property
    def password_reset_url(self) -> str:
        """The address where a visitor who is not signed in gets a new password, or ``""``.

        Django's own view, or else the page where a password is changed.
        """
        return address_of("password_reset") or self.password_change_url


def address_of(name: str) -> str:
    """Return the address of a view without arguments, or ``""`` if the site has none."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


conf = Conf()
