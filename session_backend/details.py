"""The columns of a session that are kept after it has ended."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from session_backend.client import Client
from session_backend.devices import DeviceType, device_label, parse_device
from session_backend.fields import SessionKeyField
from session_backend.locations import locate, location_info, place_label

__all__ = ["SessionDetails"]

MAX_NAME = 64


class SessionDetails(models.Model):
    """Whose a session is, where and with what it was opened, and when it was last used."""

    session_key = SessionKeyField(_("session"), max_length=40, primary_key=True)
    # The key changes with every sign-in; this does not. It is not indexed: it is always looked up
    # together with the user.
    public_id = models.UUIDField(default=uuid4, editable=False)
    # Without a constraint, as Django's sessions: one whose user is deleted during the request
    # that signs in is saved, and no save has to lock the user's row.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        db_constraint=False,
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=MAX_NAME, default="", blank=True)
    device_id = models.CharField(max_length=40, default="", blank=True, editable=False)
    impersonator = models.CharField(
        _("impersonator"), max_length=150, default="", blank=True, editable=False
    )
    created_at = models.DateTimeField(_("signed in"), default=timezone.now)
    last_activity = models.DateTimeField(_("last activity"), default=timezone.now)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=512, default="", blank=True)
    device_type = models.CharField(
        _("device type"), max_length=8, choices=DeviceType.choices, default=DeviceType.UNKNOWN
    )
    device_model = models.CharField(_("device model"), max_length=64, default="", blank=True)
    browser = models.CharField(_("browser"), max_length=64, default="", blank=True)
    os = models.CharField(_("operating system"), max_length=64, default="", blank=True)
    country_code = models.CharField(_("country code"), max_length=2, default="", blank=True)
    country = models.CharField(_("country"), max_length=64, default="", blank=True)
    city = models.CharField(_("city"), max_length=128, default="", blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.device()

    @staticmethod
    def client_columns(client: Client) -> dict[str, Any]:
        """Return the columns that record a client, its device parsed and its place looked up."""
        return {
            **client._asdict(),
            **parse_device(client.user_agent)._asdict(),
            **locate(client.ip)._asdict(),
        }

    def device(self) -> str:
        """Return the device in words: ``Chrome on Windows``."""
        return device_label(browser=self.browser, os=self.os, device_model=self.device_model)

    def location(self) -> str | None:
        """Return the place in words, ``Linköping, Sweden``, or None if it is not known."""
        return place_label(city=self.city, country=self.country)

    def location_info(self) -> dict[str, Any] | None:
        """Look the IP address up and return all that the GeoIP database says of it, or None."""
        return location_info(self.ip)
